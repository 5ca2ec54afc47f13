"""A plugin that keeps the interpreter's lock is named, and the server can still be stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from e2e.conftest import DEADLINE_S, Command, Reports
from incm_webhook.testing import Receiver, make_alert

Serve = Callable[..., Receiver]

# It reads from a pipe without letting go of the lock, until the test writes to it. Only the first
# time: after a restart it hands over.
KEEPS_THE_LOCK = """
import ctypes
libc = ctypes.PyDLL(None)
def on_alert(alert: Alert, ctx: Context) -> None:
    report(plugin="greedy", id=ctx.alert_id)
    if not os.path.exists("once"):
        open("once", "w").close()
        libc.read(os.open("pipe", os.O_RDWR), ctypes.create_string_buffer(1), 1)
"""
QUIET = """
def on_alert(alert: Alert, ctx: Context) -> None:
    report(plugin="quiet", id=ctx.alert_id)
"""


class Lock:
    """The pipe on which the greedy plugin waits."""

    def __init__(self, folder: Path) -> None:
        os.mkfifo(folder / "pipe")
        self._descriptor = os.open(folder / "pipe", os.O_RDWR)

    def let_go(self) -> None:
        """Let the plugin return."""
        os.write(self._descriptor, b"x")

    def close(self) -> None:
        """Close the pipe."""
        os.close(self._descriptor)


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[Lock]:
    """The pipe on which the greedy plugin waits."""
    made = Lock(tmp_path)
    yield made
    made.close()


def page(receiver: Receiver, path: str) -> tuple[int, str]:
    try:
        with urlopen(receiver.admin_url + path, timeout=DEADLINE_S) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def wait_for(receiver: Receiver, path: str, wanted: int) -> str:
    """Ask for a page until its status is as wanted; give its body."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        status, body = page(receiver, path)
        if status == wanted:
            return body
        assert time.monotonic() < deadline, (path, status, body)


def health_where_alerts_come_in(receiver: Receiver) -> int:
    """The status that a load balancer gets."""
    try:
        with urlopen(f"http://{urlsplit(receiver.url).netloc}/healthz", timeout=DEADLINE_S) as one:
            return int(one.status)
    except HTTPError as error:
        return error.code


def start(
    serve: Serve, reports: Reports, folder: Path, grace: str, wrapper: tuple[str, ...] = ()
) -> Receiver:
    greedy = reports.plugin(folder / "greedy.py", KEEPS_THE_LOCK)
    quiet = reports.plugin(folder / "quiet.py", QUIET)
    config = folder / "incm-webhook.toml"
    config.write_text(
        f'[server]\ngrace = "{grace}"\n'
        f'[[plugin]]\nuse = "{greedy}"\ntypes = ["reboot"]\n[[plugin]]\nuse = "{quiet}"\n'
    )
    return serve(arguments=("--config", str(config)), wrapper=wrapper)


def stall(receiver: Receiver, reports: Reports) -> None:
    """Let the greedy plugin take the lock, and have the server notice."""
    assert receiver.send(make_alert("reboot", id="a1"))[0] == 200
    assert any(reports.next()["plugin"] == "greedy" for _ in range(2))
    wait_for(receiver, "/readyz", 503)


def test_it_is_named_and_the_server_is_not_ready_until_it_lets_go(
    serve: Serve, reports: Reports, tmp_path: Path, lock: Lock, command: Command
) -> None:
    receiver = start(serve, reports, tmp_path, "10s")
    stall(receiver, reports)
    problem = json.loads(page(receiver, "/readyz")[1])
    assert problem["type"] == "urn:incm-webhook:problem:python-stalled"
    assert "plugin greedy in on_alert with alert 1 blocks it" in problem["detail"]
    assert page(receiver, "/healthz")[0] == 200
    assert receiver.send(make_alert("rebooted", id="a2"))[0] == 200, "alerts are taken meanwhile"
    assert health_where_alerts_come_in(receiver) == 200, "and so for a load balancer"
    metrics = page(receiver, "/metrics")[1]
    assert "incm_webhook_python_runs 0\n" in metrics
    assert 'incm_webhook_plugin_state{plugin="quiet",state="stalled"} 1\n' in metrics
    status, shown, _ = command("inbox", "show", "2", "--admin", receiver.admin_url[7:])
    assert status == 0
    assert "plugin greedy in on_alert with alert 1 blocks it" in shown
    lock.let_go()
    assert wait_for(receiver, "/readyz", 200) == "ready\n"
    while reports.next() != {"plugin": "quiet", "id": 2}:
        pass
    assert "incm_webhook_python_runs 1\n" in page(receiver, "/metrics")[1]
    assert 'python_held_seconds_total{plugin="greedy"}' in page(receiver, "/metrics")[1]
    assert receiver.stop() == 0
    log = receiver.output()
    assert "ERROR core: Python has not run for" in log
    assert 'isolation = "process"' in log
    assert "WARN  core: Python runs again after" in log


