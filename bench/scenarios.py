"""How the receiver behaves under other loads than 64 kept connections of small signed alerts."""

import json
import os
import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import comparison
import replay
import throughput
from comparison import Turn
from servers import (
    FASTAPI,
    GO,
    NGINX,
    SERVE,
    Certificate,
    Peer,
    append_only,
    certificate,
)
from service import SECRET, Server
from table import Row

from incm_webhook import sign
from incm_webhook.sender import samples

SLOW = Path(__file__).parent / "plugins/slow.py"
CONNECTIONS = (1, 16, 64, 256)
_TLS_TARGET = 0.7
_MEMORY_TARGET_MIB = 120.0
_LARGE_BODY = 64 * 1024
_LARGE_COUNT = 2_000  # of large bodies: 128 MiB, all of which wrk keeps in memory
_COPIES = 10
_SLOW_ALERTS = 10_000
_SYNCS = 300
_LENGTH = re.compile(rb"(?<=\r\nContent-Length: )\d+")

Make = Callable[[int, int], list[bytes]]  # number and seed -> requests


@dataclass(frozen=True, slots=True)
class Scenario:
    """A load, and the servers that get it.

    Attributes:
        name: in the table.
        labels: of the servers.
        make: the requests.
        connections: how many.
        copies: how often in a row each request is sent.
        most: how many requests there are at most.
        tls: whether the connections are encrypted.
    """

    name: str
    labels: tuple[str, ...]
    make: Make
    connections: int = comparison.CONNECTIONS
    copies: int = 1
    most: int | None = None
    tls: bool = False


def _plain(count: int, seed: int) -> list[bytes]:
    return throughput.prepare(count, "127.0.0.1", seed)[1]


def _closing(count: int, seed: int) -> list[bytes]:
    end = b"\r\n\r\n"
    return [one.replace(end, b"\r\nConnection: close" + end, 1) for one in _plain(count, seed)]


def _respelt(request: bytes, wire: str, padding: int = 0) -> bytes:
    """Spell a request's alert otherwise, signed over its canonical text."""
    head, end, body = request.partition(b"\r\n\r\n")
    alert = json.loads(body)
    if padding:
        alert["data"]["log"] = "x" * padding
    sent = samples.spell(alert, wire)
    tag = sign(samples.spell(alert), SECRET).encode()
    head = re.sub(rb"(?<=\r\nX-Signature: )\S+", tag, head)
    return _LENGTH.sub(b"%d" % len(sent), head) + end + sent


def _compact(count: int, seed: int) -> list[bytes]:
    return [_respelt(one, "compact") for one in _plain(count, seed)]


def _large(count: int, seed: int) -> list[bytes]:
    return [_respelt(one, "python", _LARGE_BODY - 900) for one in _plain(count, seed)]


