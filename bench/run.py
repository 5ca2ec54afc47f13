"""Measures what the releases promise, and prints one table: `./dev bench [--quick]`.

Exit status: 0 when all is well, 1 when an acknowledged alert was lost or kept twice, 2 when only a
target of speed or size was missed.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import door
import engine
import hanging
import large
import native_ratio
import pruning
import service
from table import Row, machine_facts, print_table

import flood

REPOSITORY = Path(__file__).resolve().parent.parent
BINARIES = REPOSITORY / "build/release"
# In the source tree, since a folder for temporary files may be in memory; a flood has to reach a
# disk.
PLACE = REPOSITORY / "build/bench"
PARTS = ("native", "service", "flood", "engine", "large", "hanging", "pruning", "door")
QUICK_STORED = 200_000


def main() -> int:
    """Run the parts that were asked for, print the table, write the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--only", action="append", choices=PARTS, help="only this part")
    parser.add_argument("--alerts", type=int, default=flood.ALERTS, help="in a flood")
    parser.add_argument("--stored", type=int, help="alerts in the large inbox (default 2,000,000)")
    parser.add_argument("--output", type=Path, default=PLACE / "results.json", metavar="FILE")
    options = parser.parse_args()
    parts = options.only or PARTS
    PLACE.mkdir(parents=True, exist_ok=True)
    facts = machine_facts(PLACE)
    if facts["filesystem"] in ("tmpfs", "ramfs"):
        print("the folder of the benchmark is in memory: its floods say nothing", file=sys.stderr)
    with tempfile.TemporaryDirectory(dir=PLACE) as folder:
        rows, problems = _measure(parts, Path(folder), options)
    print_table(rows, facts)
    results = {"machine": facts, "rows": [row.as_json() for row in rows], "problems": problems}
    options.output.write_text(json.dumps(results, indent=1) + "\n")
    for problem in problems:
        print(f"WRONG: {problem}", file=sys.stderr)
    if problems:
        return 1
    return 2 if any(row.met is False for row in rows) else 0


def _measure(
    parts: Sequence[str], folder: Path, options: argparse.Namespace
) -> tuple[list[Row], list[str]]:
    rows: list[Row] = []
    problems: list[str] = []
    quick: bool = options.quick
    if "native" in parts:
        _say("verify and parse, against CPython")
        rounds, seconds = (7, 0.05) if quick else (31, 0.06)
        rows += native_ratio.measure(REPOSITORY, BINARIES / "bench_native", rounds, seconds)
    if "service" in parts:
        _say("start and memory")
        rows += service.measure(folder, 3 if quick else 9)
    if "flood" in parts:
        _say(f"{options.alerts:,} alerts")
        found, wrong = flood.measure(folder, 1 if quick else 3, options.alerts)
        rows += found
        problems += wrong
    if "engine" in parts:
        _say("the whole path, against bare Poco")
        rounds, count = (2, 8_000) if quick else (7, options.alerts)
        found, wrong = engine.measure(folder, BINARIES / "poco_plain", rounds, count)
        rows += found
        problems += wrong
    if "large" in parts:
        stored = options.stored or (QUICK_STORED if quick else large.ALERTS)
        _say(f"an inbox with {stored:,} alerts")
        rounds, count = (2, 8_000) if quick else (7, options.alerts)
        found, wrong = large.measure(PLACE, rounds, count, stored)
        rows += found
        problems += wrong
    if "hanging" in parts:
        _say("beside a hanging plugin")
        rounds, seconds = (3, 2.0) if quick else (7, 4.0)
        rows += hanging.measure(folder, rounds, seconds)
    if "pruning" in parts:
        _say("while old alerts are pruned")
        rounds, seconds = (2, 2.0) if quick else (5, 4.0)
        rows += pruning.measure(PLACE, rounds, seconds, QUICK_STORED)
    if "door" in parts:
        _say("a good client among slow ones, and the guard against bare Poco")
        rounds, count = (2, 300) if quick else (5, 1_000)
        peers = (BINARIES / "poco_plain", BINARIES / "guard_plain")
        found, wrong = door.measure(folder, *peers, rounds, count)
        rows += found
        problems += wrong
    return rows, problems


def _say(what: str) -> None:
    print(f"measuring: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
