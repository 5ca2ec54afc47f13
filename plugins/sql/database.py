"""The connection of the plugin `sql`: its limits, its tables, and what is written."""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, MetaData, Table, case, create_engine, event, func, inspect
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnection

from incm_webhook import Alert, Context, Unavailable

from .failures import outcome_of
from .rows import alert_row, device_rows
from .tables import alerts_table, devices_table

if TYPE_CHECKING:
    from . import SqlConfig

_DRIVERS = {"postgresql": "postgresql+psycopg", "mariadb": "mariadb+pymysql"}
_DRIVERS |= {"mysql": "mysql+pymysql", "sqlite": "sqlite+pysqlite"}
_OLDEST_S = 60  # a connection that is older is replaced: a firewall may have forgotten it
_GRACE_S = 2.0  # for the database's own limits to act before the connection is cut
_CONNECTION = ("connected", "connected_at")


class Database:
    """One connection to a database, and the two tables.

    Raises:
        ImportError: the driver is missing.
        ValueError: the URL cannot be read.

    Threads: any; they take turns.
    """

    def __init__(self, config: "SqlConfig") -> None:
        try:
            url = make_url(config.url.get_secret_value())
        except (ArgumentError, ValueError):  # the latter for a port that is no number
            raise ValueError("it is not a URL such as postgresql://USER@HOST/DATABASE") from None
        port = f":{url.port}" if url.port else ""
        self._where = f"{url.host}{port}/{url.database}" if url.host else str(url.database)
        self._create = config.create
        self._timeout = config.time_limit
        self._engine = create_engine(
            url.set(drivername=_DRIVERS[url.drivername]),
            connect_args=_limits(url, config.time_limit),
            hide_parameters=True,
            pool_size=1,
            max_overflow=0,
            pool_timeout=config.time_limit,
            pool_recycle=_OLDEST_S,
        )
        # Before SQLAlchemy's own listener, which already asks the database something.
        event.listen(self._engine, "connect", self._keep, insert=True)
        self._newest: Any = None
        self._metadata = MetaData()
        self._alerts = alerts_table(config.alerts_table, self._metadata)
        self._devices: Table | None = None
        if config.devices_table:
            self._devices = devices_table(config.devices_table, self._metadata)
        self._complete = False

    def write(self, deliveries: Sequence[tuple[Alert, Context]]) -> None:
        """Write alerts, and the state of their devices, in one transaction.

        Raises:
            Reject: the database refuses the values of one of them.
            Unavailable: only a person can mend the database, the account or the tables.
            OSError: another attempt may succeed.
        """
        with self._outcomes(), self._connected() as connection:
            self._complete_tables(connection)
            with connection.begin():
                rows = [alert_row(alert, ctx) for alert, ctx in deliveries]
                connection.execute(self._insert_alert(), rows)
                devices = device_rows(deliveries)
                if self._devices is not None and devices:
                    connection.execute(self._upsert_device(self._devices), devices)

    def look(self) -> None:
        """Connect, and look for the tables; errors as for `write`."""
        with self._outcomes(), self._connected() as connection:
            missing = self._missing(connection)
        if missing and not self._create:
            raise self._no_table(missing)

    def close(self) -> None:
        """Close the connection."""
        self._engine.dispose()

    @contextmanager
    def _outcomes(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            self._complete = False
            raise outcome_of(error, self._where) from None
        except NoConnection:
            raise TimeoutError(f"{self._where}: the connection is in use") from None
        except SQLAlchemyError as error:
            raise ConnectionError(f"{self._where}: {error}") from None

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        """Connect, and cut the connection when the database hangs: libpq would wait for ever."""
        timer = threading.Timer(2 * self._timeout + _GRACE_S, self._cut)
        timer.daemon = True
        if self._engine.dialect.name == "postgresql":
            timer.start()
        try:
            with self._engine.connect() as connection:
                yield connection
        finally:
            timer.cancel()

    def _keep(self, connection: Any, _: object) -> None:
        self._newest = connection

    def _cut(self) -> None:
        """End the connection from another thread: a call that waits for it fails."""
        with suppress(Exception), socket.socket(fileno=self._newest.fileno()) as one:
            try:
                one.shutdown(socket.SHUT_RDWR)
            finally:
                one.detach()  # the driver closes it

    def _complete_tables(self, connection: Connection) -> None:
        """Create the tables that are missing, once."""
        if self._complete:
            return
        missing = self._missing(connection)
        if missing and not self._create:
            raise self._no_table(missing)
        connection.rollback()
        try:
            with connection.begin():
                self._metadata.create_all(connection)
        except IntegrityError as error:  # PostgreSQL, when another writer creates them now
            raise ConnectionError(f"{self._where}: {error.orig}") from None
        self._complete = True

    def _missing(self, connection: Connection) -> list[str]:
        found = inspect(connection)
        return [name for name in self._metadata.tables if not found.has_table(name)]

    def _no_table(self, names: list[str]) -> Unavailable:
        return Unavailable(f"{self._where} has no table {' and no table '.join(names)}")

    def _insert_alert(self) -> Any:
        """Insert an alert, unless its key is there."""
        table = self._alerts
        if self._engine.dialect.name == "postgresql":
            return postgresql.insert(table).on_conflict_do_nothing(index_elements=["delivery_key"])
        if self._engine.dialect.name == "sqlite":
            return sqlite.insert(table).on_conflict_do_nothing(index_elements=["delivery_key"])
        statement = mysql.insert(table)  # IGNORE would also ignore that a value does not fit
        return statement.on_duplicate_key_update(delivery_key=statement.inserted.delivery_key)

    def _upsert_device(self, table: Table) -> Any:
        """Insert a device, or change what the alert is newer than."""
        name = self._engine.dialect.name
        kinds = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}
        statement: Any = kinds.get(name, mysql.insert)(table)
        new = statement.excluded if name in kinds else statement.inserted
        latest = new.connected_at >= func.coalesce(table.c.connected_at, new.connected_at)
        newer = new.last_alert_at >= table.c.last_alert_at
        # MariaDB compares with what it has just assigned; that is the later of the two times, so
        # the answer is the same.
        changes = {
            one.name: case(
                (latest if one.name in _CONNECTION else newer, new[one.name]),
                else_=one,
            )
            for one in table.c
            if not one.primary_key
        }
        if name in kinds:
            return statement.on_conflict_do_update(index_elements=["device_id"], set_=changes)
        return statement.on_duplicate_key_update(**changes)


def _limits(url: URL, timeout: float) -> dict[str, Any]:
    """Return the arguments of the driver that keep a statement from waiting for ever."""
    seconds, milliseconds = max(1, round(timeout)), max(1, round(timeout * 1000))
    if url.drivername == "sqlite":
        return {"timeout": timeout}
    if url.drivername == "postgresql":
        limits = f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds}"
        return {
            "connect_timeout": max(2, seconds),  # libpq knows no shorter one
            "options": f"{url.query.get('options', '')} {limits}".strip(),
            "tcp_user_timeout": milliseconds,
            "client_encoding": "utf8",
            "prepare_threshold": None,  # a pooler between may give each statement another backend
            "application_name": "incm-webhook",
        }
    return {
        "connect_timeout": seconds,
        "read_timeout": timeout,
        "write_timeout": timeout,
        "init_command": "SET SESSION "
        f"innodb_lock_wait_timeout={seconds}, lock_wait_timeout={seconds}",
    }
