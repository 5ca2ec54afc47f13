"""Finds the file system that a path is on."""

import re
from dataclasses import dataclass
from pathlib import Path

_TABLE = Path("/proc/self/mountinfo")
_ESCAPE = re.compile(r"\\([0-7]{3})")  # how the kernel writes blanks in a path


@dataclass(frozen=True, slots=True)
class Mount:
    """A mounted file system.

    Attributes:
        point: the folder where it is mounted.
        kind: "ext4", "nfs4", "tmpfs" and the like.
    """

    point: Path
    kind: str


def mount_of(path: Path) -> Mount | None:
    """Find the mount that holds a path; None when the kernel's table cannot be read.

    Args:
        path: absolute, without links; it need not exist.

    Source: proc(5), /proc/PID/mountinfo.
    """
    try:
        lines = _TABLE.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return None
    mounts = [_read(line) for line in lines]
    # The last of several mounts on one point hides the others.
    holding = [one for one in mounts if path.is_relative_to(one.point)]
    return max(reversed(holding), key=lambda one: len(one.point.parts), default=None)


def _read(line: str) -> Mount:
    before, _, after = line.partition(" - ")
    point = _ESCAPE.sub(lambda match: chr(int(match[1], 8)), before.split()[4])
    return Mount(Path(point), after.split()[0])
