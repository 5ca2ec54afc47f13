"""Starting, stopping, crashing and reloading."""

import fcntl
import http.client
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import incm_webhook
from e2e.conftest import DEADLINE_S, Reports
from incm_webhook import sign
from incm_webhook.testing import Receiver, make_alert

Serve = Callable[..., Receiver]

SEE = """
def on_alert(alert: Alert, ctx: Context) -> None:
    report(id=alert.id, attempt=ctx.attempt, key=ctx.delivery_key)
"""

# Reports, then blocks as long as the test holds the other end of the pipe.
BLOCK = """
def on_alert(alert: Alert, ctx: Context) -> None:
    report(id=alert.id, attempt=ctx.attempt, key=ctx.delivery_key)
    if os.path.exists("blocked"):
        import threading
        threading.Event().wait()
"""


def test_the_ready_file_says_where_it_listens(serve: Serve) -> None:
    receiver = serve("log")
    ready = json.loads((receiver.folder / "ready.json").read_text())
    assert ready == {
        "url": receiver.url,
        "admin_url": receiver.admin_url,
        "pid": receiver.process.pid,
    }
    for page in ("/healthz", "/readyz", "/metrics"):
        with urllib.request.urlopen(receiver.admin_url + page) as answer:
            assert answer.status == 200


def test_a_ready_file_that_cannot_be_written_ends_no_server(tmp_path: Path) -> None:
    """Its place was there when that was checked; a full disk is the usual reason."""
    code = "import os\nos.mkdir('ready.json')\ndef on_alert(alert): pass\n"
    (tmp_path / "spoils.py").write_text(code)
    command = [sys.executable, "-m", "incm_webhook", "serve", "--unsigned"]
    command += ["--listen", "127.0.0.1:0", "--admin", "off", "--plugin", "./spoils.py"]
    command += ["--ready-file", "ready.json"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        lines = iter(server.stderr.readline, "")
        assert any("ready.json: Is a directory\n" in line for line in lines)
        server.terminate()
        assert server.wait(DEADLINE_S) == 0
    assert not list(tmp_path.glob(".ready.json*"))


def test_sigterm_and_sigint_stop_with_status_0(serve: Serve) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        receiver = serve("log")
        receiver.process.send_signal(number)
        assert receiver.process.wait(30) == 0
        assert "service: stopped\n" in receiver.output()


def short_grace(folder: Path) -> tuple[str, str]:
    (folder / "grace.toml").write_text('[server]\ngrace = "1s"\n')
    return "--config", str(folder / "grace.toml")


@pytest.fixture
def full_pipe() -> Iterator[tuple[int, int]]:
    """The ends of a pipe that takes nothing."""
    reading, writing = os.pipe()
    os.write(writing, b"z" * fcntl.fcntl(writing, fcntl.F_GETPIPE_SZ))
    yield reading, writing
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize("debug", ["0", "1"])
def test_a_server_whose_error_nobody_reads_still_ends(
    tmp_path: Path, full_pipe: tuple[int, int], debug: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "incm_webhook", "serve", "--listen", "nowhere"],
        cwd=tmp_path,
        env={**os.environ, "INCM_WEBHOOK_DEBUG": debug},
        stderr=full_pipe[1],
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 2


def test_a_supervisor_whose_command_cannot_be_run_ends(full_pipe: tuple[int, int]) -> None:
    script = Path(incm_webhook.__file__).parent / "supervise" / "__main__.py"
    for reader in (subprocess.PIPE, full_pipe[1]):
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(script), "/nowhere"],
            stderr=reader,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        assert done.returncode == 3
        if done.stderr is not None:
            assert "incm-webhook: cannot run /nowhere: No such file or directory\n" in done.stderr


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_a_stop_waits_for_no_plugin_that_is_loaded(
    reports: Reports, tmp_path: Path, isolation: str
) -> None:
    code = "import threading\nreport(loaded=True)\nthreading.Event().wait()\n"
    plugin = reports.plugin(tmp_path / "hangs.py", code)
    (tmp_path / "incm-webhook.toml").write_text(
        f'[[endpoint]]\nunsigned = true\n[[plugin]]\nuse = "{plugin}"\nisolation = "{isolation}"\n'
    )
    command = [sys.executable, "-m", "incm_webhook", "serve"]
    with subprocess.Popen(command, cwd=tmp_path) as server:
        try:
            assert reports.next() == {"loaded": True}
            server.terminate()
            assert server.wait(DEADLINE_S) == 0
        finally:
            server.kill()


