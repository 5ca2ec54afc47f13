"""Whether an inbox that holds millions of alerts takes new ones as fast as an empty one."""

import hashlib
import random
import secrets
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import replay
import throughput
from engine import NOOP, Side, serve_turn
from service import Server
from table import Row

from incm_webhook import alert_types
from incm_webhook.sender import samples

ALERTS = 5_000_000
CONNECTIONS = 32
RATIO_TARGET = 0.9
READY_TARGET_S = 2.0
_DAYS_MS = 80 * 86_400_000  # younger than the retention, so that nothing is pruned meanwhile
_DEVICES = 5_000
_CHUNK = 10_000
_GROWTH = 1.25  # what runs may add before the inbox is made anew
_ROW_BYTES = 1_500  # of disk for one alert, with room to spare
_INSERTS = (
    "INSERT INTO seen VALUES (?, ?, ?)",
    "INSERT INTO alert VALUES (?, '/webhook', ?, 'raw', ?, ?, ?, ?, NULL)",
    "INSERT INTO attempt VALUES (?, 1, 1, ?, ?, 2, 'delivered', NULL)",
)


def _alerts(count: int) -> Iterator[tuple[tuple[object, ...], ...]]:
    """Make up the rows of an alert, one for each of _INSERTS."""
    rng = random.Random()
    types = [one.name for one in alert_types()]
    devices = [secrets.token_hex(12) for _ in range(_DEVICES)]
    spelt = {name: samples.sample(name, rng=rng) for name in types}
    texts = {name: (samples.spell(one), one["_id"], one["deviceId"]) for name, one in spelt.items()}
    begin_ms = time.time_ns() // 1_000_000 - _DAYS_MS
    for alert_id in range(1, count + 1):
        name = types[rng.randrange(len(types))]
        text, old_id, old_device = texts[name]
        device = devices[rng.randrange(_DEVICES)]
        at_ms = begin_ms + _DAYS_MS * alert_id // count
        new_id = f"{at_ms // 1000:08x}{rng.getrandbits(64):016x}"
        text = text.replace(old_id.encode(), new_id.encode())
        text = text.replace(old_device.encode(), device.encode())
        key = bytes.fromhex(new_id) + hashlib.sha256(text).digest()[12:]  # as the receiver's are
        yield (
            (key, alert_id, at_ms),
            (alert_id, at_ms, name, device, text, at_ms),
            (alert_id, at_ms, at_ms + 2),
        )


def fill(inbox: Path, count: int, more: Sequence[str] = ()) -> None:
    """Add alerts that plugin 1 got to a fresh inbox of a server that has stopped.

    Args:
        inbox: the database, without alerts.
        count: how many alerts.
        more: SQL for each 10,000 of them, whose numbers are above ?1.
    """
    database = sqlite3.connect(inbox, isolation_level=None)
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-500000"):
        database.execute(f"PRAGMA {pragma}")
    database.execute("BEGIN")
    alerts = _alerts(count)
    for begin in range(0, count, _CHUNK):
        chunk = islice(alerts, _CHUNK)
        for insert, rows in zip(_INSERTS, zip(*chunk, strict=True), strict=True):
            database.executemany(insert, rows)
        for sql in more:
            database.execute(sql, (begin,))
    for key in ("last_alert_id", "alerts"):
        database.execute("UPDATE meta SET value = ? WHERE key = ?", (count, key))
    database.execute("COMMIT")
    database.execute("PRAGMA journal_mode=WAL")
    database.close()


def _held(inbox: Path) -> int:
    """How many alerts an inbox has."""
    database = sqlite3.connect(f"{inbox.absolute().as_uri()}?mode=ro", uri=True)
    (alerts,) = database.execute("SELECT value FROM meta WHERE key = 'alerts'").fetchone()
    database.close()
    return int(alerts)


def build(place: Path, count: int) -> Path:
    """Make an inbox with so many delivered alerts, unless an earlier run has left one.

    Its tables are made by `serve`. Alerts of later runs stay in it, up to a quarter.

    Args:
        place: a folder that is kept.
        count: how many alerts.

    Returns:
        The database.
    """
    inbox = place / f"large-{count}.db"
    if inbox.exists():
        if _held(inbox) <= count * _GROWTH:
            return inbox
        inbox.unlink()
    if shutil.disk_usage(place).free < count * _ROW_BYTES:
        sys.exit(f"an inbox of {count:,} alerts has no room in {place}: ask for less with --stored")
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(dir=place) as folder:
        with Server(Path(folder), (str(NOOP),)) as server:
            server.stop()
        fill(server.inbox, count)
        server.inbox.rename(inbox)
    print(f"made {inbox.name} in {time.monotonic() - begin:.0f} s", file=sys.stderr)
    return inbox


def measure(place: Path, rounds: int, count: int, stored: int) -> tuple[list[Row], list[str]]:
    """Send alerts to a server with the large inbox and to one with an empty inbox, in turns.

    Args:
        place: where the large inbox is kept, and the folders are made.
        rounds: how often.
        count: how many alerts in a turn.
        stored: how many the large inbox holds.

    Returns:
        The rows, and what went wrong.
    """
    large = build(place, stored)
    sides = {"empty": Side(), "large": Side()}
    ready: list[float] = []
    problems: list[str] = []
    for number in range(rounds):
        with tempfile.TemporaryDirectory(dir=place) as folder:
            requests = Path(folder) / "requests"
            replay.write(requests, throughput.prepare(count, "127.0.0.1", seed=number)[1])
            for name in ("empty", "large") if number % 2 == 0 else ("large", "empty"):
                home = Path(folder) / name
                home.mkdir()
                with Server(home, (str(NOOP),), large if name == "large" else None) as server:
                    if name == "large":
                        ready.append(server.ready_s)
                    problems += serve_turn(sides[name], server, requests, CONNECTIONS)
                    server.stop()
    empty, full = sides.values()
    ratio = [one / other for one, other in zip(full.answers, empty.answers, strict=True)]
    whole = [one / other for one, other in zip(full.settled, empty.settled, strict=True)]
    name = f"{stored:,} alerts stored"
    return [
        Row(f"{name}: rate of answers / with an empty inbox", ratio, "", at_least=RATIO_TARGET),
        Row(f"{name}: whole path / with an empty inbox", whole, ""),
        Row(f"{name}: from start to ready", ready, "s", at_most=READY_TARGET_S),
        Row(f"{name}: answers", full.answers, "1/s"),
        Row("empty inbox: answers", empty.answers, "1/s"),
        Row(f"{name}: CPU for an alert", full.cpu_us, "us"),
        Row("empty inbox: CPU for an alert", empty.cpu_us, "us"),
    ], problems
