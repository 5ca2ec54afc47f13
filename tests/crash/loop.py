"""Kills a server under load again and again, at times that a seed chooses."""

import random
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from crash.audit import Audit, audit
from crash.senders import Senders
from crash.server import Server, recording

_LONGEST_LIFE_MS = 400
_LONGEST_START_MS = 150
_KILLED_AT_START = 0.2  # share of the kills that do not wait until it serves


class Loop:
    """A server with two plugins that record what they get, one of which fails now and then.

    Threads: one.

    Attributes:
        server: what is killed.
        senders: what posts while it lives.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.server = Server(
            folder, recording("plain", folder), recording("failing", folder, failing=0.3)
        )
        self.senders = Senders(folder, seed)
        self._records = {name: folder / f"{name}.log" for name in ("plain", "failing")}
        self._rng = random.Random(seed)

    def run(
        self,
        cycles: int,
        *,
        environ: Mapping[str, str] | None = None,
        after_kill: Callable[[], object] = lambda: None,
    ) -> None:
        """Start and kill it so many times; after_kill runs while it is dead."""
        with self.server, self.senders:
            for _ in range(cycles):
                self.server.spawn(environ=environ)
                if self._rng.random() < _KILLED_AT_START:
                    self._live(self._rng.uniform(1, _LONGEST_START_MS))
                else:
                    assert self.server.becomes_ready(), self.server.output()
                    self.senders.announce(self.server.url)
                    self._live(self._rng.uniform(1, _LONGEST_LIFE_MS))
                self.server.kill()
                self.senders.announce(None)
                after_kill()

    def audit(self) -> Audit:
        """Start once more, let every delivery be made, and look."""
        with self.server:
            self.server.start()
            self.server.drain()
        assert self.senders.refused == []
        return audit(self.server.inbox, self.senders.acknowledged(), self._records)

    def _live(self, milliseconds: float) -> None:
        try:
            status = self.server.process.wait(milliseconds / 1000)
        except subprocess.TimeoutExpired:
            return
        raise AssertionError(f"it ended with status {status}:\n{self.server.output()}")
