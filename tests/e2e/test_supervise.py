"""P10: the port stays open over crashes and reloads, and nothing of it is left behind."""

import os
import select
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from incm_webhook.errors import SendError, UnreachableError
from incm_webhook.supervise.child import ABORT_S, WATCHDOG_S, Child
from incm_webhook.supervise.supervisor import Supervisor
from incm_webhook.testing import Receiver, make_alert

from .conftest import DEADLINE_S, Reports

Serve = Callable[..., Receiver]
SUPERVISED = ("--supervise",)

# What runs in it gets the processes that its descendants leave behind, as PID 1 does.
SUBREAPER = """
import ctypes, os, sys
PR_SET_CHILD_SUBREAPER = 36
if ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
    sys.exit("this kernel has no subreapers")
os.execv(sys.argv[1], sys.argv[1:])
"""

# The shell that starts them ends at once: they are orphans.
LEAVING_ORPHANS = """
import subprocess
def on_alert(alert: Alert, ctx: Context) -> None:
    script = "for _ in 1 2 3 4 5 6 7 8; do sleep 1000 >/dev/null & echo $!; done"
    listed = subprocess.run(["sh", "-c", script], stdout=subprocess.PIPE, text=True, check=True)
    report(orphans=[int(one) for one in listed.stdout.split()])
"""


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
    wait_for(receiver, "another at once")
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
    assert select.select([watch], [], [], 30)[0]
    os.close(watch)


def test_what_it_acknowledged_is_there_after_a_kill(serve: Serve) -> None:
    receiver = serve("log", arguments=SUPERVISED)
    acknowledged = 0
    for number in range(60):
        if number % 20 == 10:
            os.kill(children_of(receiver)[0], signal.SIGKILL)
        send_until_answered(receiver)
        acknowledged += 1
    assert receiver.stop() == 0
    with sqlite3.connect(receiver.folder / "inbox.db") as database:
        (stored,) = database.execute("SELECT count(*) FROM alert").fetchone()
    database.close()
    assert stored >= acknowledged


def test_a_broken_configuration_changes_nothing(serve: Serve, tmp_path: Path) -> None:
    settings = tmp_path / "site.toml"
    settings.write_text("[server]\nworkers = 4\n")
    receiver = serve("log", arguments=(*SUPERVISED, "--config", str(settings)))
    before = children_of(receiver)
    settings.write_text("[server]\nworkers = 'many'\n")
    receiver.process.send_signal(signal.SIGHUP)
    wait_for(receiver, "ended with status 2: nothing is changed")
    assert children_of(receiver) == before


def test_ctrl_c_reaches_the_server_once(serve: Serve) -> None:
    """A terminal sends it to the whole group; asked twice, the server would end without grace."""
    receiver = serve("log", arguments=SUPERVISED)
    (child,) = children_of(receiver)
    assert os.getpgid(child) != os.getpgid(receiver.process.pid)
    assert f"supervisor: starting server {child}\n" in receiver.output()
    receiver.process.send_signal(signal.SIGINT)
    assert receiver.process.wait() == 0
    assert "stopped" in receiver.output()


def test_a_stop_during_a_takeover(serve: Serve) -> None:
    receiver = serve("log", arguments=SUPERVISED)
    receiver.process.send_signal(signal.SIGHUP)
    wait_for(receiver, "to follow")
    receiver.process.send_signal(signal.SIGTERM)
    assert receiver.process.wait() == 0
    assert not Path(f"/proc/{receiver.process.pid}").exists()


def test_a_stop_waits_for_no_plugin_that_is_loaded(
    serve: Serve, reports: Reports, tmp_path: Path
) -> None:
    plugin = reports.plugin(tmp_path / "mine.py", "def on_alert(alert): pass\n")
    receiver = serve(plugin, arguments=SUPERVISED)
    reports.plugin(plugin, "import threading\nreport(loaded=True)\nthreading.Event().wait()\n")
    receiver.process.send_signal(signal.SIGHUP)
    assert reports.next() == {"loaded": True}
    assert receiver.stop() == 0


def serve_as_init(serve: Serve, *arguments: str) -> Receiver:
    """Serve under a supervisor that orphans go to."""
    wrapper = (sys.executable, "-c", SUBREAPER)
    return serve(arguments=(*SUPERVISED, *arguments), wrapper=wrapper)


