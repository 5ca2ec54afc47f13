from collections.abc import Iterator
from typing import Any

import pytest

from incm_webhook import Alert, Reject, Unavailable
from incm_webhook.errors import PluginError
from incm_webhook.testing import HttpTarget, make_alert, run_plugin
from plugins.hostile import HOSTILE

KEY = "0123456789abcdef0123456789abcdef"
FACTS = {"serial_number": "EF1", "entityName": "pump-7", "deviceId": "d1"}


@pytest.fixture
def server() -> Iterator[HttpTarget]:
    with HttpTarget() as one:
        one.respond(202, '{"status":"success","message":"Event processed"}')
        yield one


def send(server: HttpTarget, *alerts: Alert, **config: Any) -> list[Any]:
    config = {"url": f"{server.url}/v2/enqueue", "routing_key": KEY, **config}
    return run_plugin("pagerduty", *alerts, config=config)


def check_event(event: dict[str, Any]) -> None:
    """Check an event against the documented limits of the Events API v2."""
    assert event["event_action"] in ("trigger", "resolve")
    assert len(event["routing_key"]) == 32
    assert 0 < len(event["dedup_key"]) <= 255
    if event["event_action"] == "resolve":
        assert set(event) == {"routing_key", "event_action", "dedup_key"}
        return
    payload = event["payload"]
    assert 0 < len(payload["summary"]) <= 1024
    assert payload["source"]
    assert payload["severity"] in ("critical", "error", "warning", "info")
    known = {"summary", "source", "severity", "timestamp", "class", "group", "custom_details"}
    assert set(payload) <= known


def test_an_alert_triggers_and_its_opposite_resolves_the_same_incident(
    server: HttpTarget,
) -> None:
    send(server, make_alert("disconnected", **FACTS), make_alert("connected", **FACTS))
    trigger, resolve = (one.json() for one in server.requests)
    check_event(trigger)
    check_event(resolve)
    assert (trigger["event_action"], resolve["event_action"]) == ("trigger", "resolve")
    assert trigger["dedup_key"] == resolve["dedup_key"]
    assert trigger["payload"]["summary"].startswith("Disconnect from Platform: pump-7 (EF1)")
    assert trigger["payload"]["severity"] == "critical"
    assert trigger["payload"]["custom_details"]["Serial number"] == "EF1"


def test_a_closed_alert_resolves_its_incident(server: HttpTarget) -> None:
    send(server, make_alert("reboot", **FACTS), make_alert("reboot", status="closed", **FACTS))
    trigger, resolve = (one.json() for one in server.requests)
    assert resolve["event_action"] == "resolve"
    assert trigger["dedup_key"] == resolve["dedup_key"]


@pytest.mark.parametrize(("name", "body"), HOSTILE, ids=[name for name, _ in HOSTILE])
def test_a_hostile_alert_makes_a_valid_event(server: HttpTarget, name: str, body: bytes) -> None:
    assert send(server, Alert.from_json(body)) == ["delivered"]
    check_event(server.requests[0].json())


@pytest.mark.parametrize(
    ("errors", "outcome"),
    [
        ("Length of 'routing_key' is incorrect (should be 32 characters)", Unavailable),
        ("'payload.severity' is invalid", Reject),
    ],
)
def test_the_field_that_a_400_names_is_read(
    server: HttpTarget, errors: str, outcome: type[Exception]
) -> None:
    server.respond(400, f'{{"status":"invalid event","errors":["{errors}"]}}')
    (got,) = send(server, make_alert("disconnected", **FACTS))
    assert type(got) is outcome
    assert KEY not in str(got)


def test_a_missing_key_is_described() -> None:
    with pytest.raises(PluginError, match="routing_key"):
        run_plugin("pagerduty", make_alert(), config={})


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        ("", "has 0"),
        ("k7Zq", "has 4"),
        (KEY[:-1], "has 31"),
        (KEY + "0", "has 33"),
        (KEY[:16] + " " + KEY[17:], "has a blank or a letter that no key has"),
    ],
)
def test_a_key_of_another_form_is_refused_without_being_shown(key: str, fault: str) -> None:
    with pytest.raises(PluginError) as caught:
        run_plugin("pagerduty", make_alert(), config={"routing_key": key})
    assert str(caught.value) == (
        'plugin "pagerduty": config routing_key: wants the 32 characters of an integration key of '
        f"Events API v2, and {fault}: copy it from the integration of the service in PagerDuty"
    )
