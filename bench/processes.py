"""A server's processes: started as a session of their own, measured together, ended together."""

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

START_LIMIT_S = 30.0
END_LIMIT_S = 5.0
_LOOK_S = 0.01
_MEMORY_EVERY_S = 0.2  # a look walks the page tables, so that more of them would cost the server
_TICK = os.sysconf("SC_CLK_TCK")


def _fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name; empty when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def session(leader: int) -> list[int]:
    """The processes of a session, such as a server and its workers."""
    pids = (int(one.name) for one in Path("/proc").iterdir() if one.name.isdecimal())
    return [pid for pid in pids if (fields := _fields(pid)) and int(fields[3]) == leader]


def cpu_s(leader: int) -> float:
    """CPU time of a session up to now, in user and kernel, with children that have ended."""
    return sum(sum(int(ticks) for ticks in _fields(pid)[11:15]) for pid in session(leader)) / _TICK


def memory_mib(leader: int) -> float:
    """Memory of a session; what its processes share counts once (PSS)."""
    kib = 0
    for pid in session(leader):
        with suppress(FileNotFoundError, ProcessLookupError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    kib += int(line.split()[1])
    return kib / 1024


class MemoryWatch:
    """The most memory that a session has had within the block; `peak_mib` is valid after it."""

    def __init__(self, leader: int) -> None:
        self.peak_mib = 0.0
        self._leader = leader
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        while not self._ended.wait(_MEMORY_EVERY_S):
            self._look()

    def _look(self) -> None:
        self.peak_mib = max(self.peak_mib, memory_mib(self._leader))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._look()


def free_port() -> int:
    """A port of loopback without a listener."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str], folder: Path, port: int, environment: Mapping[str, str]
) -> Iterator[int]:
    """Run a server within the block.

    Args:
        command: what to run.
        folder: where; its output goes to a file there.
        port: it is ready when this port of loopback can be connected to.
        environment: variables besides our own.

    Returns:
        The leader of its session.

    Raises:
        RuntimeError: it ended, or does not listen; with its output.
    """
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        _wait_for(process, port, log)
        yield process.pid
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask a server to end, then kill whatever is left of its session."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(END_LIMIT_S)
    for pid in session(process.pid):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def _wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while True:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
            return
        if process.poll() is not None or time.monotonic() > deadline:
            output = log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{process.args!r} does not listen:\n{output}")
        time.sleep(_LOOK_S)
