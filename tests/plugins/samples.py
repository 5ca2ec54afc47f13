"""What each bundled plugin sends for one pair of alerts, as docs/plugins/samples.md shows it.

`python tests/plugins/samples.py` writes the page again.
"""

import contextlib
import io
import json
import re
import socket
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from incm_webhook import Alert
from incm_webhook.testing import HttpTarget, run_plugin
from plugins.http_plugins import HTTP_PLUGINS
from plugins.targets.mosquitto import Mosquitto, Subscriber
from plugins.targets.smtp import SmtpServer

PAGE = Path(__file__).parents[2] / "docs" / "plugins" / "samples.md"
BEGIN = """# What each plugin sends

For one device that is lost and comes back, as the plugin's target got it: a local server; for
`mqtt` Mosquitto, for `email` aiosmtpd, for `sql` SQLite. `tests/plugins/test_samples_page.py` sends
it again and compares. What differs each time, and what gives access, is shown as `…`; of a row of
`sql` the columns `raw` and `received_at` are left out.

The two alerts, as the sender wrote them:

```json
{disconnected}
{connected}
```
"""
_WIDTH = 150
# What gives access in the addresses of http_plugins.py.
_SECRET = re.compile(r"k7Zq93xWmP|110201543:\w+|0123456789abcdef0123456789abcdef")
_VOLATILE = [
    (r'("(?:received_at|endsAt)": ?")[^"]*"', r'\1…"'),
    (r"(?m)^(Date: ).*", r"\1…"),
    (r"={5,}\d+==", "…"),
    (r"(received_at=|INCM_RECEIVED_AT=)\S+", r"\1…"),
    (r'("sw_version": ")[^"]*', r"\1…"),
]


def _alert(number: int, kind: str, title: str, time: str, content: str) -> Alert:
    body = {
        "_id": f"677ba9d{number}",
        "type": kind,
        "title": title,
        "content": content,
        "deviceId": "64f1c0ffee",
        "entityName": "pump-7",
        "org": {"name": "ACME"},
        "deviceGroup": {"name": "North"},
        "data": {"serialNumber": "EF1", "timestamp": time, "retention": 300},
        "status": "active",
        "priority": 1,
    }
    return Alert.from_json(json.dumps(body).encode())


PAIR = (
    _alert(
        *(3, "disconnected", "Disconnect from Platform", "2025-01-06T10:01:38Z"),
        "EF1 has been disconnected from the platform for more than 5 minutes",
    ),
    _alert(
        *(4, "connected", "Connect to Platform", "2025-01-06T10:14:02Z"),
        "EF1 connected to the platform",
    ),
)


def _run(use: str, config: dict[str, Any]) -> None:
    outcomes = run_plugin(use, *PAIR, config=config)
    assert outcomes == ["delivered"] * 2, outcomes


def _requests(use: str, form: str = "") -> str:
    one = next(one for one in HTTP_PLUGINS if one.use == use and form in one.name)
    with HttpTarget() as server:
        server.respond(200, one.success)
        _run(use, {k: v for k, v in one.config(server.url).items() if (use, k) != ("http", "body")})
        return "\n".join(
            f"{one.method} {_SECRET.sub('…', one.path.partition('?')[0])}\n{_json(one.body)}"
            for one in server.requests
        )


def _json(body: bytes) -> str:
    if b'"alert":{"_id"' in body:
        return body.decode() + "\n"  # the alert's own text
    return _pretty(json.loads(body)) + "\n"


def _pretty(value: Any, indent: str = "") -> str:
    """Write JSON with short lists and objects on one line."""
    line = json.dumps(value, ensure_ascii=False)
    if len(indent) + len(line) <= _WIDTH or not isinstance(value, list | dict):
        return line
    more = indent + "  "
    if isinstance(value, list):
        return "[\n" + ",\n".join(more + _pretty(one, more) for one in value) + f"\n{indent}]"
    members = (f"{more}{json.dumps(key)}: {_pretty(one, more)}" for key, one in value.items())
    return "{\n" + ",\n".join(members) + f"\n{indent}}}"


def _apprise() -> str:
    with HttpTarget() as server:
        _run("apprise", {"urls": [f"{server.url.replace('http', 'json')}/notify"]})
        return "\n".join(f"POST /notify\n{_json(one.body)}" for one in server.requests)


