"""What the door costs: a good client beside slow and silent ones, the guard beside bare Poco."""

import resource
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import replay
from engine import bare_poco
from service import Server, cpu_s
from table import Row

import flood

SILENT = 10_000
SLOW = 500
CONNECTIONS = 64
PACE_S = 0.005  # the good client's pause between two alerts
TAIL_TARGET = 2.0
MEMORY_TARGET_MIB = 200.0
GUARD_TARGET = 0.8
GUARD_TIMES = 4  # each request so often, for a turn that is long enough to measure
_PATIENCE = '[server]\nheader_timeout = "5m"\n'


def _tail_ms(address: str, requests: Sequence[bytes]) -> tuple[float, int]:
    """Post one request after the other; give the p99 of the answers, and how many were no 200."""
    talker = flood.Talker(address)
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


def measure(
    place: Path, poco: Path, guard: Path, rounds: int, count: int
) -> tuple[list[Row], list[str]]:
    """Measure a good client alone and in the crowd, and the guard against bare Poco, in turns.

    Args:
        place: where the folders of the servers are made.
        poco: poco_plain, built for release.
        guard: guard_plain, built for release.
        rounds: how often.
        count: how many alerts of the good client in a turn.

    Returns:
        The rows, and what went wrong.
    """
    files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files[1], files[1]))
    alone, crowded, memory, problems = [], [], [], []
    for number in range(rounds):
        _, requests = flood.prepare(2 * count, "127.0.0.1", seed=number)
        with tempfile.TemporaryDirectory(dir=place) as folder, ExitStack() as opened:
            server = opened.enter_context(Server(Path(folder), ("log",), inbox_settings=_PATIENCE))
            tail, refused = _tail_ms(server.address, requests[:count])
            alone.append(tail)
            _crowd(server.address, opened)
            tail, also = _beside(server.address, requests[count:])
            crowded.append(tail)
            memory.append(server.memory_mib())
            if refused + also:
                problems.append(f"the good client was refused {refused + also} times")
    resource.setrlimit(resource.RLIMIT_NOFILE, files)
    name = f"beside {SILENT:,} silent and {SLOW} slow clients"
    ratios = [one / other for one, other in zip(crowded, alone, strict=True)]
    rows = [
        Row("a good client alone: answer, p99", alone, "ms"),
        Row(f"{name}: answer, p99", crowded, "ms"),
        Row(f"{name}: p99, against alone", ratios, "x", median_at_most=TAIL_TARGET),
        Row(f"{name}: resident memory", memory, "MiB", at_most=MEMORY_TARGET_MIB),
    ]
    return [*rows, *_guard(place, poco, guard, rounds)], problems


def _guard(place: Path, poco: Path, guard: Path, rounds: int) -> list[Row]:
    requests = place / "door-requests"
    replay.write(requests, flood.prepare(20_000, "127.0.0.1")[1])
    cpu: dict[Path, list[float]] = {poco: [], guard: []}
    for number in range(rounds):
        for binary in (poco, guard) if number % 2 == 0 else (guard, poco):
            with bare_poco(binary) as (address, pid):
                load = replay.send(requests, address, CONNECTIONS, GUARD_TIMES)
                cpu[binary].append(cpu_s(pid) / load.answered * 1e6)
    ratios = [one / other for one, other in zip(cpu[guard], cpu[poco], strict=True)]
    name = f"{CONNECTIONS} connections, CPU of a request:"
    return [
        Row(f"{name} bare Poco", cpu[poco], "us"),
        Row(f"{name} behind the guard", cpu[guard], "us"),
        Row(f"{name} guard against bare", ratios, "x", median_at_most=GUARD_TARGET),
    ]
