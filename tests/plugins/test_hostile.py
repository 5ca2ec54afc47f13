"""The corpus has what its names promise, and the common texts of plugins are safe for all of it."""

import json
import re
import unicodedata

import pytest

from incm_webhook import Alert, Context, message
from plugins.hostile import HOSTILE

ALERTS = [(name, Alert.from_json(body)) for name, body in HOSTILE]
NAMES = [name for name, _ in ALERTS]
# Cf also has characters that are seen, such as the Arabic number sign, and the joiners of emoji.
HARMFUL = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c\ufeff\U000e0000-\U000e007f]")


def is_safe(line: str) -> bool:
    harmful = any(unicodedata.category(one) in ("Cc", "Cs", "Zl", "Zp") for one in line)
    return not harmful and not HARMFUL.search(line)


def test_every_case_has_its_own_name() -> None:
    assert len(set(NAMES)) == len(NAMES) > 100
    assert max(len(body) for _, body in HOSTILE) > 1_000_000


@pytest.mark.parametrize(("name", "alert"), ALERTS, ids=NAMES)
def test_the_texts_for_people_are_safe_and_bounded(name: str, alert: Alert) -> None:
    assert is_safe(message.subject(alert)), name
    assert len(message.subject(alert)) <= 200
    lines = message.text(alert).split("\n")
    assert len("\n".join(lines)) <= 4000
    assert all(map(is_safe, lines))
    assert all(is_safe(value) and 0 < len(value) <= 200 for _, value in message.facts(alert))
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", message.incident_key(alert))
    assert message.severity(alert) in ("critical", "error", "warning", "info", "ok")
    message.text(alert).encode()


@pytest.mark.parametrize(("name", "alert"), ALERTS, ids=NAMES)
def test_a_template_writes_any_alert(name: str, alert: Alert) -> None:
    text = Context().render("{{ alert.content | default('-') }}{{ alert.type | tojson }}", alert)
    assert len(text.encode()) <= 65536, name
    whole = Context().render("{{ alert | tojson }}", alert)
    assert whole.endswith("…") or json.loads(whole)
