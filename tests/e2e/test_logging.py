"""The log of a whole server: each line of every process has the same schema."""

import contextlib
import http.client
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from e2e.conftest import DEADLINE_S, Reports
from incm_webhook.testing import make_alert

LEVELS = {"debug", "info", "warning", "error", "critical"}
FACTS = {
    "ts": str,
    "level": str,
    "logger": str,
    "msg": str,
    "plugin": str,
    "alert_id": int,
    "alert_type": str,
    "attempt": int,
    "duration_s": float,
    "error": str,
    "trace_id": str,
    "traceback": str,
    # of the lines about the start and the stop
    "version": str,
    "pid": int,
    "addresses": list,
    "inbox": str,
    "plugins": list,
    "configuration": str,
    "uptime_s": float,
    "open": int,
    "failures": int,
    # of the access log
    "peer": str,
    "method": str,
    "path": str,
    "status": int,
    "bytes": int,
}
SPITEFUL = """
import logging, sys, threading, warnings
def on_alert(alert: Alert, ctx: Context) -> None:
    ctx.log.warning("got %s\\n{\\"level\\": \\"forged\\"}", alert.title)
    logging.getLogger(__name__).info("in a module's own logger")
    warnings.warn(f"old: {alert.title}")
    thread = threading.Thread(target=lambda: {}[alert.title])
    thread.start()
    thread.join()
    print("printed: \\x1b as it is", flush=True)
    report(id=alert.id)
    if ctx.attempt == 1:
        raise ValueError(f"at first: {alert.title}")
"""
TITLE = 'a "title"\r\n2026-11-23T23:03:01.123Z ERROR core: forged \x1b[31m \u202e \u2028'


class Server:
    """A server whose standard error goes to a file."""

    def __init__(self, folder: Path, config: str, *flags: str, stderr: int | None = None) -> None:
        self.folder = folder
        (folder / "site.toml").write_text(
            '[server]\nlisten = "127.0.0.1:0"\nadmin = "off"\nready_file = "ready.json"\n'
            f"[[endpoint]]\nunsigned = true\n{config}"
        )
        with (folder / "err").open("ab") as err, (folder / "out").open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "incm_webhook", "serve", "--config", "site.toml", *flags],
                cwd=folder,
                stderr=err if stderr is None else stderr,
                stdout=out,
                env={key: one for key, one in os.environ.items() if key != "NO_COLOR"},
            )
        self._wait_for("ready.json")
        self.url = json.loads((folder / "ready.json").read_text())["url"]

    def _wait_for(self, name: str) -> None:
        watched = self.folder / name
        while not (watched.exists() and watched.read_text()):
            with contextlib.suppress(subprocess.TimeoutExpired):
                raise AssertionError(f"ended with {self.process.wait(0.02)}: {self.lines()}")

    def post(self, body: bytes) -> int:
        """Post a body; return the status of the answer."""
        place = urlsplit(self.url)
        connection = http.client.HTTPConnection(place.netloc, timeout=DEADLINE_S)
        with contextlib.closing(connection):
            target = place._replace(scheme="", netloc="").geturl()
            connection.request("POST", target, body, {"Content-Type": "application/json"})
            return connection.getresponse().status

    def lines(self) -> list[str]:
        return (self.folder / "err").read_text().splitlines()

    def records(self) -> list[dict[str, Any]]:
        return [record_of(line) for line in self.lines()]

    def stop(self) -> None:
        self.process.terminate()
        assert self.process.wait(DEADLINE_S) == 0


@pytest.fixture
def servers(tmp_path: Path, nothing_left: None) -> Iterator[Any]:
    """Start servers in tmp_path."""
    started: list[Server] = []

    def start(config: str, *flags: str, stderr: int | None = None) -> Server:
        started.append(Server(tmp_path, config, *flags, stderr=stderr))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait()


def record_of(line: str) -> dict[str, Any]:
    """Check one line against the schema."""
    record: dict[str, Any] = json.loads(line)
    assert list(record)[:4] == ["ts", "level", "logger", "msg"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record["ts"])
    assert record["level"] in LEVELS
    for name, value in record.items():
        assert type(value) is FACTS[name], (name, value)
        if name != "traceback" and isinstance(value, str):
            assert value.isprintable(), line
    return record


