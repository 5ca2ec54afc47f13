"""Measures what the first release promises, and prints one table: `./dev bench [--quick]`.

Exit status: 0 when all is well, 1 when an acknowledged alert was lost or kept twice, 2 when only a
target of speed or size was missed.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import flood
import native_ratio
import service
from table import Row, machine_facts, print_table

REPOSITORY = Path(__file__).resolve().parent.parent
BINARY = REPOSITORY / "build/release/bench_native"
PLACE = REPOSITORY / "build/bench"  # in the source tree, since a folder for temporary files may
PARTS = ("native", "service", "flood")  # be in memory, and a flood has to reach a disk


def main() -> int:
    """Run the parts that were asked for, print the table, write the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--only", action="append", choices=PARTS, help="only this part")
    parser.add_argument("--alerts", type=int, default=flood.ALERTS, help="in a flood")
    parser.add_argument("--output", type=Path, default=PLACE / "results.json", metavar="FILE")
    options = parser.parse_args()
    parts = options.only or PARTS
    PLACE.mkdir(parents=True, exist_ok=True)
    facts = machine_facts(PLACE)
    if facts["filesystem"] in ("tmpfs", "ramfs"):
        print("the folder of the benchmark is in memory: its floods say nothing", file=sys.stderr)
    rows: list[Row] = []
    problems: list[str] = []
    with tempfile.TemporaryDirectory(dir=PLACE) as folder:
        if "native" in parts:
            _say("verify and parse, against CPython")
            rounds, seconds = (7, 0.05) if options.quick else (31, 0.06)
            rows += native_ratio.measure(REPOSITORY, BINARY, rounds, seconds)
        if "service" in parts:
            _say("start and memory")
            rows += service.measure(Path(folder), 3 if options.quick else 9)
        if "flood" in parts:
            _say(f"{options.alerts:,} alerts")
            found, problems = flood.measure(Path(folder), 1 if options.quick else 3, options.alerts)
            rows += found
    print_table(rows, facts)
    results = {"machine": facts, "rows": [row.as_json() for row in rows], "problems": problems}
    options.output.write_text(json.dumps(results, indent=1) + "\n")
    for problem in problems:
        print(f"WRONG: {problem}", file=sys.stderr)
    if problems:
        return 1
    return 2 if any(row.met is False for row in rows) else 0


def _say(what: str) -> None:
    print(f"measuring: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
