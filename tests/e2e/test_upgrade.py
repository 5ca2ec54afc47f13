"""An inbox of every earlier version is upgraded while alerts come in, and the way back is kept."""

import contextlib
import json
import re
import select
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from incm_webhook._core import inbox_schema_version
from incm_webhook.testing import Receiver, make_alert

from .conftest import DEADLINE_S, Command
from .test_service_manager import activated
from .test_supervise import SUPERVISED
from .test_takeover import refused

Serve = Callable[..., Receiver]
GOLDEN = Path(__file__).parents[1] / "golden"
VERSIONS = sorted(int(path.stem.removeprefix("inbox_v")) for path in GOLDEN.glob("inbox_v*.sql"))
ALERTS = 100
PLUGIN = """\
def on_alert(alert, ctx):
    with open("delivered", "a") as file:
        file.write(ctx.delivery_key + "\\n")
"""


def make_old(path: Path, version: int) -> None:
    """Make the inbox that a program of this version left."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.executescript((GOLDEN / f"inbox_v{version}.sql").read_text())


def rows(path: Path, query: str) -> list[Any]:
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
        return database.execute(query).fetchall()


def one(path: Path, query: str) -> Any:
    return rows(path, query)[0][0]


@pytest.fixture
def port() -> Iterator[socket.socket]:
    """A socket that stays open, whichever server runs, as systemd's does."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        yield listener


def wait_until(condition: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_old_inbox_is_upgraded_while_alerts_come_in(
    version: int, tmp_path: Path, port: socket.socket
) -> None:
    inbox, delivered = tmp_path / "inbox.db", tmp_path / "delivered"
    make_old(inbox, version)
    old = one(inbox, "SELECT count(*) FROM alert")
    due = "SELECT count(*) FROM delivery WHERE dead = 0 AND plugin_id = 1"  # of plugin a
    waiting = one(inbox, due)
    (tmp_path / "a.py").write_text(PLUGIN)
    (tmp_path / "incm-webhook.toml").write_text('[inbox]\nretention = "off"\n')  # they are old
    (tmp_path / "secret").write_text("secret")
    url = f"http://127.0.0.1:{port.getsockname()[1]}/webhook"
    command = [sys.executable, "-m", "incm_webhook", "simulate", url, "--secret-file", "secret"]
    command += ["--count", str(ALERTS), "--rate", "50", "--json"]
    settings = ("--plugin", "./a.py", "--admin", "off")
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as simulator:
        # The first alert is sent, and waits, before the server that upgrades the inbox starts.
        assert select.select([port], [], [], DEADLINE_S)[0]
        with activated(tmp_path, [port.fileno()], "alerts", *settings) as server:
            assert simulator.stdout is not None
            verdict = json.loads(simulator.stdout.read())
            everything = verdict["accepted"] + waiting
            wait_until(
                lambda: delivered.exists() and len(delivered.read_text().split()) >= everything,
                server,
            )
            server.terminate()
            output = server.communicate()[1]
    assert server.returncode == 0, output
    assert simulator.wait() == 0
    assert verdict["sent"] == verdict["acknowledged"] == ALERTS
    assert verdict["refused"] == verdict["given_up"] == 0
    assert verdict["other_statuses"] == {}
    assert one(inbox, "PRAGMA user_version") == inbox_schema_version
    assert one(inbox, "SELECT count(*) FROM alert") == old + verdict["accepted"]
    assert one(inbox, due) == 0
    assert len(set(delivered.read_text().split())) == everything
    copy = tmp_path / f"inbox.db.v{version}"
    assert f"a copy is kept, to go back: {copy}" in output
    assert one(copy, "PRAGMA user_version") == version
    assert one(copy, "PRAGMA integrity_check") == "ok"
    assert one(copy, "SELECT count(*) FROM alert") == old
    assert one(copy, due) == waiting


def test_no_copy_is_kept_when_none_is_wanted(serve: Serve, tmp_path: Path) -> None:
    make_old(tmp_path / "inbox.db", VERSIONS[-1])
    (tmp_path / "site.toml").write_text("[inbox]\nbackup_before_migrate = false\n")
    serve("log", arguments=("--config", "site.toml")).stop()
    assert one(tmp_path / "inbox.db", "PRAGMA user_version") == inbox_schema_version
    assert not list(tmp_path.glob("inbox.db.v*"))


def test_the_refusal_of_a_newer_inbox_says_how_to_go_back(
    serve: Serve, command: Command, tmp_path: Path
) -> None:
    receiver = serve("log")
    assert receiver.send(make_alert("reboot"))[0] == 200
    assert receiver.stop() == 0
    inbox = tmp_path / "inbox.db"
    copy = tmp_path / f"inbox.db.v{inbox_schema_version}"
    copy.write_bytes(inbox.read_bytes())
    with contextlib.closing(sqlite3.connect(inbox)) as newer:
        newer.execute(f"PRAGMA user_version={inbox_schema_version + 1}")
    place = ("--inbox", "inbox.db", "--secret-file", "secret")
    network = ("--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
    status, _, err = command("check", *place, *network)
    assert status == 3
    found = re.search(r"`incm-webhook (inbox restore [^`]+)`", err)
    assert found is not None, err
    assert found[1].split() == ["inbox", "restore", str(copy), "--inbox", str(inbox)]
    assert "alerts that came since then are only in the newer inbox" in err
    assert command(*found[1].split())[0] == 0
    assert command("check", *place, *network)[0] == 0
    assert one(tmp_path / "inbox.db.before-restore", "SELECT count(*) FROM alert") == 1


def test_without_room_for_the_copy_the_old_server_goes_on(serve: Serve, tmp_path: Path) -> None:
    first, second, current = (tmp_path / name for name in ("first", "second", "current"))
    first.mkdir()
    second.mkdir()
    current.symlink_to(first)
    (tmp_path / "site.toml").write_text("")
    arguments = (*SUPERVISED, "--config", "site.toml", "--inbox", "./current/inbox.db")
    receiver = serve("log", arguments=arguments)
    make_old(second / "inbox.db", VERSIONS[-1])
    before = (second / "inbox.db").read_bytes()
    current.unlink()
    current.symlink_to(second)
    (tmp_path / "site.toml").write_text('[inbox]\nreserve = "1000000GiB"\n')
    refused(receiver, "set backup_before_migrate = false in [inbox]")
    assert (second / "inbox.db").read_bytes() == before
    assert sorted(path.name for path in second.iterdir()) == ["inbox.db"]


def test_check_says_that_the_next_start_upgrades(command: Command, tmp_path: Path) -> None:
    make_old(tmp_path / "inbox.db", VERSIONS[-1])
    (tmp_path / "secret").write_text("secret")
    settings = ("--inbox", "inbox.db", "--secret-file", "secret", "--plugin", "log")
    network = ("--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
    status, out, err = command("check", *settings, *network)
    assert status == 0, err
    assert f"is of version {VERSIONS[-1]}: the next start upgrades it to" in out
    assert f"inbox.db.v{VERSIONS[-1]}" in out
