from collections.abc import Iterator
from typing import Any

import pytest

from incm_webhook import Alert, Retry
from incm_webhook.testing import HttpTarget, make_alert, run_plugin
from plugins.hostile import HOSTILE

DOWN = make_alert("disconnected", serial_number="EF1", entityName="pump-7", deviceId="d1")
_SIZE = 28 * 1024  # bytes of a message


@pytest.fixture
def server() -> Iterator[HttpTarget]:
    with HttpTarget() as one:
        one.respond(202)
        yield one


def send(server: HttpTarget, *alerts: Alert, **config: Any) -> list[Any]:
    config = {"url": f"{server.url}/workflows/1/invoke?sig=k7Zq93xWmP", **config}
    return run_plugin("teams", *alerts, config=config)


def lines_of(message: dict[str, Any]) -> list[str]:
    """Check a card, and return its lines of text."""
    (attachment,) = message["attachments"]
    assert message["type"] == "message"
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert card["type"] == "AdaptiveCard"
    assert card["version"] == "1.4"
    assert "entities" not in card["msteams"]  # otherwise a text could mention a person
    lines = []
    for block in card["body"]:
        assert block["type"] == "RichTextBlock"  # a TextBlock would read Markdown
        assert all(run["type"] == "TextRun" and run["text"] for run in block["inlines"])
        lines.append("".join(run["text"] for run in block["inlines"]))
    return lines


def test_a_card_tells_what_happened(server: HttpTarget) -> None:
    assert send(server, DOWN) == ["delivered"]
    (request,) = server.requests
    assert request.path == "/workflows/1/invoke?sig=k7Zq93xWmP"
    first, *more = lines_of(request.json())
    assert first.startswith("Disconnect from Platform: pump-7 (EF1)")
    assert "Serial number: EF1" in more


@pytest.mark.parametrize(("name", "body"), HOSTILE, ids=[name for name, _ in HOSTILE])
def test_a_hostile_alert_is_shown_as_plain_text_and_fits(
    server: HttpTarget, name: str, body: bytes
) -> None:
    alert = Alert.from_json(body)
    assert send(server, alert) == ["delivered"]
    assert send(server, alert, text='{{ alert.content or "-" }}') == ["delivered"]
    for request in server.requests:
        assert lines_of(request.json())
        assert len(request.body) < _SIZE


def test_an_error_within_200_is_tried_again(server: HttpTarget) -> None:
    error = "Webhook message delivery failed: Microsoft Teams endpoint returned HTTP error 429"
    server.respond(200, error)
    (got,) = send(server, DOWN)
    assert type(got) is Retry
