import json
import random
from datetime import UTC, datetime

import pytest

from incm_webhook import Alert, alert_types, canonical_json
from incm_webhook.sender.samples import WIRES, sample, spell


@pytest.mark.parametrize("name", [one.name for one in alert_types()])
def test_a_sample_of_each_type_reads_as_an_alert(name: str) -> None:
    alert = Alert.from_json(spell(sample(name)))
    assert alert.type == alert.reason == name
    assert alert.problems == ()
    assert alert.created_at == alert.timestamp
    for value in (alert.id, alert.title, alert.content, alert.serial_number, alert.device_group):
        assert value is not None
    assert (alert.status, alert.ack, alert.priority) == ("active", False, 1)
    assert alert.extra == {}


def test_each_type_has_a_text_of_its_own() -> None:
    texts = {sample(one.name)["content"].split(" ", 1)[1] for one in alert_types()}
    assert len(texts) == len(alert_types())
    assert not [text for text in texts if text.startswith("raised ")]


def test_an_unknown_type_is_an_alert_like_any_other() -> None:
    assert Alert.from_json(spell(sample("brand_new"))).type == "brand_new"


def test_ids_are_fresh_and_times_are_iso() -> None:
    now = datetime(2025, 1, 6, 10, 1, 38, tzinfo=UTC)
    assert len({sample(now=now)["_id"] for _ in range(100)}) == 100
    assert sample(now=now)["createdAt"] == "2025-01-06T10:01:38Z"
    assert sample(now=now)["_id"].startswith(f"{int(now.timestamp()):08x}")
    assert sample(now=now, rng=random.Random(1)) == sample(now=now, rng=random.Random(1))


def test_each_wire_says_the_same_in_other_bytes() -> None:
    body = sample()
    spelled = {wire: spell(body, wire) for wire in WIRES}
    assert len(set(spelled.values())) == 4
    assert {canonical_json(one) for one in spelled.values()} == {spelled["python"]}
    assert spelled["ascii"].isascii()
    assert not spelled["python"].isascii()
    assert spelled["pretty"].startswith(b'{\n  "')
    assert json.loads(spelled["compact"]) == body
