"""Sends prepared requests with wrk, since a client in Python would take the server's processor."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from service import cpu_s

THREADS = 2
DEADLINE_S = 180
_SCRIPT = Path(__file__).with_name("replay.lua")


@dataclass(frozen=True, slots=True)
class Load:
    """What sending them took.

    Attributes:
        answered: how many answers came.
        refused: those of them that were not 200.
        begin: when the first request left, as time.monotonic() says it.
        end: when the last answer was there.
        cpu_s: of wrk, with its start and the reading of the file.
    """

    answered: int
    refused: int
    begin: float
    end: float
    cpu_s: float

    @property
    def rate(self) -> float:
        """Answers in a second."""
        return self.answered / (self.end - self.begin)


def write(path: Path, requests: Sequence[bytes]) -> None:
    """Write requests as replay.lua reads them."""
    with path.open("wb") as file:
        for request in requests:
            file.write(b"%08d" % len(request) + request)


def send(path: Path, address: str, connections: int, times: int = 1) -> Load:
    """Send the requests of a file over keep-alive connections, each as soon as one is free.

    Args:
        path: what `write` wrote.
        address: HOST:PORT of the server.
        connections: how many.
        times: how often each request is sent.

    Returns:
        What it took.

    Raises:
        RuntimeError: not every request was answered in time.
    """
    command = ["wrk", "--threads", str(THREADS), "--connections", str(connections)]
    command += ["--duration", str(DEADLINE_S), "--script", str(_SCRIPT)]
    command += [f"http://{address}/webhook", "--", str(path), str(THREADS), str(times)]
    shares = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as wrk:
        assert wrk.stdout is not None
        lines = []
        for line in wrk.stdout:
            lines.append(line)
            if line.startswith("share "):
                shares.append([float(field) for field in line.split()[1:]])
            if len(shares) == THREADS:
                break
        cpu = cpu_s(wrk.pid) if len(shares) == THREADS else 0.0
        wrk.kill()
    if len(shares) < THREADS:
        raise RuntimeError("wrk did not get all answers:\n" + "".join(lines))
    answered, refused, begins, ends = zip(*shares, strict=True)
    return Load(int(sum(answered)), int(sum(refused)), min(begins), max(ends), cpu)
