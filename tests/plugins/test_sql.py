"""The plugin `sql`, on SQLite, PostgreSQL and MariaDB."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from incm_webhook import Alert, Reject, Retry, Unavailable
from incm_webhook.testing import Receiver, make_alert, run_plugin
from plugins.databases import Database, Server, Sqlite, locked
from plugins.hostile import HOSTILE
from plugins.targets.mariadb import PASSWORD, Mariadb, needs_mariadb
from plugins.targets.ports import free_port, wait_until
from plugins.targets.postgresql import Postgresql, needs_postgresql

SERVERS = [
    pytest.param("postgresql", marks=needs_postgresql),
    pytest.param("mariadb", marks=needs_mariadb),
]
NOON = datetime(2025, 1, 6, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture(scope="module")
def running() -> Iterator[dict[str, Any]]:
    """The servers that the tests of this module have started."""
    started: dict[str, Any] = {}
    yield started
    for one in started.values():
        one.__exit__(None, None, None)


def started(running: dict[str, Any], name: str) -> Any:
    if name not in running:
        running[name] = Postgresql() if name == "postgresql" else Mariadb()
    one = running[name]
    for table in ("alerts", "devices"):
        one.execute(f"DROP TABLE IF EXISTS {table}")
    return one


@pytest.fixture(params=["sqlite", *SERVERS])
def database(request: Any, running: dict[str, Any], tmp_path: Path) -> Database:
    if request.param == "sqlite":
        return Sqlite(tmp_path / "alerts.db")
    one: Database = started(running, request.param)
    return one


@pytest.fixture(params=SERVERS)
def server(request: Any, running: dict[str, Any]) -> Server:
    one: Server = started(running, request.param)
    return one


def settings(database: Database, **more: Any) -> dict[str, Any]:
    return {"url": database.url, **more}


def column(database: Database, name: str, table: str = "alerts", order: str = "") -> list[Any]:
    return [
        row[0] for row in database.execute(f"SELECT {name} FROM {table} ORDER BY {order or name}")
    ]


def text_of(moment: Any) -> str:
    """A time as each database gives it, as a text in UTC."""
    if isinstance(moment, datetime) and moment.tzinfo:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return str(moment)


def pair(**fields: Any) -> tuple[Alert, Alert]:
    """A lost device and its return, a minute later."""
    same = {"device_id": "d7", "entity_name": "pump-7", **fields}
    return (
        make_alert("disconnected", data=at(NOON), **same),
        make_alert("connected", data=at(NOON + timedelta(minutes=1)), **same),
    )


def at(moment: datetime) -> dict[str, Any]:
    return {"timestamp": moment.isoformat(), "serialNumber": "EF1", "retention": "300"}


def test_a_row_has_every_field(database: Database) -> None:
    alert = pair(priority=2, ack=True)[0]
    assert run_plugin("sql", alert, config=settings(database), key="k") == ["delivered"]
    names = (
        "delivery_key, inbox_id, endpoint, id, type, label, status, priority, retention,"
        "device_id, serial_number, entity_name, org_name, device_group_name, raw"
    )
    (row,) = database.execute(f"SELECT {names} FROM alerts")
    assert row == (
        *("k-1", 1, "/webhook", alert.id, "disconnected", "Disconnect from Platform"),
        *(alert.status, 2, 300, "d7", "EF1", "pump-7"),
        *(alert.org and alert.org.name, alert.device_group and alert.device_group.name),
        alert.raw.decode(),
    )
    assert column(database, "ack") in ([True], [1])


def test_times_are_in_utc_to_the_microsecond(database: Database) -> None:
    alert = make_alert("reboot", data={"timestamp": "2025-01-06T13:00:00.123456+01:00"})
    assert run_plugin("sql", alert, config=settings(database)) == ["delivered"]
    (moment,) = column(database, '"timestamp"' if isinstance(database, Sqlite) else "timestamp")
    assert text_of(moment) == "2025-01-06 12:00:00.123456"
    (received,) = column(database, "received_at")
    now = datetime.now(UTC).replace(tzinfo=None)
    assert abs(datetime.fromisoformat(text_of(received)) - now) < timedelta(minutes=10)


def test_an_alert_without_any_field_is_a_row(database: Database) -> None:
    assert run_plugin("sql", Alert.from_json(b"[]"), config=settings(database)) == ["delivered"]
    assert column(database, "raw") == ["[]"]
    assert column(database, "device_id", "devices") == []


def test_a_repetition_adds_nothing(database: Database) -> None:
    alert = make_alert("reboot")
    for attempt in (1, 2):
        config = settings(database)
        assert run_plugin("sql", alert, config=config, key="k", attempt=attempt) == ["delivered"]
    assert column(database, "delivery_key") == ["k-1"]


def test_a_batch_is_written_whole_also_when_a_part_is_there(database: Database) -> None:
    alerts = [make_alert("reboot", device_id=f"d{number % 9}") for number in range(64)]
    run_plugin("sql", *alerts[:10], config=settings(database), key="k")
    assert run_plugin("sql", *alerts, config=settings(database), key="k") == ["delivered"] * 64
    assert column(database, "count(*)") == [64]
    assert column(database, "device_id", "devices") == [f"d{number}" for number in range(9)]


def test_keys_differ_by_case(database: Database) -> None:
    alerts = [make_alert("reboot", device_id=one) for one in ("aB", "Ab")]
    for key, alert in zip(("k", "K"), alerts, strict=True):
        run_plugin("sql", alert, config=settings(database), key=key)
    assert sorted(column(database, "delivery_key")) == ["K-1", "k-1"]
    assert sorted(column(database, "device_id", "devices")) == ["Ab", "aB"]


STATE = "connected, connected_at, last_type, last_alert_at"


@pytest.mark.parametrize("together", [True, False])
def test_a_device_has_its_latest_state(database: Database, *, together: bool) -> None:
    """The order of arrival does not matter, neither in a batch nor between batches."""
    lost, back = pair()
    reboot = make_alert("reboot", device_id="d7", data=at(NOON + timedelta(minutes=5)))
    earlier = make_alert("connected", device_id="d7", data=at(NOON - timedelta(minutes=5)))
    for number, alerts in enumerate([(lost, reboot, earlier), (reboot, back, lost)]):
        for batch in [alerts] if together else [[one] for one in alerts]:
            assert set(run_plugin("sql", *batch, config=settings(database))) == {"delivered"}
        ((connected, since, last, moment),) = database.execute(f"SELECT {STATE} FROM devices")
        assert bool(connected) is bool(number)
        assert text_of(since) == f"2025-01-06 12:0{number}:00.123456"
        assert last == "reboot"
        assert text_of(moment) == "2025-01-06 12:05:00.123456"


def test_no_alert_about_the_connection_leaves_it_unknown(database: Database) -> None:
    run_plugin("sql", make_alert("reboot", device_id="d7"), config=settings(database))
    assert database.execute("SELECT connected, connected_at FROM devices") == [(None, None)]


def test_a_closed_alert_says_that_the_device_is_back(database: Database) -> None:
    closed = pair(status="closed", closed_at=NOON + timedelta(minutes=9))[0]
    run_plugin("sql", pair()[0], closed, config=settings(database))
    ((connected, since),) = database.execute("SELECT connected, connected_at FROM devices")
    assert connected in (True, 1)
    assert text_of(since).startswith("2025-01-06 12:09:00")


TEXTS = {
    "percent": "%s %(x)s :name ? \\",
    "nul": "a\x00b",
    "half a pair": "a\ud800b",
    "emoji": "🚰" * 300,
    "long": "仓" * 10_000,
    "blanks": "   ",
}


def hostile(text: str) -> Alert:
    """An alert with the text in every field that is a text."""
    body = json.loads(make_alert("disconnected").raw)
    for name in ("type", "title", "content", "entityName", "entityId", "entityType", "app"):
        body[name] = text
    body.update(_id=text, oid=text, deviceId=text, deviceGroupId=text, status=text)
    body["org"]["name"] = body["deviceGroup"]["name"] = text
    body["data"].update(serialNumber=text, reason=text)
    return Alert.from_json(json.dumps(body).encode())


def test_the_corpus_of_hostile_alerts_is_rows(database: Database) -> None:
    alerts = [Alert.from_json(body) for _, body in HOSTILE]
    assert set(run_plugin("sql", *alerts, config=settings(database))) == {"delivered"}
    assert column(database, "raw", order="inbox_id") == [
        one.raw.decode(errors="replace").replace("\x00", "\ufffd") for one in alerts
    ]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_any_text_is_a_value(database: Database, text: str) -> None:
    alert = hostile(text)
    assert run_plugin("sql", alert, config=settings(database)) == ["delivered"]
    ((content, title, kind, raw),) = database.execute(
        "SELECT content, title, type, raw FROM alerts"
    )
    expected = (alert.content or "").replace("\x00", "\ufffd").encode(errors="replace")
    assert content.encode(errors="replace").replace(b"?", "\ufffd".encode()) == expected.replace(
        b"?", "\ufffd".encode()
    )
    assert title == content
    assert len(kind) <= 255
    assert kind == content or (kind.endswith("…") and content.startswith(kind[:-1]))
    assert raw == alert.raw.decode().replace("\x00", "\ufffd")
    assert len(column(database, "device_id", "devices")) == (0 if not text.strip() else 1)


def test_numbers_beyond_64_bits_are_left_out(database: Database) -> None:
    body = json.dumps({"priority": 2**70, "data": {"retention": str(10**30)}})
    assert run_plugin("sql", Alert.from_json(body.encode()), config=settings(database)) == [
        "delivered"
    ]
    assert database.execute("SELECT priority, retention FROM alerts") == [(None, None)]


def refuse_type_reboot(database: Database) -> None:
    """Make the table refuse some alerts, as a stricter table of one's own would."""
    run_plugin("sql", make_alert("connected"), config=settings(database), key="first")
    if isinstance(database, Sqlite):
        database.execute(
            "CREATE TRIGGER no BEFORE INSERT ON alerts WHEN NEW.type = 'reboot' "
            "BEGIN SELECT RAISE(ABORT, 'no reboots'); END"
        )
    else:
        database.execute("ALTER TABLE alerts ADD CONSTRAINT no CHECK (type <> 'reboot')")


