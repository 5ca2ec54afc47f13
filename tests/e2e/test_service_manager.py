"""What a service manager such as systemd passes to the server, and what it is notified of."""

import array
import configparser
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import pytest

from incm_webhook.testing import Receiver

from .conftest import DEADLINE_S

Serve = Callable[..., Receiver]


# Does what systemd does between fork and exec.
ACTIVATE = """
import fcntl, os, sys
names, *passed = sys.argv[1].split(",")
far = [fcntl.fcntl(int(one), fcntl.F_DUPFD_CLOEXEC, 64) for one in passed]
for one in passed:
    os.close(int(one))
for index, one in enumerate(far):
    os.dup2(one, 3 + index)
count = os.environ.get("ACTIVATE_COUNT", str(len(far)))
variables = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": count, "LISTEN_FDNAMES": names}
os.execvpe(sys.argv[2], sys.argv[2:], os.environ | variables)
"""


class Manager:
    """The test's end of the notify protocol."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="incm-"))
        self.path = str(self.folder / "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(DEADLINE_S)
        self._socket.bind(self.path)
        self.kept: dict[str, int] = {}

    def wait_for(self, word: str) -> dict[str, str]:
        """Wait for a message with this word; keep the descriptors of those before."""
        while True:
            data, ancillary, *_ = self._socket.recvmsg(4096, socket.CMSG_SPACE(64))
            fields = dict(line.partition("=")[::2] for line in data.decode().splitlines())
            if fields.get("FDSTORE"):
                rights = array.array("i")
                for _, _, content in ancillary:
                    rights.frombytes(content)
                self.kept[fields["FDNAME"]] = rights[0]
            if word in fields:
                return fields

    def close(self) -> None:
        for one in self.kept.values():
            os.close(one)
        self._socket.close()
        shutil.rmtree(self.folder)


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    """A service manager whose children are the servers of the test."""
    made = Manager()
    monkeypatch.setenv("NOTIFY_SOCKET", made.path)
    yield made
    made.close()


def test_it_is_notified_of_every_change(
    manager: Manager, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "200000")
    receiver = serve("log")
    address = receiver.url.rpartition("/")[0].removeprefix("http://")
    assert manager.wait_for("READY") == {"READY": "1", "STATUS": f"serving {address}"}
    assert set(manager.kept) == {"kept-alerts", "kept-admin"}
    assert manager.wait_for("WATCHDOG") == {"WATCHDOG": "1"}
    receiver.process.send_signal(signal.SIGHUP)
    assert int(manager.wait_for("RELOADING")["MONOTONIC_USEC"]) > 0
    manager.wait_for("READY")
    receiver.process.send_signal(signal.SIGTERM)
    assert int(manager.wait_for("STOPPING")["EXTEND_TIMEOUT_USEC"]) > 0
    assert receiver.process.wait() == 0


def activated(
    folder: Path,
    descriptors: Sequence[int],
    names: str,
    *arguments: str,
    environ: Mapping[str, str] = MappingProxyType({}),
) -> "subprocess.Popen[str]":
    """Start the server as a .socket unit does: with descriptors from 3 on."""
    (folder / "secret").write_text("secret")
    args = [names, *map(str, descriptors)]
    command = [
        sys.executable,
        "-c",
        ACTIVATE,
        ",".join(args),
        sys.executable,
        "-m",
        "incm_webhook",
    ]
    command += ["serve", "--secret-file", "secret", "--inbox", "inbox.db"]
    command += ["--ready-file", "ready.json"]
    return subprocess.Popen(
        [*command, *arguments],
        cwd=folder,
        env=os.environ | environ,
        pass_fds=descriptors,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("names", ["alerts", "incm-webhook.socket", ""])
def test_a_passed_socket_is_served(tmp_path: Path, manager: Manager, names: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as client:
            client.sendall(b"GET /webhook HTTP/1.1\r\nHost: x\r\n\r\n")  # before anybody serves
            # The unit's socket counts more than the settings.
            settings = ("--listen", "127.0.0.1:1", "--admin", "off")
            with activated(tmp_path, [listener.fileno()], names, *settings) as server:
                manager.wait_for("READY")
                assert client.recv(4096).startswith(b"HTTP/1.1 405 ")
                url = json.loads((tmp_path / "ready.json").read_text())["url"]
                assert url == f"http://127.0.0.1:{port}/webhook"
                server.terminate()
                assert server.wait() == 0
        with socket.create_connection(("127.0.0.1", port)):  # the manager's is still open
            pass


def test_a_kept_socket_is_used_while_it_fits(tmp_path: Path, manager: Manager) -> None:
    names = "kept-alerts:kept-admin"
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        ports = [each.getsockname()[1] for each in (one, two)]
        passed = [one.fileno(), two.fileno()]
        settings = ("--listen", "127.0.0.1:0", "--admin", f"127.0.0.1:{ports[1]}")
        with activated(tmp_path, passed, names, *settings) as server:
            manager.wait_for("READY")
            ready = json.loads((tmp_path / "ready.json").read_text())
            assert ready["url"] == f"http://127.0.0.1:{ports[0]}/webhook"
            assert ready["admin_url"] == f"http://127.0.0.1:{ports[1]}"
            assert not manager.kept
            server.terminate()
            assert server.wait() == 0
        with activated(tmp_path, passed, names, "--listen", "127.0.0.2:0", *settings[2:]) as server:
            assert manager.wait_for("FDSTOREREMOVE")["FDNAME"] == "kept-alerts"
            manager.wait_for("READY")
            assert set(manager.kept) == {"kept-alerts"}
            server.terminate()
            assert server.wait() == 0
        settings = ("--listen", "127.0.0.1:0", "--admin", "off")
        with activated(tmp_path, passed, names, *settings) as server:
            assert manager.wait_for("FDSTOREREMOVE")["FDNAME"] == "kept-admin"
            manager.wait_for("READY")
            server.terminate()
            assert server.wait() == 0


def test_a_kept_socket_is_not_in_the_way_of_all_addresses(tmp_path: Path, manager: Manager) -> None:
    """The usual change: from loopback to everywhere, on the same port."""
    kept = socket.create_server(("127.0.0.1", 0))
    address = f"0.0.0.0:{kept.getsockname()[1]}"
    settings = ("--listen", address, "--admin", "off")
    with activated(tmp_path, [kept.fileno()], "kept-alerts", *settings) as server:
        assert manager.wait_for("FDSTOREREMOVE")["FDNAME"] == "kept-alerts"
        kept.close()  # as systemd does with its copy, a little later
        assert manager.wait_for("READY")["STATUS"] == f"serving {address}"
        assert set(manager.kept) == {"kept-alerts"}
        server.terminate()
        assert server.wait() == 0


SUPERVISE = pytest.mark.parametrize("supervise", [(), ("--supervise",)])


@SUPERVISE
def test_what_is_no_listening_socket_is_an_error(
    tmp_path: Path, supervise: tuple[str, ...]
) -> None:
    with (
        socket.socket() as idle,
        activated(tmp_path, [idle.fileno()], "alerts", *supervise) as server,
    ):
        _, output = server.communicate()
    assert server.returncode == 3
    assert "descriptor 3 (alerts) that the service manager passed is not a listening TCP" in output
    assert "Traceback" not in output


@SUPERVISE
def test_a_descriptor_that_is_not_open_is_an_error(
    tmp_path: Path, supervise: tuple[str, ...]
) -> None:
    environ = {"ACTIVATE_COUNT": "2"}
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        activated(tmp_path, [one.fileno()], "alerts", *supervise, environ=environ) as server,
    ):
        _, output = server.communicate()
    assert server.returncode == 3
    assert "descriptor 4 (admin) that the service manager passed is not a listening TCP" in output
    assert "Traceback" not in output


@SUPERVISE
def test_a_count_that_is_no_number_is_ignored(
    tmp_path: Path, manager: Manager, supervise: tuple[str, ...]
) -> None:
    settings = ("--listen", "127.0.0.1:0", "--admin", "off", *supervise)
    with activated(tmp_path, [], "", *settings, environ={"ACTIVATE_COUNT": "x"}) as server:
        manager.wait_for("READY")
        server.terminate()
        assert server.wait() == 0


def test_a_reload_that_comes_too_early_waits_for_the_server(
    tmp_path: Path, manager: Manager
) -> None:
    config = tmp_path / "site.toml"
    os.mkfifo(config)
    settings = ("--listen", "127.0.0.1:0", "--admin", "off", "--config", str(config))
    with activated(tmp_path, [], "", *settings) as server:
        with config.open("w"):  # opened when the server reads it
            server.send_signal(signal.SIGHUP)
        manager.wait_for("RELOADING")
        with config.open("w"):
            pass
        manager.wait_for("READY")
        server.terminate()
        assert server.wait() == 0


def test_the_unit_never_gives_up() -> None:
    """After five quick starts systemd would close the kept args."""
    unit = configparser.ConfigParser(strict=False, allow_no_value=True, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(Path(__file__).parents[2] / "docs/systemd/incm-webhook.service")
    assert unit["Unit"]["StartLimitIntervalSec"] == "0"
    assert unit["Service"]["Restart"] == "always"
    assert unit["Service"]["Type"] == "notify"
    assert int(unit["Service"]["FileDescriptorStoreMax"]) >= 2