def test_a_log_that_nobody_reads_stops_nothing(
    serve: Serve, reports: Reports, tmp_path: Path
) -> None:
    fifo = tmp_path / "log"
    os.mkfifo(fifo)
    reading = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    writing = os.open(fifo, os.O_WRONLY)
    room = fcntl.fcntl(writing, fcntl.F_GETPIPE_SZ)
    os.write(writing, b"z" * room)
    code = """
def on_alert(alert: Alert, ctx: Context) -> None:
    ctx.log.warning("of a plugin")
    report(id=alert.id)
"""
    plugin = reports.plugin(tmp_path / "printing.py", code)
    receiver = serve(plugin, wrapper=("sh", "-c", 'exec "$@" 2>log', "sh"))
    for kind in ("reboot", "device_disconnected"):
        assert receiver.send(make_alert(kind), signature="wrong")[0] == 401
        alert = make_alert(kind)
        assert receiver.send(alert)[0] == 200
        assert reports.next() == {"id": alert.id}
    assert os.read(reading, room) == b"z" * room
    assert receiver.stop() == 0
    output = os.read(reading, room).decode()
    os.close(reading)
    os.close(writing)
    assert re.match(r"\.\.\. standard error took nothing: \d+ lines were dropped\n", output)
    assert "service: stopped" in output


def test_a_handler_whose_print_nobody_reads_does_not_hold_a_stop(
    serve: Serve, reports: Reports, tmp_path: Path
) -> None:
    fifo = tmp_path / "printed"
    os.mkfifo(fifo)
    reading = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    writing = os.open(fifo, os.O_WRONLY)
    os.write(writing, b"z" * fcntl.fcntl(writing, fcntl.F_GETPIPE_SZ))
    code = """
def on_alert(alert: Alert, ctx: Context) -> None:
    report(id=alert.id)
    print(alert.id, flush=True)
"""
    receiver = serve(
        reports.plugin(tmp_path / "prints.py", code),
        arguments=short_grace(tmp_path),
        wrapper=("env", "-u", "PYTHONUNBUFFERED", "sh", "-c", 'exec "$@" >printed', "sh"),
    )
    receiver.send(make_alert("reboot"))
    reports.next()
    assert receiver.stop() == 1
    os.close(reading)
    os.close(writing)


def test_what_was_printed_and_nobody_reads_does_not_hold_the_end(
    serve: Serve, reports: Reports, tmp_path: Path, full_pipe: tuple[int, int]
) -> None:
    code = """
def on_alert(alert: Alert, ctx: Context) -> None:
    print(alert.id)
    report(id=alert.id)
"""
    writing = f"/proc/{os.getpid()}/fd/{full_pipe[1]}"
    buffered = ("env", "-u", "PYTHONUNBUFFERED")
    receiver = serve(
        reports.plugin(tmp_path / "prints.py", code),
        arguments=short_grace(tmp_path),
        wrapper=(*buffered, "sh", "-c", f'exec "$@" >{writing}', "sh"),
    )
    receiver.send(make_alert("reboot"))
    reports.next()
    assert receiver.stop() == 1
    assert "service: stopped" in receiver.output()


@pytest.mark.parametrize(
    ("left", "message"),
    [
        ("threading.Thread(target=threading.Event().wait, name='mine').start()", "running: mine\n"),
        ("atexit.register(threading.Event().wait)", "something running\n"),
    ],
    ids=["thread", "exit handler"],
)
def test_what_a_plugin_left_behind_does_not_hold_the_end(
    serve: Serve, reports: Reports, tmp_path: Path, left: str, message: str
) -> None:
    code = f"import atexit, threading\n{left}\ndef on_alert(alert: Alert): report(id=alert.id)\n"
    plugin = reports.plugin(tmp_path / "leaves.py", code)
    receiver = serve(plugin, arguments=short_grace(tmp_path))
    receiver.send(make_alert("reboot"))
    reports.next()
    assert receiver.stop() == 1
    assert "service: stopped\n" in receiver.output()
    assert message in receiver.output()


def test_what_a_plugin_left_behind_does_not_hold_a_start_that_fails(tmp_path: Path) -> None:
    code = (
        "import threading\nthreading.Thread(target=threading.Event().wait, name='mine').start()\n"
    )
    (tmp_path / "leaves.py").write_text(f"{code}def on_alert(alert): pass\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = "{}:{}".format(*taken.getsockname())
        command = [sys.executable, "-m", "incm_webhook", "serve", "--listen", address, "--unsigned"]
        command += ["--plugin", "./leaves.py", *short_grace(tmp_path)]
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=DEADLINE_S, check=False
        )
    assert done.returncode == 3
    assert f"incm-webhook: cannot listen on {address}: " in done.stderr
    assert "running: mine\n" in done.stderr


def test_what_is_opened_is_no_standard_stream(serve: Serve, reports: Reports) -> None:
    code = """
def on_alert(alert: Alert, ctx: Context) -> None:
    ctx.log.info("not for what the plugin has opened")
    report(descriptor=_socket.fileno())
"""
    plugin = reports.plugin(reports.folder / "opens.py", code)
    configuration = reports.folder / "incm-webhook.toml"
    configuration.write_text(f'[[plugin]]\nuse = "{plugin}"\nisolation = "process"\n')
    closed = ("sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh")
    receiver = serve(arguments=("--config", str(configuration)), wrapper=closed)
    assert receiver.send(make_alert("reboot"))[0] == 200
    assert reports.next()["descriptor"] > 2
    assert receiver.stop() == 0