def plugin_table(path: Path, more: str = "") -> str:
    return f'[[plugin]]\nuse = "{path}"\nretry = {{ first = "10ms" }}\n{more}\n'


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_p16_each_line_of_every_process_is_json_of_one_schema(
    servers: Any, reports: Reports, tmp_path: Path, isolation: str
) -> None:
    plugin = reports.plugin(tmp_path / "spiteful.py", SPITEFUL)
    table = plugin_table(plugin, f'isolation = "{isolation}"\n')
    server = servers(table, "--log-format", "json", "--log-level", "debug", "--supervise")
    for number in range(20):
        assert server.post(body_of(number)) == 200
    assert server.post(b"no json") == 400
    for _ in range(40):
        reports.next()
    before = len([one for one in server.records() if "runs as process" in one["msg"]])
    server.process.send_signal(signal.SIGHUP)
    while len([one for one in server.records() if "has taken over" in one["msg"]]) < before:
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.process.wait(0.05)
    server.stop()
    records = server.records()
    loggers = {one["logger"] for one in records}
    assert {"supervisor", "service", "core", "dispatcher", "stray", "py.warnings"} <= loggers
    lines = [one for one in records if one["logger"] == "plugin.spiteful"]
    assert all("forged" in one["msg"] for one in lines)
    assert {one["alert_id"] for one in lines} == set(range(1, 21))
    assert {one["attempt"] for one in lines} == {1, 2}
    assert all(one["plugin"] == "spiteful" and one["alert_type"] == "reboot" for one in lines)
    assert b"printed: \x1b as it is\n" in (tmp_path / "out").read_bytes()


def body_of(number: int) -> bytes:
    alert = make_alert("reboot", _id=f"{number:024x}", title=TITLE)
    return alert.raw


def test_what_a_plugin_prints_is_in_a_file_at_once(servers: Any, tmp_path: Path) -> None:
    plugin = tmp_path / "printing.py"
    plugin.write_text("def on_alert(alert, ctx):\n    print(alert.type, alert.title)\n")
    server = servers(plugin_table(plugin))
    assert server.post(body_of(1)) == 200
    while b"reboot" not in (tmp_path / "out").read_bytes():
        with contextlib.suppress(subprocess.TimeoutExpired):
            raise AssertionError(f"ended with {server.process.wait(0.02)}")


def test_the_log_says_what_runs_and_how_it_ended(servers: Any, tmp_path: Path) -> None:
    server = servers('[[plugin]]\nuse = "log"\n[[plugin]]\nuse = "jsonl"\n[log]\nformat = "json"\n')
    server.stop()
    records = server.records()
    start = next(one for one in records if "runs as process" in one["msg"])
    assert start["pid"] == server.process.pid
    assert start["addresses"] == [server.url.removesuffix("/webhook")]
    assert start["inbox"] == f"sqlite:{tmp_path / 'inbox.db'}"
    assert start["plugins"] == ["log", "jsonl"]
    assert start["configuration"] == str(tmp_path / "site.toml")
    assert start["version"] in start["msg"]
    assert (records[-1]["msg"], records[-1]["open"]) == ("stopped", 0)


