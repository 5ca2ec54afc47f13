import re
from collections.abc import Iterator
from typing import Any

import pytest

from incm_webhook import Alert, Retry
from incm_webhook.testing import HttpTarget, make_alert, run_plugin
from plugins.hostile import HOSTILE

DOWN = make_alert("disconnected", serial_number="EF1", entityName="pump-7", deviceId="d1")


@pytest.fixture
def server() -> Iterator[HttpTarget]:
    with HttpTarget() as one:
        one.respond(200, '{"id":"1"}')
        yield one


def send(server: HttpTarget, *alerts: Alert, **config: Any) -> list[Any]:
    config = {"url": f"{server.url}/api/webhooks/1/k7Zq93xWmP", **config}
    return run_plugin("discord", *alerts, config=config)


def check_message(message: dict[str, Any]) -> None:
    """Check a message against Discord's documented limits."""
    assert message["allowed_mentions"] == {"parse": []}
    if "content" in message:
        assert 0 < len(message["content"]) <= 2000
        return
    (card,) = message["embeds"]
    assert 0 < len(card["title"]) <= 256
    assert len(card["description"]) <= 4096
    assert len(card["fields"]) <= 25
    total = len(card["title"]) + len(card["description"])
    for one in card["fields"]:
        assert 0 < len(one["name"]) <= 256
        assert 0 < len(one["value"]) <= 1024
        total += len(one["name"]) + len(one["value"])
    assert total <= 6000


def test_a_card_tells_what_happened_and_is_waited_for(server: HttpTarget) -> None:
    assert send(server, DOWN) == ["delivered"]
    (request,) = server.requests
    assert request.path.endswith("?wait=true")
    message = request.json()
    check_message(message)
    (card,) = message["embeds"]
    assert card["title"].startswith(r"Disconnect from Platform\: pump\-7 \(EF1\)")
    assert {"name": "Serial number", "value": "EF1", "inline": True} in card["fields"]


@pytest.mark.parametrize(("name", "body"), HOSTILE, ids=[name for name, _ in HOSTILE])
def test_a_hostile_alert_mentions_nobody_and_fits(
    server: HttpTarget, name: str, body: bytes
) -> None:
    alert = Alert.from_json(body)
    assert send(server, alert) == ["delivered"]
    assert send(server, alert, text='{{ alert.content or "-" }}') == ["delivered"]
    for request in server.requests:
        check_message(request.json())
    (card,) = server.requests[0].json()["embeds"]
    texts = [card["title"], card["description"], *(one["value"] for one in card["fields"])]
    for text in texts:
        assert not re.search(r"(?<!\\)(\\\\)*[*_~`|<@\[]", text)


@pytest.mark.parametrize(
    ("body", "after"),
    [('{"message":"slow","retry_after":0.75,"global":false}', 0.75), ("<html>", 9.0)],
)
def test_the_pause_of_a_429_is_read(server: HttpTarget, body: str, after: float) -> None:
    server.respond(429, body, headers={"Retry-After": "9"})
    (got,) = send(server, DOWN)
    assert isinstance(got, Retry)
    assert got.after == after
