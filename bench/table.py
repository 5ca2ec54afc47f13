"""What a benchmark found, as rows of one table, and the facts of the machine it ran on."""

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Better = Literal["more", "less"]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        name: what was measured.
        values: a value for each round.
        unit: of the values.
        at_least: the median has to reach this.
        at_most: no value may exceed this.
        median_at_most: the median may not exceed this.
        better: a ratio that another run can be compared with (bench/regression.py), and whether
            more or less of it is better; None when it depends on the machine.
    """

    name: str
    values: Sequence[float]
    unit: str
    at_least: float | None = None
    at_most: float | None = None
    median_at_most: float | None = None
    better: Better | None = None

    @property
    def median(self) -> float:
        """The middle one of the rounds."""
        return statistics.median(self.values)

    @property
    def met(self) -> bool | None:
        """Whether the target was met; None without one."""
        if self.at_least is not None:
            return self.median >= self.at_least
        if self.at_most is not None:
            return max(self.values) <= self.at_most
        if self.median_at_most is not None:
            return self.median <= self.median_at_most
        return None

    @property
    def target(self) -> str:
        """The target in words."""
        if self.at_least is not None:
            return f"median >= {self.at_least:g}"
        if self.median_at_most is not None:
            return f"median <= {self.median_at_most:g}"
        return f"max <= {self.at_most:g}" if self.at_most is not None else ""

    def as_json(self) -> dict[str, Any]:
        """The row for the results file, rounded to the accuracy of a noisy machine."""
        return {
            "name": self.name,
            "unit": self.unit,
            "rounds": len(self.values),
            "median": _rounded(self.median),
            "min": _rounded(min(self.values)),
            "max": _rounded(max(self.values)),
            "target": self.target or None,
            "met": self.met,
            "better": self.better,
        }


def print_table(rows: Sequence[Row], facts: dict[str, str]) -> None:
    """Print the facts of the machine, then all rows in columns."""
    width = max(len(name) for name in facts)
    for name, fact in facts.items():
        print(f"{name:{width}}  {fact}")
    head = ("", "median", "min .. max", "unit", "n", "target", "")
    lines = [head, *(_cells(row) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    print()
    for line in lines:
        cells = [
            cell.rjust(width) if column in (1, 2, 4) else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())


def machine_facts(folder: Path) -> dict[str, str]:
    """Say what the numbers depend on.

    Args:
        folder: where the inboxes of the benchmark are.

    Returns:
        Facts without any name or path of this machine.
    """
    return {
        "CPU": _cpu_model(),
        "cores": str(len(os.sched_getaffinity(0))),
        "load before": f"{os.getloadavg()[0]:.1f}",
        "kernel": platform.release(),
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "filesystem": filesystem_of(folder),
    }


def filesystem_of(folder: Path) -> str:
    """The type of the filesystem that a folder is on, such as ext4."""
    device = folder.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        if left.split()[2] == number:
            return right.split()[0]
    return "unknown"


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def _shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _cells(row: Row) -> tuple[str, ...]:
    spread = f"{_shown(min(row.values))} .. {_shown(max(row.values))}"
    met = {None: "", True: "met", False: "MISSED"}[row.met]
    count = str(len(row.values))
    return (row.name, _shown(row.median), spread, row.unit, count, row.target, met)
