"""How the supervisor reacts to the messages of its servers."""

import array
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from incm_webhook.supervise.child import ABORT_S, PREPARE_S, STOP_S, WATCHDOG_S, Child
from incm_webhook.supervise.sd_notify import CLOSED, PREPARED
from incm_webhook.supervise.supervisor import Supervisor


def pipe_end() -> int:
    """A descriptor to give away."""
    reading, writing = os.pipe()
    os.close(writing)
    return reading


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def replace_kept(supervisor: Supervisor, child: Child, descriptor: int) -> None:
    """Send the messages of a server whose address has changed."""
    sent = array.array("i", [descriptor])
    named = {"FDNAME": "kept-alerts"}
    supervisor._apply(child, {"FDSTOREREMOVE": "1", **named}, array.array("i"))
    supervisor._apply(child, {"FDSTORE": "1", **named}, sent)
    assert not sent  # it is the supervisor's now


@pytest.fixture
def supervisor() -> Supervisor:
    """A supervisor with a kept descriptor, a server, and a server that starts."""
    made = Supervisor(["incm-webhook"])
    made._keep("kept-alerts", pipe_end())
    made._serving = Child(pid=1, before=None, prepared=True, ready=True, stopping=True)
    made._next = Child(pid=2, before=1)
    return made


def test_a_server_that_fails_changes_no_kept_socket(supervisor: Supervisor) -> None:
    kept, new = dict(supervisor._kept), pipe_end()
    assert supervisor._next
    replace_kept(supervisor, supervisor._next, new)
    assert supervisor._kept == kept
    assert is_open(kept["kept-alerts"])
    supervisor._ended(supervisor._next, 3)
    assert supervisor._kept == kept
    assert not is_open(new)
    os.close(kept["kept-alerts"])


def test_a_server_that_is_ready_changes_the_kept_socket(supervisor: Supervisor) -> None:
    old, new = supervisor._kept["kept-alerts"], pipe_end()
    os.set_inheritable(new, True)
    assert supervisor._next
    replace_kept(supervisor, supervisor._next, new)
    supervisor._apply(supervisor._next, {"READY": "1"}, array.array("i"))
    assert supervisor._kept == {"kept-alerts": new}
    assert not is_open(old)
    assert not os.get_inheritable(new)  # what comes by a socket is, and no server wants it there
    later = pipe_end()
    assert supervisor._serving
    replace_kept(supervisor, supervisor._serving, later)
    assert supervisor._kept == {"kept-alerts": later}
    assert not is_open(new)
    os.close(later)


