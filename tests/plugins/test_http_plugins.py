"""What every bundled plugin that posts over HTTP does with every fault of its target."""

import json
import socket
from collections.abc import Iterator

import pytest

from incm_webhook import Alert, Retry, Unavailable
from incm_webhook.testing import HttpTarget, make_alert
from plugins.hostile import HOSTILE
from plugins.http_plugins import COMMON, HTTP_PLUGINS, HttpPlugin
from plugins.targets.http_faults import (
    DRIPS_BODY,
    DRIPS_HEAD,
    DROPS,
    DROPS_UNREAD,
    HANGS,
    RUBBISH,
    STOPS_WITHIN_BODY,
    Fault,
    SecureTarget,
    sends_much,
)

pytestmark = pytest.mark.parametrize("plugin", HTTP_PLUGINS, ids=lambda one: one.name)

ALERT = make_alert("disconnected", serial_number="EF1", entityName="pump-7", deviceId="d1")
CLEAR = make_alert("connected", serial_number="EF1", entityName="pump-7", deviceId="d1")


@pytest.fixture
def server() -> Iterator[HttpTarget]:
    with HttpTarget() as one:
        yield one


def test_success_is_delivered_with_one_request(plugin: HttpPlugin, server: HttpTarget) -> None:
    server.respond(200, plugin.success)
    assert plugin.run(server.url, ALERT, CLEAR) == ["delivered"] * 2
    assert len(server.requests) == 2
    assert all(one.method == "POST" for one in server.requests)


@pytest.mark.parametrize("status", sorted(COMMON))
def test_a_status_has_its_outcome(plugin: HttpPlugin, server: HttpTarget, status: int) -> None:
    server.respond(status, "{}", headers={"Location": "http://127.0.0.1:1/"})
    (outcome,) = plugin.run(server.url, ALERT)
    assert type(outcome) is (COMMON | plugin.outcomes)[status]
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(HANGS, id="hangs"),
        pytest.param(DRIPS_HEAD, id="drips-head"),
        pytest.param(DRIPS_BODY, id="drips-body"),
        pytest.param(DROPS, id="drops"),
        pytest.param(DROPS_UNREAD, id="drops-before-reading"),
        pytest.param(STOPS_WITHIN_BODY, id="stops-within-body"),
        pytest.param(RUBBISH, id="rubbish"),
    ],
)
def test_a_target_that_fails_gets_the_alert_again(
    plugin: HttpPlugin, server: HttpTarget, fault: Fault
) -> None:
    server.respond(**fault, times=1)
    server.respond(200, plugin.success)
    limit = {"config": {"time_limit": "300ms"}}
    (outcome,) = plugin.run(server.url, ALERT, **limit)
    assert type(outcome) is Retry
    assert plugin.run(server.url, ALERT) == ["delivered"]


def test_a_target_that_is_down_gets_the_alert_again(plugin: HttpPlugin) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    (outcome,) = plugin.run(f"http://127.0.0.1:{port}", ALERT)
    assert type(outcome) is Retry


def test_a_pause_that_the_target_names_is_kept(plugin: HttpPlugin, server: HttpTarget) -> None:
    server.respond(429, "{}", headers={"Retry-After": "7"})
    (outcome,) = plugin.run(server.url, ALERT)
    assert isinstance(outcome, Retry)
    assert outcome.after == 7


def test_an_endless_answer_is_cut(plugin: HttpPlugin, server: HttpTarget) -> None:
    server.respond(**sends_much())
    (outcome,) = plugin.run(server.url, ALERT)
    assert outcome == "delivered" if plugin.any_body else type(outcome) is Retry


def test_a_page_of_another_server_is_no_success_where_the_answer_has_a_form(
    plugin: HttpPlugin, server: HttpTarget
) -> None:
    server.respond(200, "<html>Log in to the hotel's network</html>")
    (outcome,) = plugin.run(server.url, ALERT)
    assert outcome == "delivered" if plugin.any_body else type(outcome) is Retry


def test_an_untrusted_certificate_makes_the_target_unavailable(plugin: HttpPlugin) -> None:
    with SecureTarget() as server:
        (outcome,) = plugin.run(server.url, ALERT)
        assert type(outcome) is Unavailable
        assert server.requests == []


def test_no_secret_is_in_the_reason(plugin: HttpPlugin, server: HttpTarget) -> None:
    secrets = [
        "k7Zq93xWmP",
        "xoxb-0123456789",
        "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw",
        "t0123456789",
        "0123456789abcdef0123456789abcdef",
    ]
    for status in (400, 401, 500):
        server.respond(status, "{}")
        (outcome,) = plugin.run(server.url, ALERT)
        assert not any(one in f"{outcome!r} {outcome}" for one in secrets)


@pytest.mark.parametrize(("name", "body"), HOSTILE, ids=[name for name, _ in HOSTILE])
def test_a_hostile_alert_is_delivered_as_bounded_json(
    plugin: HttpPlugin, server: HttpTarget, name: str, body: bytes
) -> None:
    server.respond(200, plugin.success)
    assert plugin.run(server.url, Alert.from_json(body)) == ["delivered"]
    (request,) = server.requests
    assert len(request.body) < 28 * 1024
    for text in texts_of(json.loads(request.body)):
        text.encode()  # no half of a surrogate pair
        assert not any(one in text for one in "\0\r\x1b\u202e")


def texts_of(value: object) -> Iterator[str]:
    """All texts in a JSON value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, member in value.items():
            yield key
            yield from texts_of(member)
    elif isinstance(value, list):
        for item in value:
            yield from texts_of(item)


def test_a_template_replaces_the_text(plugin: HttpPlugin, server: HttpTarget) -> None:
    server.respond(200, plugin.success)
    key = {"pagerduty": "summary", "alertmanager": "summary"}.get(plugin.name, "text")
    config = {"config": {key: "see {{ alert.entity_name }} now"}}
    if plugin.name == "http":  # its template makes the whole body
        config = {"config": {"body": '["see {{ alert.entity_name }} now"]'}}
    assert plugin.run(server.url, ALERT, **config) == ["delivered"]
    (request,) = server.requests
    assert any("see pump-7 now" in one for one in texts_of(request.json()))
