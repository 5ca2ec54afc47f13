"""Checks whether the inbox can be opened or made at its path, and whether the disk has room."""

import errno
import mmap
import os
import tempfile
from pathlib import Path

from incm_webhook.check.findings import Report
from incm_webhook.check.mounts import Mount, mount_of
from incm_webhook.config.quantities import format_size
from incm_webhook.config.settings import Settings
from incm_webhook.errors import EXIT_CANNOT_START, InboxError, InboxInUseError
from incm_webhook.service.inbox_file import check_inbox, coming_upgrade, look_at_log, process_in

_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "fuse.sshfs"}
_MEMORY = {"tmpfs", "ramfs", "devtmpfs"}
_NO_ANONYMOUS_FILES = {errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT}


def check_storage(settings: Settings, report: Report) -> int | None:
    """Check the place of the inbox. Nothing is left on the disk.

    Args:
        settings: what would be served.
        report: gets the findings.

    Returns:
        The process that has the inbox open; None when no process has.
    """
    place = settings.place_of("inbox", "url")
    path = settings.inbox.real_path
    server = None
    try:
        check_inbox(path)
    except InboxInUseError as error:
        server = process_in(path.with_name(path.name + ".lock"))
        in_use = str(error).removesuffix(": stop it first")
        report.info(f"inbox: {in_use}; another server can start once that one is stopped")
    except InboxError as error:
        report.error(f"{place}: {error}", EXIT_CANNOT_START)
        return None
    else:
        _look_at_log(path, place, report)
        _look_at_upgrade(settings, place, report)
    mount = mount_of(path.parent)
    try:
        _try_folder(path.parent)
    except OSError as error:
        kind = f", which is on a file system of kind {mount.kind}" if mount else ""
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        way_out = "make room" if full else "name a folder on a local disk"
        report.error(
            f"{place}: the folder {path.parent} cannot hold an inbox{kind}: {error.strerror}; "
            f"{way_out}",
            EXIT_CANNOT_START,
        )
        return server
    _look_at_mounts(path, mount, place, report)
    _look_at_room(settings, path, report)
    return server


def _look_at_log(path: Path, place: str, report: Report) -> None:
    refusal, warning = look_at_log(path)
    if refusal:
        report.error(f"{place}: {refusal}", EXIT_CANNOT_START)
    if warning:
        report.warn(f"{place}: {warning}")


def _look_at_upgrade(settings: Settings, place: str, report: Report) -> None:
    upgrade = coming_upgrade(settings.inbox)
    if upgrade is None:
        return
    if upgrade.obstacle:
        report.error(f"{place}: {upgrade.obstacle}", EXIT_CANNOT_START)
        return
    kept = f"keeps a copy, {upgrade.copy}" if upgrade.copy else "keeps no copy to go back to"
    report.info(
        f"inbox: is of version {upgrade.version}: the next start upgrades it to {upgrade.to}, and "
        f"{kept}"
    )


def _try_folder(folder: Path) -> None:
    """Make a file; write, sync and map it, as SQLite will. OSError when one of these fails."""
    descriptor = _nameless_file(folder)
    try:
        os.write(descriptor, bytes(mmap.PAGESIZE))
        os.fsync(descriptor)
        mmap.mmap(descriptor, mmap.PAGESIZE, mmap.MAP_SHARED).close()
    finally:
        os.close(descriptor)


def _nameless_file(folder: Path) -> int:
    try:
        return os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno not in _NO_ANONYMOUS_FILES:
            raise
    descriptor, name = tempfile.mkstemp(prefix=".incm-webhook-check-", dir=folder)
    Path(name).unlink()
    return descriptor


def _look_at_mounts(path: Path, mount: Mount | None, place: str, report: Report) -> None:
    if mount is None:
        return
    if path.exists() and mount_of(path) != mount:
        report.error(
            f"{place}: {path} is mounted alone, so its log {path.name}-wal would be elsewhere and "
            f"get lost: mount the folder {path.parent}",
            EXIT_CANNOT_START,
        )
    elif mount.kind in _NETWORK:
        report.warn(
            f"{place}: {path.parent} is on a network file system ({mount.kind}), where locks and "
            "shared memory are not reliable: name a folder on a local disk"
        )
    elif mount.kind in _MEMORY:
        report.warn(
            f"{place}: {path.parent} is in memory ({mount.kind}): all alerts are lost at the next "
            "restart of the machine; name a folder on a disk"
        )


def _look_at_room(settings: Settings, path: Path, report: Report) -> None:
    disk = os.statvfs(path.parent)
    free = disk.f_bavail * disk.f_frsize
    reserve = settings.inbox.reserve
    if free < reserve:
        report.error(
            f"{settings.place_of('inbox', 'reserve')}: {format_size(reserve)} are kept free, and "
            f"the disk of {path.parent} has {free // 1024**2} MiB: every alert would get 503; make "
            "room, or lower reserve",
            EXIT_CANNOT_START,
        )