def test_one_bad_alert_of_a_batch_is_rejected_alone(database: Database, tmp_path: Path) -> None:
    refuse_type_reboot(database)
    good = [make_alert("uplink_switch") for _ in range(5)]
    config = settings(database)
    alone = {"use": "sql", "config": config, "retry": {"first": "10ms", "max": "10ms"}}
    outcomes = run_plugin("sql", *good[:2], make_alert("reboot"), *good[2:], config=config)
    assert {type(one) for one in outcomes} == {Retry}, "each comes again, alone"
    assert column(database, "count(*)") == [6], "the others are written already"
    (outcome,) = run_plugin("sql", make_alert("reboot"), config=config)
    assert type(outcome) is Reject
    with Receiver(tmp_path, plugins=[alone]) as receiver:
        for one in (*good[:2], make_alert("reboot"), *good[2:]):
            assert receiver.send(one)[0] == 200
        receiver.wait_until_settled()
    assert column(database, "count(*)") == [11]
    assert column(database, "type", order="inbox_id").count("reboot") == 0


def test_a_locked_table_is_tried_again(database: Database) -> None:
    alert, config = make_alert("reboot"), settings(database, time_limit="1s")
    assert run_plugin("sql", alert, config=config, key="a") == ["delivered"]
    with locked(database, "alerts"):
        (outcome,) = run_plugin("sql", alert, config=config, key="b")
        assert type(outcome) is ConnectionError, outcome
    assert run_plugin("sql", alert, config=config, key="b") == ["delivered"]
    assert column(database, "delivery_key") == ["a-1", "b-1"]


