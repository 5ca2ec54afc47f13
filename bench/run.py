"""Measures what the releases promise, and prints one table: `./dev bench [--quick]`.

Exit status: 0 when all is well, 1 when an acknowledged alert was lost or kept twice, 2 when only a
target of speed or size was missed. With --quick no target counts; 1 then also means that a ratio is
worse than the committed one by more than a third.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import backup
import comparison
import engine
import hanging
import large
import memory
import micro
import native_ratio
import plot
import posting
import pruning
import regression
import scenarios
import servers
import service
import slow_clients
import start
import throughput
from table import Row, machine_facts, print_table

REPOSITORY = Path(__file__).resolve().parent.parent
BINARIES = REPOSITORY / "build/release"
# In the source tree, because a folder for temporary files may be in memory; the alerts have to
# reach a disk.
PLACE = REPOSITORY / "build/bench"
COMMITTED = Path(__file__).with_name("results.json")
PARTS = (
    "native",
    "service",
    "throughput",
    "engine",
    "posting",
    "peers",
    "scenarios",
    "large",
    "hanging",
    "pruning",
    "slow_clients",
    "start",
    "memory",
    "backup",
)
QUICK_PARTS = ("native", "service", "throughput", "engine", "peers")
QUICK_STORED = 200_000
DISTINCT = 80_000  # alerts for a turn of the fastest server that stores


def main() -> int:
    """Run the parts that were asked for, print the table, write the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="only look for regressions")
    parser.add_argument("--only", action="append", choices=PARTS, help="only this part")
    parser.add_argument("--alerts", type=int, default=throughput.ALERTS, help="for the throughput")
    parser.add_argument("--stored", type=int, help="alerts in the large inbox (default 5,000,000)")
    parser.add_argument("--rounds", type=int, help="of the parts peers and scenarios")
    parser.add_argument("--seconds", type=float, help="of a turn of the parts peers and scenarios")
    parser.add_argument(
        "--committed",
        type=Path,
        default=COMMITTED,
        metavar="FILE",
        help="for --quick",
    )
    parser.add_argument("--output", type=Path, default=PLACE / "results.json", metavar="FILE")
    options = parser.parse_args()
    parts = options.only or (QUICK_PARTS if options.quick else PARTS)
    PLACE.mkdir(parents=True, exist_ok=True)
    facts = machine_facts(PLACE)
    if facts["filesystem"] in ("tmpfs", "ramfs"):
        print(
            "the folder of the benchmark is in memory: no figure includes a disk", file=sys.stderr
        )
    with tempfile.TemporaryDirectory(dir=PLACE) as folder:
        rows, problems = _measure(parts, Path(folder), options)
    print_table(rows, facts)
    all_rows = [row.as_json() for row in rows]
    results = {"machine": facts, "rows": all_rows, "problems": problems}
    options.output.write_text(json.dumps(results, indent=1) + "\n")
    if "peers" in parts and not options.quick:
        bars = comparison.bars(all_rows, servers.every(BINARIES, PLACE))
        plot.draw(bars, facts, options.output.with_name("peers.png"))
    for problem in problems:
        print(f"WRONG: {problem}", file=sys.stderr)
    if options.quick:
        worse = _compare(all_rows, options.committed)
        return 1 if problems or worse else 0
    if problems:
        return 1
    return 2 if any(row.met is False for row in rows) else 0


def _compare(rows: list[dict[str, Any]], committed: Path) -> bool:
    """Compare the ratios with the committed ones; return whether one is clearly worse."""
    found = regression.compare(rows, json.loads(committed.read_text())["rows"])
    for line in found.unknown:
        print(f"not compared: {line}", file=sys.stderr)
    for line in found.worse:
        print(f"WORSE: {line}", file=sys.stderr)
    print(f"{found.compared} ratios compared, {len(found.worse)} worse by a third", file=sys.stderr)
    return bool(found.worse)


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
        _say("each step beside its limit")
        rows += micro.measure(folder, BINARIES / "bench_native", 2 if quick else 9, 0.03)
    if "service" in parts:
        _say("start and memory")
        rows += service.measure(folder, 3 if quick else 9)
    if "throughput" in parts:
        _say(f"{options.alerts:,} alerts")
        found, wrong = throughput.measure(folder, 1 if quick else 3, options.alerts)
        rows += found
        problems += wrong
    if "engine" in parts:
        _say("the whole path, against bare Poco")
        rounds, count = (3, 8_000) if quick else (7, options.alerts)
        several = engine.CONNECTIONS[-1:] if quick else engine.CONNECTIONS
        found, wrong = engine.measure(folder, BINARIES / "poco_plain", rounds, count, several)
        rows += found
        problems += wrong
    if "posting" in parts:
        _say("the plugin http, against bare aiohttp")
        rounds, count = (3, 4_000) if quick else (7, options.alerts)
        found, wrong = posting.measure(folder, BINARIES / "poco_plain", rounds, count)
        rows += found
        problems += wrong
    found, wrong = _measure_peers(parts, folder, options)
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
    if "slow_clients" in parts:
        _say("a good client among slow ones")
        found, wrong = slow_clients.measure(folder, 3, 2_000)
        rows += found
        problems += wrong
    if "start" in parts:
        _say("starts with much to be delivered")
        rows += start.measure(folder, 3, QUICK_STORED // 2) if quick else start.measure(folder, 7)
    if "memory" in parts:
        _say("memory of large alerts")
        rows += memory.measure(folder, 1 if quick else 3)
    if "backup" in parts:
        _say("beside a backup")
        rounds, seconds = (2, 4.0) if quick else (7, 20.0)
        rows += backup.measure(PLACE, rounds, seconds, options.stored or backup.STORED)
    return rows, problems


def _measure_peers(
    parts: Sequence[str], folder: Path, options: argparse.Namespace
) -> tuple[list[Row], list[str]]:
    rows: list[Row] = []
    problems: list[str] = []
    peers = servers.every(BINARIES, PLACE)
    if "peers" in parts:
        _say("incm-webhook beside other servers")
        rounds, seconds, distinct = (3, 1.5, DISTINCT // 4) if options.quick else (7, 4.0, DISTINCT)
        # In a hurry only what the ratios are made of.
        some = [one for one in peers if not options.quick or one.ours or one.label == servers.POCO]
        found, wrong = comparison.measure(
            folder, some, options.rounds or rounds, options.seconds or seconds, distinct
        )
        rows += found
        problems += wrong
    if "scenarios" in parts:
        _say("other loads")
        rounds, seconds = (1, 1.0) if options.quick else (3, 3.0)
        found, wrong = scenarios.measure(
            folder,
            BINARIES,
            peers,
            options.rounds or rounds,
            options.seconds or seconds,
            DISTINCT,
        )
        rows += found
        problems += wrong
    return rows, problems


def _say(what: str) -> None:
    print(f"measuring: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
