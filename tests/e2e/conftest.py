"""What the end-to-end tests share: plugins that report to the test, and the server under them."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import pytest

from incm_webhook.cli.program import main
from incm_webhook.testing import Receiver

Command = Callable[..., tuple[int, str, str]]
DEADLINE_S = 30.0  # only a test that fails waits so long

# A plugin file's head: `report(...)` sends a JSON value to the test.
REPORTING = """\
import json, os, socket
from incm_webhook import Alert, Context, Reject, Retry, plugin
_socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
def report(**facts):
    _socket.sendto(json.dumps(facts).encode(), {path!r})
"""


class Reports:
    """Receives what the plugins of a test report."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="incm-"))
        self.path = str(self.folder / "reports")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024**2)
        self._socket.settimeout(DEADLINE_S)
        self._socket.bind(self.path)

    def next(self) -> dict[str, Any]:
        """Wait for the next report."""
        facts: dict[str, Any] = json.loads(self._socket.recv(65536))
        return facts

    def none_waits(self) -> bool:
        """Whether no report has come in."""
        self._socket.setblocking(False)
        try:
            self._socket.recv(65536)
        except BlockingIOError:
            return True
        finally:
            self._socket.settimeout(DEADLINE_S)
        return False

    def plugin(self, path: Path, code: str) -> Path:
        """Write a plugin file that can call `report`."""
        path.write_text(REPORTING.format(path=self.path) + code)
        return path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        shutil.rmtree(self.folder)


@pytest.fixture
def reports() -> Iterator[Reports]:
    """Receives what the plugins of a test report."""
    with Reports() as opened:
        yield opened


def pytest_addoption(parser: pytest.Parser) -> None:
    """How long the server is reloaded and killed under load."""
    parser.addoption("--supervise-seconds", type=int, default=8, help="of that test (8)")


@pytest.fixture
def supervise_seconds(request: pytest.FixtureRequest) -> int:
    """How long the server is reloaded and killed under load."""
    number: int = request.config.getoption("--supervise-seconds")
    return number


def _processes_in(folder: Path) -> list[int]:
    """The processes, but for this one, whose working directory is the folder or below it."""
    found = []
    for one in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended
            if (one / "cwd").readlink().is_relative_to(folder) and int(one.name) != os.getpid():
                found.append(int(one.name))
    return found


@pytest.fixture
def nothing_left(tmp_path: Path) -> Iterator[None]:
    """End what the test has started in tmp_path and left behind, children of children too."""
    yield
    while left := _processes_in(tmp_path):
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


@pytest.fixture
def serve(tmp_path: Path, nothing_left: None) -> Iterator[Callable[..., Receiver]]:
    """Start servers in folders below tmp_path; all are stopped after the test."""
    started: list[Receiver] = []

    def start(
        *plugins: str | Path | Mapping[str, Any],
        arguments: tuple[str, ...] = (),
        folder: str = "",
        wrapper: tuple[str, ...] = (),
    ) -> Receiver:
        place = tmp_path / folder
        place.mkdir(exist_ok=True)
        (place / "ready.json").unlink(missing_ok=True)
        names = [one if isinstance(one, Mapping) else str(one) for one in plugins]
        receiver = Receiver(place, plugins=names, arguments=arguments, wrapper=wrapper)
        started.append(receiver)
        return receiver

    yield start
    for receiver in started:
        receiver.stop()


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Run a command in tmp_path; give its status and what it wrote to both streams."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(arguments)
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        assert "\x1b" not in out
        return status, out, err

    return run


@pytest.fixture
def program(tmp_path: Path) -> Command:
    """As `command`, in a process of its own, for commands that load the tests' plugins."""

    def run(*arguments: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [sys.executable, "-m", "incm_webhook", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE_S,
        )
        return done.returncode, done.stdout, done.stderr

    return run


def admin(receiver: Receiver) -> tuple[str, str]:
    """The flag that names the admin listener of a server."""
    return "--admin", urlsplit(receiver.admin_url).netloc
