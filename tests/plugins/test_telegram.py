import json
from collections.abc import Iterator
from typing import Any

import pytest

from incm_webhook import Alert, Reject, Retry, Unavailable
from incm_webhook.testing import HttpTarget, make_alert, run_plugin
from plugins.hostile import HOSTILE

FACTS = {"serial_number": "EF1", "entityName": "pump-7", "deviceId": "d1"}
DOWN, UP = make_alert("disconnected", **FACTS), make_alert("connected", **FACTS)
TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"


@pytest.fixture
def server() -> Iterator[HttpTarget]:
    with HttpTarget() as one:
        one.respond(200, '{"ok":true,"result":{"message_id":7}}')
        yield one


def send(server: HttpTarget, *alerts: Alert, state: Any = None, **config: Any) -> list[Any]:
    config = {"token": TOKEN, "chat": -100123, "api": server.url, **config}
    return run_plugin("telegram", *alerts, config=config, state={} if state is None else state)


def refuse(server: HttpTarget, code: int, description: str, **parameters: Any) -> None:
    body = {"ok": False, "error_code": code, "description": description}
    server.respond(code, json.dumps(body | {"parameters": parameters}))


def test_a_message_tells_what_happened_as_plain_text(server: HttpTarget) -> None:
    assert send(server, DOWN, topic=12) == ["delivered"]
    (request,) = server.requests
    assert request.path == f"/bot{TOKEN}/sendMessage"
    message = request.json()
    assert message["chat_id"] == -100123
    assert message["message_thread_id"] == 12
    assert "parse_mode" not in message
    assert message["text"].startswith("Disconnect from Platform: pump-7 (EF1)")


def test_the_return_answers_the_message_of_the_loss(server: HttpTarget) -> None:
    state: dict[str, Any] = {}
    assert send(server, DOWN, UP, state=state) == ["delivered"] * 2
    _, second = (one.json() for one in server.requests)
    assert second["reply_parameters"] == {"message_id": 7, "allow_sending_without_reply": True}
    assert state == {}


@pytest.mark.parametrize(("name", "body"), HOSTILE, ids=[name for name, _ in HOSTILE])
def test_a_hostile_alert_mentions_nobody_and_fits(
    server: HttpTarget, name: str, body: bytes
) -> None:
    alert = Alert.from_json(body)
    assert send(server, alert) == ["delivered"]
    assert send(server, alert, text='{{ alert.content or "-" }}') == ["delivered"]
    for request in server.requests:
        text = request.json()["text"]
        assert 0 < len(text.encode("utf-16-le")) <= 2 * 4096
        assert all(text[at + 1 : at + 2] == "\u2060" for at, one in enumerate(text) if one == "@")


@pytest.mark.parametrize(
    ("code", "description", "outcome"),
    [
        (400, "Bad Request: chat not found", Unavailable),
        (400, "Bad Request: not enough rights to send text messages to the chat", Unavailable),
        (400, "Bad Request: message text is empty", Reject),
        (401, "Unauthorized", Unavailable),
        (403, "Forbidden: bot was kicked from the group chat", Unavailable),
        (404, "Not Found", Unavailable),
        (500, "Internal Server Error", Retry),
    ],
)
def test_a_refusal_has_its_outcome(
    server: HttpTarget, code: int, description: str, outcome: type[Exception]
) -> None:
    refuse(server, code, description)
    (got,) = send(server, DOWN)
    assert type(got) is outcome
    assert description in str(got)
    assert "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw" not in str(got)


def test_the_pause_that_telegram_names_is_kept(server: HttpTarget) -> None:
    refuse(server, 429, "Too Many Requests: retry after 14", retry_after=14)
    (got,) = send(server, DOWN)
    assert isinstance(got, Retry)
    assert got.after == 14
