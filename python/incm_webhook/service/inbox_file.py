"""Checks from outside whether a server that starts now could use an inbox file."""

import contextlib
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from incm_webhook._core import (
    check_inbox_place,
    find_inbox_holder,
    inbox_application_id,
    inbox_schema_version,
    look_at_inbox_log,
    newer_inbox,
    no_room_to_upgrade,
)
from incm_webhook.config.inbox import InboxSettings
from incm_webhook.errors import InboxError, InboxInUseError, InboxUnavailableError

_MAGIC = b"SQLite format 3\0"
_HEADER_BYTES = 100
_USER_VERSION = slice(60, 64)
_APPLICATION_ID = slice(68, 72)


def check_inbox(path: Path, holder: int | None = None) -> None:
    """Check that the inbox can be opened or created, without opening it for writing.

    Args:
        path: the path of the file, which need not exist.
        holder: the process that may have the file open; None for none.

    Raises:
        InboxError: the folder does not exist or is not writable; or the file is not writable, is
            not an inbox, or has a newer version; or it is a mount point, or has a second name.
        InboxInUseError: a process other than the holder has it open.
        InboxUnavailableError: the only problem is that its file system is mounted read-only.

    Threads: no thread of this process may have the file open, because it would lose its locks.
    Source: the file format of SQLite, section 1.3; cpp/incm/inbox/sqlite/schema.h.
    """
    try:
        path = Path(os.path.realpath(path))
        folder = path.parent
        if not folder.is_dir():
            raise InboxError(f"the folder {folder} of the inbox does not exist: create it")
        with contextlib.suppress(FileNotFoundError):
            path.stat()
    except OSError as error:
        raise InboxError(f"cannot reach the inbox {path}: {error.strerror}") from None
    if path.exists() and not path.is_file():
        raise InboxError(f"{path} is not a file: name a file for the inbox")
    read_only = bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    for one in (folder, path):
        if one.exists() and not os.access(one, os.W_OK) and not read_only:
            raise InboxError(f"{one} is not writable by this user: give it write access")
    check_inbox_place(str(path))
    _check_lock(path.with_name(path.name + ".lock"), holder)
    if path.exists():
        _check_identity(path)
    if read_only:
        raise InboxUnavailableError(
            f"the file system of the inbox's folder {folder} is mounted read-only: see to the disk"
        )


def look_at_log(path: Path) -> tuple[str, str]:
    """Check that an inbox which no process has open fits its write-ahead log and is complete.

    Args:
        path: the absolute path of the file, which need not exist.

    Returns:
        The error with which a server would not start, and the warning that it would log; "" for
        none.
    """
    return look_at_inbox_log(str(path))


def _check_lock(lock: Path, holder: int | None) -> None:
    if lock.is_symlink() or (lock.exists() and not lock.is_file()):
        raise InboxError(f"the lock file {lock} is not a file: move it away")
    found = find_inbox_holder(str(lock))
    if found is not None and found[0] != holder:
        raise InboxInUseError(found[1])


def process_in(lock: Path) -> int | None:
    """Read the process number in a lock file; None when there is none."""
    try:
        with lock.open("rb") as file:
            return int(file.readline(32))
    except (OSError, ValueError):
        return None


def _check_identity(path: Path) -> None:
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except OSError as error:
        raise InboxError(f"cannot read the inbox {path}: {error.strerror}") from None
    if (
        len(header) < _HEADER_BYTES
        or not header.startswith(_MAGIC)
        or int.from_bytes(header[_APPLICATION_ID]) != inbox_application_id
    ):
        what = "is not an inbox of this program" if header else "is an empty file"
        raise InboxError(f"{path} {what}: name another path, or move the file away")
    version = max(int.from_bytes(header[_USER_VERSION]), _version_in_log(path))
    if version > inbox_schema_version:
        raise InboxError(newer_inbox(str(path), version))


@dataclass(frozen=True, slots=True)
class ComingUpgrade:
    """The upgrade of an inbox that a start of this program would make.

    Attributes:
        version: that of the file.
        to: that of this program.
        copy: the copy that is kept first; None when none is wanted.
        obstacle: why there is no room for it; "" when there is.
    """

    version: int
    to: int
    copy: Path | None
    obstacle: str


def coming_upgrade(settings: InboxSettings) -> ComingUpgrade | None:
    """Look what a start would do to an inbox that `check_inbox` has accepted.

    Args:
        settings: they name the inbox, and say whether a copy is wanted.

    Returns:
        None when there is no file, or it is not older than this program.
    """
    path = settings.real_path
    try:
        with path.open("rb") as file:
            version = int.from_bytes(file.read(_HEADER_BYTES)[_USER_VERSION])
    except OSError:
        return None
    version = max(version, _version_in_log(path))
    if not 0 < version < inbox_schema_version:
        return None
    copy = path.with_name(f"{path.name}.v{version}") if settings.backup_before_migrate else None
    obstacle = no_room_to_upgrade(str(path), version, settings.reserve) if copy else ""
    return ComingUpgrade(version, inbox_schema_version, copy, obstacle)


def _version_in_log(path: Path) -> int:
    """Read the version in the write-ahead log of a running server; 0 when it is not known."""
    log = path.with_name(path.name + "-wal")
    with contextlib.suppress(OSError, sqlite3.Error):
        if log.stat().st_size:
            with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as one:
                return int(one.execute("PRAGMA user_version").fetchone()[0])
    return 0
