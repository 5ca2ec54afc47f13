"""The admin API over HTTP: what programs get, and what web pages do not."""

import http.client
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from incm_webhook.testing import Receiver, make_alert

Ask = Callable[..., tuple[int, Any]]
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def ask(incm_receiver: Receiver) -> Ask:
    """Send one request to the admin listener; give the status and the parsed answer."""

    def send(
        method: str, target: str, body: str | bytes | None = None, headers: dict[str, str] = JSON
    ) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(urlsplit(incm_receiver.admin_url).netloc)
        try:
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    return send


def test_alerts_are_listed_page_by_page(ask: Ask, incm_receiver: Receiver) -> None:
    for number in range(3):
        assert incm_receiver.send(make_alert("reboot", priority=number))[0] == 200
    status, page = ask("GET", "/api/v1/alerts?limit=2&body=1")
    assert status == 200
    assert [one["id"] for one in page["alerts"]] == [1, 2]
    assert json.loads(page["alerts"][1]["body"])["priority"] == 1
    assert page["next"] == 2
    status, page = ask("GET", "/api/v1/alerts?limit=2&after=2")
    assert [one["id"] for one in page["alerts"]] == [3]
    assert page["next"] is None


@pytest.mark.parametrize("host", ["evil.example", "evil.example:9464", "127.0.0.1.evil.example"])
def test_a_page_whose_name_points_here_is_refused(ask: Ask, host: str) -> None:
    for method in ("GET", "POST"):
        status, problem = ask(method, "/api/v1/alerts", "{}", {**JSON, "Host": host})
        assert status == 403
        assert problem["type"] == "urn:incm-webhook:problem:forbidden"


def get(url: str, host: str | None = None) -> tuple[int, str]:
    """Read a page, asked for under another name of the host."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.netloc)
    try:
        connection.request("GET", place.path, headers={} if host is None else {"Host": host})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def test_metrics_have_a_listener_without_the_api_and_names(tmp_path: Path) -> None:
    (tmp_path / "named.toml").write_text(
        '[server]\nmetrics = "127.0.0.1:0"\nadmin_hosts = ["incm"]\n'
    )
    receiver = Receiver(tmp_path, arguments=("--config", "named.toml"))
    try:
        metrics_url = json.loads((tmp_path / "ready.json").read_text())["metrics_url"]
        assert f"health and metrics on {metrics_url}" in receiver.output()
        for url in (metrics_url, receiver.admin_url):
            for page in ("/metrics", "/healthz", "/readyz"):
                assert get(f"{url}{page}")[0] == 200
                assert get(f"{url}{page}", "incm:9465")[0] == 200
                status, body = get(f"{url}{page}", "evil.example")
                assert status == 403
                assert "add the name to admin_hosts in [server]" in body
        assert get(f"{metrics_url}/api/v1/alerts")[0] == 404
        assert get(f"{receiver.admin_url}/api/v1/alerts")[0] == 200
    finally:
        receiver.stop()


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:9", "[::1]:9", "10.0.0.7"])
def test_programs_say_an_address_or_localhost(ask: Ask, host: str) -> None:
    assert ask("GET", "/api/v1/stats", None, {"Host": host})[0] == 200


def test_a_web_page_changes_nothing(ask: Ask) -> None:
    everything = json.dumps({"all": True})
    for headers in (
        {**JSON, "Origin": "http://localhost"},
        {**JSON, "Origin": "null"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {},
    ):
        for path in ("dead/retry", "dead/drop", "replay"):
            status, _ = ask("POST", f"/api/v1/{path}", everything, headers)
            assert status == (403 if "Origin" in headers else 415)
    assert ask("POST", "/api/v1/dead/drop", everything)[0] == 200


@pytest.mark.parametrize(
    ("method", "target", "body", "status"),
    [
        ("GET", "/api/v1/alerts?limit=x", None, 400),
        ("GET", "/api/v1/alerts?x=%zz", None, 400),
        ("GET", "/api/v1/alerts/1", None, 404),
        ("GET", "/api/v1/nothing", None, 404),
        ("GET", "/api/", None, 404),
        ("PUT", "/api/v1/alerts", "{}", 405),
        ("GET", "/api/v1/replay", None, 405),
        ("POST", "/api/v1/replay", "{", 400),
        ("POST", "/api/v1/replay", b"\xff\xfe", 400),
        ("POST", "/api/v1/replay", "[" * 5000, 400),
        ("POST", "/api/v1/replay", " " * 70_000, 413),
    ],
)
def test_wrong_requests_are_answered_with_a_problem(
    ask: Ask, incm_receiver: Receiver, method: str, target: str, body: Any, status: int
) -> None:
    got, problem = ask(method, target, body)
    assert got == status
    assert problem["status"] == status
    assert problem["type"].startswith("urn:incm-webhook:problem:")
    assert incm_receiver.send(make_alert())[0] == 200
