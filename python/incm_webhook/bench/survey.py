"""Measures a receiver in three ways: as fast as it answers, one at a time, at half of its rate."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from incm_webhook.bench.load import Load, LoadTest
from incm_webhook.bench.run import run

PARTS = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """How a receiver is measured.

    Attributes:
        url: where it takes alerts.
        secret: the webhook's secret token; None signs nothing.
        connections: how many are used for the first and the third part.
        duration_s: how long each part takes.
        rate: alerts a second of the third part; None: half of what the first part reached.
        wire: how the JSON is spelled.
    """

    url: str
    secret: bytes | None
    connections: int
    duration_s: float
    rate: float | None
    wire: str


@dataclass(frozen=True, slots=True)
class Survey:
    """The results.

    Attributes:
        parts: an object of JSON for each part that was run: `name`, and what `Report.as_dict`
            returns.
        stored: how many alerts the receiver has stored, with those that do not count.
        ok: whether every alert was answered with 200, in each part.
        complete: whether no part was ended early.
    """

    parts: list[dict[str, Any]]
    stored: int
    ok: bool
    complete: bool


def survey(plan: Plan, say: Callable[[str], None]) -> Survey:
    """Run the three parts.

    Args:
        plan: what is measured.
        say: gets the name of each part before it runs.

    Returns:
        The results. Ctrl-C ends the running part; the others are left out then.

    Raises:
        SendError: the receiver answered the first alert of a part with another status than 200.

    Threads: the main thread, because it handles Ctrl-C.
    """
    parts: list[dict[str, Any]] = []
    stored, ok, complete = 0, True, True
    for name, load in _loads(plan, parts):
        say(name)
        test = LoadTest(load)
        test.try_one()
        complete = run(test, load.duration_s)
        parts.append({"name": name, **test.report.as_dict()})
        stored += 1 + test.report.accepted
        ok = ok and test.report.ok
        if not complete:
            break
    return Survey(parts, stored, ok, complete)


def _loads(plan: Plan, parts: list[dict[str, Any]]) -> Iterator[tuple[str, Load]]:
    def load(connections: int, rate: float | None = None) -> Load:
        return Load(
            url=plan.url,
            secret=plan.secret,
            connections=connections,
            duration_s=plan.duration_s,
            rate=rate,
            wire=plan.wire,
        )

    yield "as fast as it answers", load(plan.connections)
    yield "one at a time", load(1)
    if plan.rate is not None:
        yield f"at {plan.rate:g} a second", load(plan.connections, plan.rate)
    elif (reached := parts[0]["rate"]) > 0:
        yield "at half of that rate", load(plan.connections, max(reached / 2, 1.0))
