from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from incm_webhook import Alert, Reject, Retry, Unavailable
from incm_webhook.errors import PluginError
from incm_webhook.testing import HttpTarget, make_alert, run_plugin
from plugins.hostile import HOSTILE
from plugins.targets.alertmanager import AlertmanagerServer

NOW = datetime.now(UTC)


def pair(serial: str = "EF1") -> tuple[Alert, Alert]:
    """A device that went offline ten minutes ago and came back five minutes later."""
    facts = {"serial_number": serial, "entityName": "pump-7", "deviceId": f"d-{serial}"}
    down = make_alert("disconnected", timestamp=NOW - timedelta(minutes=10), **facts)
    return down, make_alert("connected", timestamp=NOW - timedelta(minutes=5), **facts)


def send(urls: str | list[str], *alerts: Alert, **config: Any) -> list[Any]:
    urls = [urls] if isinstance(urls, str) else urls
    return run_plugin("alertmanager", *alerts, config={"urls": urls, **config})


def test_alertmanager_fires_and_resolves(tmp_path: Path) -> None:
    down, up = pair()
    with AlertmanagerServer(tmp_path / "alertmanager") as server:
        assert send(server.url, down, labels={"site": "north"}) == ["delivered"]
        (fires,) = server.alerts()
        assert fires["labels"]["alertname"] == "connection"
        assert fires["labels"]["device"] == "pump-7"
        assert fires["labels"]["serial"] == "EF1"
        assert fires["labels"]["site"] == "north"
        assert fires["annotations"]["summary"].startswith("Disconnect from Platform: pump-7")
        assert send(server.url, up, labels={"site": "north"}) == ["delivered"]
        assert server.alerts() == []


def test_a_repetition_is_one_alert_and_keeps_its_start(tmp_path: Path) -> None:
    down, _ = pair()
    with AlertmanagerServer(tmp_path / "alertmanager") as server:
        send(server.url, down)
        (first,) = server.alerts()
        send(server.url, down)
        (second,) = server.alerts()
    assert first["startsAt"] == second["startsAt"]


def test_the_return_of_one_device_resolves_no_other(tmp_path: Path) -> None:
    with AlertmanagerServer(tmp_path / "alertmanager") as server:
        send(server.url, pair("EF1")[0], pair("EF2")[0], pair("EF1")[1])
        assert [one["labels"]["serial"] for one in server.alerts()] == ["EF2"]


def test_an_alert_with_a_clock_that_is_ahead_can_still_be_resolved(tmp_path: Path) -> None:
    ahead = NOW + timedelta(days=300)
    facts = {"serial_number": "EF1", "entityName": "pump-7", "deviceId": "d1"}
    down = make_alert("disconnected", timestamp=ahead, **facts)
    up = make_alert("connected", timestamp=ahead, **facts)
    with AlertmanagerServer(tmp_path / "alertmanager") as server:
        assert send(server.url, down, up) == ["delivered"] * 2
        assert server.alerts() == []


@pytest.mark.parametrize(("name", "body"), HOSTILE, ids=[name for name, _ in HOSTILE])
def test_alertmanager_takes_hostile_alerts(
    alertmanager: AlertmanagerServer, name: str, body: bytes
) -> None:
    assert send(alertmanager.url, Alert.from_json(body)) == ["delivered"]


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with AlertmanagerServer(tmp_path_factory.mktemp("alertmanager")) as server:
        yield server


def test_every_alertmanager_gets_the_alert_although_one_is_down(tmp_path: Path) -> None:
    down, _ = pair()
    with AlertmanagerServer(tmp_path / "alertmanager") as server:
        (outcome,) = send(["http://127.0.0.1:1", server.url], down)
        assert type(outcome) is Retry
        assert len(server.alerts()) == 1


@pytest.mark.parametrize(
    ("statuses", "outcome"),
    [((503, 401), Unavailable), ((400, 503), Reject), ((200, 503), Retry)],
)
def test_the_worst_answer_counts(statuses: tuple[int, int], outcome: type[Exception]) -> None:
    with HttpTarget() as first, HttpTarget() as second:
        for server, status in zip((first, second), statuses, strict=True):
            server.respond(status)
        (got,) = send([first.url, second.url], pair()[0])
    assert type(got) is outcome


@pytest.mark.parametrize(
    ("account", "header"),
    [
        ({"username": "incm", "password": "k7Zq93xW"}, "Basic aW5jbTprN1pxOTN4Vw=="),
        ({"token": "t0"}, "Bearer t0"),
    ],
)
def test_the_account_is_sent(account: dict[str, str], header: str) -> None:
    with HttpTarget() as server:
        assert send(server.url, pair()[0], **account) == ["delivered"]
        assert server.requests[0].headers["authorization"] == header


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"urls": []}, "urls"),
        ({"urls": ["alertmanager:9093"]}, "wants a URL such as"),
        ({"labels": {"a-b": "c"}}, "is no name of a label"),
        ({"token": "t", "username": "u"}, "not both"),
        ({"summary": "{{ alert."}, "summary"),
    ],
)
def test_a_wrong_configuration_is_described(config: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PluginError, match=sentence):
        run_plugin("alertmanager", make_alert(), config={"urls": ["http://a"], **config})
