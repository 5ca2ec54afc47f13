"""Processes that a plugin forks without exec hold nothing of the server, and do not serve."""

import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from e2e.conftest import DEADLINE_S, Reports
from incm_webhook import sign
from incm_webhook.testing import Receiver, make_alert

Serve = Callable[..., Receiver]
Forking = Callable[[str], Path]

# Each begins a child that sleeps, in one of the ways in which plugins do.
FORKS = {
    "os.fork": """
import time
def fork():
    pid = os.fork()
    if pid == 0:
        time.sleep(1000)
        os._exit(0)
    return pid
""",
    "multiprocessing": """
import multiprocessing, time
def fork():
    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(1000,))
    child.start()
    return child.pid
""",
    "ProcessPoolExecutor": """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
pool = ProcessPoolExecutor(1, multiprocessing.get_context("fork"))
def fork():
    return pool.submit(os.getpid).result()
""",
    "native": """
import ctypes
libc = ctypes.PyDLL(None)
def fork():
    pid = libc.fork()
    if pid == 0:
        libc.sleep(1000)
        libc._exit(0)
    return pid
""",
}
REPORT_CHILD = """
def on_alert(alert: Alert, ctx: Context) -> None:
    report(child=fork())
"""


@pytest.fixture
def forking(tmp_path: Path, reports: Reports) -> Forking:
    """Write a plugin that forks and reports the child."""
    return lambda how: reports.plugin(tmp_path / "forking.py", FORKS[how] + REPORT_CHILD)


def forked_by(receiver: Receiver, reports: Reports) -> int:
    """Let the plugin fork; its child lives until the end of the test."""
    assert receiver.send(make_alert("reboot"))[0] == 200
    child: int = reports.next()["child"]
    return child


def held_by(pid: int) -> dict[int, str]:
    """What a process has open, by descriptor, but for the standard streams."""
    held = {}
    for one in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed since it was listed
            held[int(one.name)] = str(one.readlink())
    return {number: what for number, what in held.items() if number > 2}


def sockets(held: dict[int, str]) -> set[str]:
    return {what for what in held.values() if what.startswith("socket:")}


