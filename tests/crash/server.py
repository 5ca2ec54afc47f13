"""`incm-webhook serve` on one inbox, to be started and killed as often as a test wants."""

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from incm_webhook.testing.server_process import ServerProcess

DEADLINE_S = 60.0  # only a test that fails waits so long
PLUGINS = Path(__file__).parent / "plugins"
SECRETS = ("the secret of today", "the secret of yesterday")
_LONGEST_PAUSE_S = 600.0  # before what a kill interrupted is delivered again
_STEP_S = 0.01


class Server:
    """The process, as a user runs it: with a configuration file, on free ports of loopback.

    Shape: use it in a `with` statement; start() and kill() in turns, always on the same inbox.
    Errors: AssertionError or TimeoutError, with the output of the process. Threads: one at a time.

    Attributes:
        folder: the working directory: configuration, secrets, and by default the inbox.
        inbox: the inbox file.
        url: where alerts are posted.
        admin_url: the admin listener.
    """

    def __init__(
        self, folder: Path, *plugins: str, inbox: Path | None = None, reserve: str = "0"
    ) -> None:
        """Write the configuration.

        Args:
            folder: an empty folder.
            plugins: the lines of each [[plugin]] table.
            inbox: instead of `inbox.db` in the folder.
            reserve: what is left free of its disk.
        """
        self.folder = folder
        self.inbox = inbox or folder / "inbox.db"
        self.url = ""
        self.admin_url = ""
        self._server: ServerProcess | None = None
        for number, secret in enumerate(SECRETS):
            (folder / f"secret{number}").write_text(secret)
            (folder / f"secret{number}").chmod(0o600)
        tables = [
            '[server]\nlisten = "127.0.0.1:0"\nadmin = "127.0.0.1:0"\ngrace = "5s"',
            f'[inbox]\nurl = "{self.inbox}"\nreserve = "{reserve}"',
            '[[endpoint]]\npath = "/webhook"\nsecret_file = ["./secret0", "./secret1"]',
            *(f"[[plugin]]\n{lines}" for lines in plugins),
        ]
        (folder / "incm-webhook.toml").write_text("\n".join(tables) + "\n")

    def create_inbox(self) -> None:
        """Let it make a new inbox, and take up no alert."""
        self.start()
        self.kill()

    def spawn(
        self, *, wrapper: Sequence[str] = (), environ: Mapping[str, str] | None = None
    ) -> None:
        """Start the process without waiting for it.

        Args:
            wrapper: a command that runs the server and becomes it, such as `strace -D`.
            environ: variables besides those of the test.
        """
        arguments = ("--config", str(self.folder / "incm-webhook.toml"))
        self._server = ServerProcess(self.folder, arguments, wrapper=wrapper, environ=environ)

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        """The last process that was started."""
        return self._running.process

    @property
    def _running(self) -> ServerProcess:
        assert self._server is not None
        return self._server

    def becomes_ready(self) -> bool:
        """Wait until it serves; False when the process ended instead."""
        ready_file = self._running.ready_file
        if not self.until(ready_file.exists):
            return False
        facts = json.loads(ready_file.read_text())
        self.url, self.admin_url = facts["url"], facts["admin_url"]
        return True

    def start(self, **how: Any) -> None:
        """Start the process and wait until it serves; takes what spawn() takes."""
        self.spawn(**how)
        assert self.becomes_ready(), f"status {self.process.returncode}:\n{self.output()}"

    def until(self, condition: Callable[[], bool], deadline_s: float = DEADLINE_S) -> bool:
        """Wait for a condition; False when the process ended before it held."""
        return self._running.wait_until(condition, deadline_s, _STEP_S)

    def ended(self) -> int:
        """Wait until the process ends by itself; return its status."""
        return self.process.wait(DEADLINE_S)

    def kill(self) -> None:
        """End it as `kill -9` does."""
        self.process.kill()
        self.process.wait(DEADLINE_S)

    def drain(self) -> None:
        """Wait until every delivery was made; many kills before make long waits."""

        def nothing_is_open() -> bool:
            return self.metric('inbox_deliveries{state="open"}') == 0

        assert self.until(nothing_is_open, _LONGEST_PAUSE_S + DEADLINE_S), self.output()

    def metric(self, name: str) -> int:
        """Read a number of /metrics, by its name without the prefix."""
        status, page = self.admin("/metrics")
        assert status == 200, page
        values = dict(line.rsplit(" ", 1) for line in page.splitlines() if line[0] != "#")
        return int(values[f"incm_webhook_{name}"])

    def admin(self, path: str) -> tuple[int, str]:
        """Get a page of the admin listener: status and text."""
        try:
            with urllib.request.urlopen(self.admin_url + path, timeout=DEADLINE_S) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def output(self) -> str:
        """Return what the last process has written to standard output and error."""
        return self._running.output()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server:
            self._server.kill()


def recording(name: str, folder: Path, *, failing: float = 0.0, more: str = "") -> str:
    """Return the table of a plugin that records what it gets in `<name>.log`.

    Args:
        name: of the plugin.
        folder: where its log goes.
        failing: the share of first and second attempts that fail.
        more: further lines of the table.
    """
    return (
        f'use = "{PLUGINS / "record.py"}"\nname = "{name}"\n'
        f'config = {{ path = "{folder / name}.log", failing = {failing} }}\n'
        f'retry = {{ first = "10ms", max = "100ms" }}\n{more}'
    )
