"""Compares what was acknowledged and what plugins got with what is in the inbox."""

import contextlib
import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crash.senders import Acknowledged, digest_of


@dataclass
class Audit:
    """The result of an audit.

    Attributes:
        acknowledged: how many answers were 200.
        stored: how many alerts the inbox holds.
        lost: acknowledged, but not in the inbox under the number and with the content.
        stored_twice: contents and `_id`s that are in the inbox more than once.
        undelivered: plugin and number of stored alerts that the plugin did not take.
        wrong_keys: plugin and delivery key: one key for two alerts, or two keys for one alert.
        integrity: the result of SQLite's integrity_check.
    """

    acknowledged: int = 0
    stored: int = 0
    lost: list[Acknowledged] = field(default_factory=list)
    stored_twice: list[str] = field(default_factory=list)
    undelivered: list[tuple[str, int]] = field(default_factory=list)
    wrong_keys: list[tuple[str, str]] = field(default_factory=list)
    integrity: str = "ok"

    def figures(self) -> str:
        """Return it as one line."""
        return (
            f"acknowledged {self.acknowledged}, lost {len(self.lost)}, "
            f"stored twice {len(self.stored_twice)}, "
            f"delivered less than once {len(self.undelivered)}"
        )

    def assert_clean(self, hint: object = "") -> None:
        """Fail unless every promise was kept; hint: how to repeat the run."""
        wrong = (self.lost, self.stored_twice, self.undelivered, self.wrong_keys)
        assert not any(wrong), f"{self.figures()}; {[one[:5] for one in wrong]}; {hint}"
        assert self.integrity == "ok", f"{self.integrity}; {hint}"


@contextlib.contextmanager
def reading(inbox: Path) -> Iterator[sqlite3.Connection]:
    """Open the inbox without the right to change it."""
    with contextlib.closing(sqlite3.connect(f"file:{inbox}?mode=ro", uri=True)) as database:
        yield database


def audit(
    inbox: Path, acknowledged: Sequence[Acknowledged], records: dict[str, Path] | None = None
) -> Audit:
    """Read an inbox that no server has open.

    Args:
        inbox: its file.
        acknowledged: every 200.
        records: for each plugin that shall have had every alert, what it recorded.
    """
    found = Audit(acknowledged=len(acknowledged))
    with reading(inbox) as database:
        found.integrity = database.execute("PRAGMA integrity_check").fetchone()[0]
        alerts = {
            number: (str(json.loads(text)["_id"]), digest_of(text))
            for number, text in database.execute("SELECT id, text FROM alert")
        }
    found.stored = len(alerts)
    found.lost = [one for one in acknowledged if alerts.get(one.number) != (one.id, one.digest)]
    found.stored_twice = _repeated(one[0] for one in alerts.values())
    found.stored_twice += _repeated(one[1] for one in alerts.values())
    for plugin, path in (records or {}).items():
        _audit_plugin(found, plugin, lines_of(path), {n: one[0] for n, one in alerts.items()})
    return found


def _repeated(values: Iterable[str]) -> list[str]:
    return [value for value, times in Counter(values).items() if times > 1]


def lines_of(path: Path) -> list[dict[str, Any]]:
    """Read what plugins/record.py wrote; a line that a kill cut is none."""
    lines = []
    for line in path.read_text().splitlines() if path.exists() else []:
        with contextlib.suppress(ValueError):
            lines.append(json.loads(line))
    return lines


def _audit_plugin(
    found: Audit, plugin: str, lines: list[dict[str, Any]], alerts: dict[int, str]
) -> None:
    keys: dict[tuple[int, str], set[str]] = defaultdict(set)
    for line in lines:
        keys[line["number"], line["id"]].add(line["key"])
    uses = Counter(key for one in keys.values() for key in one)
    found.wrong_keys += [
        (plugin, key) for one in keys.values() for key in one if len(one) > 1 or uses[key] > 1
    ]
    delivered = {(line["number"], line["id"]) for line in lines if line["delivered"]}
    found.undelivered += [(plugin, one[0]) for one in alerts.items() if one not in delivered]
