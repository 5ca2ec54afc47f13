"""One database after another for the tests of the plugin `sql`, and what they do with each."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

from plugins.targets.mariadb import Mariadb
from plugins.targets.postgresql import Postgresql


class Database(Protocol):
    """What the tests need of a database."""

    @property
    def url(self) -> str:
        """The URL of an account that may do anything."""

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """Execute a statement; return its rows."""


class Server(Database, Protocol):
    """What the tests need of a database that is a server."""

    @property
    def address(self) -> str:
        """Host, port and database, as in a URL."""

    def start(self) -> None:
        """Start it again."""

    def kill(self) -> None:
        """End it."""

    def pause(self) -> None:
        """Let it hang."""

    def resume(self) -> None:
        """Let it go on."""


class Sqlite:
    """A file of SQLite."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def url(self) -> str:
        """The URL of the file."""
        return f"sqlite:///{self.path}"

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """Execute a statement; return its rows."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            return connection.execute(statement).fetchall()


@contextmanager
def locked(database: Database, table: str) -> Iterator[None]:
    """Hold a lock that no writer of the table can pass."""
    if isinstance(database, Sqlite):
        with closing(sqlite3.connect(database.path)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            yield
    elif isinstance(database, Postgresql):
        with database.connect() as session, session.transaction():
            session.execute(f"LOCK TABLE {table}".encode())
            yield
    elif isinstance(database, Mariadb):
        with database.connect() as client:
            client.cursor().execute(f"LOCK TABLES {table} WRITE")
            yield
