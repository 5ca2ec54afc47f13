"""How long `serve` takes until it is ready when it ended with many deliveries to be made."""

import os
import sqlite3
import tempfile
from pathlib import Path

import large
from engine import NOOP
from hanging import HANG
from service import Server
from table import Row

ALERTS = 500_000  # each open twice and dead once
READY_TARGET_S = 2.0
# Plugins that hang, so that all that is open stays it, and a kill finds some under way.
_PLUGINS = f"""
[[plugin]]
name = "plain"
use = "{HANG}"
[[plugin]]
name = "ordered"
use = "{HANG}"
order = "device"
[[plugin]]
name = "broken"
use = "{NOOP}"
"""
# The rows come with their alerts, so that those of a plugin are all over the file. A third of what
# is open failed before, and half of these are not due.
_OPEN = """
INSERT INTO delivery(plugin_id, alert_id, created_at_ms, attempts, due_at_ms, dead, error)
    SELECT plugin.id, alert.id, stored_at_ms, alert.id % 3 = 0,
        iif(alert.id % 6 = 0, 4000000000000, stored_at_ms), 0,
        iif(alert.id % 3 = 0, 'it is not there', NULL)
    FROM alert CROSS JOIN plugin WHERE alert.id > ?1 AND plugin.name IN ('plain', 'ordered')
"""
_DEAD = """
INSERT INTO delivery(plugin_id, alert_id, created_at_ms, attempts, due_at_ms, dead, error)
    SELECT plugin.id, alert.id, stored_at_ms, 9, stored_at_ms, 1,
        'ConnectionRefusedError: [Errno 111] Connection refused (broken.py:17)'
    FROM alert CROSS JOIN plugin WHERE alert.id > ?1 AND plugin.name = 'broken'
"""
_TOTAL = "UPDATE meta SET value = (SELECT count(*) FROM delivery WHERE dead = ?) WHERE key = ?"


def _fill(inbox: Path, count: int) -> None:
    large.fill(inbox, count, (_OPEN, _DEAD))
    with sqlite3.connect(inbox) as database:
        for dead, key in enumerate(("open", "dead")):
            database.execute(_TOTAL, (dead, key))
    database.close()


def _forget(inbox: Path) -> bool:
    """Let nothing be in the page cache; False when that is only so for the inbox itself."""
    os.sync()
    for path in inbox.parent.glob(f"{inbox.name}*"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3")
    except OSError:
        return False
    return True


def _make(place: Path, name: str) -> Path:
    """An inbox without alerts that knows the plugins."""
    with tempfile.TemporaryDirectory(dir=place) as folder:
        with Server(Path(folder), (str(NOOP),), plugin_settings=_PLUGINS) as server:
            server.stop()
        return server.inbox.rename(place / name)


def _ready_s(place: Path, inbox: Path) -> float:
    """Start a server, and kill it when it is ready."""
    with (
        tempfile.TemporaryDirectory(dir=place) as folder,
        Server(Path(folder), (str(NOOP),), inbox, plugin_settings=_PLUGINS) as server,
    ):
        return server.ready_s


def measure(place: Path, rounds: int, count: int = ALERTS) -> list[Row]:
    """Start after a kill, with and without what waits, and with nothing of it in memory.

    Args:
        place: where the folders are made.
        rounds: how often.
        count: how many alerts; twice as many deliveries are open, and as many are dead.

    Returns:
        The rows.
    """
    with tempfile.TemporaryDirectory(dir=place) as name:
        folder = Path(name)
        full, empty = _make(folder, "full.db"), _make(folder, "empty.db")
        _fill(full, count)
        cold, warm, nothing = [], [], []
        for _ in range(rounds):
            everything = _forget(full)
            cold.append(_ready_s(folder, full))
            warm.append(_ready_s(folder, full))
            nothing.append(_ready_s(folder, empty))
    what = f"{2 * count:,} open and {count:,} dead deliveries"
    kind = "nothing" if everything else "nothing of the inbox"
    return [
        Row(f"{what}: start to ready, {kind} in memory", cold, "s", at_most=READY_TARGET_S),
        Row(f"{what}: start to ready", warm, "s", at_most=READY_TARGET_S),
        Row("the same without any alert", nothing, "s"),
    ]
