"""A PostgreSQL server in a folder of its own, on a free port of loopback."""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg
import pytest

from plugins.targets.ports import free_port, wait_until

_PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda one: int(one.parent.name))
needs_postgresql = pytest.mark.skipif(not _PROGRAMS, reason="postgresql is not installed")
PASSWORD = "tops3cret"


class Postgresql:
    """The server; `postgres` is its superuser, with PASSWORD. As root it runs as user postgres."""

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
        self._data = self.folder / "data"
        words = self.folder / "password"
        words.write_text(PASSWORD)
        self._user: dict[str, Any] = {}
        if os.geteuid() == 0:
            self._user = {"user": "postgres", "group": "postgres", "extra_groups": []}
            for path in (self.folder, words):
                shutil.chown(path, "postgres", "postgres")
        subprocess.run(
            [
                *(_PROGRAMS[-1] / "initdb", "-D", self._data, "-U", "postgres", "-E", "UTF8"),
                *("--locale=C", "--no-sync", "-A", "scram-sha-256", "--pwfile", words),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self.folder,
            **self._user,
        )
        self.start()

    @property
    def address(self) -> str:
        """What follows the scheme and the account in a URL: host and database."""
        return f"127.0.0.1:{self.port}/postgres"

    @property
    def url(self) -> str:
        """The URL for the superuser."""
        return f"postgresql://postgres:{PASSWORD}@{self.address}"

    def start(self) -> None:
        """Start it, again with its data."""
        options = (
            "-F",
            "-k",
            self.folder,
            "-p",
            str(self.port),
            "-c",
            "listen_addresses=127.0.0.1",
        )
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [_PROGRAMS[-1] / "postgres", "-D", self._data, *options],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                **self._user,
            )
        wait_until(self._answers)

    def kill(self) -> None:
        """End it without a word to its clients, as a crash does."""
        self.resume()
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait()

    def pause(self) -> None:
        """Let it hang, with all its processes."""
        for process in (self.process.pid, *self._children()):
            os.kill(process, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        for process in (*self._children(), self.process.pid):
            os.kill(process, signal.SIGCONT)

    def connect(self) -> "psycopg.Connection[tuple[Any, ...]]":
        """Connect as superuser, with a commit after each statement."""
        return psycopg.connect(self.url, autocommit=True)

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """Execute a statement as superuser; return its rows."""
        with self.connect() as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def _answers(self) -> bool:
        assert self.process.poll() is None, (self.folder / "log").read_text()
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def _children(self) -> list[int]:
        tasks = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(one) for one in tasks.read_text().split()] if tasks.exists() else []

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
