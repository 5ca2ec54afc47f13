"""What a server that starts tells of it."""

import socket
from pathlib import Path
from typing import cast

import pytest

from incm_webhook._core import Receiver
from incm_webhook.notify import Notifier
from incm_webhook.takeover import Supervision


def test_a_long_start_gives_signs_of_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("incm_webhook.takeover._TELL_S", 0.01)
    path = str(tmp_path / "notify")
    heard: list[bytes] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(30)
        manager.bind(path)

        class Slow:
            """Checks a big inbox."""

            def start(self) -> None:
                heard.extend(manager.recv(4096) for _ in range(3))

        notifier = Notifier({"NOTIFY_SOCKET": path})
        assert Supervision({}).start(cast("Receiver", Slow()), notifier, lambda: False)
        assert notifier._socket
        notifier._socket.close()
    assert heard == [b"EXTEND_TIMEOUT_USEC=60000000"] * 3
