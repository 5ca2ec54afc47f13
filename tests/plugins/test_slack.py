import json
from collections.abc import Iterator
from typing import Any

import pytest
from slack_sdk.models.blocks import Block

from incm_webhook import Alert, Reject, Retry, Unavailable
from incm_webhook.errors import PluginError
from incm_webhook.testing import HttpTarget, make_alert, run_plugin
from plugins.hostile import HOSTILE

FACTS = {"serial_number": "EF1", "entityName": "pump-7", "deviceId": "d1"}
DOWN, UP = make_alert("disconnected", **FACTS), make_alert("connected", **FACTS)
TOKEN = "xoxb-0123456789-abcdef"


@pytest.fixture
def server() -> Iterator[HttpTarget]:
    with HttpTarget() as one:
        yield one


def webhook(server: HttpTarget, *alerts: Alert, **config: Any) -> list[Any]:
    config = {"url": f"{server.url}/services/T0/B0/k7Zq93xWmP", **config}
    return run_plugin("slack", *alerts, config=config)


def bot(server: HttpTarget, *alerts: Alert, state: Any = None, **config: Any) -> list[Any]:
    config = {"token": TOKEN, "channel": "C012345", "api": f"{server.url}/api", **config}
    return run_plugin("slack", *alerts, config=config, state={} if state is None else state)


def check_message(message: dict[str, Any]) -> None:
    """Check a message against Slack's own models of blocks, and for mentions."""
    (attachment,) = message["attachments"]
    for block in attachment["blocks"]:
        parsed = Block.parse(block)
        assert parsed is not None
        parsed.validate_json()
        assert parsed.to_dict() == block
    whole = json.dumps(message, ensure_ascii=False)
    for block in attachment["blocks"]:
        for text in [block.get("text"), *block.get("fields", [])]:
            assert text is None or text["type"] == "plain_text" or "<" not in text["text"]
    assert "<" not in message["text"]
    assert len(whole.encode()) < 40_000


def test_a_webhook_gets_a_card(server: HttpTarget) -> None:
    server.respond(200, "ok")
    assert webhook(server, DOWN) == ["delivered"]
    message = server.requests[0].json()
    check_message(message)
    head, *_, fields = message["attachments"][0]["blocks"]
    assert head["text"]["text"].startswith("Disconnect from Platform: pump-7 (EF1)")
    assert "Serial number: EF1" in [one["text"] for one in fields["fields"]]
    assert message["text"].startswith("Disconnect from Platform: pump-7 (EF1)")


def test_a_bot_answers_in_the_thread_of_the_alert_that_is_over(server: HttpTarget) -> None:
    state: dict[str, Any] = {}
    server.respond(200, '{"ok":true,"channel":"C012345","ts":"1503435956.000247"}')
    assert bot(server, DOWN, state=state) == ["delivered"]
    assert len(state) == 1
    assert bot(server, UP, state=state) == ["delivered"]
    assert state == {}
    first, second = (one.json() for one in server.requests)
    assert first["channel"] == "C012345"
    assert "thread_ts" not in first
    assert second["thread_ts"] == "1503435956.000247"
    assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert server.requests[0].path == "/api/chat.postMessage"


@pytest.mark.parametrize(("name", "body"), HOSTILE, ids=[name for name, _ in HOSTILE])
def test_a_hostile_alert_mentions_nobody_and_fits(
    server: HttpTarget, name: str, body: bytes
) -> None:
    server.respond(200, "ok")
    assert webhook(server, Alert.from_json(body)) == ["delivered"]
    assert webhook(server, Alert.from_json(body), text='{{ alert.content or "-" }}') == [
        "delivered"
    ]
    for request in server.requests:
        check_message(request.json())


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        ("ratelimited", Retry),
        ("internal_error", Retry),
        ("invalid_blocks", Reject),
        ("msg_too_long", Reject),
        ("channel_not_found", Unavailable),
        ("is_archived", Unavailable),
        ("invalid_auth", Unavailable),
        ("token_revoked", Unavailable),
        ("not_in_channel", Unavailable),
        ("an_error_of_the_future", Unavailable),
    ],
)
def test_an_error_within_200_has_its_outcome(
    server: HttpTarget, error: str, outcome: type[Exception]
) -> None:
    server.respond(200, json.dumps({"ok": False, "error": error}), headers={"Retry-After": "30"})
    (got,) = bot(server, DOWN)
    assert type(got) is outcome
    assert error in str(got)
    if error == "ratelimited":
        assert isinstance(got, Retry)
        assert got.after == 30


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({}, "wants `url` of an incoming webhook, or `token` and `channel`"),
        ({"token": "x"}, "wants `url` of an incoming webhook, or `token` and `channel`"),
        ({"url": "https://h", "token": "x", "channel": "c"}, "not both"),
    ],
)
def test_a_wrong_configuration_is_described(config: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PluginError, match=sentence):
        run_plugin("slack", make_alert(), config=config)
