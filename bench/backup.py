"""What a backup costs the answers of a large inbox that takes alerts at a fixed rate."""

import json
import statistics
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any, Self

import large
import paced
import throughput
from engine import NOOP
from service import Server
from table import Row

STORED = 600_000
RATE = 200.0
CONNECTIONS = 8
_LOOK_S = 0.05
_MIB = 1024 * 1024


class _Copies:
    """Backs the inbox up again and again, until the end of the block."""

    def __init__(self, server: Server, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._over = threading.Event()
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._make)
        self.rates: list[float] = []  # of each whole copy, in MiB a second

    def __enter__(self) -> Self:
        self._thread.start()
        self._begun.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _make(self) -> None:
        file = self._folder / "copy.db"
        while not self._over.is_set():
            begin = time.monotonic()
            self._ask("/backup", {"file": str(file)})
            self._begun.set()
            while (now := self._ask("/backup/progress"))["state"] == "running":
                if self._over.wait(_LOOK_S):
                    self._ask("/backup/cancel", {})
            if now["state"] == "done":
                self.rates.append(now["bytes"] / _MIB / (time.monotonic() - begin))
                file.unlink()
            elif not self._over.is_set():
                raise RuntimeError(f"no backup was made: {now['error']}")

    def _ask(self, path: str, body: dict[str, str] | None = None) -> dict[str, Any]:
        request = urllib.request.Request(
            f"{self._server.admin_url}/api/v1{path}",
            None if body is None else json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            progress: dict[str, Any] = json.load(answer)
            return progress


def _turn(server: Server, seconds: float, seed: int) -> tuple[float, float]:
    """Return p50 and p99 of the answers in ms."""
    requests = throughput.prepare(int(RATE * seconds), server.address, seed)[1]
    answers, _ = paced.send(server.address, requests, RATE, CONNECTIONS)
    times = [answer.seconds * 1e3 for answer in answers]
    return statistics.median(times), statistics.quantiles(times, n=100)[98]


def measure(place: Path, rounds: int, seconds: float, stored: int) -> list[Row]:
    """Let turns beside a backup and turns without follow each other, on one server.

    Args:
        place: where the large inbox is kept, and the copies are made.
        rounds: how often.
        seconds: how long the load of a turn lasts.
        stored: how many alerts the inbox holds.

    Returns:
        The rows.
    """
    inbox = large.build(place, stored)
    alone: list[tuple[float, float]] = []
    beside: list[tuple[float, float]] = []
    rates: list[float] = []
    with (
        tempfile.TemporaryDirectory(dir=place) as folder,
        Server(Path(folder), (str(NOOP),), inbox) as server,
    ):
        _turn(server, 1.0, time.time_ns())  # does not count
        for number in range(rounds):
            for with_it in (False, True) if number % 2 == 0 else (True, False):
                seed = time.time_ns()  # the inbox has those of earlier runs
                if not with_it:
                    alone.append(_turn(server, seconds, seed))
                    continue
                with _Copies(server, Path(folder)) as copies:
                    beside.append(_turn(server, seconds, seed))
                rates += copies.rates
        server.stop()
    rows = [
        Row(f"{when}: answer, {name}", [one[place_of] for one in turns], "ms")
        for place_of, name in enumerate(("p50", "p99"))
        for when, turns in (("without a backup", alone), ("beside a backup", beside))
    ]
    for place_of, name in enumerate(("p50", "p99")):
        ratio = [one[place_of] / other[place_of] for one, other in zip(beside, alone, strict=True)]
        rows.append(Row(f"beside a backup: {name} of the answers / without", ratio, "x"))
    size = inbox.stat().st_size / _MIB
    return [*rows, Row(f"a backup of {size:,.0f} MiB", rates or [0.0], "MiB/s")]
