"""Whether a plugin that hangs slows the answers, or the deliveries of another plugin.

The load is fixed, half of what the server can take.
"""

import sqlite3
import statistics
import tempfile
from pathlib import Path

import paced
import replay
import throughput
from engine import NOOP
from service import Server
from table import Row

HANG = NOOP.with_name("hang.py")
CONNECTIONS = 64
RATIO_TARGET = 2.0
_PROBE_ALERTS = 5_000  # for the top rate


def _delays_ms(inbox: Path, answered_at: dict[int, float]) -> list[float]:
    """How long after its answer each alert was delivered to the no-op plugin."""
    with sqlite3.connect(f"{inbox.absolute().as_uri()}?mode=ro", uri=True) as database:
        rows = database.execute(
            "SELECT alert_id, ended_at_ms FROM attempt JOIN plugin ON plugin.id = plugin_id"
            " WHERE plugin.name = ? AND outcome = 'delivered'",
            (NOOP.stem,),
        ).fetchall()
    database.close()
    if len(rows) != len(answered_at):
        raise RuntimeError(f"{len(rows)} of {len(answered_at)} alerts were delivered")
    return [max(0.0, ended_ms - answered_at[alert_id] * 1e3) for alert_id, ended_ms in rows]


def _top_rate(place: Path) -> float:
    """Answers in a second when every connection sends as fast as it can."""
    with tempfile.TemporaryDirectory(dir=place) as name:
        folder = Path(name)
        requests = folder / "requests"
        replay.write(requests, throughput.prepare(_PROBE_ALERTS, "127.0.0.1")[1])
        with Server(folder, (str(NOOP),)) as server:
            return replay.send(requests, server.address, CONNECTIONS).rate


def _turn(
    place: Path, plugins: tuple[str, ...], seconds: float, rate: float
) -> tuple[float, float, float]:
    """Return the p99 of the answers, and the p50 and p99 of the deliveries after them, in ms."""
    with (
        tempfile.TemporaryDirectory(dir=place) as folder,
        Server(Path(folder), plugins) as server,
    ):
        requests = throughput.prepare(int(rate * seconds), server.address)[1]
        answers, answered_at = paced.send(server.address, requests, rate, CONNECTIONS)
        server.wait_until_open(len(answers) * (len(plugins) - 1))  # all but the no-op's
        delays = _delays_ms(server.inbox, answered_at)
    # Killed, not stopped: a stop would wait for the hanging plugin.
    tail = statistics.quantiles([answer.seconds * 1e3 for answer in answers], n=100)
    delay = statistics.quantiles(delays, n=100)
    return tail[98], delay[49], delay[98]


def measure(place: Path, rounds: int, seconds: float) -> list[Row]:
    """Let servers with and without the hanging plugin take turns.

    Args:
        place: where their folders are made.
        rounds: how often.
        seconds: how long the load of a turn lasts.

    Returns:
        The rows.
    """
    rate = _top_rate(place) / 2
    sides = ((str(NOOP),), (str(NOOP), str(HANG)))
    turns: dict[tuple[str, ...], list[tuple[float, float, float]]] = {one: [] for one in sides}
    for number in range(rounds):
        for plugins in sides if number % 2 == 0 else reversed(sides):
            turns[plugins].append(_turn(place, plugins, seconds, rate))
    alone, beside = (list(zip(*turns[one], strict=True)) for one in sides)
    answer, _, delay = (
        [one / other for one, other in zip(some, others, strict=True)]
        for some, others in zip(beside, alone, strict=True)
    )
    rows = [
        Row(
            "beside a hanging plugin: p99 of the answers, / without it",
            answer,
            "",
            median_at_most=RATIO_TARGET,
        ),
        Row("beside a hanging plugin: p99 of answer to delivered, / without it", delay, ""),
        Row("load of the above, half of the top rate", [rate], "1/s"),
    ]
    for name, (tail, p50, p99) in (("no-op plugin alone", alone), ("beside a hanging one", beside)):
        rows += [
            Row(f"{name}: answer, p99", tail, "ms"),
            Row(f"{name}: from answer to delivered, p50", p50, "ms"),
            Row(f"{name}: from answer to delivered, p99", p99, "ms"),
        ]
    return rows
