"""The whole way of an alert, to a plugin that does nothing, against what Poco does by itself.

The same load goes to three servers in turns: bare Poco, `serve` without a plugin, `serve` with one.
"""

import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import replay
import throughput
from service import LOOK_S, Server, cpu_s
from table import Row

CONNECTIONS = (32, 64)
NOOP = Path(__file__).parent / "plugins/noop.py"
KEPT_TARGET = 0.7
RATIO_TARGET = 0.32
OVERHEAD_TARGET_US = 60.0
POCO_TIMES = 4  # bare Poco is so much faster that its turn would be too short to measure


@dataclass(slots=True)
class Side:
    """What the rounds showed of one server."""

    answers: list[float] = field(default_factory=list)  # 1/s
    settled: list[float] = field(default_factory=list)  # 1/s, until the last delivery was made
    cpu_us: list[float] = field(default_factory=list)  # of the server, for one alert
    load_us: list[float] = field(default_factory=list)  # of wrk, for one alert

    @property
    def all_us(self) -> list[float]:
        """CPU for one alert, of server and load together."""
        return [one + other for one, other in zip(self.cpu_us, self.load_us, strict=True)]


@contextmanager
def bare_poco(binary: Path) -> Iterator[tuple[str, int]]:
    """Run bench/peers/poco_plain.cpp; give its address and its process id."""
    with subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield f"127.0.0.1:{int(process.stdout.readline())}", process.pid
        process.stdin.close()


def _poco_turn(side: Side, binary: Path, requests: Path, connections: int) -> list[str]:
    with bare_poco(binary) as (address, pid):
        load = replay.send(requests, address, connections, POCO_TIMES)
        side.answers.append(load.rate)
        side.cpu_us.append(cpu_s(pid) / load.answered * 1e6)
        side.load_us.append(load.cpu_s / load.answered * 1e6)
    return [f"bare Poco refused {load.refused} requests"] if load.refused else []


def serve_turn(
    side: Side, server: Server, requests: Path, connections: int, look_s: float = LOOK_S
) -> list[str]:
    """Send alerts to a running server until all its deliveries are made.

    Args:
        side: where the figures go.
        server: with an inbox that has none of the alerts.
        requests: what `replay.write` wrote.
        connections: how many.
        look_s: how often to look whether all deliveries are made.

    Returns:
        What was refused or stored more than once, in sentences.
    """
    cpu, before = server.cpu_s(), server.accepted()
    load = replay.send(requests, server.address, connections)
    settled = server.wait_until_open(0, look_s)
    side.cpu_us.append((server.cpu_s() - cpu) / load.answered * 1e6)
    side.answers.append(load.rate)
    side.settled.append(load.answered / (settled - load.begin))
    side.load_us.append(load.cpu_s / load.answered * 1e6)
    accepted = server.accepted() - before
    if load.refused or accepted != load.answered:
        return [f"{load.answered} alerts were sent and {accepted} accepted"]
    return []


def measure(
    place: Path, binary: Path, rounds: int, count: int, several: Sequence[int] = CONNECTIONS
) -> tuple[list[Row], list[str]]:
    """Let the three servers take turns.

    Args:
        place: where their folders are made.
        binary: poco_plain, built for release.
        rounds: how often, with each number of connections.
        count: how many alerts in a turn.
        several: over how many connections.

    Returns:
        The rows, and what went wrong.
    """
    requests = place / "requests"
    replay.write(requests, throughput.prepare(count, "127.0.0.1")[1])
    rows: list[Row] = []
    problems: list[str] = []
    for connections in several:
        sides = {"poco": Side(), "": Side(), str(NOOP): Side()}
        for number in range(rounds):
            names = list(sides)
            for name in names if number % 2 == 0 else reversed(names):
                if name == "poco":
                    problems += _poco_turn(sides[name], binary, requests, connections)
                    continue
                plugins = (name,) if name else ()
                with (
                    tempfile.TemporaryDirectory(dir=place) as folder,
                    Server(Path(folder), plugins) as server,
                ):
                    problems += serve_turn(sides[name], server, requests, connections)
                    server.stop()
        rows += _rows(f"{connections} connections", *sides.values())
    return rows, problems


def _rows(name: str, poco: Side, without: Side, noop: Side) -> list[Row]:
    ratio = [one / other for one, other in zip(noop.settled, poco.answers, strict=True)]
    costs = [one / other for one, other in zip(poco.all_us, noop.all_us, strict=True)]
    kept = [one / other for one, other in zip(noop.settled, without.answers, strict=True)]
    overhead = [one - other for one, other in zip(noop.cpu_us, without.cpu_us, strict=True)]
    return [
        Row(f"{name}: whole path / bare Poco", ratio, "", at_least=RATIO_TARGET),
        Row(f"{name}: the same by CPU time, load included", costs, "", better="more"),
        Row(f"{name}: whole path / answers without a plugin", kept, "", at_least=KEPT_TARGET),
        Row(f"{name}: whole path, first request to last settled", noop.settled, "1/s"),
        Row(f"{name}: bare Poco", poco.answers, "1/s"),
        Row(f"{name}: answers, with the no-op plugin", noop.answers, "1/s"),
        Row(f"{name}: answers, without a plugin", without.answers, "1/s"),
        Row(
            f"{name}: CPU of the engine for an alert, with - without",
            overhead,
            "us",
            median_at_most=OVERHEAD_TARGET_US,
        ),
        Row(f"{name}: CPU for an alert, with the no-op plugin", noop.cpu_us, "us"),
        Row(f"{name}: CPU for an alert, without a plugin", without.cpu_us, "us"),
        Row(f"{name}: CPU for a request, bare Poco", poco.cpu_us, "us"),
        Row(f"{name}: CPU of the load (wrk) for an alert, whole path", noop.load_us, "us"),
        Row(f"{name}: CPU of the load (wrk) for a request, bare Poco", poco.load_us, "us"),
    ]