def _email() -> str:
    mail = {"host": "127.0.0.1", "from": "Alerts <alerts@example.com>", "to": ["noc@example.com"]}
    with SmtpServer() as server:
        _run("email", {**mail, "port": server.port, "security": "none"})
        return "\n".join(one.as_string() for _, one in server.box.mails)


def _exec() -> str:
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "program")
        program.write_text("#!/bin/sh\n{ env | grep ^INCM_ | sort; cat; echo; echo; } >> got\n")
        program.chmod(0o755)
        _run("exec", {"command": [str(program)], "folder": folder})
        return Path(folder, "got").read_text()


def _jsonl() -> str:
    with tempfile.TemporaryDirectory() as folder:
        _run("jsonl", {"path": f"{folder}/alerts.jsonl"})
        return Path(folder, "alerts.jsonl").read_text()


def _log() -> str:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        _run("log", {})
    return re.sub(r"(?m)^.*?(?=  )", "2025-01-06 …", out.getvalue())  # the zone of the machine


def _mqtt() -> str:
    with (
        tempfile.TemporaryDirectory() as folder,
        Mosquitto(Path(folder)) as broker,
        Subscriber(broker.port) as subscriber,
    ):
        config = {"host": "127.0.0.1", "port": broker.port, "home_assistant": "homeassistant"}
        _run("mqtt", config)
        subscriber.last("incm-webhook/alerts/64f1c0ffee/connected")
        messages = [one for one in subscriber.messages if one.topic != "incm-webhook/status"]
    return "\n".join(
        f"{one.topic}  {' '.join(f'{k}={v}' for k, v in sorted(one.facts.items()))}".rstrip()
        + f"\n{one.payload.decode()}\n"
        for one in messages
    )


def _sql() -> str:
    with tempfile.TemporaryDirectory() as folder:
        _run("sql", {"url": f"sqlite:///{folder}/alerts.db"})
        with contextlib.closing(sqlite3.connect(f"{folder}/alerts.db")) as database:
            database.row_factory = sqlite3.Row
            found = []
            for table in ("alerts", "devices"):
                for row in database.execute(f"SELECT * FROM {table}"):
                    named = {k: row[k] for k in row.keys() if k not in ("received_at", "raw")}  # noqa: SIM118
                    found.append(f"{table}: {json.dumps(named, ensure_ascii=False)}\n")
    return "\n".join(found)


def _syslog() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(20)
        port = server.getsockname()[1]
        _run("syslog", {"host": "127.0.0.1", "port": port, "transport": "udp", "hostname": "noc1"})
        return "\n".join(server.recv(65536).decode() + "\n" for _ in PAIR)


# The name of a section, the language of its block, and what makes its text.
SAMPLES: dict[str, tuple[str, Callable[[], str]]] = {
    "alertmanager": ("http", lambda: _requests("alertmanager")),
    "apprise": ("http", _apprise),
    "discord": ("http", lambda: _requests("discord")),
    "email": ("text", _email),
    "exec": ("text", _exec),
    "http": ("http", lambda: _requests("http")),
    "im, WeCom": ("http", lambda: _requests("im", "wecom")),
    "im, DingTalk": ("http", lambda: _requests("im", "dingtalk")),
    "im, Feishu and Lark": ("http", lambda: _requests("im", "feishu")),
    "jsonl": ("json", _jsonl),
    "log": ("text", _log),
    "mqtt": ("text", _mqtt),
    "pagerduty": ("http", lambda: _requests("pagerduty")),
    "slack, webhook": ("http", lambda: _requests("slack", "webhook")),
    "slack, bot": ("http", lambda: _requests("slack", "bot")),
    "sql": ("text", _sql),
    "syslog": ("text", _syslog),
    "teams": ("http", lambda: _requests("teams")),
    "telegram": ("http", lambda: _requests("telegram")),
}


def section(name: str) -> str:
    """Send the pair with a plugin, and write its section of the page."""
    language, make = SAMPLES[name]
    text = make()
    for pattern, shown in _VOLATILE:
        text = re.sub(pattern, shown, text)
    return f"\n## {name}\n\n```{language}\n{text.strip()}\n```\n"


def page() -> str:
    """Write the whole page."""
    sent = dict(zip(("disconnected", "connected"), (one.raw.decode() for one in PAIR), strict=True))
    begin = BEGIN
    for key, raw in sent.items():
        begin = begin.replace(f"{{{key}}}", raw)
    return begin + "".join(map(section, SAMPLES))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
