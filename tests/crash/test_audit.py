"""The audit sees what the other tests hope not to see."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from crash.audit import Audit, audit
from crash.senders import Acknowledged, body_of, post
from crash.server import Server, recording

ALERTS = 5


@pytest.fixture
def acknowledged(tmp_path: Path) -> list[Acknowledged]:
    """What a server that has ended has acknowledged, stored and delivered."""
    with Server(tmp_path, recording("plain", tmp_path)) as server:
        server.start()
        answers, _ = post(server.url, [body_of(random.Random(n)) for n in range(ALERTS)])
        server.drain()
    return answers


def audit_after(folder: Path, acknowledged: list[Acknowledged], sql: str) -> Audit:
    """Damage the inbox, and audit."""
    with closing(sqlite3.connect(folder / "inbox.db")) as database, database:
        database.executescript(sql)
    return audit(folder / "inbox.db", acknowledged, {"plain": folder / "plain.log"})


def test_nothing_is_found_where_nothing_is_wrong(
    tmp_path: Path, acknowledged: list[Acknowledged]
) -> None:
    found = audit_after(tmp_path, acknowledged, "SELECT 1")
    found.assert_clean()
    assert (found.acknowledged, found.stored) == (ALERTS, ALERTS)


def test_a_lost_alert_is_found(tmp_path: Path, acknowledged: list[Acknowledged]) -> None:
    found = audit_after(tmp_path, acknowledged, "DELETE FROM alert WHERE id = 3")
    assert [one.number for one in found.lost] == [3]


def test_another_content_is_found(tmp_path: Path, acknowledged: list[Acknowledged]) -> None:
    change = "UPDATE alert SET text = CAST(replace(text, 'status', 'state') AS BLOB) WHERE id = 3"
    assert [one.number for one in audit_after(tmp_path, acknowledged, change).lost] == [3]


def test_an_alert_that_is_stored_twice_and_not_delivered_is_found(
    tmp_path: Path, acknowledged: list[Acknowledged]
) -> None:
    copy = (
        "CREATE TEMP TABLE copy AS SELECT * FROM alert WHERE id = 3; UPDATE copy SET id = 99;"
        "INSERT INTO alert SELECT * FROM copy"
    )
    found = audit_after(tmp_path, acknowledged, copy)
    assert acknowledged[2].id in found.stored_twice
    assert found.undelivered == [("plain", 99)]


def test_a_key_that_changes_is_found(tmp_path: Path, acknowledged: list[Acknowledged]) -> None:
    record = tmp_path / "plain.log"
    line = record.read_text().splitlines()[1]
    with record.open("a") as file:
        file.write(line.replace('"key": "', '"key": "another-') + "\n")
    found = audit_after(tmp_path, acknowledged, "SELECT 1")
    assert len(found.wrong_keys) == 2
