"""Another program that has locked the inbox for writing: 503 soon, and over by itself."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2e.conftest import DEADLINE_S
from incm_webhook.testing import Receiver, make_alert

from .test_python_stalled import health_where_alerts_come_in, page, wait_for

Serve = Callable[..., Receiver]

HOLD = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA journal_mode=WAL")
database.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.readline()
database.execute("ROLLBACK")
print("free", flush=True)
sys.stdin.readline()
"""


QUIET = ("--unsigned", "--listen", "127.0.0.1:0", "--admin", "off", "--inbox", "./inbox.db")


class Locker:
    """A program that has the write lock of an inbox."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        assert self.process.stdout.readline() == "locked\n"

    def let_go(self) -> None:
        """Have it roll back."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "free\n"

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def locked() -> Iterator[Callable[[Path], Locker]]:
    """Lock inboxes; all are free after the test."""
    made: list[Locker] = []

    def lock(path: Path) -> Locker:
        made.append(Locker(path))
        return made[-1]

    yield lock
    for one in made:
        one.close()


def test_alerts_are_refused_soon_while_another_program_has_the_lock(
    serve: Serve, locked: Callable[[Path], Locker]
) -> None:
    receiver = serve("log")
    assert receiver.send(make_alert("reboot"))[0] == 200
    locker = locked(receiver.folder / "inbox.db")
    for _ in range(20):  # with the 5 s of before they would not be through within the deadline
        status, problem = receiver.send(make_alert("reboot"))
        assert (status, problem["type"]) == (503, "urn:incm-webhook:problem:cannot-store")
    who = f"process {locker.process.pid} (python"
    status, text = page(receiver, "/readyz")
    assert status == 503
    assert who in json.loads(text)["detail"]
    assert "has locked it for writing; end its transaction" in json.loads(text)["detail"]
    assert health_where_alerts_come_in(receiver) == 503
    locker.let_go()
    wait_for(receiver, "/readyz", 200)  # although nothing is sent
    assert health_where_alerts_come_in(receiver) == 200
    assert receiver.send(make_alert("reboot"))[0] == 200
    log = receiver.output()
    assert log.count(f"ERROR core: the inbox cannot store: {who}") == 1, log
    assert log.count("INFO  core: the inbox stores again") == 1, log
    assert receiver.stop() == 0


def test_a_server_that_starts_meanwhile_waits(
    serve: Serve, locked: Callable[[Path], Locker], tmp_path: Path
) -> None:
    receiver = serve("log")
    assert receiver.send(make_alert("reboot"))[0] == 200
    assert receiver.stop() == 0
    locker = locked(receiver.folder / "inbox.db")
    with subprocess.Popen(
        [sys.executable, "-m", "incm_webhook", "serve", *QUIET],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stderr
        lines = iter(server.stderr.readline, "")
        who = f"process {locker.process.pid} (python"
        assert any("ERROR" in line and who in line and "has locked it" in line for line in lines)
        locker.let_go()
        assert any("the inbox can be opened now" in line for line in lines)
        assert any("listening on" in line for line in lines)
        server.terminate()
        assert server.wait(DEADLINE_S) == 0
