"""Alerts whose texts try to do harm in a target: one corpus for the tests of all plugins."""

import json
from typing import Any

from incm_webhook.sender.samples import sample

_WRONG: tuple[Any, ...] = (7, -1.5, True, [], ["x"], {}, {"a": {"b": 1}}, "", "x", None)
_ENDS = {"createdAt": "0001-01-01T00:00:00Z", "closedAt": "9999-12-31T23:59:59Z"}


def _wrong_in_every_field() -> list[tuple[str, bytes]]:
    full = sample("ethernet_wan_disconnected")
    data = full["data"]
    found: list[tuple[str, Any]] = []
    for value in _WRONG:
        found.append((f"every field is {value!r}", dict.fromkeys(full, value)))
        found.append(
            (f"every member of data is {value!r}", {**full, "data": dict.fromkeys(data, value)})
        )
        found.append((f"the body is {value!r}", value))
    for field in full:
        found.append((f"no {field}", {key: one for key, one in full.items() if key != field}))
        found.append((f"{field} is null", {**full, field: None}))
    return [(name, json.dumps(value).encode()) for name, value in found]


def _alert(**fields: Any) -> bytes:
    body = {
        "_id": "677babc7a1",
        "type": "disconnected",
        "deviceId": "d1",
        "entityName": "pump-7",
        "content": "c",
        "data": {"serialNumber": "EF1", "reason": "r", "timestamp": "2025-01-06T10:01:38Z"},
        "org": {"name": "Nordwind"},
        "deviceGroup": {"name": "north"},
    }
    return json.dumps(body | fields).encode()


def _everywhere(text: str) -> bytes:
    """An alert with this text in every field that a plugin shows."""
    return _alert(
        type=text,
        entityName=text,
        title=text,
        content=text,
        data={"serialNumber": text, "reason": text, "interface": text},
        org={"name": text},
        deviceGroup={"name": text},
        status=text,
    )


HOSTILE: list[tuple[str, bytes]] = [
    ("line ends", _everywhere("a\r\nBcc: boss@example.com\r\n\r\n.\r\nQUIT\n")),
    ("unusual line ends", _everywhere("a\x0b\x0c\x85\u2028\u2029b")),
    ("mentions", _everywhere("@everyone @here <!channel> <@U1> <@&2> @boss <at id=all>x</at>")),
    ("mention of Feishu", _everywhere('<at user_id="all">all</at>')),
    ("HTML", _everywhere("<script>alert(1)</script><img src=x onerror=alert(1)>&amp;\"'")),
    ("Markdown", _everywhere("[a](https://evil.example) **b** _c_ ~~d~~ `e` ||f|| > g # h")),
    ("backslashes", _everywhere("\\[a\\](b) \\\\@everyone \\")),
    ("template", _everywhere("{{ 7 * 7 }} {% for x in range(9999999) %}{% endfor %} ${x} %s")),
    ("SQL", _everywhere("'; DROP TABLE alerts; -- \" OR 1=1")),
    ("shell", _everywhere("$(touch /tmp/x) `id` ; rm -rf / | cat && true")),
    ("terminal", _everywhere("\x1b[2J\x1b]0;title\x07\x1b[31mred\x9b31m\x7f")),
    ("bidi", _everywhere("a\u202egnp.exe\u202c\u2066x\u2069\u200f")),
    ("invisible", _everywhere("a\u200b\ufeff\u2060\u00adb\U000e0041")),
    ("NUL", _everywhere("a\0b\0")),
    ("syslog frame", _everywhere('] 17 <13>1 - - - - - - x "]')),
    ("MQTT topic", _everywhere("a/+/#/$SYS/b")),
    ("only blanks", _everywhere(" \t\u00a0 ")),
    ("empty texts", _everywhere("")),
    ("surrogates", _everywhere("a\ud800b\udfff\ud83d")),
    ("long words", _everywhere("x" * 100_000)),
    ("1 MB", _alert(content="ä😀" * 170_000)),
    ("1 MB of markup", _alert(content="<" * 500_000, entityName="\\*" * 100_000)),
    ("many members", _alert(data={f"k{n}": n for n in range(20_000)})),
    ("deep", b'{"type":"reboot","data":' + b'{"a":' * 200 + b"1" + b"}" * 200 + b"}"),
    ("wrong types", _alert(type=7, entityName=[1], org="x", data=[{}], status={}, content=1.5)),
    ("huge numbers", _alert(priority=10**300, data={"retention": 1e308, "timestamp": 10**20})),
    ("null fields", _alert(type=None, entityName=None, org=None, data=None, content=None)),
    ("no fields", b"{}"),
    ("no object", b"[1, 2]"),
    ("header", _everywhere("pump\r\nContent-Type: text/html\r\n\r\n<b>x</b>")),
    ("all controls", _everywhere("".join(map(chr, range(1, 32))) + "\x7f\x80\x85\x9b\x9f")),
    (
        "code",
        _everywhere("```\nfence\n``` ![](http://evil.example/x) <http://evil.example|ACME> :a:"),
    ),
    ("combining marks", _everywhere("e" + "\u0301" * 5000)),
    ("joined emoji", _everywhere("\U0001f468\u200d\U0001f469 \U0001f1e9\U0001f1ea" * 40)),
    ("wide characters", _everywhere("\u4ed3\u5e93" * 5000)),
    ("path", _everywhere("../../../../etc/passwd")),
    ("URL", _everywhere("https://user:secret@evil.example/?a=b&c=d#e")),
    ("1 MB of lines", _alert(content="line\r\n" * 120_000)),
    ("1 MB in a list", _alert(data={"list": [0] * 300_000})),
    ("first and last day", _alert(**_ENDS, data={}, status="closed")),
    ("no such dates", _alert(createdAt="2025-02-30T25:61:61Z", updatedAt=-(10**18), data={})),
    ("no such durations", _alert(data={"retention": -5})),
    ("the same key twice", b'{"type": "reboot", "type": "sim_switch", "_id": "a", "_id": "b"}'),
    ("a long number", b'{"type": "reboot", "priority": ' + b"9" * 5000 + b"}"),
    ("a byte order mark", b'\xef\xbb\xbf{"type": "reboot"}'),
    *_wrong_in_every_field(),
]
