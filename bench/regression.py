"""Whether a run is clearly worse than the committed one.

Only ratios are compared: both of their sides took turns within one run, so they also mean something
on another machine or beside other work.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

TOLERANCE = 1 / 3


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the comparison of two runs showed, in sentences.

    Attributes:
        worse: ratios that are worse by more than the tolerance.
        unknown: ratios that the committed run does not have.
        compared: how many ratios both have.
    """

    worse: list[str]
    unknown: list[str]
    compared: int


def compare(
    rows: Sequence[Mapping[str, Any]], committed: Sequence[Mapping[str, Any]]
) -> Comparison:
    """Compare the medians of the ratios of two runs.

    Args:
        rows: of this run, as Row.as_json makes them; those with `better` are compared.
        committed: of the committed run, found by name.
    """
    before = {row["name"]: float(row["median"]) for row in committed}
    worse, unknown, compared = [], [], 0
    for row in rows:
        if row["better"] is None:
            continue
        name, now = row["name"], float(row["median"])
        if name not in before:
            unknown.append(f"{name}: {now:.3g} now, and no committed figure")
            continue
        compared += 1
        then = before[name]
        less_is_better = row["better"] == "less"
        limit = then * (1 + TOLERANCE if less_is_better else 1 - TOLERANCE)
        if now > limit if less_is_better else now < limit:
            wanted = "at most" if less_is_better else "at least"
            worse.append(f"{name}: {now:.3g} now, {then:.3g} committed, {wanted} {limit:.3g}")
    return Comparison(worse, unknown, compared)