def wait_for_one_child(receiver: Receiver) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while len(children_of(receiver)) != 1:
        assert time.monotonic() < deadline, "zombies are left"
        time.sleep(0.01)


def test_orphans_leave_no_zombie(serve: Serve, reports: Reports, tmp_path: Path) -> None:
    plugin = reports.plugin(tmp_path / "mine.py", LEAVING_ORPHANS)
    receiver = serve_as_init(serve, "--plugin", str(plugin))
    (server,) = children_of(receiver)
    send_until_answered(receiver)
    orphans = reports.next()["orphans"]
    assert children_of(receiver) == [server, *orphans]
    for one in orphans:  # all at once: one SIGCHLD may stand for several
        os.kill(one, signal.SIGKILL)
    wait_for_one_child(receiver)
    assert children_of(receiver) == [server]
    assert receiver.stop() == 0
    assert ": another " not in receiver.output()


def test_what_a_killed_server_leaves_is_no_zombie(
    serve: Serve, reports: Reports, tmp_path: Path
) -> None:
    """The process of a plugin ends with its server, and has no parent by then."""
    plugin = reports.plugin(
        tmp_path / "mine.py", "report(pid=os.getpid())\ndef on_alert(_): pass\n"
    )
    settings = tmp_path / "site.toml"
    settings.write_text(f'[[plugin]]\nuse = "{plugin}"\nisolation = "process"\n')
    receiver = serve_as_init(serve, "--config", str(settings))
    (server,) = children_of(receiver)
    worker = reports.next()["pid"]
    os.kill(server, signal.SIGKILL)
    assert reports.next()["pid"] != worker  # another server, with a process of its own
    wait_for_one_child(receiver)
    assert not Path(f"/proc/{worker}").exists()
    assert receiver.stop() == 0


def test_a_server_that_cannot_start_ends_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "incm_webhook", "serve", "--supervise", "--listen", "nowhere"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "wants HOST:PORT" in done.stderr


def test_pauses_grow_while_servers_die_young(monkeypatch: pytest.MonkeyPatch) -> None:
    supervisor = Supervisor(["incm-webhook"])
    supervisor._served = True
    pauses = []
    now = 1000.0
    monkeypatch.setattr("incm_webhook.supervise.supervisor.time.monotonic", lambda: now)
    for _ in range(9):
        child = Child(pid=1, before=None, ready=True, ready_at=now)
        supervisor._serving = child
        supervisor._ended(child, 1)
        assert supervisor._restart_at is not None
        pauses.append(supervisor._restart_at - now)
    assert pauses[:3] == pytest.approx([0.0, 0.1, 0.2])
    assert pauses == sorted(pauses)
    assert pauses[-1] == 5.0
    old = Child(pid=1, before=None, ready=True, ready_at=now - 10)
    supervisor._serving = old
    supervisor._ended(old, 1)
    assert supervisor._restart_at == now


def test_one_that_dies_while_it_takes_over_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """The old one was stopped already, so its exit status 0 does not end the supervisor."""
    monkeypatch.setattr("incm_webhook.supervise.supervisor.time.monotonic", lambda: 1000.0)
    supervisor = Supervisor(["incm-webhook"])
    supervisor._served = True
    old = Child(pid=1, before=None, prepared=True, ready=True, stopping=True)
    new = Child(pid=2, before=1, prepared=True)
    supervisor._serving, supervisor._next = old, new
    supervisor._ended(new, -signal.SIGKILL)
    supervisor._ended(old, 0)
    assert supervisor._restart_at == 1000.0


def test_a_silent_server_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    monkeypatch.setattr(
        "incm_webhook.supervise.child.os.kill", lambda _pid, number: sent.append(number)
    )
    child = Child(pid=1, before=None, ready=True, seen_at=100.0)
    assert child.check(100.0 + WATCHDOG_S) is None
    assert "has been silent" in str(child.check(100.1 + WATCHDOG_S))
    assert "killed" in str(child.check(100.1 + WATCHDOG_S + ABORT_S))
    assert sent == [signal.SIGABRT, signal.SIGKILL]
