"""The texts of all types stand in tests/golden/messages.txt, where a person can read them."""

import json
import random
import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incm_webhook import Alert, alert_types, message
from incm_webhook.message import (
    colour,
    duration,
    facts,
    incident_key,
    is_clear,
    moment,
    one_line,
    severity,
    subject,
    text,
    truncate_bytes,
    without_controls,
)
from incm_webhook.sender.samples import Device, sample

GOLDEN = Path(__file__).parents[1] / "golden" / "messages.txt"
PUMP = Device("d1", "pump-7", "EF123", "g1", "Hall 3", "o1", "ACME")
MORNING = datetime(2025, 1, 6, 10, 1, 38, tzinfo=UTC)
SAFE_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")


def of(alert_type: str, **fields: Any) -> Alert:
    """A sample of a type, of the device pump-7, with other fields."""
    body = sample(alert_type, now=MORNING, rng=random.Random(1), device=PUMP)
    body["data"] |= fields.pop("data", {})
    return Alert.from_json(json.dumps({**body, **fields}))


def is_safe(line: str) -> bool:
    return not any(unicodedata.category(one) in ("Cc", "Cs", "Cf", "Zl", "Zp") for one in line)


def described(alert: Alert) -> str:
    clear = ", clears" if is_clear(alert) else ""
    head = f"{subject(alert)}\n[{severity(alert)}{clear}; {incident_key(alert)}]"
    return f"{head}\n{text(alert)}\n"


def test_the_texts_of_all_types_are_those_of_the_page() -> None:
    alerts = [of(one.name) for one in alert_types()]
    alerts += [
        of("high_memory_utilization", status="closed", closedAt="2025-01-06T10:21:38Z"),
        of("fan_failure", title=None),
        Alert.from_json(b"{}"),
    ]
    assert "\n".join(map(described, alerts)) == GOLDEN.read_text(encoding="utf-8")


def test_every_type_has_its_own_sentence_and_a_severity_that_fits() -> None:
    known = alert_types(own=True)
    assert len({text(of(one.name, content="")) for one in known}) == len(known)
    for one in known:
        assert (severity(of(one.name)) == "ok") == one.clears == is_clear(of(one.name))


def test_a_subject_leaves_out_what_is_missing_and_says_nothing_twice() -> None:
    assert subject(of("reboot")) == "Reboot: pump-7 (EF123) — ACME"
    assert subject(of("reboot", entityName="EF123 north")) == "Reboot: EF123 north — ACME"
    assert subject(of("reboot", entityName=None)) == "Reboot: EF123 — ACME"
    assert subject(Alert.from_json(b'{"type": "reboot"}')) == "Reboot"
    assert subject(Alert.from_json(b'{"org": {"_id": "o9"}}')) == "Alert of an unknown type — o9"
    assert subject(of("fan_failure", title="Fan stopped")).startswith("Fan stopped: pump-7")
    assert subject(of("fan_failure", title=None)).startswith("Fan failure: pump-7")


def test_a_closed_alert_is_ok_and_says_so() -> None:
    closed = of("disconnected", status="CLOSED", closedAt="2025-01-06T11:00:00Z")
    assert subject(closed) == "Disconnect from Platform (closed): pump-7 (EF123) — ACME"
    assert text(closed).startswith(
        'The alert "Disconnect from Platform" of pump-7 (EF123) is closed.'
    )
    assert ("Closed", "2025-01-06 11:00:00 UTC") in facts(closed)
    assert ("Closed", "yes") in facts(of("disconnected", status="closed"))
    assert is_clear(closed)
    assert severity(closed) == "ok"


def test_each_severity_has_a_colour_that_can_be_read_on_white() -> None:
    colours = {severity(of(one.name)): colour(of(one.name)) for one in alert_types()}
    assert len(set(colours.values())) == 5
    assert all(_contrast_with_white(one) >= 4.5 for one in colours.values())  # WCAG 2, level AA
    assert colour(of("reboot", status="closed")) == colours["ok"]


def _contrast_with_white(written: str) -> float:
    """The contrast ratio of WCAG 2."""
    assert re.fullmatch("#[0-9a-f]{6}", written)
    parts = [int(written[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return 1.05 / (0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05)


def test_a_retention_is_written_as_people_read_it() -> None:
    assert ("Offline for at least", "2 h 5 min") in facts(
        of("disconnected", data={"retention": "7500"})
    )
    assert not [one for one in facts(of("license_expired")) if "least" in one[0]]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 s"),
        (0.9, "0 s"),
        (45, "45 s"),
        (60, "1 min"),
        (90, "1 min 30 s"),
        (7500, "2 h 5 min"),
        (7501, "2 h 5 min"),
        (3600 * 24, "1 d"),
        (3600 * 27, "1 d 3 h"),
        (30 * 86400 + 59, "30 d"),
        (-300, "-5 min"),
        (-0.5, "0 s"),
        (timedelta(minutes=5), "5 min"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds: Any, expected: str) -> None:
    assert duration(seconds) == expected


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), "5", None, True])
def test_what_is_no_duration_is_refused(wrong: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="a duration is"):
        duration(wrong)


def test_a_time_is_written_with_its_zone() -> None:
    assert moment(MORNING) == "2025-01-06 10:01:38 UTC"
    assert moment(MORNING.astimezone(timezone(timedelta(hours=2)))) == "2025-01-06 10:01:38 UTC"
    assert moment(MORNING, "Europe/Berlin") == "2025-01-06 11:01:38 CET"
    assert moment(MORNING, form="%H:%M") == "10:01"
    assert moment(datetime.max.replace(tzinfo=UTC), "Asia/Tokyo").startswith("9999-12-31")
    for zone in ("Mars/Base", "../../etc/passwd", "", "\0"):
        with pytest.raises(ValueError, match="no time zone"):
            moment(MORNING, zone)
    with pytest.raises(ValueError, match="no zone"):
        moment(MORNING.replace(tzinfo=None))


