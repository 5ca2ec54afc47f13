"""Describes the machine that a load test ran on: versions, processors, memory."""

import os
import platform
import re
import resource
from pathlib import Path
from typing import Any

from incm_webhook import __version__
from incm_webhook._core import library_versions

_PROC = Path("/proc")
_CGROUPS = Path("/sys/fs/cgroup")
_MODELS = ("model name", "Model", "Hardware", "cpu model")  # the last ones: arm64, mips


def versions() -> dict[str, str]:
    """Return the version of the program, of Python, and of each library of the core, by name."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return {"incm-webhook": __version__, "Python": python, **library_versions}


def machine() -> dict[str, Any]:
    """Describe the machine, without its name and its addresses.

    Returns:
        An object of JSON. A fact that the system does not tell is None. Sizes are in bytes;
        `memory_limit` and `cpu_limit` (processors) are those of the control group, which a
        container has.
    """
    memory = _numbers_of(_PROC / "meminfo")
    return {
        "system": _system(),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "c_library": " ".join(platform.libc_ver()).strip() or None,
        "cpu": _cpu_model(),
        "cpus": os.cpu_count(),
        "cpus_usable": len(os.sched_getaffinity(0)),
        "cpu_limit": _cpu_limit(),
        "load": [round(one, 2) for one in os.getloadavg()],
        "memory": memory.get("MemTotal"),
        "memory_available": memory.get("MemAvailable"),
        "memory_limit": _group_number("memory.max"),
        "open_files_limit": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
    }


def peak_resident_bytes(pid: int) -> int | None:
    """Return the most resident memory that a process has had; None after its end."""
    return _numbers_of(_PROC / str(pid) / "status").get("VmHWM")


def cpu_seconds(pid: int) -> float | None:
    """Return the CPU time of all threads of a process, in user and kernel; None after its end."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _system() -> str | None:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return None


def _cpu_model() -> str | None:
    text = _text_of(_PROC / "cpuinfo")
    for name in _MODELS:
        if found := re.search(rf"^{name}\s*:\s*(.+)$", text, re.MULTILINE):
            return found[1].strip()
    return None


def _cpu_limit() -> float | None:
    quota, _, period = _group_text("cpu.max").partition(" ")
    return int(quota) / int(period) if quota.isdigit() and period.strip().isdigit() else None


def _group_number(name: str) -> int | None:
    text = _group_text(name).strip()
    return int(text) if text.isdigit() else None


def _group_text(name: str) -> str:
    """Return a file of the own control group, version 2; "" without one."""
    own = re.search(r"^0::/(.*)$", _text_of(_PROC / "self" / "cgroup"), re.MULTILINE)
    return _text_of(_CGROUPS / own[1] / name) if own else ""


def _numbers_of(file: Path) -> dict[str, int]:
    """Return the sizes that a file of /proc names in kB, in bytes."""
    found = re.findall(r"^(\w+):\s*(\d+) kB$", _text_of(file), re.MULTILINE)
    return {name: int(number) * 1024 for name, number in found}


def _text_of(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""