def test_servers_that_live_make_up_for_those_that_died_young(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that is killed soon after every second reload does not end the supervisor."""
    now = 1000.0
    monkeypatch.setattr("incm_webhook.supervise.supervisor.time.monotonic", lambda: now)
    supervisor._young_deaths = 5
    supervisor._next = None
    supervisor._serving = Child(
        pid=1, before=None, prepared=True, ready=True, seen_at=now - 1.0, ready_at=now - 1.0
    )
    assert supervisor._goes_on()
    supervisor._serving.ready_at = now
    supervisor._ended(supervisor._serving, -signal.SIGKILL)
    assert supervisor._restart_at == now
    os.close(supervisor._kept["kept-alerts"])


def test_one_that_is_silent_while_it_takes_over_is_ended(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr("incm_webhook.supervise.supervisor.time.monotonic", lambda: now)
    monkeypatch.setattr("incm_webhook.supervise.child.os.kill", lambda *both: sent.append(both))
    child = supervisor._next
    assert child
    for key in (PREPARED, "EXTEND_TIMEOUT_USEC"):  # a sign of life counts as much
        supervisor._apply(child, {key: "1"}, array.array("i"))
        assert child.check(now + WATCHDOG_S) is None
        now += WATCHDOG_S
    assert "has been silent" in str(child.check(now + 0.1))
    assert "killed" in str(child.check(now + 0.1 + ABORT_S))
    assert sent == [(2, signal.SIGABRT), (2, signal.SIGKILL)]
    assert supervisor._serving
    supervisor._ended(supervisor._serving, 0)  # it was asked to stop
    supervisor._ended(child, -signal.SIGKILL)
    assert supervisor._restart_at is not None


def test_a_stop_that_comes_before_the_server_can_catch_it_is_graceful() -> None:
    supervisor = Supervisor(["incm-webhook"])
    supervisor._stops = 1
    child = Child(pid=1, before=None, stopping=True)
    supervisor._serving = child
    supervisor._ended(child, -signal.SIGTERM)
    assert supervisor._status == 0
    assert not supervisor._goes_on()


def test_a_pause_of_the_whole_machine_is_no_silence(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container that was frozen has servers that could not report that they work."""
    now = 1000.0
    sent: list[int] = []
    monkeypatch.setattr("incm_webhook.supervise.supervisor.time.monotonic", lambda: now)
    monkeypatch.setattr("incm_webhook.supervise.child.os.kill", lambda pid, _: sent.append(pid))
    serving = Child(pid=1, before=None, prepared=True, ready=True, seen_at=now)
    loading = Child(pid=2, before=1, started=now)
    leaving = Child(pid=3, before=None, ready=True, stopping=True, kill_at=now + STOP_S)
    supervisor._serving, supervisor._next, supervisor._leaving = serving, loading, [leaving]
    supervisor._looked = now
    now += 3600.0
    assert supervisor._goes_on()
    assert sent == []
    ended: dict[int, int] = {}  # after how many seconds; each has as long as it had before
    for second in range(1, 62):
        now += 1.0
        sent.clear()
        assert supervisor._goes_on()
        ended = {**dict.fromkeys(sent, second), **ended}
    assert ended == {3: STOP_S, 1: WATCHDOG_S + 1, 2: PREPARE_S + 1}
    os.close(supervisor._kept["kept-alerts"])


def test_one_that_waits_for_its_inbox_is_started_but_has_not_served(
    supervisor: Supervisor,
) -> None:
    """Its sockets are kept and it can be reloaded; but when it cannot start for good, all ends."""
    waits = Child(pid=3, before=None, prepared=True)
    supervisor._serving, supervisor._next = waits, None
    supervisor._apply(waits, {"READY": "1", CLOSED: "1", "STATUS": "full"}, array.array("i"))
    assert waits.ready
    supervisor._reload = True
    supervisor._start = lambda before: Child(pid=4, before=before)  # type: ignore[method-assign]
    assert supervisor._goes_on()
    assert [child.before for child in supervisor._children()] == [None, 3]
    supervisor._next = None
    supervisor._ended(waits, 3)
    assert not supervisor._goes_on()
    assert supervisor._status == 3
    os.close(supervisor._kept["kept-alerts"])


def test_a_server_gets_what_is_kept_also_where_few_descriptors_are_allowed(tmp_path: Path) -> None:
    code = """
import os, resource
from incm_webhook.supervise.child import start
kept = {name: os.open(name, os.O_RDONLY | os.O_CREAT) for name in ("a", "b", "c")}
kept = dict(reversed(kept.items()))
resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
script = 'for one in 3 4 5 6 7 8; do readlink /proc/self/fd/$one; done; echo $LISTEN_FDNAMES'
os.waitpid(start(["/bin/sh", "-c", script], "@x", kept, None).pid, 0)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [*(str(tmp_path / one) for one in "cba"), "c:b:a"]


def test_the_service_manager_is_notified_that_a_server_is_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", manager.getsockname())
        supervisor = Supervisor(["incm-webhook"])
        supervisor._serving = child = Child(pid=1, before=None)
        supervisor._apply(child, {"STATUS": "not yet"}, array.array("i"))
        supervisor._apply(child, {"READY": "1", "STATUS": "serving"}, array.array("i"))
        assert [manager.recv(4096) for _ in range(2)] == [b"READY=1", b"STATUS=serving"]
        assert supervisor._above._socket
        supervisor._above._socket.close()