def _repeated(count: int, seed: int) -> list[bytes]:
    return [one for one in _plain(count // _COPIES, seed) for _ in range(_COPIES)]


ALL = (
    *(
        Scenario(f"kept connections: {number}", (SERVE, NGINX, GO, FASTAPI), _plain, number)
        for number in CONNECTIONS
    ),
    Scenario("a new connection for each alert", (SERVE, NGINX, GO, FASTAPI), _closing),
    Scenario("a new TLS connection for each alert", (SERVE, NGINX), _closing, tls=True),
    Scenario("other spelling than signed", (SERVE, FASTAPI), _compact),
    Scenario("bodies of 64 KiB", (SERVE, NGINX, GO, FASTAPI), _large, most=_LARGE_COUNT),
    Scenario("9 of 10 are duplicates", (SERVE, f"{FASTAPI}, durable"), _repeated, copies=_COPIES),
)


def measure(
    place: Path, binaries: Path, peers: Sequence[Peer], rounds: int, seconds: float, distinct: int
) -> tuple[list[Row], list[str]]:
    """Run all scenarios, the servers of each in turns.

    Args:
        place: where folders are made.
        binaries: where paced_load and append_only are, built for release.
        peers: the servers to choose from.
        rounds: how often.
        seconds: how long the load of a turn should last.
        distinct: how many different alerts there are for a turn.

    Returns:
        The rows, and what went wrong.
    """
    wanted = {label for scenario in ALL for label in scenario.labels}
    present = comparison.installed([peer for peer in peers if peer.label in wanted])
    rows: list[Row] = []
    problems: list[str] = []
    with tempfile.TemporaryDirectory(dir=place) as name, certificate() as made:
        folder = Path(name)
        chosen = _chosen(folder, present)
        for scenario in ALL:
            sides = [chosen[label] for label in scenario.labels if label in chosen]
            found, wrong = _measured(
                folder, scenario, sides, rounds, seconds, distinct, made if scenario.tls else None
            )
            rows += found
            problems += wrong
    top = next(row for row in rows if row.name == _row_name(ALL[2], SERVE, "answers")).median
    others = [chosen[label] for label in (NGINX, GO) if label in chosen]
    others.append(append_only(binaries))
    paced, wrong = _at_half(place, binaries / "paced_load", rounds, seconds, top / 2, others)
    return rows + _slow_plugin(place, rounds) + paced, problems + wrong


def _chosen(folder: Path, present: Sequence[Peer]) -> dict[str, Peer]:
    warm, counted = _plain(comparison.WARM, 2), _plain(8 * comparison.WARM, 3)
    requests = comparison.written(folder, warm, counted)
    return {peer.label: peer for peer in comparison.best_variants(present, folder, requests)}


def _row_name(scenario: Scenario, label: str, what: str) -> str:
    return f"{scenario.name}: {label}: {what}"


def _measured(
    folder: Path,
    scenario: Scenario,
    sides: Sequence[Peer],
    rounds: int,
    seconds: float,
    distinct: int,
    made: Certificate | None,
) -> tuple[list[Row], list[str]]:
    count = min(distinct, scenario.most or distinct)
    warm, counted = scenario.make(comparison.WARM, 2), scenario.make(count, 3)
    requests = comparison.written(folder, warm, counted, copies=scenario.copies)
    del warm, counted
    turns: dict[str, list[Turn]] = {peer.label: [] for peer in sides}
    for number in range(rounds):
        for peer in sides if number % 2 == 0 else reversed(sides):
            turns[peer.label].append(
                comparison.turn(folder, peer, requests, seconds, scenario.connections, made)
            )
    rows = []
    for label, found in turns.items():
        rows += [
            Row(_row_name(scenario, label, "answers"), [one.rate for one in found], "1/s"),
            Row(_row_name(scenario, label, "CPU"), [one.cpu_us for one in found], "us"),
            Row(
                _row_name(scenario, label, "memory"),
                [one.memory_mib for one in found],
                "MiB",
                at_most=_MEMORY_TARGET_MIB if label == SERVE else None,
            ),
        ]
    if scenario.tls and NGINX in turns:
        both = zip(turns[SERVE], turns[NGINX], strict=True)
        ratios = [one.rate / other.rate for one, other in both]
        rows.append(Row(f"{scenario.name}: answers / {NGINX}", ratios, "", at_least=_TLS_TARGET))
    return rows, [problem for some in turns.values() for one in some for problem in one.problems]


@contextmanager
def _served(place: Path, *plugins: str) -> Iterator[Server]:
    """Run a server that is killed, so that nothing waits for its deliveries."""
    with tempfile.TemporaryDirectory(dir=place) as name, Server(Path(name), plugins) as server:
        yield server


def _slow_plugin(place: Path, rounds: int) -> list[Row]:
    """Measure the answers while a plugin cannot keep up, and how many alerts it gets."""
    rates: dict[str, list[float]] = {"": [], str(SLOW): []}
    delivered = []
    with tempfile.TemporaryDirectory(dir=place) as name:
        requests = Path(name) / "requests"
        replay.write(requests, _plain(_SLOW_ALERTS, 4))
        for number in range(rounds):
            for plugin in rates if number % 2 == 0 else reversed(rates):
                with _served(place, *([plugin] if plugin else [])) as server:
                    load = replay.send(requests, server.address, comparison.CONNECTIONS)
                    rates[plugin].append(load.rate)
                    if plugin:
                        delivered.append(_delivered_rate(server))
    without, beside = rates.values()
    ratios = [one / other for one, other in zip(beside, without, strict=True)]
    return [
        Row("a plugin that takes 10 ms: answers / without it", ratios, ""),
        Row("a plugin that takes 10 ms: answers", beside, "1/s"),
        Row("a plugin that takes 10 ms: alerts that it gets (4 at once)", delivered, "1/s"),
    ]


def _delivered_rate(server: Server) -> float:
    """How many open deliveries are made in a second, looked at over a second."""
    name = 'incm_webhook_inbox_deliveries{state="open"}'
    begin, before = time.monotonic(), server.metrics()[name]
    time.sleep(1.0)
    after = server.metrics()[name]
    return (before - after) / (time.monotonic() - begin)


def _at_half(
    place: Path,
    load: Path,
    rounds: int,
    seconds: float,
    rate: float,
    others: Sequence[Peer],
) -> tuple[list[Row], list[str]]:
    """Compare the time of an answer at half of the top rate with what the disk takes.

    Others get the same alerts at the same rate. Those that store nothing show which part of the
    time is the machine's, and not the server's; those that store are compared with the disk, too.
    """
    name = "half of the top rate"
    answers: dict[str, list[_Paced]] = {label: [] for label in (SERVE, *(o.label for o in others))}
    syncs, problems = [], []
    with tempfile.TemporaryDirectory(dir=place) as folder:
        requests = Path(folder) / "paced"
        # No server looks at the name of the host, so all get the same bytes.
        replay.write(requests, throughput.prepare(int(rate * seconds), "127.0.0.1")[1])
        for _ in range(rounds):
            with _served(place) as server:
                answers[SERVE].append(_paced(load, requests, rate, server.address))
            for other in others:
                with (
                    tempfile.TemporaryDirectory(dir=folder) as empty,
                    other.start(Path(empty), None) as running,
                ):
                    answers[other.label].append(_paced(load, requests, rate, running.address))
            syncs.append(_fdatasync_ms(place))
    for label, found in answers.items():
        refused = sum(one.refused for one in found)
        if refused:
            problems.append(f"{label} refused {refused} alerts at {name}")
    tails = {label: [one.p99_ms for one in found] for label, found in answers.items()}
    ratios = {
        label: [one / other for one, other in zip(tail, syncs, strict=True)]
        for label, tail in tails.items()
    }
    return [
        Row(f"{name}: load", [rate], "1/s"),
        Row(f"{name}: answer, p50", [one.p50_ms for one in answers[SERVE]], "ms"),
        Row(f"{name}: answer, p99", tails[SERVE], "ms"),
        *(Row(f"{name}: {o.label}: answer, p99", tails[o.label], "ms") for o in others),
        Row("append 4 KiB and fdatasync, alone", syncs, "ms"),
        Row(f"{name}: answer, p99 / one such fdatasync", ratios[SERVE], "", median_at_most=6),
        *(
            Row(f"{name}: {o.label}: answer, p99 / one such fdatasync", ratios[o.label], "")
            for o in others
            if o.does == "stores"
        ),
    ], problems


@dataclass(frozen=True)
class _Paced:
    refused: int
    p50_ms: float
    p99_ms: float


def _paced(load: Path, requests: Path, rate: float, address: str) -> _Paced:
    """Send requests at a rate to a server."""
    port = address.rpartition(":")[2]
    command = [str(load), port, str(requests), str(rate), str(comparison.CONNECTIONS)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    _answered, refused, p50, p99, _longest = output.split()
    return _Paced(int(refused), float(p50), float(p99))


def _fdatasync_ms(place: Path) -> float:
    """The middle time of appending 4 KiB to a file and having it on the disk."""
    times = []
    with tempfile.TemporaryFile(dir=place) as file:
        for _ in range(_SYNCS):
            begin = time.perf_counter()
            os.write(file.fileno(), bytes(4096))
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - begin) * 1e3)
    return statistics.median(times)
