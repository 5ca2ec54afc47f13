"""Runs a receiver of its own for a load test, which leaves nothing behind."""

import fcntl
import secrets
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from incm_webhook.bench.machine import cpu_seconds, peak_resident_bytes
from incm_webhook.errors import Error
from incm_webhook.testing.server_process import ServerProcess

PREFIX = ".incm-webhook-bench-"
_LOCK = "lock"
START_LIMIT_S = 60.0
STOP_LIMIT_S = 60.0
# The server is killed when this process is, also by SIGKILL. Source: prctl(2), PR_SET_PDEATHSIG.
_WITH_ITS_PARENT = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9); os.execv(sys.argv[1], sys.argv[1:])"
)


class TrialReceiver:
    """A receiver without plugins on loopback, with an inbox of its own; use it in a `with` block.

    Its folder and everything in it is removed at the end, and what a killed process has left over
    at the next start.
    Threads: the one that entered the block.

    Attributes:
        folder: its folder, below the one that was given.
        secret: of its only endpoint.
        url: where it takes alerts.
    """

    def __init__(self, place: Path, reserve: int) -> None:
        """Choose where it will run.

        Args:
            place: a folder on the disk that is measured.
            reserve: free bytes of that disk below which it refuses alerts.
        """
        self.secret = secrets.token_hex(16)
        self.url = ""
        self._place = place
        self._reserve = reserve
        self._begin_cpu = 0.0

    def __enter__(self) -> Self:
        """Start it.

        Raises:
            OSError: the folder cannot be written.
            Error: it does not start; the text has the end of its log.
        """
        _remove_left_over(self._place)
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=self._place))
        try:
            self._lock = (self.folder / _LOCK).open("wb")
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            self._start()
        except BaseException:
            self._end()
            raise
        return self

    def _start(self) -> None:
        secret = self.folder / "secret"
        secret.touch(mode=0o600)
        secret.write_text(self.secret)
        (self.folder / "incm-webhook.toml").write_text(
            '[server]\nlisten = "127.0.0.1:0"\nadmin = "off"\n'
            f'[inbox]\nurl = "sqlite:inbox.db"\nreserve = {self._reserve}\n'
            '[[endpoint]]\nsecret_file = "./secret"\n'
        )
        self._server = ServerProcess(
            self.folder,
            ("--config", "incm-webhook.toml"),
            wrapper=(sys.executable, "-c", _WITH_ITS_PARENT),
            own_session=True,
        )
        try:
            self.url = str(self._server.wait_until_ready(START_LIMIT_S)["url"])
        except RuntimeError as error:
            raise Error(f"the receiver for the measurement does not start: {error}") from None
        self._begin_cpu = cpu_seconds(self._server.process.pid) or 0.0

    def cost(self, alerts: int) -> dict[str, float | int | None]:
        """Stop it, and return what it needed.

        Args:
            alerts: how many it has stored.

        Returns:
            An object of JSON: its CPU time for an alert, its most resident memory, and how many
            bytes of disk an alert takes without deliveries, from 1,000 alerts on, else None.
        """
        pid = self._server.process.pid
        used = (cpu_seconds(pid) or 0.0) - self._begin_cpu
        memory = peak_resident_bytes(pid)
        self._server.process.send_signal(signal.SIGTERM)
        self._server.wait_until(lambda: False, STOP_LIMIT_S)
        size = sum(one.stat().st_size for one in self.folder.glob("inbox.db*"))
        enough = alerts >= 1000  # below that an empty inbox is most of it
        return {
            "cpu_us": round(used / alerts * 1e6, 1) if alerts else None,
            "peak_memory": memory,
            "disk_bytes": round(size / alerts) if enough else None,
        }

    def _end(self) -> None:
        if (server := vars(self).get("_server")) is not None:
            server.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
        if (lock := vars(self).get("_lock")) is not None:
            lock.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Kill it, and remove its folder."""
        self._end()


def _remove_left_over(place: Path) -> None:
    """Remove the folders of killed processes: nobody holds their locks any more."""
    for folder in place.glob(f"{PREFIX}*"):
        try:
            with (folder / _LOCK).open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # it is in use, or somebody else's
            continue
