"""Finds the processes that listen on a TCP port of this machine."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_LISTENS = "0A"  # the state in /proc/net/tcp
_TABLES = ("tcp", "tcp6")
_LOCAL, _STATE, _INODE = 1, 3, 9  # columns of these tables


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that has a listening socket; other processes may have the same socket.

    Attributes:
        pid: its number.
        command: its command line, with blanks between the arguments.
    """

    pid: int
    command: str


def holders_of(port: int) -> list[Holder]:
    """List the processes that listen on a port, at any address.

    Args:
        port: the port.

    Returns:
        The processes that this user may inspect, by number; root may inspect all.

    Source: proc(5), /proc/net/tcp and /proc/PID/fd.
    """
    sockets = {f"socket:[{inode}]" for inode in _inodes(port)}
    if not sockets:
        return []
    numbers = sorted(int(one.name) for one in Path("/proc").iterdir() if one.name.isdecimal())
    return [Holder(pid, command_of(pid)) for pid in numbers if _has_one(pid, sockets)]


def command_of(pid: int) -> str:
    """Return the command line of a process, or "" when it cannot be read."""
    try:
        text = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    return text.replace(b"\0", b" ").decode(errors="replace").strip()


def parent_of(pid: int) -> int | None:
    """Return the number of the parent process, or None when it cannot be read."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return None
    return int(status.rpartition(")")[2].split()[1])  # a name may hold blanks and brackets


def _inodes(port: int) -> Iterator[str]:
    for table in _TABLES:
        try:
            lines = Path(f"/proc/net/{table}").read_text("ascii", "replace").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            cells = line.split()
            if cells[_STATE] == _LISTENS and int(cells[_LOCAL].rpartition(":")[2], 16) == port:
                yield cells[_INODE]


def _has_one(pid: int, sockets: set[str]) -> bool:
    try:
        with os.scandir(f"/proc/{pid}/fd") as opened:
            return any(_target(one.path) in sockets for one in opened)
    except OSError:
        return False


def _target(link: str) -> str:
    try:
        return str(Path(link).readlink())
    except OSError:
        return ""
