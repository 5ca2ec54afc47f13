"""`check` beside a server that runs: what the server holds does not disturb it."""

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from incm_webhook.testing import Receiver, make_alert

from .conftest import Command, admin


@pytest.mark.parametrize("arguments", [(), ("--supervise",)], ids=["alone", "supervised"])
def test_check_passes_beside_the_server_of_the_same_inbox(
    serve: Callable[..., Receiver], program: Command, arguments: tuple[str, ...]
) -> None:
    receiver = serve("log", arguments=arguments)
    where = ("--listen", urlsplit(receiver.url).netloc, *admin(receiver))
    inbox = ("--inbox", str(receiver.folder / "inbox.db"))
    status, out, err = program("check", "--unsigned", *where, *inbox)
    assert (status, err) == (0, "")
    assert out.count("is held by the server that has this inbox open (process ") == 2
    status, _, err = program("check", "--unsigned", *where, "--inbox", "other.db")
    assert status == 3
    assert err.count("has the port (") == 2
    assert "incm_webhook" in err


def test_check_tries_a_plugin_that_the_server_runs(
    serve: Callable[..., Receiver], program: Command
) -> None:
    receiver = serve("log")
    (receiver.folder / "bad.py").write_text(
        "class Bad:\n    def setup(self): raise OSError('port taken')\n"
        "    def handle(self, alert): pass\n"
    )
    inbox = ("--inbox", str(receiver.folder / "inbox.db"))
    status, _, err = program(
        *("check", "--unsigned", "--listen", "127.0.0.1:0", "--admin", "off", *inbox),
        *("--plugin", str(receiver.folder / "bad.py")),
    )
    assert status == 4
    assert "its set-up failed: OSError: port taken" in err
    assert "(or the server that runs has it)" in err


FREE = ("--unsigned", "--listen", "127.0.0.1:0", "--admin", "off")


@pytest.fixture
def killed(serve: Callable[..., Receiver]) -> Path:
    """The inbox of a server that was killed, with its log."""
    receiver = serve("log")
    for number in range(3):
        assert receiver.send(make_alert("reboot", id=f"a{number}"))[0] == 200
    receiver.process.kill()
    receiver.process.wait()
    inbox = receiver.folder / "inbox.db"
    assert inbox.with_name("inbox.db-wal").stat().st_size
    return inbox


def test_a_log_that_another_program_copied_into_the_inbox_stops_nobody(
    killed: Path, program: Command, serve: Callable[..., Receiver]
) -> None:
    with contextlib.closing(sqlite3.connect(killed)) as another:
        assert another.execute("SELECT count(*) FROM alert").fetchone() == (3,)
    assert not killed.with_name("inbox.db-wal").exists()
    status, _, err = program("check", *FREE, "--inbox", str(killed))
    assert (status, err) == (0, "")
    receiver = serve("log")
    assert receiver.send(make_alert("reboot", id="a4"))[1]["id"] == 4
    assert "copied the log into the inbox, and nothing is missing" in receiver.output()


def test_check_and_serve_report_a_lost_log_in_the_same_words(
    killed: Path, program: Command, serve: Callable[..., Receiver]
) -> None:
    killed.with_name("inbox.db-wal").unlink()
    before = sorted((one.name, one.stat().st_size) for one in killed.parent.iterdir())
    status, _, err = program("check", *FREE, "--inbox", str(killed))
    assert status == 3
    assert f"the inbox {killed} was not closed, and its log {killed}-wal is missing" in err
    assert f"go on with `touch {killed}.check`" in err
    assert sorted((one.name, one.stat().st_size) for one in killed.parent.iterdir()) == before
    sentence = err[err.index("the inbox ") :].strip()
    with pytest.raises(RuntimeError) as refused:
        serve("log")
    assert sentence in str(refused.value)
    killed.with_name("inbox.db.check").touch()
    receiver = serve("log")
    assert "checking all of it" in receiver.output()
    assert receiver.send(make_alert("reboot", id="a4"))[0] == 200


def test_check_and_serve_warn_of_an_inbox_that_is_gone(
    killed: Path, program: Command, serve: Callable[..., Receiver]
) -> None:
    for one in ("inbox.db", "inbox.db-wal", "inbox.db-shm"):
        killed.with_name(one).unlink()
    status, out, err = program("check", *FREE, "--inbox", str(killed))
    assert (status, err) == (0, "")
    assert f"warning: --inbox: the inbox {killed} that was here until 20" in out
    receiver = serve("log")
    assert "is gone, with its log: a new one begins, without its alerts" in receiver.output()
    assert receiver.send(make_alert("reboot", id="a4"))[1]["id"] == 1
