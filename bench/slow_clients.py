"""A good client's answers, alone and beside thousands of silent and slow clients."""

import resource
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import throughput
from service import Server
from table import Row

SILENT = 10_000
SLOW = 500
PACE_S = 0.005  # the good client's pause between two alerts
TAIL_TARGET = 2.0
MEMORY_TARGET_MIB = 200.0
_PATIENCE = 'header_timeout = "5m"\n'


def _tail_ms(address: str, requests: Sequence[bytes]) -> tuple[float, int]:
    """Post one request after the other; give the p99 of the answers, and how many were no 200."""
    talker = throughput.Talker(address)
    times, refused = [], 0
    for number, request in enumerate(requests):
        talker.send(number, request)
        while (answer := talker.receive()) is None:
            pass
        times.append(answer.seconds * 1e3)
        if answer.status != 200:
            refused += 1
            talker.reconnect()
        time.sleep(PACE_S)
    talker.socket.close()
    return statistics.quantiles(times, n=100)[98], refused


def _beside(address: str, requests: Sequence[bytes]) -> tuple[float, int]:
    """Do the same beside clients of slowhttptest that send their heads slowly."""
    command = ["slowhttptest", "-H", "-c", str(SLOW), "-r", str(SLOW), "-i", "1", "-l", "60"]
    command += ["-v", "0", "-u", f"http://{address}/webhook"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as slow:
        time.sleep(2.0)  # until all of them are connected
        found = _tail_ms(address, requests)
        slow.kill()
    return found


def _crowd(address: str, opened: ExitStack) -> None:
    host, _, port = address.rpartition(":")
    for number in range(SILENT):
        source = (f"127.0.0.{2 + number % 50}", 0)  # so that ports do not run out
        client = socket.create_connection((host, int(port)), source_address=source)
        opened.enter_context(client)


def measure(place: Path, rounds: int, count: int) -> tuple[list[Row], list[str]]:
    """Measure a good client alone, in the crowd, and alone again.

    Args:
        place: where the folders of the servers are made.
        rounds: how often.
        count: how many alerts of the good client in a turn.

    Returns:
        The rows, and what went wrong.
    """
    files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files[1], files[1]))
    alone, crowded, memory, problems = [], [], [], []
    for number in range(rounds):
        _, requests = throughput.prepare(4 * count, "127.0.0.1", seed=number)
        warm, before, beside, after = (requests[one::4] for one in range(4))
        with tempfile.TemporaryDirectory(dir=place) as folder, ExitStack() as opened:
            server = opened.enter_context(Server(Path(folder), ("log",), server_settings=_PATIENCE))
            refused = _tail_ms(server.address, warm)[1]
            tails = [_tail_ms(server.address, before)]
            with ExitStack() as crowd:
                _crowd(server.address, crowd)
                tail, also = _beside(server.address, beside)
                crowded.append(tail)
                memory.append(server.memory_mib())
                if len(list(Path(f"/proc/{server.pid}/fd").iterdir())) < SILENT:
                    problems.append("the crowd went before the measurement ended")
            tails.append(_tail_ms(server.address, after))
            alone.append(statistics.fmean(one for one, _ in tails))
            refused += also + sum(one for _, one in tails)
            if refused:
                problems.append(f"the good client was refused {refused} times")
    resource.setrlimit(resource.RLIMIT_NOFILE, files)
    name = f"beside {SILENT:,} silent and {SLOW} slow clients"
    ratios = [one / other for one, other in zip(crowded, alone, strict=True)]
    rows = [
        Row("a good client alone: answer, p99", alone, "ms"),
        Row(f"{name}: answer, p99", crowded, "ms"),
        Row(f"{name}: p99, against alone", ratios, "x", median_at_most=TAIL_TARGET),
        Row(f"{name}: resident memory", memory, "MiB", at_most=MEMORY_TARGET_MIB),
    ]
    return rows, problems
