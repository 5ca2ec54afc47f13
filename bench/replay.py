"""Sends prepared requests with wrk, since a client in Python would take the server's processor."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from service import cpu_s

THREADS = 2
DEADLINE_S = 90
_SCRIPT = Path(__file__).with_name("replay.lua")


@dataclass(frozen=True, slots=True)
class Load:
    """What sending them took.

    Attributes:
        sent: how many of the requests.
        answered: how many answers came. When the server ends each connection, some more than were
            sent: the first request was repeated at the end.
        refused: those of them that were not 200.
        begin: when the first request left, by time.monotonic().
        end: when the last answer was there.
        cpu_s: of wrk, with its start and the reading of the file.
    """

    sent: int
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


def send(
    path: Path, address: str, connections: int, times: float = 1, scheme: str = "http"
) -> Load:
    """Send the requests of a file, each as soon as a connection is free.

    A connection is kept unless the request or the answer has `Connection: close`.

    Args:
        path: what `write` wrote.
        address: HOST:PORT of the server.
        connections: how many.
        times: how often each request is sent; 0.5 sends the first half of them.
        scheme: http or https; no certificate is checked.

    Returns:
        What it took.

    Raises:
        RuntimeError: not every request was answered in time.
    """
    threads = min(THREADS, connections)
    command = ["wrk", "--threads", str(threads), "--connections", str(connections)]
    command += ["--duration", str(DEADLINE_S), "--script", str(_SCRIPT)]
    command += [f"{scheme}://{address}/webhook", "--", str(path), str(threads), str(times)]
    command.append(str(2 * connections // threads))
    shares = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as wrk:
        assert wrk.stdout is not None
        lines = []
        for line in wrk.stdout:
            lines.append(line)
            if line.startswith("share "):
                shares.append([float(field) for field in line.split()[1:]])
            if len(shares) == threads:
                break
        cpu = cpu_s(wrk.pid) if len(shares) == threads else 0.0
        wrk.kill()
    if len(shares) < threads:
        raise RuntimeError("wrk did not get all answers:\n" + "".join(lines))
    sent, answered, refused, begins, ends = zip(*shares, strict=True)
    return Load(int(sum(sent)), int(sum(answered)), int(sum(refused)), min(begins), max(ends), cpu)