def test_a_stop_ends_within_its_grace_and_loses_nothing(
    serve: Serve, reports: Reports, tmp_path: Path, lock: Lock
) -> None:
    receiver = start(serve, reports, tmp_path, "2s")
    stall(receiver, reports)
    assert receiver.send(make_alert("rebooted", id="a2"))[0] == 200
    receiver.process.send_signal(signal.SIGTERM)
    assert receiver.process.wait(DEADLINE_S) == 1
    log = receiver.output()
    assert "the process is ended by force in 2 s" in log
    assert "ended by force: Python has not run for" in log
    assert "plugin greedy in on_alert with alert 1 blocks it" in log
    second = start(serve, reports, tmp_path, "2s")
    wanted = {("greedy", 1), ("quiet", 2)}
    while wanted:
        report = reports.next()
        wanted.discard((report["plugin"], report["id"]))
    assert second.stop() == 0


def test_a_second_signal_ends_it_at_once(
    serve: Serve, reports: Reports, tmp_path: Path, lock: Lock
) -> None:
    receiver = start(serve, reports, tmp_path, "1h")
    assert receiver.send(make_alert("reboot", id="a1"))[0] == 200
    assert any(reports.next()["plugin"] == "greedy" for _ in range(2))
    receiver.process.send_signal(signal.SIGTERM)
    receiver.process.send_signal(signal.SIGINT)
    assert receiver.process.wait(DEADLINE_S) == 1


# Supervises the rest of its arguments, less patiently.
SUPERVISE = """
import sys
from incm_webhook.supervise import child
from incm_webhook.supervise.supervisor import Supervisor
child.WATCHDOG_S = 5.0
sys.exit(Supervisor(sys.argv[1:]).run())
"""


def test_a_supervised_server_that_python_does_not_come_back_to_is_replaced(
    serve: Serve, reports: Reports, tmp_path: Path, lock: Lock
) -> None:
    receiver = start(serve, reports, tmp_path, "1h", (sys.executable, "-c", SUPERVISE))
    assert receiver.send(make_alert("reboot", id="a1"))[0] == 200
    assert any(reports.next()["plugin"] == "greedy" for _ in range(2))
    assert receiver.send(make_alert("rebooted", id="a2"))[0] == 200, "alerts are taken meanwhile"
    wanted = {("greedy", 1), ("quiet", 2)}  # by the one that comes
    while wanted:
        report = reports.next()
        wanted.discard((report["plugin"], report["id"]))
    log = receiver.output()
    assert "has been silent for 5 s: aborted" in log
    assert "was killed by signal 6 (SIGABRT): another at once" in log
    assert receiver.stop() == 0


def test_an_import_that_keeps_the_lock_can_be_interrupted(tmp_path: Path, lock: Lock) -> None:
    (tmp_path / "bad.py").write_text(
        "import ctypes, os\npipe = os.open('pipe', os.O_RDWR)\nopen('begun', 'w').close()\n"
        "ctypes.PyDLL(None).read(pipe, ctypes.create_string_buffer(1), 1)\n"
    )
    options = ("--unsigned", "--listen", "127.0.0.1:0", "--admin", "off", "--plugin", "./bad.py")
    process = subprocess.Popen(
        [sys.executable, "-m", "incm_webhook", "serve", *options], cwd=tmp_path
    )
    deadline = time.monotonic() + DEADLINE_S
    while not (tmp_path / "begun").exists() and process.poll() is None:
        assert time.monotonic() < deadline
    process.terminate()
    assert process.wait(DEADLINE_S) == 0