def test_without_create_a_missing_table_is_the_databases_matter(database: Database) -> None:
    config = settings(database, create=False)
    (outcome,) = run_plugin("sql", make_alert("reboot"), config=config)
    assert isinstance(outcome, Unavailable)
    assert "has no table alerts and no table devices" in str(outcome)
    assert run_plugin("sql", make_alert("reboot"), config=settings(database)) == ["delivered"]
    assert run_plugin("sql", make_alert("reboot"), config=config) == ["delivered"]


def test_a_table_of_another_shape_is_the_databases_matter(database: Database) -> None:
    database.execute("CREATE TABLE alerts (delivery_key INTEGER)")
    (outcome,) = run_plugin("sql", make_alert("reboot"), config=settings(database))
    assert isinstance(outcome, Unavailable), outcome
    database.execute("DROP TABLE alerts")


def test_the_names_of_tables_are_free_and_devices_may_be_left_out(database: Database) -> None:
    config = settings(database, alerts_table="own", devices_table="")
    assert run_plugin("sql", make_alert("reboot"), config=config, key="k") == ["delivered"]
    assert column(database, "delivery_key", "own") == ["k-1"]
    database.execute("DROP TABLE own")


def test_a_server_that_is_not_there_is_tried_again(server: Server) -> None:
    config = settings(server)
    config["url"] = config["url"].replace(server.address, f"127.0.0.1:{free_port()}/x")
    (outcome,) = run_plugin("sql", make_alert("reboot"), config=config)
    assert type(outcome) is ConnectionError, outcome


