"""Whether an inbox could be used, as far as can be known without opening it."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from incm_webhook._core import inbox_application_id, inbox_schema_version
from incm_webhook.errors import InboxError, InboxInUseError
from incm_webhook.service.inbox_file import check_inbox


def inbox_of(folder: Path, version: int) -> Path:
    path = folder / "inbox.db"
    with sqlite3.connect(path) as database:
        database.execute(f"PRAGMA application_id={inbox_application_id}")
        database.execute(f"PRAGMA user_version={version}")
    database.close()
    return path


def test_an_inbox_that_is_not_there_yet_can_be_made(tmp_path: Path) -> None:
    check_inbox(tmp_path / "inbox.db")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("version", [1, inbox_schema_version])
def test_own_inboxes_can_be_used(tmp_path: Path, version: int) -> None:
    path = inbox_of(tmp_path, version)
    check_inbox(path)
    assert list(tmp_path.iterdir()) == [path]


def test_a_newer_version_is_seen_while_it_is_in_the_log_only(tmp_path: Path) -> None:
    path = inbox_of(tmp_path, inbox_schema_version)
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute(f"PRAGMA user_version={inbox_schema_version + 1}")
    with pytest.raises(InboxError, match=f"is of version {inbox_schema_version + 1}, this program"):
        check_inbox(path)
    database.close()


@pytest.mark.parametrize("text", ["", "a letter", "x" * 4096])
def test_other_files_cannot_be_used(tmp_path: Path, text: str) -> None:
    path = tmp_path / "inbox.db"
    path.write_text(text)
    with pytest.raises(InboxError, match="move the file away"):
        check_inbox(path)


def test_a_folder_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(InboxError, match="is not a file"):
        check_inbox(tmp_path)


def test_what_cannot_be_reached_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(InboxError, match=r"cannot reach the inbox .*: File name too long"):
        check_inbox(tmp_path / ("x" * 300))


def test_a_link_to_itself_cannot_be_used(tmp_path: Path) -> None:
    path = tmp_path / "inbox.db"
    path.symlink_to(path)
    with pytest.raises(InboxError, match="Too many levels of symbolic links"):
        check_inbox(path)


def test_a_link_into_a_folder_that_is_not_there_cannot_be_used(tmp_path: Path) -> None:
    path = tmp_path / "inbox.db"
    path.symlink_to(tmp_path / "not-mounted" / "inbox.db")
    with pytest.raises(InboxError, match="not-mounted of the inbox does not exist"):
        check_inbox(path)


@pytest.mark.parametrize("suffix", [".lock", "-wal", "-shm"])
def test_a_folder_in_the_place_of_a_file_of_its_own_is_named(tmp_path: Path, suffix: str) -> None:
    path = inbox_of(tmp_path, inbox_schema_version)
    path.with_name(path.name + suffix).mkdir()
    with pytest.raises(InboxError, match=f"inbox.db{suffix} is not a file: move it away"):
        check_inbox(path)


@pytest.mark.parametrize("name", ["", "inbox.db"])
def test_what_is_write_protected_cannot_be_used(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = inbox_of(tmp_path, inbox_schema_version)
    protected = tmp_path / name
    monkeypatch.setattr(os, "access", lambda one, _mode: one != protected)  # root may do all
    with pytest.raises(InboxError, match=f"{protected} is not writable"):
        check_inbox(path)


HOLDS = """
import fcntl, os, sys
lock = open(sys.argv[1], "w")
lock.write(f"{os.getpid()}\\n")
lock.flush()
fcntl.flock(lock, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_only_the_known_holder_may_have_it_open(tmp_path: Path) -> None:
    path = inbox_of(tmp_path, inbox_schema_version)
    lock = tmp_path / "inbox.db.lock"
    command = [sys.executable, "-c", HOLDS, str(lock)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        check_inbox(path, other.pid)
        with pytest.raises(InboxInUseError, match=f"process {other.pid}, lock file"):
            check_inbox(path, other.pid + 1)
        other.communicate()
    check_inbox(path)