def test_a_stop_says_how_many_deliveries_stay_open(
    serve: Serve, reports: Reports, tmp_path: Path
) -> None:
    code = """
def on_alert(alert: Alert, ctx: Context) -> None:
    report(id=alert.id)
    raise Retry(after=3600)
"""
    receiver = serve(reports.plugin(tmp_path / "later.py", code))
    assert receiver.send(make_alert("reboot"))[0] == 200
    reports.next()
    assert receiver.stop() == 0
    assert "service: stopped; 1 delivery stays open in the inbox\n" in receiver.output()


def test_a_stop_lets_the_running_handler_finish(
    serve: Serve, reports: Reports, tmp_path: Path
) -> None:
    code = """
import time
def on_alert(alert: Alert, ctx: Context) -> None:
    report(step="begin")
    while not os.path.exists("go"):
        time.sleep(0.01)
    report(step="end")
"""
    receiver = serve(reports.plugin(tmp_path / "slow.py", code))
    assert receiver.send(make_alert("reboot"))[0] == 200
    assert reports.next() == {"step": "begin"}
    receiver.process.send_signal(signal.SIGTERM)
    (receiver.folder / "go").touch()
    assert receiver.process.wait(30) == 0
    assert reports.next() == {"step": "end"}
    again = serve(tmp_path / "slow.py")
    again.stop()
    assert reports.none_waits()  # it was settled, so it is not delivered again


def test_kill_9_loses_nothing_and_delivers_again_with_the_same_key(
    serve: Serve, reports: Reports, tmp_path: Path
) -> None:
    plugin = reports.plugin(tmp_path / "block.py", BLOCK)
    (tmp_path / "blocked").touch()
    receiver = serve(plugin)
    alerts = [make_alert("reboot") for _ in range(20)]
    for alert in alerts:
        assert receiver.send(alert)[0] == 200
    before = [reports.next() for _ in range(4)]  # as many as there are workers
    receiver.process.kill()
    receiver.process.wait()
    (tmp_path / "blocked").unlink()
    again = serve(plugin)
    after = [reports.next() for _ in alerts]
    assert sorted(one["id"] for one in after) == sorted(str(one.id) for one in alerts)
    keys = {one["id"]: one["key"] for one in after}
    assert all(keys[one["id"]] == one["key"] for one in before)
    assert all(one["attempt"] == 2 for one in after if one["id"] in {b["id"] for b in before})
    assert again.send(alerts[0])[1]["status"] == "duplicate"


def test_the_same_content_is_a_duplicate_after_a_restart(serve: Serve) -> None:
    alert = make_alert("reboot")
    receiver = serve("log")
    assert receiver.send(alert)[1] == {"status": "accepted", "id": 1}
    receiver.stop()
    signature = sign(alert.raw, (receiver.folder / "secret").read_text())
    again = serve("log")
    assert again.send(alert)[1] == {"status": "duplicate", "id": 1}
    assert again.send(alert, signature=signature)[0] == 401  # under the secret of before


def test_sighup_takes_new_secrets_and_keeps_the_old_on_a_mistake(serve: Serve) -> None:
    receiver = serve("log")
    connection = http.client.HTTPConnection(urlsplit(receiver.url).netloc, timeout=30)
    old = receiver.secret
    (receiver.folder / "secret").write_text("rotated")
    receiver.process.send_signal(signal.SIGHUP)
    receiver.secret = "rotated"

    def answers(secret: str) -> int:
        body = make_alert("reboot").raw
        connection.request("POST", "/webhook", body, {"X-Signature": sign(body, secret)})
        answer = connection.getresponse()
        answer.read()
        return answer.status

    while answers("rotated") != 200:  # the signal is handled soon
        assert receiver.process.poll() is None
    assert answers(old) == 401
    (receiver.folder / "secret").write_text("")
    receiver.process.send_signal(signal.SIGHUP)
    while "reload failed" not in receiver.output():
        assert receiver.process.poll() is None
    assert answers("rotated") == 200
    connection.close()


@pytest.mark.parametrize("text", ["listen = " + "[" * 20000, "server.workers = 'many'"])
def test_no_configuration_ends_a_server_that_runs(serve: Serve, tmp_path: Path, text: str) -> None:
    settings = tmp_path / "site.toml"
    settings.write_text("")
    receiver = serve("log", arguments=("--config", str(settings)))
    settings.write_text(text)
    receiver.process.send_signal(signal.SIGHUP)
    while "reload failed" not in receiver.output():
        assert receiver.process.poll() is None, receiver.output()
    assert receiver.send(make_alert("reboot"))[0] == 200
    assert receiver.stop() == 0


def test_the_inbox_is_whole_after_a_kill(serve: Serve) -> None:
    receiver = serve("log")
    for _ in range(30):
        assert receiver.send(make_alert("reboot"))[0] == 200
    receiver.process.kill()
    receiver.process.wait()
    serve("log").stop()
    with sqlite3.connect(receiver.folder / "inbox.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("SELECT count(*) FROM alert").fetchone() == (30,)
    database.close()