@pytest.mark.parametrize(
    ("account", "database_name"),
    [("boss:wrong@", None), ("nobody:x@", None), ("", "elsewhere")],
    ids=["password", "user", "database"],
)
def test_a_wrong_account_is_the_databases_matter(
    server: Server, account: str, database_name: str | None
) -> None:
    url = server.url
    if account:
        url = f"{url.partition('://')[0]}://{account}{server.address}"
    if database_name:
        url = f"{url.rpartition('/')[0]}/{database_name}"
    (outcome,) = run_plugin("sql", make_alert("reboot"), config={"url": url})
    assert type(outcome) is Unavailable, outcome
    assert PASSWORD not in str(outcome)


def test_an_account_without_rights_is_the_databases_matter(server: Server) -> None:
    run_plugin("sql", make_alert("reboot"), config=settings(server))
    if isinstance(server, Postgresql):
        server.execute("DROP ROLE IF EXISTS reader")
        server.execute("CREATE ROLE reader LOGIN PASSWORD 'x'")
    else:
        server.execute("CREATE OR REPLACE USER reader@'%' IDENTIFIED BY 'x'")
        server.execute("GRANT SELECT ON incm.* TO reader@'%'")
    url = f"{server.url.partition('://')[0]}://reader:x@{server.address}"
    (outcome,) = run_plugin("sql", make_alert("reboot"), config={"url": url})
    assert type(outcome) is Unavailable, outcome


def test_a_server_that_hangs_does_not_hold_the_plugin(server: Server) -> None:
    alert, config = make_alert("reboot"), settings(server, time_limit="500ms")
    run_plugin("sql", alert, config=config, key="first")
    server.pause()
    try:
        (outcome,) = run_plugin("sql", alert, config=config)
        assert type(outcome) is ConnectionError, outcome
    finally:
        server.resume()
    assert run_plugin("sql", alert, config=config) == ["delivered"]


def test_nothing_is_lost_or_doubled_while_the_server_comes_and_goes(
    server: Server, tmp_path: Path
) -> None:
    """Hanging with a connection in use, then killed, then started again."""
    table = {
        "use": "sql",
        "config": settings(server, time_limit="500ms"),
        "retry": {"first": "20ms", "max": "100ms"},
        "breaker": 0,
    }
    with Receiver(tmp_path, plugins=[table]) as receiver:

        def send(count: int) -> None:
            for _ in range(count):
                assert receiver.send(make_alert("disconnected"))[0] == 200

        def rows() -> int:
            return int(column(server, "count(*)")[0]) if tables(server) else 0

        send(5)
        wait_until(lambda: rows() == 5)
        server.pause()
        send(5)
        wait_until(lambda: "ConnectionError" in receiver.output())
        server.resume()
        wait_until(lambda: rows() == 10)
        server.kill()
        send(5)
        server.start()
        wait_until(lambda: rows() == 15)
    assert column(server, "count(DISTINCT delivery_key)") == [15]


def tables(server: Server) -> list[tuple[Any, ...]]:
    return server.execute("SELECT 1 FROM information_schema.tables WHERE table_name = 'alerts'")
