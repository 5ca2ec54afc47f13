"""What `./dev bench --quick` calls worse than the committed run."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCH = Path(__file__).parents[2] / "bench"


@pytest.fixture(scope="module")
def regression() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_regression", BENCH / "regression.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def row(name: str, median: float, better: str | None) -> dict[str, Any]:
    return {"name": name, "median": median, "better": better}


@pytest.mark.parametrize(
    ("better", "now", "worse"),
    [
        ("more", 12.0, False),
        ("more", 6.01, False),
        ("more", 5.99, True),
        ("less", 6.0, False),
        ("less", 11.99, False),
        ("less", 12.01, True),
    ],
)
def test_a_third_is_the_limit(regression: ModuleType, better: str, now: float, worse: bool) -> None:
    found = regression.compare([row("x", now, better)], [row("x", 9.0, better)])
    assert (len(found.worse), found.compared, found.unknown) == (int(worse), 1, [])


def test_the_sentence_names_the_measure_and_both_ratios(regression: ModuleType) -> None:
    (line,) = regression.compare(
        [row("CPU / Poco", 3.0, "less")], [row("CPU / Poco", 2.0, "less")]
    ).worse
    assert line == "CPU / Poco: 3 now, 2 committed, at most 2.67"


def test_what_depends_on_the_machine_is_not_compared(regression: ModuleType) -> None:
    found = regression.compare([row("rate", 1.0, None)], [row("rate", 100.0, None)])
    assert (found.worse, found.compared) == ([], 0)


def test_a_ratio_without_a_committed_figure_is_reported(regression: ModuleType) -> None:
    found = regression.compare([row("new", 1.0, "more")], [])
    assert found.compared == 0
    assert found.unknown == ["new: 1 now, and no committed figure"]


def test_the_committed_run_can_be_read(regression: ModuleType) -> None:
    rows = json.loads((BENCH / "results.json").read_text())["rows"]
    name = "verify + parse, raw-signed: times as fast as CPython (hmac.new)"
    found = regression.compare([row(name, 1e9, "more")], rows)
    assert (found.worse, found.unknown, found.compared) == ([], [], 1)
