"""Describes the disk that a folder is on, and measures how fast it keeps what is written."""

import os
import tempfile
import time
from pathlib import Path
from typing import Any

from incm_webhook.bench.report import Histogram
from incm_webhook.check.mounts import mount_of

_BLOCKS = Path("/sys/dev/block")
_PAGE = bytes(4096)
MOST_SYNCS = 500
MOST_SYNC_S = 2.0


def disk(folder: Path) -> dict[str, Any]:
    """Describe the file system and the disk of a folder.

    Returns:
        An object of JSON. `file_system` and `device` are kinds and short names such as "ext4" and
        "vda", never paths; None when the system does not tell, as for a file system of several
        disks. `rotating` says whether the disk turns. Sizes are in bytes.
    """
    mount = mount_of(folder.resolve())
    status = os.statvfs(folder)
    device = _device_of(folder)
    return {
        "file_system": mount.kind if mount else None,
        "device": device.name if device else None,
        "rotating": _is_rotating(device) if device else None,
        "size": status.f_blocks * status.f_frsize,
        "free": status.f_bavail * status.f_frsize,
    }


def sync_times(folder: Path) -> dict[str, Any]:
    """Append pages of 4 KiB to a file, with an fdatasync after each, for 2 s at most.

    Args:
        folder: where the file is made; it is gone afterwards.

    Returns:
        An object of JSON: how many there were, and `p50_ms`, `p90_ms`, `p99_ms` and `max_ms`.

    Raises:
        OSError: the folder cannot be written.
    """
    times = Histogram()
    count = 0
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        end = time.perf_counter() + MOST_SYNC_S
        while count < MOST_SYNCS and (count == 0 or time.perf_counter() < end):
            file.write(_PAGE)
            begin = time.perf_counter()
            os.fdatasync(file.fileno())
            times.add(time.perf_counter() - begin)
            count += 1
    return {"count": count, **times.as_dict()}


def _device_of(folder: Path) -> Path | None:
    """Return the folder of the kernel about the disk or partition that a folder is on."""
    number = folder.stat().st_dev
    place = _BLOCKS / f"{os.major(number)}:{os.minor(number)}"
    return place.resolve() if place.exists() else None


def _is_rotating(device: Path) -> bool | None:
    for place in (device, device.parent):  # a partition is in the folder of its disk
        try:
            return (place / "queue" / "rotational").read_text().strip() == "1"
        except OSError:
            continue
    return None
