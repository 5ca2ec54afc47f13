"""What a server reports to its service manager, and when it reports nothing."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from incm_webhook._core import Receiver
from incm_webhook.service import beat
from incm_webhook.supervise.sd_notify import Notifier


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(str(tmp_path / "notify"))
        made.setblocking(False)
        yield made


@pytest.mark.parametrize(
    ("variables", "beats"),
    [
        ({"WATCHDOG_USEC": "1000000"}, True),
        ({"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": str(os.getpid())}, True),
        ({"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": str(os.getppid())}, False),
        ({"WATCHDOG_USEC": "soon"}, False),
        ({}, False),
    ],
)
def test_only_a_watched_process_sends_beats(
    manager: socket.socket, variables: dict[str, str], beats: bool
) -> None:
    environ = {"NOTIFY_SOCKET": manager.getsockname(), **variables, "OTHER": "stays"}
    notifier = Notifier(environ)
    assert environ == {"OTHER": "stays"}
    assert notifier.is_connected
    notifier.beat()
    notifier.ready("serving")
    assert notifier._socket
    notifier._socket.close()
    expected = [b"WATCHDOG=1"] * beats + [b"READY=1\nSTATUS=serving"]
    assert [manager.recv(4096) for _ in expected] == expected


def test_without_a_manager_nothing_is_sent() -> None:
    notifier = Notifier({})
    assert not notifier.is_connected
    notifier.beat()
    notifier.ready("serving")


@pytest.mark.parametrize(("age", "beats"), [(0.0, True), (4.9, True), (5.0, False)])
def test_without_a_moving_alert_listener_no_beat_is_sent(
    manager: socket.socket, age: float, beats: bool
) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "1000000"})
    looks: list[str] = []
    receiver = SimpleNamespace(beat_age=age, look=lambda: looks.append("look"))
    beat.beat(cast("Receiver", receiver), notifier)
    assert looks == ["look"]
    notifier.send("END=1")
    assert notifier._socket
    notifier._socket.close()
    expected = [b"WATCHDOG=1"] * beats + [b"END=1"]
    assert [manager.recv(4096) for _ in expected] == expected
