"""P10: the port stays open over crashes and reloads, and nothing of it is left behind."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

from incm_webhook.errors import SendError, UnreachableError
from incm_webhook.testing import Receiver, make_alert

Serve = Callable[..., Receiver]
SUPERVISED = ("--supervise",)


def children_of(receiver: Receiver) -> list[int]:
    pid = receiver.process.pid
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def send_until_answered(receiver: Receiver) -> None:
    """A connection that the dying process took may be reset; a refused one fails the test."""
    while True:
        try:
            assert receiver.send(make_alert("reboot"))[0] == 200
        except UnreachableError:
            raise
        except SendError:
            continue
        return


def wait_for(receiver: Receiver, text: str, times: int = 1) -> None:
    while receiver.output().count(text) < times:
        assert receiver.process.poll() is None, receiver.output()
        send_until_answered(receiver)


def test_a_killed_server_is_replaced_and_nothing_is_refused(serve: Serve) -> None:
    receiver = serve("log", arguments=SUPERVISED)
    (child,) = children_of(receiver)
    os.kill(child, signal.SIGKILL)
    wait_for(receiver, "another in 0 s")
    send_until_answered(receiver)
    assert receiver.stop() == 0


def test_sighup_runs_a_changed_plugin(serve: Serve, tmp_path: Path) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text("print('first code')\ndef on_alert(alert): pass\n")
    receiver = serve(plugin, arguments=SUPERVISED)
    plugin.write_text("print('second code')\ndef on_alert(alert): pass\n")
    receiver.process.send_signal(signal.SIGHUP)
    wait_for(receiver, "has taken over")
    assert receiver.stop() == 0
    assert "second code" in receiver.output()


def test_a_broken_plugin_changes_nothing(serve: Serve, tmp_path: Path) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text("def on_alert(alert): pass\n")
    receiver = serve(plugin, arguments=SUPERVISED)
    before = children_of(receiver)
    plugin.write_text("raise RuntimeError('broken')\n")
    receiver.process.send_signal(signal.SIGHUP)
    wait_for(receiver, "ended with status 4: nothing is changed")
    assert children_of(receiver) == before


def test_a_supervisor_that_is_killed_takes_its_server_along(serve: Serve) -> None:
    receiver = serve("log", arguments=SUPERVISED)
    (child,) = children_of(receiver)
    watch = os.pidfd_open(child)
    receiver.process.kill()
    import select

    assert select.select([watch], [], [], 30)[0]
    os.close(watch)
