"""How much longer an answer takes while old alerts are pruned.

The load is fixed. Both servers have the same inbox of old, delivered alerts; one of them has begun
to prune it before the first alert comes, and is not done with it after the last.
"""

import os
import shutil
import statistics
import tempfile
from pathlib import Path

import large
import paced
import throughput
from engine import NOOP
from service import Server
from table import Row

RATE = 5_000.0
CONNECTIONS = 32
DELAY_TARGET_MS = 50.0


def _turn(folder: Path, old: Path, retention: str, seconds: float) -> tuple[float, float, float]:
    """Return p99 and longest of the answers in ms, and how many alerts were pruned meanwhile."""
    inbox = folder / "old.db"
    shutil.copyfile(old, inbox)
    os.sync()  # or each fsync of the server would wait for the copy
    with Server(folder, (str(NOOP),), inbox, f'retention = "{retention}"') as server:
        requests = throughput.prepare(int(RATE * seconds), server.address)[1]
        before = server.metrics()["incm_webhook_inbox_alerts"]
        answers, _ = paced.send(server.address, requests, RATE, CONNECTIONS)
        after = server.metrics()["incm_webhook_inbox_alerts"]
        server.stop()
    pruned = before + len(answers) - after
    times = [answer.seconds * 1e3 for answer in answers]
    return statistics.quantiles(times, n=100)[98], max(times), pruned / seconds


def measure(place: Path, rounds: int, seconds: float, stored: int) -> list[Row]:
    """Let a server that prunes and one that does not take turns.

    Args:
        place: where the inbox of old alerts is kept, and the folders are made.
        rounds: how often.
        seconds: how long the load of a turn lasts.
        stored: how many old alerts there are.

    Returns:
        The rows.
    """
    old = large.build(place, stored)
    turns: dict[str, list[tuple[float, float, float]]] = {"off": [], "1d": []}
    for number in range(rounds):
        for retention in turns if number % 2 == 0 else reversed(turns):
            with tempfile.TemporaryDirectory(dir=place) as folder:
                turns[retention].append(_turn(Path(folder), old, retention, seconds))
    without, with_it = (list(zip(*some, strict=True)) for some in turns.values())
    return [
        Row(
            "while pruning: p99 of the answers, - without",
            [one - other for one, other in zip(with_it[0], without[0], strict=True)],
            "ms",
            at_most=DELAY_TARGET_MS,
        ),
        Row("while pruning: answer, p99", with_it[0], "ms"),
        Row("while pruning: answer, longest", with_it[1], "ms"),
        Row("without pruning: answer, p99", without[0], "ms"),
        Row("without pruning: answer, longest", without[1], "ms"),
        Row(f"alerts pruned a second, beside {RATE:,.0f} that come", with_it[2], "1/s"),
    ]
