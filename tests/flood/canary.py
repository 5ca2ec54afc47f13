"""A good client beside a flood, and what the flooded server may use meanwhile."""

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

from incm_webhook.errors import SendError
from incm_webhook.sender import samples
from incm_webhook.sender.client import Sender, signature_of
from incm_webhook.testing import Receiver

DEADLINE_S = 60.0  # only a test that fails waits so long
MAX_RSS_MIB = 200.0
SPARE_FILES = 8  # what the inbox may open for a moment


class Canary:
    """Posts signed alerts, on a kept connection and on new ones, and watches the server.

    Attributes:
        answers: how often each answer came, by its status, or by why there was none.
        acknowledged: the bodies that were answered 200, by the number of the alert.
        most_files: the most descriptors that the server was seen with.
        most_rss_mib: the most resident memory that it was seen with.
    """

    def __init__(self, receiver: Receiver) -> None:
        """Post once, so that everything that the server opens for its first alert is open."""
        self._receiver = receiver
        self._kept = Sender(receiver.url)
        self.answers: dict[str, int] = {}
        self.acknowledged: dict[int, bytes] = {}
        self.most_files = 0
        self.most_rss_mib = 0.0
        self.sing()
        self._files_at_rest = self.most_files

    def sing(self) -> None:
        """Post an alert on the kept connection and one on a new one; then look at the server."""
        self._post(self._kept)
        with Sender(self._receiver.url) as fresh:
            self._post(fresh)
        self.most_files = max(self.most_files, files_of(self._receiver))
        self.most_rss_mib = max(self.most_rss_mib, rss_mib_of(self._receiver))

    def check(self, most_connections: int) -> None:
        """Assert that each alert was answered 200, and that the server stayed within its bounds.

        Args:
            most_connections: how many may have been open at once.
        """
        assert set(self.answers) == {"200"}, self.answers
        assert self.most_files <= self._files_at_rest + most_connections + SPARE_FILES
        assert self.most_rss_mib < MAX_RSS_MIB

    def wait_for_rest(self) -> None:
        """Wait until the server holds no more connections than before the flood."""
        deadline = time.monotonic() + DEADLINE_S
        while files_of(self._receiver) > self._files_at_rest + SPARE_FILES:
            assert time.monotonic() < deadline, "connections of the flood are left"
            self.sing()

    def check_inbox(self) -> None:
        """Assert that the inbox holds what was acknowledged, and no more; its server has ended."""
        with closing(sqlite3.connect(self._receiver.folder / "inbox.db")) as database:
            stored = dict(database.execute("SELECT id, text FROM alert"))
        assert stored == self.acknowledged, sorted(stored.keys() ^ self.acknowledged.keys())

    def _post(self, sender: Sender) -> None:
        body = samples.spell(samples.sample())
        try:
            answer = sender.post(body, signature_of(body, self._receiver.secret.encode()))
            outcome = str(answer.status)
            if answer.status == 200:
                self.acknowledged[json.loads(answer.body)["id"]] = body
        except SendError as error:
            outcome = str(error)
        self.answers[outcome] = self.answers.get(outcome, 0) + 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._kept.__exit__(kind, error, trace)


def files_of(receiver: Receiver) -> int:
    """Count the server's open descriptors."""
    return sum(1 for _ in Path(f"/proc/{receiver.process.pid}/fd").iterdir())


def rss_mib_of(receiver: Receiver) -> float:
    """Return the resident memory of the server."""
    status = Path(f"/proc/{receiver.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024
