"""Posting to a receiver that is in trouble."""

import socket

import pytest

from incm_webhook.errors import SendError
from incm_webhook.sender.client import Sender


def test_a_reset_while_the_connection_is_made_is_reported_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def reset(*_: object) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(socket, "create_connection", reset)
    with (
        Sender("http://127.0.0.1:9/webhook") as sender,
        pytest.raises(SendError, match="closed the connection"),
    ):
        sender.post(b"{}")
