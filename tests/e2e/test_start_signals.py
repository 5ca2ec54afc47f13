"""Signals that come while a server starts, and those that must not end one; also as PID 1."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from e2e.conftest import DEADLINE_S, Reports
from incm_webhook.process.early import HELD, _is_server
from incm_webhook.testing import Receiver, make_alert

from .test_supervise import LEAVING_ORPHANS, SUBREAPER

Serve = Callable[..., Receiver]

_CANNOT_UNSHARE = subprocess.run(["unshare", "-p", "-f", "true"], check=False).returncode != 0
FIRST_PROCESS = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
as_pid_1 = pytest.param(FIRST_PROCESS, marks=pytest.mark.skipif(_CANNOT_UNSHARE, reason="unshare"))
SERVE = ("serve", "--unsigned", "--listen", "127.0.0.1:0", "--admin", "off")


@contextmanager
def starting(
    folder: Path, *arguments: str, wrapper: Sequence[str] = ()
) -> Iterator[subprocess.Popen[str]]:
    """A server that has just begun to import what it needs."""
    command = [*wrapper, sys.executable, "-X", "importtime", "-m", "incm_webhook"]
    with subprocess.Popen(
        [*command, *SERVE, *arguments], cwd=folder, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr
        for line in process.stderr:
            if line.rstrip().endswith("incm_webhook.process.early"):
                break
        yield process
        process.kill()


def server_of(process: subprocess.Popen[str]) -> int:
    """The process itself, or the one that unshare runs."""
    pid = process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0]) if children else pid


@pytest.mark.parametrize("wrapper", [(), as_pid_1], ids=["plain", "pid 1"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_during_the_start_is_obeyed(
    tmp_path: Path, wrapper: tuple[str, ...], number: signal.Signals
) -> None:
    with starting(tmp_path, wrapper=wrapper) as process:
        os.kill(server_of(process), number)
        process.communicate(timeout=DEADLINE_S)
        assert process.returncode == 0


@pytest.mark.parametrize("wrapper", [(), as_pid_1], ids=["plain", "pid 1"])
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2])
def test_another_signal_during_the_start_does_not_end_it(
    tmp_path: Path, wrapper: tuple[str, ...], number: signal.Signals
) -> None:
    with starting(tmp_path, wrapper=wrapper) as process:
        os.kill(server_of(process), number)
        assert process.stderr
        message = "reloaded" if number == signal.SIGHUP else f"{number.name} means nothing here"
        assert any(message in line for line in process.stderr)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2])
def test_another_signal_during_the_start_does_not_end_a_supervisor(
    tmp_path: Path, number: signal.Signals
) -> None:
    with starting(tmp_path, "--supervise") as process:
        process.send_signal(number)
        assert process.stderr
        assert any("listening on" in line for line in process.stderr)
        process.terminate()
        process.communicate(timeout=DEADLINE_S)
        assert process.returncode == 0


@pytest.mark.parametrize("arguments", [(), ("--supervise",)], ids=["alone", "supervised"])
def test_a_user_signal_ends_no_server(serve: Serve, arguments: tuple[str, ...]) -> None:
    receiver = serve("log", arguments=arguments)
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        receiver.process.send_signal(number)
    assert receiver.send(make_alert("reboot"))[0] == 200
    assert receiver.stop() == 0


def test_a_server_takes_care_of_the_orphans_that_it_gets(
    serve: Serve, reports: Reports, tmp_path: Path
) -> None:
    plugin = reports.plugin(tmp_path / "orphans.py", LEAVING_ORPHANS)
    receiver = serve(plugin, wrapper=(sys.executable, "-c", SUBREAPER))
    assert receiver.send(make_alert("reboot"))[0] == 200
    for orphan in reports.next()["orphans"]:
        os.kill(orphan, signal.SIGKILL)
        while Path(f"/proc/{orphan}").exists():  # till it is reaped
            assert receiver.process.poll() is None
    assert receiver.stop() == 0


STATUS = """
import subprocess
def on_alert(alert: Alert, ctx: Context) -> None:
    report(status=subprocess.run(["sh", "-c", "exit 7"]).returncode)
"""


def test_the_status_of_a_plugins_own_child_is_the_plugins(
    serve: Serve, reports: Reports, tmp_path: Path
) -> None:
    plugin = reports.plugin(tmp_path / "status.py", STATUS)
    receiver = serve(plugin, wrapper=(sys.executable, "-c", SUBREAPER))
    for _ in range(20):
        assert receiver.send(make_alert("reboot"))[0] == 200
        assert reports.next() == {"status": 7}


def test_the_process_in_front_ends_as_the_server_does(serve: Serve) -> None:
    receiver = serve("log", wrapper=(sys.executable, "-c", SUBREAPER))
    server = json.loads((receiver.folder / "ready.json").read_text())["pid"]
    assert server != receiver.process.pid
    os.kill(server, signal.SIGKILL)
    assert receiver.process.wait(DEADLINE_S) == 128 + signal.SIGKILL


def test_the_server_ends_with_the_process_in_front(serve: Serve) -> None:
    receiver = serve("log", wrapper=(sys.executable, "-c", SUBREAPER))
    server = json.loads((receiver.folder / "ready.json").read_text())["pid"]
    watch = os.pidfd_open(server)
    receiver.process.kill()
    receiver.process.wait(DEADLINE_S)
    assert select.select([watch], [], [], DEADLINE_S)[0]
    os.close(watch)


def test_the_message_about_a_killed_server_names_the_signal(serve: Serve) -> None:
    receiver = serve("log", arguments=("--supervise",))
    pid = receiver.process.pid
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    os.kill(int(child), signal.SIGKILL)
    message = f"server {child} was killed by signal 9 (SIGKILL): another at once"
    while message not in receiver.output():
        assert receiver.process.poll() is None


@pytest.mark.parametrize(
    ("command", "is_server"),
    [
        (["python", "-P", "-m", "incm_webhook", "serve", "--unsigned"], True),
        (["python", "/opt/x/bin/incm-webhook", "serve"], True),
        (["python", "-m", "incm_webhook", "check"], False),
        (["python", "-m", "pytest", "serve"], False),
        (["python"], False),
    ],
)
def test_only_a_servers_signals_are_held(command: list[str], is_server: bool) -> None:
    assert _is_server(command) == is_server
    assert not HELD & signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_a_server_under_another_name_is_one(tmp_path: Path) -> None:
    program, alias, other = (tmp_path / name for name in ("incm-webhook", "alerts", "copy"))
    program.touch()
    other.touch()
    alias.symlink_to(program)
    assert _is_server(["python", str(alias), "serve"])
    assert not _is_server(["python", str(other), "serve"])
