"""Plans which alerts are due when: the steady stream of a fleet, its storms, and disorder."""

import heapq
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count, islice, takewhile
from typing import Any, Literal, get_args

from incm_webhook.sender.samples import Device, Wire
from incm_webhook.simulator.fleet import Fleet

SEEDED_START = datetime(2025, 1, 6, 10, 0, tzinfo=UTC)  # the day of the guide's example

STORM_FIRST_S = 1.0
STORM_EVERY_S = 10.0
STORM_LASTS_S = 3.0
_FLAP_SHARE = 1 / 3
_LATE_SHARE = 1 / 4
_LATE_PLACES = 20

_ORDINARY, _STORM_BEGINS, _STORM_ENDS = range(3)


@dataclass(frozen=True, slots=True)
class Planned:
    """One alert of a plan.

    Attributes:
        at_s: when it is due, in seconds after the start; never less than in the alert before it.
        alert: the parsed body.
        wire: how the body is spelled.
    """

    at_s: float
    alert: dict[str, Any]
    wire: Wire


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """The plan of a run: an iterable of the alerts to send.

    Shape: it can be iterated any number of times; with a seed each time gives the same alerts,
    with the same `_id` and times.
    Threads: immutable; each iterator in one thread at a time.
    Source: docs/protocol.md, The fields of an alert; storms, flapping and disorder are our own
    choice.

    Attributes:
        devices: the size of the fleet.
        rate: alerts a second, evenly; the alerts of storms are added to these.
        duration_s: end after so many seconds; None for no end.
        limit: end after so many alerts; None for no end.
        storm: whether a whole group goes offline at once, one second after the start and then
            every ten seconds, and comes back at once three seconds later.
        flap: whether a few devices that go offline and come back raise a third of the alerts.
        reorder: whether a quarter of the alerts are sent after up to twenty later alerts.
        wire: a spelling of `samples.spell`, or "mixed" for a random one for each alert.
        seed: makes the run repeatable and its times begin at `SEEDED_START`; None does neither.
    """

    devices: int = 500
    rate: float = 50.0
    duration_s: float | None = None
    limit: int | None = None
    storm: bool = False
    flap: bool = False
    reorder: bool = False
    wire: Wire | Literal["mixed"] = "python"
    seed: int | None = None

    def __iter__(self) -> Iterator[Planned]:
        """Plan the run from its start, lazily."""
        seeded = self.seed is not None
        start = SEEDED_START if seeded else datetime.now(UTC).replace(microsecond=0)
        rng, disorder, wires = (
            random.Random(f"{self.seed}/{use}" if seeded else None)  # noqa: S311 - no secret
            for use in ("fleet", "disorder", "wires")
        )
        alerts = self._raised(Fleet(self.devices, rng, start), rng, start)
        if self.duration_s is not None:
            end_s = self.duration_s
            alerts = takewhile(lambda one: one[0] < end_s, alerts)
        alerts = islice(alerts, self.limit)
        if self.reorder:
            alerts = _disordered(alerts, disorder)
        for at_s, alert in alerts:
            wire = wires.choice(get_args(Wire)) if self.wire == "mixed" else self.wire
            yield Planned(at_s, alert, wire)

    def _raised(
        self, fleet: Fleet, rng: random.Random, start: datetime
    ) -> Iterator[tuple[float, dict[str, Any]]]:
        """Yield alerts without end, in the order in which they arise."""
        struck: list[Device] = []
        for at_s, kind in self._moments():
            moment = start + timedelta(seconds=at_s)
            if kind == _ORDINARY:
                flaps = self.flap and rng.random() < _FLAP_SHARE
                yield at_s, fleet.raise_flap(moment) if flaps else fleet.raise_any(moment)
                continue
            if kind == _STORM_BEGINS:
                struck = rng.choice(fleet.groups)
            for device in struck:
                if fleet.is_offline(device) == (kind == _STORM_ENDS):
                    yield at_s, fleet.toggle(device, moment)

    def _moments(self) -> Iterator[tuple[float, int]]:
        ordinary = ((n / self.rate, _ORDINARY) for n in count())
        if not self.storm:
            return ordinary
        begins = (STORM_FIRST_S + n * STORM_EVERY_S for n in count())
        storms = (
            moment
            for at_s in begins
            for moment in ((at_s, _STORM_BEGINS), (at_s + STORM_LASTS_S, _STORM_ENDS))
        )
        return heapq.merge(ordinary, storms)


def _disordered(
    alerts: Iterator[tuple[float, dict[str, Any]]], rng: random.Random
) -> Iterator[tuple[float, dict[str, Any]]]:
    """Yield some alerts after later ones; no alert is due before it arises."""
    held: list[tuple[int, int, dict[str, Any]]] = []
    at_s = 0.0
    for place, (at_s, alert) in enumerate(alerts):
        late = rng.randint(1, _LATE_PLACES) if rng.random() < _LATE_SHARE else 0
        heapq.heappush(held, (place + late, place, alert))
        while held and held[0][0] <= place:
            yield at_s, heapq.heappop(held)[2]
    while held:
        yield at_s, heapq.heappop(held)[2]
