"""A disk that is full or read-only when the server starts: 503 until it can be used."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crash.small_disk import SmallDisk
from e2e.conftest import DEADLINE_S
from incm_webhook.testing import make_alert

from .test_service_manager import ACTIVATE, Manager

DISK_BYTES = 4 * 1024**2
SETTINGS = """\
[inbox]
url = "{inbox}"
reserve = "0"
[server]
ready_file = "{folder}/ready.json"
[[endpoint]]
unsigned = true
[[plugin]]
use = "log"
"""
SUPERVISED = pytest.mark.parametrize("how", [(), ("--supervise",)], ids=["alone", "supervised"])


class Client:
    """A connection that is kept, and asked again and again."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)

    def close(self) -> None:
        """End it."""
        self._connection.close()

    def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, dict[str, str], str]:
        """Give status, fields and body of the answer; a connection that has ended is a failure."""
        head = {"Content-Type": "application/json"} if body else {}
        self._connection.auto_open = int(self._connection.sock is None)
        self._connection.request(method, path, body or None, head)
        answer = self._connection.getresponse()
        return answer.status, dict(answer.headers.items()), answer.read().decode()

    def post(self) -> int:
        """Post an alert."""
        return self.ask("POST", "/webhook", make_alert("reboot").raw)[0]


class Started:
    """A server on sockets of the test's own, whose inbox is on a small disk."""

    def __init__(self, disk: SmallDisk, folder: Path, *arguments: str) -> None:
        self.settings = folder / "site.toml"
        self.settings.write_text(SETTINGS.format(inbox=disk.path / "inbox.db", folder=folder))
        self.ready_file = folder / "ready.json"
        self._log = folder / "serve.log"
        self._sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        descriptors = [str(one.fileno()) for one in self._sockets]
        command = [sys.executable, "-c", ACTIVATE, ",".join(["alerts:admin", *descriptors])]
        command += [*disk.wrapper(), sys.executable, "-m", "incm_webhook", "serve"]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "--config", str(self.settings), *arguments],
                pass_fds=[one.fileno() for one in self._sockets],
                stderr=log,
            )
        alerts, admin = (one.getsockname()[1] for one in self._sockets)
        self.alerts, self.admin = Client(alerts), Client(admin)

    def log(self) -> str:
        """Its output so far."""
        return self._log.read_text()

    def until(self, is_so: Callable[[], bool]) -> None:
        """Wait for something."""
        deadline = time.monotonic() + DEADLINE_S
        while not is_so():
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.01)

    def waits(self, reason: str) -> None:
        """Check that it refuses alerts, and gives the reason."""
        status, head, _ = self.alerts.ask("POST", "/webhook", make_alert("reboot").raw)
        assert (status, head["Retry-After"]) == (503, "10"), self.log()
        assert self.alerts.ask("GET", "/healthz")[0::2] == (503, "not ready\n")
        assert self.admin.ask("GET", "/healthz")[0] == 200
        for page in ("/readyz", "/metrics", "/api/v1/stats"):
            status, head, body = self.admin.ask("GET", page)
            assert (status, head["Retry-After"]) == (503, "10")
            assert reason in json.loads(body)["detail"]
        assert not self.ready_file.exists()
        assert self.log().count("ERROR service") == 1, self.log()
        assert reason in self.log()

    def serves(self) -> None:
        """Wait until it takes alerts, on the same connections."""
        self.until(lambda: self.alerts.post() == 200)
        self.until(self.ready_file.exists)
        assert self.alerts.ask("GET", "/healthz")[0] == 200
        assert self.admin.ask("GET", "/readyz")[0] == 200
        assert self.log().count("the inbox can be opened now") == 1
        assert self.log().count("ERROR service") == 1, self.log()

    def stop(self) -> int:
        """Ask it to end; give its status."""
        self.process.terminate()
        return self.process.wait(DEADLINE_S)

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()
        for one in self._sockets:
            one.close()
        for client in (self.alerts, self.admin):
            client.close()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A small disk."""
    with SmallDisk(tmp_path / "disk", DISK_BYTES) as made:
        yield made


Start = Callable[..., Started]


@pytest.fixture
def start(disk: SmallDisk, tmp_path: Path, nothing_left: None) -> Iterator[Start]:
    """Start servers; all are ended after the test."""
    started: list[Started] = []

    def one(*arguments: str) -> Started:
        (tmp_path / "ready.json").unlink(missing_ok=True)
        started.append(Started(disk, tmp_path, *arguments))
        return started[-1]

    yield one
    for each in started:
        each.close()


@SUPERVISED
def test_a_full_disk_is_503_until_there_is_room(
    disk: SmallDisk, start: Start, how: tuple[str, ...]
) -> None:
    ballast = disk.fill("ballast")
    server = start(*how)
    server.waits("No space left on device")
    ballast.unlink()
    server.serves()
    assert server.stop() == 0
    assert sorted(one.name for one in disk.outside.iterdir()) == ["inbox.db", "inbox.db.lock"]


@SUPERVISED
def test_a_disk_that_fills_while_the_inbox_is_made_leaves_nothing_half_made(
    disk: SmallDisk, start: Start, how: tuple[str, ...]
) -> None:
    ballast = disk.fill("ballast")
    os.truncate(ballast, ballast.stat().st_size - 5 * 4096)  # for the lock and a few pages
    server = start(*how)
    server.waits("inbox.db (")
    assert not [one.name for one in disk.outside.iterdir() if one.name.startswith("inbox.db.new")]
    ballast.unlink()
    server.serves()
    assert server.stop() == 0


@SUPERVISED
def test_a_read_only_disk_is_503_until_it_can_be_written(
    disk: SmallDisk, start: Start, how: tuple[str, ...]
) -> None:
    first = start(*how)
    first.until(first.ready_file.exists)
    assert first.alerts.post() == 200
    assert first.stop() == 0
    disk.remount("ro")
    server = start(*how)
    server.waits("Read-only file system")
    disk.remount("rw")
    server.serves()
    assert server.stop() == 0


@SUPERVISED
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_is_obeyed_meanwhile(
    disk: SmallDisk, start: Start, how: tuple[str, ...], number: signal.Signals
) -> None:
    disk.fill("ballast")
    server = start(*how)
    server.waits("No space left")
    server.process.send_signal(number)
    assert server.process.wait(DEADLINE_S) == 0


def test_a_reload_is_obeyed_meanwhile(disk: SmallDisk, start: Start) -> None:
    ballast = disk.fill("ballast")
    server = start()
    server.waits("No space left")
    with server.settings.open("a") as settings:
        settings.write('[[endpoint]]\npath = "/second"\nunsigned = true\n')
    server.process.send_signal(signal.SIGHUP)
    server.until(lambda: "reloaded endpoints" in server.log())
    ballast.unlink()
    server.serves()
    assert server.alerts.ask("POST", "/second", make_alert("reboot").raw)[0] == 200
    assert server.stop() == 0


@pytest.mark.parametrize("state", ["full", "ro"])
def test_another_server_takes_over_meanwhile(disk: SmallDisk, start: Start, state: str) -> None:
    if state == "full":
        ballast = disk.fill("ballast")
    else:
        disk.remount("ro")
    server = start("--supervise")
    server.waits("No space left" if state == "full" else "Read-only file system")
    server.process.send_signal(signal.SIGHUP)
    server.until(lambda: "has taken over" in server.log())
    if state == "full":
        ballast.unlink()
    else:
        disk.remount("rw")
    server.until(server.ready_file.exists)
    server.alerts.close()  # the one before has ended it
    assert server.alerts.post() == 200
    assert server.log().count("the inbox can be opened now") == 1
    assert "ended with status" not in server.log()
    assert server.stop() == 0


@SUPERVISED
def test_an_error_that_does_not_pass_ends_it_with_its_status(
    disk: SmallDisk, start: Start, how: tuple[str, ...]
) -> None:
    (disk.outside / "inbox.db").write_text("a letter")
    ballast = disk.fill("ballast")
    server = start(*how)
    server.waits("No space left")
    ballast.unlink()
    assert server.process.wait(DEADLINE_S) == 3
    assert "is not an inbox of this program" in server.log()


def test_the_service_manager_gets_the_reason(
    disk: SmallDisk, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = Manager()
    try:
        monkeypatch.setenv("NOTIFY_SOCKET", manager.path)
        monkeypatch.setenv("WATCHDOG_USEC", "200000")
        ballast = disk.fill("ballast")
        server = start()
        assert "No space left" in manager.wait_for("READY")["STATUS"]
        manager.wait_for("WATCHDOG")
        server.process.send_signal(signal.SIGHUP)
        manager.wait_for("RELOADING")
        assert "No space left" in manager.wait_for("READY")["STATUS"]
        ballast.unlink()
        assert manager.wait_for("READY")["STATUS"].startswith("serving 127.0.0.1:")
        assert server.stop() == 0
    finally:
        manager.close()
