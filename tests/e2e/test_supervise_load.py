"""P10 under load: reload and kill for as long as wanted, and nothing is refused or lost."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress

import pytest

from incm_webhook.testing import Receiver

from .test_supervise import SUPERVISED, children_of

RELOAD_EACH_S = 2
KILL_EACH_S = 5


def test_nothing_is_refused_or_lost(
    serve: Callable[..., Receiver], supervise_seconds: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """SIGHUP each 2 s and kill -9 of a server each 5 s, while the simulator sends."""
    receiver = serve("log", arguments=SUPERVISED)
    command = [sys.executable, "-m", "incm_webhook", "simulate", receiver.url, "--json"]
    command += ["--secret-file", str(receiver.folder / "secret"), "--rate", "50"]
    command += ["--duration", f"{supervise_seconds}s", "--retry-delay", "1s"]
    command += ["--verify-inbox", receiver.admin_url]
    kills = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as simulator:
        for second in range(1, 10 * supervise_seconds):
            try:
                simulator.wait(1)  # the pause between two signals is the load, not a wait for it
                break
            except subprocess.TimeoutExpired:
                pass
            if second >= supervise_seconds:
                continue  # the simulator looks at the inbox now, through the admin API
            if second % RELOAD_EACH_S == 0:
                receiver.process.send_signal(signal.SIGHUP)
            if second % KILL_EACH_S == 0:
                for child in children_of(receiver)[:1]:
                    with suppress(ProcessLookupError):
                        os.kill(child, signal.SIGKILL)
                        kills += 1
        assert simulator.stdout is not None
        verdict = json.loads(simulator.stdout.read())
    output = receiver.output()
    verdict |= {"kills": kills, "takeovers": output.count("has taken over")}
    with capsys.disabled():
        print(f"\nsupervision: {json.dumps(verdict)}")
    assert receiver.stop() == 0
    assert simulator.returncode == 0
    assert verdict["refused"] == 0
    assert verdict["given_up"] == 0
    assert verdict["takeovers"] > 0
