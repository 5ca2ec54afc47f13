"""Measures the private memory of a process."""

from pathlib import Path

_OWN = ("RssAnon:", "RssShmem:")  # not RssFile, which the kernel drops when it needs to


def resident_bytes(pid: int | None) -> int:
    """Return the private memory of a process, in bytes; 0 after its end."""
    try:
        status = Path(f"/proc/{pid}/status").read_text("ascii", "replace")
    except OSError:
        return 0
    lines = (line.split() for line in status.splitlines() if line.startswith(_OWN))
    return sum(int(line[1]) * 1024 for line in lines)
