"""The messages of a server that starts."""

import socket
import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest

from incm_webhook._core import Receiver
from incm_webhook.service.takeover import Supervision
from incm_webhook.supervise.sd_notify import Notifier


def test_a_long_start_gives_signs_of_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("incm_webhook.service.takeover._EXTEND_S", 0.01)
    path = str(tmp_path / "notify")
    received: list[bytes] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(30)
        manager.bind(path)

        class Slow:
            """Checks a big inbox."""

            def start(self) -> None:
                received.extend(manager.recv(4096) for _ in range(3))

        notifier = Notifier({"NOTIFY_SOCKET": path})
        assert Supervision({}).start(cast("Receiver", Slow()), notifier, lambda: False)
        assert notifier._socket
        notifier._socket.close()
    assert received == [b"EXTEND_TIMEOUT_USEC=60000000"] * 3


def test_one_whose_supervisor_is_gone_already_ends() -> None:
    """Its end was no signal then: that is asked for first."""
    code = """
import os
from incm_webhook.service.takeover import Supervision
Supervision({"INCM_WEBHOOK_SUPERVISOR": str(os.getppid())})
print("goes on", flush=True)
Supervision({"INCM_WEBHOOK_SUPERVISOR": str(os.getpid())})  # no parent of this one
print("goes on")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "goes on\n")
