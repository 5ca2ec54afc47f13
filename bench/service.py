"""A real `incm-webhook serve` process: how long it takes to start, and what it costs."""

import os
import secrets
import signal
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

from table import Row

from incm_webhook.testing.server_process import ServerProcess

SECRET = secrets.token_hex(16)
START_LIMIT_S = 60.0
STOP_LIMIT_S = 60.0
ANSWER_LIMIT_S = 30.0
SETTLE_LIMIT_S = 180.0
LOOK_S = 0.01  # how often the metrics are read while deliveries are made
READY_TARGET_S = 1.5
MEMORY_TARGET_MIB = 80.0
_TICK = os.sysconf("SC_CLK_TCK")


class Server:
    """`serve` on loopback with its files in one folder; stopped at the end of the block.

    Attributes:
        folder: holds configuration and the jsonl plugin's file.
        inbox: the database, in the folder unless another is named.
        address: HOST:PORT that takes alerts.
        ready_s: from the start of the process to its ready file.
        admin_url: of the admin listener.
    """

    def __init__(
        self,
        folder: Path,
        plugins: tuple[str, ...],
        inbox: Path | None = None,
        inbox_settings: str = "",
        server_settings: str = "",
        plugin_settings: str = "",
    ) -> None:
        self.folder = folder
        self._plugin_settings = plugin_settings
        self._server_settings = server_settings
        self._inbox_settings = inbox_settings
        self.inbox = inbox or folder / "inbox.db"
        self.lines = folder / "alerts.jsonl"
        self.ready_s = 0.0
        self._plugins = plugins
        self._server: ServerProcess | None = None

    def __enter__(self) -> Self:
        self._configure()
        begin = time.monotonic()
        self._server = ServerProcess(
            self.folder,
            ("--config", "incm-webhook.toml", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"),
            program=(str(Path(sys.executable).with_name("incm-webhook")),),
            own_session=True,
        )
        try:
            facts = self._server.wait_until_ready(START_LIMIT_S, step=0.001)
            self.ready_s = time.monotonic() - begin
        except BaseException:
            self._server.kill()
            raise
        self.address = str(facts["url"]).split("/")[2]
        self.admin_url = str(facts["admin_url"])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.kill()

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._running.process.pid

    def memory_mib(self) -> float:
        """Resident memory."""
        return self._status_mib("VmRSS:")

    def peak_mib(self) -> float:
        """The most resident memory since forget_peak(), or since the start."""
        return self._status_mib("VmHWM:")

    def forget_peak(self) -> None:
        """Begin peak_mib() anew."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def cpu_s(self) -> float:
        """CPU time of all threads up to now, in user and kernel."""
        return cpu_s(self.pid)

    def metrics(self) -> dict[str, float]:
        """The values of /metrics, by name and labels."""
        with urllib.request.urlopen(f"{self.admin_url}/metrics", timeout=ANSWER_LIMIT_S) as page:
            lines = page.read().decode().splitlines()
        samples = [line.rpartition(" ") for line in lines if not line.startswith("#")]
        return {name: float(value) for name, _, value in samples}

    def accepted(self) -> int:
        """How many alerts were stored since the start, on all endpoints."""
        name = "incm_webhook_alerts_accepted_total{"
        return int(sum(value for one, value in self.metrics().items() if one.startswith(name)))

    def wait_until_open(self, deliveries: int, look_s: float = LOOK_S) -> float:
        """Wait until no more deliveries than that are to be made; return the time then.

        Args:
            deliveries: how many may be left.
            look_s: how often the metrics are read, which takes 100 us of the server's CPU.
        """
        deadline = time.monotonic() + SETTLE_LIMIT_S
        while self.metrics()['incm_webhook_inbox_deliveries{state="open"}'] > deliveries:
            if time.monotonic() > deadline:
                raise RuntimeError(f"deliveries are left over:\n{self.output()}")
            time.sleep(look_s)
        return time.monotonic()

    def stop(self) -> None:
        """Stop gracefully; RuntimeError when that fails."""
        process = self._running.process
        process.send_signal(signal.SIGTERM)
        if process.wait(STOP_LIMIT_S) != 0:
            raise RuntimeError(f"serve ended with {process.returncode}:\n{self.output()}")

    def output(self) -> str:
        """The last of what the process has written."""
        return self._running.output()[-4000:]

    def _status_mib(self, name: str) -> float:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) / 1024
        raise RuntimeError("the process has no memory any more")

    def _configure(self) -> None:
        secret = self.folder / "secret"
        secret.write_text(SECRET)
        secret.chmod(0o600)
        text = f"[server]\n{self._server_settings}\n"
        text += f'[inbox]\nurl = "sqlite://{self.inbox.absolute()}"\n{self._inbox_settings}\n'
        text += '[[endpoint]]\nsecret_file = "./secret"\n'
        for plugin in self._plugins:
            text += f'[[plugin]]\nuse = "{plugin}"\n'
        text += self._plugin_settings
        (self.folder / "incm-webhook.toml").write_text(text)

    @property
    def _running(self) -> ServerProcess:
        assert self._server is not None
        return self._server


def cpu_s(pid: int) -> float:
    """CPU time of all threads of a process up to now, in user and kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def measure(place: Path, rounds: int) -> list[Row]:
    """Start servers with the log and jsonl plugins, one after the other, and let each idle.

    Args:
        place: where their folders are made.
        rounds: how many.

    Returns:
        Time until ready, and resident memory after a second of idling.
    """
    ready, memory = [], []
    for _ in range(rounds):
        with (
            tempfile.TemporaryDirectory(dir=place) as folder,
            Server(Path(folder), ("log", "jsonl")) as server,
        ):
            ready.append(server.ready_s)
            time.sleep(1.0)
            memory.append(server.memory_mib())
            server.stop()
    return [
        Row("serve: from start to ready", ready, "s", at_most=READY_TARGET_S),
        Row("serve: idle resident memory", memory, "MiB", at_most=MEMORY_TARGET_MIB),
    ]
