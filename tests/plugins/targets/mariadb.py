"""A MariaDB server in a folder of its own, on a free port of loopback."""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pymysql
import pytest

from plugins.targets.ports import free_port, wait_until

_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"
_PROGRAM = shutil.which("mariadbd", path=_PATH)
_INSTALL = shutil.which("mariadb-install-db", path=_PATH)
needs_mariadb = pytest.mark.skipif(not (_PROGRAM and _INSTALL), reason="MariaDB is not installed")
PASSWORD = "tops3cret"


class Mariadb:
    """The server; `boss` may do anything, with PASSWORD. As root it runs as user mysql."""

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="mariadb-"))
        self._data = self.folder / "data"
        self._data.mkdir()
        # Servers that share a folder for temporary tables remove those of each other.
        self._own = {**os.environ, "TMPDIR": str(self.folder)}
        self._user: list[str] = []
        if os.geteuid() == 0:
            self._user = ["--user=mysql"]
            for path in (self.folder, self._data):
                shutil.chown(path, "mysql", "mysql")
        assert _INSTALL
        install = (_INSTALL, "--no-defaults", f"--datadir={self._data}", "--skip-test-db")
        made = subprocess.run(
            [*install, "--auth-root-authentication-method=normal", *self._user],
            capture_output=True,
            text=True,
            env=self._own,
        )
        assert made.returncode == 0, made.stdout + made.stderr
        self._start(wait=False)
        wait_until(lambda: self._answers("root", ""))
        with self._connect("root", "", database="mysql") as connection:
            cursor = connection.cursor()
            cursor.execute("CREATE DATABASE incm CHARACTER SET latin1")
            cursor.execute(f"CREATE USER boss@'%' IDENTIFIED BY '{PASSWORD}'")
            cursor.execute("GRANT ALL ON *.* TO boss@'%' WITH GRANT OPTION")

    @property
    def address(self) -> str:
        """What follows the scheme and the account in a URL: host and database."""
        return f"127.0.0.1:{self.port}/incm"

    @property
    def url(self) -> str:
        """The URL for the user boss."""
        return f"mariadb://boss:{PASSWORD}@{self.address}"

    def start(self) -> None:
        """Start it, again with its data."""
        self._start(wait=True)

    def _start(self, *, wait: bool) -> None:
        assert _PROGRAM
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(_PROGRAM, "--no-defaults", f"--datadir={self._data}", *self._user),
                    *("--bind-address=127.0.0.1", f"--port={self.port}"),
                    *(f"--socket={self.folder}/socket", f"--pid-file={self.folder}/pid"),
                    "--innodb-flush-log-at-trx-commit=2",
                ],
                stdout=log,
                stderr=log,
                env=self._own,
            )
        if wait:
            wait_until(lambda: self._answers("boss", PASSWORD))

    def kill(self) -> None:
        """End it without a word to its clients."""
        self.process.kill()
        self.process.wait()

    def pause(self) -> None:
        """Let it hang."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    def _connect(
        self, user: str, password: str, database: str = "incm"
    ) -> "pymysql.Connection[Any]":
        return pymysql.connect(
            host="127.0.0.1",
            port=self.port,
            user=user,
            password=password,
            database=database,
            autocommit=True,
        )

    def connect(self) -> "pymysql.Connection[Any]":
        """Connect as user boss, with a commit after each statement."""
        return self._connect("boss", PASSWORD)

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """Execute a statement as user boss; return its rows."""
        with self.connect() as connection:
            cursor = connection.cursor()
            cursor.execute(statement)
            return list(cursor.fetchall())

    def _answers(self, user: str, password: str) -> bool:
        assert self.process.poll() is None, (self.folder / "log").read_text()
        try:
            self._connect(user, password, database="mysql").close()
        except pymysql.err.OperationalError:
            return False
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder)