def test_a_type_and_its_opposite_share_a_key_of_one_device_and_one_link() -> None:
    types = {one.name: one for one in alert_types(own=True)}
    keys = {one.name: incident_key(of(one.name)) for one in types.values()}
    for one in types.values():
        assert SAFE_KEY.fullmatch(keys[one.name])
        same = {name for name, key in keys.items() if key == keys[one.name]}
        assert same == {one.name} | ({one.opposite} if one.opposite else set())
    other = incident_key(of("connected", deviceId="d2"))
    assert other != keys["connected"]


def test_interfaces_and_clients_distinguish_incidents() -> None:
    def key(kind: str, **data: Any) -> str:
        return incident_key(of(kind, data=data))

    lost = key("ethernet_wan_disconnected", interface="wan1")
    assert lost == key("ethernet_wan_connected", interface="wan1")
    assert lost != key("ethernet_wan_disconnected", interface="wan2")
    assert lost != key("ethernet_wan_disconnected")
    assert key("client_connected", mac="a") != key("client_connected", mac="b")
    assert key("connected", interface="wan1") == key("disconnected", interface="wan2")
    assert key("ethernet_wan_connected", interface=1) != key("ethernet_wan_connected", interface=2)
    key("ethernet_wan_connected", interface=10**4000)
    client = incident_key(of("client_connected", entityId="c1"))
    assert client == incident_key(of("client_disconnected", entityId="c1"))
    assert client != incident_key(of("client_disconnected", entityId="c2"))


def test_a_device_is_known_by_the_best_that_the_alert_has() -> None:
    def key(**fields: Any) -> str:
        return incident_key(Alert.from_json(json.dumps({"type": "reboot", **fields})))

    serial = {"data": {"serialNumber": "EF1"}}
    assert key(deviceId="d", _id="1") == key(deviceId="d", _id="2", **serial)
    assert key(**serial, _id="1") == key(**serial, _id="2")
    assert key(entityName="n", oid="1") != key(entityName="n", oid="2")
    assert key(deviceId="x") != key(entityId="x")
    assert key(_id="1") != key(_id="2")
    assert key(_id="1", ack=True) == key(_id="1", ack=False)
    assert key(ack=True) != key(ack=False)
    assert key(ack=True) == key(ack=True)
    assert SAFE_KEY.fullmatch(key(deviceId="\u4ed3 / \u202e" * 100))


def test_a_line_has_no_line_end_and_no_control_character() -> None:
    assert one_line(" a\r\nb\t c\u2028d\x00\x1b[31m\u202ee ") == "a b c d[31me"
    assert one_line("x" * 201) == "x" * 199 + "…"
    assert one_line("a b", 2) == "a…"
    assert one_line(" " * 10**6 + "x", 10) == "…"
    assert one_line("\ud800") == "\ufffd"
    assert without_controls("a\r\nb\rc\td") == "a\nb\nc\td"
    assert without_controls("👨\u200d👩\u200d👧") == "👨\u200d👩\u200d👧"  # joined, it is one sign


@given(st.text(st.characters(exclude_categories=[])), st.integers(0, 50))
def test_cutting_keeps_whole_characters_within_the_limit(words: str, limit: int) -> None:
    cut = truncate_bytes(words, limit)
    assert len(cut.encode()) <= limit
    whole = words.encode("utf-8", "surrogatepass")
    assert len(cut) == len(words) if len(whole) <= limit else cut.endswith("…") or limit < 3
    line = one_line(words, limit + 1)
    assert len(line) <= limit + 1
    assert line.strip() == line
    assert is_safe(line.replace("\u200c", "").replace("\u200d", "")) or set(line) & SHOWN_FORMATS


SHOWN_FORMATS = {chr(one) for one in range(0x110000) if unicodedata.category(chr(one)) == "Cf"} - {
    *map(chr, [0xAD, 0x61C, 0x180E, *range(0x2060, 0x2070), 0xFEFF, *range(0xFFF9, 0xFFFC)]),
    *map(chr, [0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0xE0000, 0xE1000)]),
}

HOSTILE = "\r\nBcc: x\x00\x1b[2J\u202e\u2066\ud800\u2028" * 20000


@pytest.mark.parametrize("kind", ["disconnected", "ethernet_wan_connected", HOSTILE])
def test_hostile_texts_become_short_safe_lines(kind: str) -> None:
    body: dict[str, Any] = dict.fromkeys(
        ["deviceId", "entityId", "entityName", "oid", "title", "content", "_id", "status"], HOSTILE
    )
    body |= {"type": kind, "org": {"name": HOSTILE}, "deviceGroup": {"name": HOSTILE}}
    body["data"] = {"serialNumber": HOSTILE, "reason": HOSTILE, "interface": HOSTILE}
    alert = Alert.from_json(json.dumps(body))
    assert is_safe(subject(alert))
    assert len(subject(alert)) <= 200
    assert len(text(alert)) <= 4000
    lines = text(alert).split("\n")
    assert all(map(is_safe, lines))
    assert len(lines) == 2 + len(facts(alert)) <= 12
    assert all(is_safe(value) and len(value) <= 200 for _, value in facts(alert))
    assert SAFE_KEY.fullmatch(incident_key(alert))


def test_every_public_name_of_the_module_is_there() -> None:
    assert sorted(set(message.__all__)) == sorted(message.__all__)
    for name in message.__all__:
        assert getattr(message, name) is not None