def test_a_server_that_cannot_start_says_so_in_the_format_that_was_asked_for(
    tmp_path: Path,
) -> None:
    (tmp_path / "bad.toml").write_text('[log]\nformat = "json"\n[server]\nlisten = 3\n[inbx]\n')
    done = subprocess.run(
        [sys.executable, "-m", "incm_webhook", "serve", "--config", "bad.toml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
    )
    assert done.returncode == 2
    (record,) = map(record_of, done.stderr.splitlines())
    assert record["level"] == "critical"
    assert 'unknown key "inbx"' in record["msg"]
    assert "\n" not in record["msg"]


def test_the_journal_gets_a_priority_for_each_line(
    servers: Any, reports: Reports, tmp_path: Path
) -> None:
    plugin = reports.plugin(tmp_path / "spiteful.py", SPITEFUL)
    server = servers(plugin_table(plugin), "--log-format", "journal", "--log-level", "debug")
    assert server.post(body_of(1)) == 200
    assert server.post(b"no json") == 400
    reports.next()
    reports.next()
    server.stop()
    lines = server.lines()
    assert all(re.match(r"<[2-7]>[\w.]+: ", line) for line in lines), lines
    assert any(line.startswith("<4>core: refused a request") for line in lines)
    assert any(" | Traceback (most recent call last): | " in line for line in lines)


ACCESS = ["peer", "method", "path", "status", "bytes", "duration_s", "alert_id"]


def test_each_request_gets_a_line_of_its_own_when_that_is_asked_for(servers: Any) -> None:
    server = servers('[log]\nformat = "json"\naccess = true\n[[plugin]]\nuse = "log"\n')
    place = urlsplit(server.url)
    body = body_of(1)
    assert (server.post(body), server.post(body)) == (200, 200)
    server.post(b"no json")
    server.url += "?token=not-for-the-log"
    server.post(body_of(2))
    server.url = f"http://{place.netloc}/{'n' * 300}"
    server.post(body_of(3))
    with socket.create_connection((place.hostname or "", place.port or 0)) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nnonsense\r\n\r\n")
        while client.recv(4096):
            pass
    server.stop()
    assert "not-for-the-log" not in (server.folder / "err").read_text()
    lines = [one for one in server.records() if one["logger"] == "access"]
    assert all(one["peer"] == "127.0.0.1" and one["duration_s"] >= 0 for one in lines)
    requests = [tuple(one.get(name) for name in ACCESS[1:4]) for one in lines]
    assert requests == [
        ("POST", "/webhook", 200),
        ("POST", "/webhook", 200),
        ("POST", "/webhook", 400),
        ("POST", "/webhook", 200),
        ("POST", f"/{'n' * 199}...", 404),
        ("GET", "/healthz", 200),
        (None, None, 400),
    ]
    assert [one.get("alert_id") for one in lines] == [1, 1, None, 2, None, None, None]
    assert lines[0]["bytes"] == len('{"status": "accepted", "id": 1}')
    assert list(lines[0])[4:] == ACCESS


def test_a_share_of_the_requests_is_exact_and_none_is_the_default(
    servers: Any, tmp_path: Path
) -> None:
    for access, logged in (("access = 0.25", 10), ("", 0)):
        (tmp_path / "ready.json").unlink(missing_ok=True)
        server = servers(f'[log]\n{access}\n[[plugin]]\nuse = "log"\n')
        for number in range(40):
            assert server.post(body_of(number)) == 200
        server.stop()
        lines = [line for line in server.lines() if " access: " in line]
        assert len(lines) == logged
        assert all(" INFO  access: 127.0.0.1 POST /webhook 200, " in line for line in lines)
        (tmp_path / "err").unlink()


def test_one_logger_has_a_level_of_its_own(servers: Any, reports: Reports, tmp_path: Path) -> None:
    code = "def on_alert(alert: Alert, ctx: Context) -> None:\n"
    code += "    ctx.log.debug('in detail')\n    report()\n"
    plugin = reports.plugin(tmp_path / "pager.py", code)
    levels = '[log]\nlevel = "error"\nlevels = { "plugin.pager" = "debug" }\n'
    for isolation in ("thread", "process"):
        (tmp_path / "ready.json").unlink(missing_ok=True)
        server = servers(plugin_table(plugin, f'isolation = "{isolation}"\n{levels}'))
        assert server.post(b"no json") == 400
        server.post(body_of(1 if isolation == "thread" else 2))
        reports.next()
        server.stop()
        lines = [line.split(" ", 1)[1] for line in server.lines()]
        assert lines == ["DEBUG plugin.pager: in detail"]
        (tmp_path / "err").unlink()


def test_a_terminal_shows_levels_in_colour_unless_no_color_is_set(
    servers: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    output = on_terminal(servers, tmp_path)
    assert re.search(rb"Z? \x1b\[32mINFO \x1b\[0m service: ", output)
    assert re.search(rb" \x1b\[33mWARN \x1b\[0m core: refused a request", output)
    monkeypatch.setenv("TERM", "dumb")
    assert b"\x1b" not in on_terminal(servers, tmp_path)


def on_terminal(servers: Any, tmp_path: Path) -> bytes:
    """Serve with standard error on a terminal; return what it got."""
    shown, terminal = pty.openpty()
    parts: list[bytes] = []

    def read() -> None:
        with contextlib.suppress(OSError):  # the last writer is gone
            while part := os.read(shown, 4096):
                parts.append(part)

    (tmp_path / "ready.json").unlink(missing_ok=True)
    server = servers('[[plugin]]\nuse = "log"\n', stderr=terminal)
    os.close(terminal)
    reader = threading.Thread(target=read)
    reader.start()
    assert server.post(b"no json") == 400
    server.stop()
    reader.join(DEADLINE_S)
    os.close(shown)
    return b"".join(parts)
