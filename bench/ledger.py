"""Whether every acknowledged alert is in the inbox and in the jsonl file, once."""

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SHOWN = 3


def problems_of(inbox: Path, lines: Path, sent: Mapping[str, bytes], acked: set[str]) -> list[str]:
    """Compare what was acknowledged with what is on the disk.

    Args:
        inbox: the database of a server that has stopped.
        lines: the file of its jsonl plugin.
        sent: the `_id` and body of all alerts, each its own canonical text.
        acked: the `_id` of those that were answered with 200.

    Returns:
        A sentence for each thing that is wrong; empty when all is well.
    """
    stored, found = _in_inbox(inbox, sent)
    in_file, also = _in_file(lines, sent, stored)
    found += also
    found += _compare("the inbox", stored.values(), acked)
    return found + _compare("the jsonl file", in_file, acked)


def _in_inbox(inbox: Path, sent: Mapping[str, bytes]) -> tuple[dict[int, str], list[str]]:
    """Read the `_id` of each alert by its number, and what is odd about the tables."""
    found = []
    stored: dict[int, str] = {}
    with sqlite3.connect(f"{inbox.absolute().as_uri()}?mode=ro", uri=True) as database:
        (state,) = database.execute("PRAGMA quick_check").fetchone()
        if state != "ok":
            found.append(f"the inbox is damaged: {state}")
        for number, text in database.execute("SELECT id, text FROM alert"):
            stored[number] = _id_of(bytes(text))
            if sent.get(stored[number]) != bytes(text):
                found.append(f"alert {number} is not what was sent")
        seen = [number for (number,) in database.execute("SELECT alert_id FROM seen")]
        if sorted(seen) != sorted(stored):
            found.append("seen and alert do not name the same alerts, each once")
        (left,) = database.execute("SELECT count(*) FROM delivery").fetchone()
        if left:
            found.append(f"{left} deliveries are still to be made")
        (other,) = database.execute(
            "SELECT count(*) FROM attempt WHERE outcome <> 'delivered'"
        ).fetchone()
        if other:
            found.append(f"{other} attempts did not deliver")
    database.close()
    return stored, found


def _in_file(
    lines: Path, sent: Mapping[str, bytes], stored: Mapping[int, str]
) -> tuple[list[str], list[str]]:
    """Read the `_id` of each line, and what is odd about the lines."""
    found = []
    ids: list[str] = []
    for line in lines.read_bytes().splitlines():
        row: dict[str, Any] = json.loads(line)
        name = str(row["alert"]["_id"])
        ids.append(name)
        if stored.get(row["inbox_id"]) != name:
            found.append(f"the line of {name} has another number than the inbox")
        if not line.endswith(b',"alert":' + sent.get(name, b"?") + b"}"):
            found.append(f"the line of {name} is not what was sent")
    return ids, found


def _compare(place: str, names: Any, acked: set[str]) -> list[str]:
    counts = Counter(names)
    lost = acked - counts.keys()
    twice = {name for name, count in counts.items() if count > 1}
    unasked = counts.keys() - acked
    return [
        f"{place}: {len(some)} alerts {what}, such as {', '.join(sorted(some)[:SHOWN])}"
        for some, what in (
            (lost, "were answered with 200 and are not there"),
            (twice, "are there more than once"),
            (unasked, "are there and were not answered with 200"),
        )
        if some
    ]


def _id_of(text: bytes) -> str:
    return str(json.loads(text)["_id"])