def supervised_server(receiver: Receiver) -> int:
    """The process that serves under a supervisor."""
    pid = receiver.process.pid
    (server,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(server)


@pytest.mark.parametrize("how", FORKS)
@pytest.mark.parametrize("supervised", [False, True], ids=["alone", "supervised"])
def test_the_next_server_serves_beside_an_orphan_of_a_killed_one(
    serve: Serve, reports: Reports, forking: Forking, how: str, supervised: bool
) -> None:
    plugin = forking(how)
    receiver = serve(plugin, arguments=("--supervise",) if supervised else ())
    child = forked_by(receiver, reports)
    server = supervised_server(receiver) if supervised else receiver.process.pid
    os.kill(server, signal.SIGKILL)
    if not supervised:
        receiver.process.wait(DEADLINE_S)
        host, port = urlsplit(receiver.url).hostname, urlsplit(receiver.url).port
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((host, port))
        receiver = serve(plugin)
    with contextlib.suppress(Exception):  # a connection that the killed one had accepted
        receiver.send(make_alert("reboot"))
    assert receiver.send(make_alert("reboot"))[0] == 200
    assert Path(f"/proc/{child}").exists()
    os.kill(reports.next()["child"], signal.SIGKILL)  # multiprocessing would wait for it
    receiver.stop()


@pytest.mark.parametrize("how", FORKS)
def test_a_child_holds_nothing_of_the_server(
    serve: Serve, reports: Reports, forking: Forking, how: str
) -> None:
    receiver = serve(forking(how), arguments=("--supervise",))
    with socket.create_connection((urlsplit(receiver.url).hostname, urlsplit(receiver.url).port)):
        child = forked_by(receiver, reports)
        ours = held_by(supervised_server(receiver))
        deadline = time.monotonic() + DEADLINE_S  # it is reported before it has run a step
        while len(sockets(theirs := held_by(child))) != 1:  # the plugin's own, for its reports
            assert time.monotonic() < deadline, theirs
    streams = {
        str(Path(f"/proc/{child}/fd/{one}").readlink()) for one in range(3)
    }  # every child has them
    own = {"/dev/null", *streams, *(one for one in ours.values() if one.startswith("pipe:"))}
    anonymous = {one for one, what in ours.items() if what.startswith("anon_inode:")}
    assert {what for what in theirs.values() if what in ours.values()} <= own | sockets(theirs)
    assert {theirs[one] for one in anonymous} == {"/dev/null"}
    assert not any("inbox.db" in what for what in theirs.values())


@pytest.mark.parametrize("how", FORKS)
def test_sigterm_leaves_the_port_free_beside_a_child(
    serve: Serve, reports: Reports, forking: Forking, how: str
) -> None:
    receiver = serve(forking(how))
    child = forked_by(receiver, reports)
    receiver.process.send_signal(signal.SIGTERM)
    receiver.process.wait(DEADLINE_S)
    for url in (receiver.url, receiver.admin_url):
        with socket.socket() as one:
            one.bind((urlsplit(url).hostname, urlsplit(url).port))
    if how != "ProcessPoolExecutor":  # whose workers end with their pool
        assert Path(f"/proc/{child}").exists()


def test_a_client_sees_the_end_of_a_killed_server_beside_a_child(
    serve: Serve, reports: Reports, forking: Forking
) -> None:
    receiver = serve(forking("os.fork"))
    body = make_alert("reboot").raw
    host, port = urlsplit(receiver.url).hostname, urlsplit(receiver.url).port
    with socket.create_connection((host, port), DEADLINE_S) as client:
        head = f"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        signature = sign(body, receiver.secret)
        client.sendall(f"{head}X-Signature: {signature}\r\n\r\n".encode() + body)
        assert client.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert Path(f"/proc/{reports.next()['child']}").exists()
        receiver.process.kill()
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(65536) == b""


RETURNS = """
def on_alert(alert: Alert, ctx: Context) -> None:
    if os.fork():
        report(parent=os.getpid(), alert=alert.id)
    elif alert.reason == "raises":
        raise RuntimeError("in the child")
    elif alert.reason == "exits":
        raise SystemExit(0)
"""
RETURNS_ASYNC = RETURNS.replace("def on_alert", "async def on_alert")


@pytest.mark.parametrize("code", [RETURNS, RETURNS_ASYNC], ids=["plain", "async"])
@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_a_child_that_comes_back_from_its_handler_is_ended(
    serve: Serve, reports: Reports, tmp_path: Path, code: str, isolation: str
) -> None:
    plugin = reports.plugin(tmp_path / "returns.py", code)
    (tmp_path / "incm-webhook.toml").write_text(
        f'[[plugin]]\nuse = "{plugin}"\nisolation = "{isolation}"\n'
    )
    receiver = serve(arguments=("--config", str(tmp_path / "incm-webhook.toml")))
    for reason in ("returns", "raises", "exits"):
        assert receiver.send(make_alert("reboot", reason=reason))[0] == 200
    handled = [reports.next() for _ in range(3)]
    assert len({one["parent"] for one in handled}) == 1
    assert receiver.stop() == 0
    assert reports.none_waits()
    output = receiver.output()
    assert output.count("returned: it was ended; end it with os._exit()") == 1, output
    assert output.count("RuntimeError: in the child") == 1, output


SETS_UP = """
class Handler:
    def setup(self) -> None:
        os.fork()
        report(setup=os.getpid())
    def handle(self, alert: Alert, ctx: Context) -> None:
        report(handled_by=os.getpid())
"""


def test_a_child_that_comes_back_from_setup_handles_nothing(
    serve: Serve, reports: Reports, tmp_path: Path
) -> None:
    plugin = reports.plugin(tmp_path / "sets_up.py", SETS_UP)
    receiver = serve(plugin)
    both = {reports.next()["setup"], reports.next()["setup"]}
    assert receiver.process.pid in both
    assert receiver.send(make_alert("reboot"))[0] == 200
    assert reports.next() == {"handled_by": receiver.process.pid}
    assert receiver.stop() == 0


TERMINATES = """
import multiprocessing, time
def on_alert(alert: Alert, ctx: Context) -> None:
    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(1000,))
    child.start()
    child.terminate()
    child.join()
    report(exitcode=child.exitcode)
"""


def test_a_child_ends_when_its_plugin_terminates_it(
    serve: Serve, reports: Reports, tmp_path: Path
) -> None:
    receiver = serve(reports.plugin(tmp_path / "terminates.py", TERMINATES))
    assert receiver.send(make_alert("reboot"))[0] == 200
    assert reports.next() == {"exitcode": -signal.SIGTERM}


EXECS = f"""
import subprocess
LIST = [{sys.executable!r}, "-c", "import os; print(sorted(map(int, os.listdir('/proc/self/fd'))))"]
def on_alert(alert: Alert, ctx: Context) -> None:
    reading, writing = os.pipe()
    streams = [(os.POSIX_SPAWN_DUP2, writing, 1)]
    os.posix_spawn(LIST[0], LIST, os.environ, file_actions=streams)
    spawned = os.read(reading, 65536).decode()
    kept = subprocess.run(LIST, close_fds=False, stdout=subprocess.PIPE, text=True).stdout
    prepared = subprocess.run(
        LIST, close_fds=False, stdout=subprocess.PIPE, text=True, preexec_fn=lambda: None
    ).stdout
    report(spawned=spawned, kept=kept, prepared=prepared)
"""


def test_a_program_that_a_plugin_runs_holds_nothing_of_the_server(
    serve: Serve, reports: Reports, tmp_path: Path
) -> None:
    receiver = serve(reports.plugin(tmp_path / "execs.py", EXECS), arguments=("--supervise",))
    assert receiver.send(make_alert("reboot"))[0] == 200
    for listed in reports.next().values():
        assert listed.strip() == "[0, 1, 2, 3]"  # 3 is the folder that it lists
