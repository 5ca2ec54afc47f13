"""Backups while alerts come, restores, and a file that is lost while it is open."""

import json
import sqlite3
import stat
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.conftest import Command
from incm_webhook.testing import Receiver, make_alert

Serve = Callable[..., Receiver]
NOWHERE = ("--admin", "127.0.0.1:1")  # nothing listens there


def alerts_in(path: Path) -> int:
    with sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True) as copy:
        number: int = copy.execute("SELECT count(*) FROM alert").fetchone()[0]
        return number


def readiness(receiver: Receiver) -> int:
    try:
        with urllib.request.urlopen(receiver.admin_url + "/readyz") as answer:
            status: int = answer.status
            return status
    except urllib.error.HTTPError as error:
        return error.code


def wait_for(receiver: Receiver, status: int) -> None:
    while readiness(receiver) != status:
        assert receiver.process.poll() is None


def test_a_backup_of_a_running_server_is_restored(
    serve: Serve, command: Command, tmp_path: Path
) -> None:
    receiver = serve("log")
    for number in range(3):
        assert receiver.send(make_alert("reboot", id=f"a{number}"))[0] == 200
    admin = receiver.admin_url.removeprefix("http://")
    status, out, err = command("inbox", "backup", "copy.db", "--admin", admin)
    assert (status, out) == (0, out), err
    assert out.startswith(f"{tmp_path}/copy.db: ")
    assert out.endswith(" KiB, alerts up to number 3\n"), "small sizes can be read"
    assert "100 % of " in err or not err
    assert "0.1 MiB" not in err
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o640
    assert sorted(one.name for one in tmp_path.glob("copy.db*")) == ["copy.db"]
    assert alerts_in(tmp_path / "copy.db") == 3
    assert receiver.send(make_alert("reboot", id="later"))[0] == 200

    inbox = str(receiver.folder / "inbox.db")
    status, _, err = command("inbox", "restore", "copy.db", "--inbox", inbox)
    assert status == 3
    assert f"process {receiver.process.pid}" in err
    receiver.stop()
    status, out, err = command("inbox", "restore", "copy.db", "--inbox", inbox)
    assert status == 0, err
    assert f"what was there is kept as {inbox}.before-restore" in out
    assert "the next one gets a number above 4" in out
    assert alerts_in(Path(inbox)) == 3
    assert alerts_in(Path(inbox + ".before-restore")) == 4

    again = serve("log")
    assert again.send(make_alert("reboot", id="later"))[1]["id"] == 5


def test_a_backup_without_a_server_locks_the_file(
    serve: Serve, command: Command, tmp_path: Path
) -> None:
    receiver = serve("log")
    assert receiver.send(make_alert("reboot"))[0] == 200
    receiver.stop()
    inbox = str(receiver.folder / "inbox.db")
    status, out, err = command("inbox", "backup", "copy.db", "--inbox", inbox, "--json", *NOWHERE)
    assert status == 0, err
    assert json.loads(out)["last_alert_id"] == 1
    assert alerts_in(tmp_path / "copy.db") == 1


def test_what_a_killed_restore_left_stops_no_start(serve: Serve, tmp_path: Path) -> None:
    receiver = serve("log")
    assert receiver.send(make_alert("reboot", id="a1"))[0] == 200
    receiver.process.kill()
    receiver.process.wait()
    inbox = receiver.folder / "inbox.db"
    # As it is after a kill, before the restored file takes the place of the old one.
    inbox.with_name("inbox.db.new").write_bytes(b"half")
    for suffix in ("", "-wal"):
        aside = inbox.with_name(f"inbox.db.before-restore{suffix}")
        aside.hardlink_to(inbox.with_name(f"inbox.db{suffix}"))
    again = serve("log")
    assert again.send(make_alert("reboot", id="a2"))[1]["id"] == 2
    left = {one.name for one in inbox.parent.glob("inbox.db*")}
    assert left <= {"inbox.db", "inbox.db-wal", "inbox.db-shm", "inbox.db.lock"}


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ("there.db", "a backup overwrites nothing, name another file"),
        ("none/copy.db", "for the backup: create it"),
    ],
)
def test_a_backup_that_cannot_be_made_says_why(
    serve: Serve, command: Command, tmp_path: Path, file: str, sentence: str
) -> None:
    receiver = serve("log")
    (tmp_path / "there.db").write_text("precious")
    admin = receiver.admin_url.removeprefix("http://")
    status, out, err = command("inbox", "backup", file, "--admin", admin)
    assert status == 2
    assert sentence in err
    assert not out
    assert (tmp_path / "there.db").read_text() == "precious"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "there is no file"),
        (b"", "is an empty file"),
        (b"x" * 5000, "is not an inbox of this program"),
    ],
)
def test_a_copy_that_is_none_is_not_restored(
    command: Command, tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    if content is not None:
        (tmp_path / "copy.db").write_bytes(content)
    status, out, err = command("inbox", "restore", "copy.db", "--inbox", "inbox.db")
    assert status == 3
    assert sentence in err
    assert not out
    assert not list(tmp_path.glob("inbox.db*"))


def test_a_moved_inbox_is_not_ready_until_it_is_back(serve: Serve, tmp_path: Path) -> None:
    receiver = serve("log")
    assert receiver.send(make_alert("reboot", id="a1"))[0] == 200
    inbox, moved = receiver.folder / "inbox.db", tmp_path / "moved.db"
    inbox.rename(moved)
    second = make_alert("reboot", id="a2")
    status, answer = receiver.send(second)
    assert status == 503
    assert answer["type"].endswith("cannot-store")
    assert readiness(receiver) == 503
    moved.rename(inbox)
    wait_for(receiver, 200)
    assert receiver.send(second)[0] == 200
    receiver.stop()
    output = receiver.output()
    assert f"{inbox} was moved or removed while the inbox is open: alerts are refused" in output
    assert f"the inbox {inbox} is back: alerts are accepted again" in output
    assert alerts_in(inbox) == 2


def test_a_removed_inbox_is_noticed_and_can_be_saved(
    serve: Serve, command: Command, tmp_path: Path
) -> None:
    receiver = serve("log")
    assert receiver.send(make_alert("reboot", id="a1"))[0] == 200
    for one in receiver.folder.glob("inbox.db*"):
        one.unlink()
    wait_for(receiver, 503)
    admin = receiver.admin_url.removeprefix("http://")
    status, _, err = command("inbox", "backup", "saved.db", "--admin", admin)
    assert status == 0, err
    assert alerts_in(tmp_path / "saved.db") == 1


def test_the_length_of_the_log_is_in_the_metrics(serve: Serve) -> None:
    receiver = serve("log")
    with urllib.request.urlopen(receiver.admin_url + "/metrics") as answer:
        page = answer.read().decode()
    assert "incm_webhook_inbox_log_warnings_total 0\n" in page
    assert 'incm_webhook_inbox_file_bytes{file="log"} ' in page
