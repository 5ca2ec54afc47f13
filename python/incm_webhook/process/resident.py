"""How much memory of its own a process uses."""

from pathlib import Path

_OWN = ("RssAnon:", "RssShmem:")  # not RssFile, which the kernel drops when it needs to


def resident_bytes(pid: int | None) -> int:
    """Say how much memory of its own a process uses, in bytes; 0 after its end."""
    try:
        status = Path(f"/proc/{pid}/status").read_text("ascii", "replace")
    except OSError:
        return 0
    lines = (line.split() for line in status.splitlines() if line.startswith(_OWN))
    return sum(int(line[1]) * 1024 for line in lines)
