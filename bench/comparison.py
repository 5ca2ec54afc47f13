"""incm-webhook beside what else one would receive these alerts with, under one load.

Every server gets the same signed requests, over 64 connections of wrk. They take turns within each
round, each time freshly started; those that store begin with an empty database.
"""

import base64
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import processes
import replay
import throughput
from servers import (
    ANSWER,
    FASTAPI,
    GO,
    NGINX,
    POCO,
    SERVE,
    SERVE_NOOP,
    VERIFY,
    Certificate,
    Peer,
)
from table import Row

CONNECTIONS = 64
WARM = 400  # requests before the clock starts, others than those that count
_TRIAL_S = 1.0
_RATE_TARGETS = {NGINX: 0.25, GO: 0.5, f"{FASTAPI}, durable": 15.0}
_CPU_TARGET = 2.2  # verify and parse, against nginx
_GUARD_TARGET = 0.8  # the guard, against Poco's plain sockets
_PLUGIN_TARGET = 0.7
_SIGNATURE = re.compile(rb"(?<=\r\nX-Signature: )\S+")


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests in files.

    Attributes:
        warm: those that warm a server up; none of them counts.
        counted: those that count.
        warm_count: how many of the former.
        count: how many of the latter.
        copies: how often in a row each of them stands in its file.
    """

    warm: Path
    counted: Path
    warm_count: int
    count: int
    copies: int = 1


@dataclass(frozen=True, slots=True)
class Turn:
    """What a server showed."""

    rate: float  # answers in a second
    cpu_us: float  # of all its processes, for a request
    memory_mib: float  # at most
    problems: list[str]


@dataclass(slots=True)
class _Side:
    peer: Peer
    turns: list[Turn] = field(default_factory=list)

    def values(self, name: str) -> list[float]:
        return [getattr(turn, name) for turn in self.turns]


def written(
    folder: Path,
    warm: Sequence[bytes],
    counted: Sequence[bytes],
    *,
    hexadecimal: bool = False,
    copies: int = 1,
) -> Requests:
    """Write requests for `turn`.

    Args:
        folder: where; one set for each folder and form.
        warm: the requests before the clock starts.
        counted: the others.
        hexadecimal: write the signatures so instead of in Base64.
        copies: how often in a row each of `counted` stands there.
    """
    form = "hex" if hexadecimal else "base64"
    paths = folder / f"warm-{form}", folder / f"counted-{form}"
    for path, requests in zip(paths, (warm, counted), strict=True):
        replay.write(path, [_in_hex(one) for one in requests] if hexadecimal else requests)
    return Requests(*paths, len(warm), len(counted), copies)


def _in_hex(request: bytes) -> bytes:
    return _SIGNATURE.sub(lambda found: base64.b64decode(found[0]).hex().encode(), request)


def turn(
    place: Path,
    peer: Peer,
    requests: Requests,
    seconds: float,
    connections: int = CONNECTIONS,
    certificate: Certificate | None = None,
) -> Turn:
    """Start a server, warm it up, load it, end it.

    Args:
        place: where its folder is made.
        peer: the server.
        requests: what it gets. One that stores gets each at most once, so that its turn may be
            shorter.
        seconds: how long the load should last, by what the warming up shows.
        connections: how many.
        certificate: for TLS; None is plain HTTP.

    Raises:
        RuntimeError: it does not start or does not answer.
    """
    scheme = "https" if certificate else "http"
    with (
        tempfile.TemporaryDirectory(dir=place) as folder,
        peer.start(Path(folder), certificate) as server,
    ):
        warm = replay.send(requests.warm, server.address, connections, scheme=scheme)
        if not warm.refused and warm.rate > requests.warm_count / _TRIAL_S:
            # That was too short to measure how fast it is.
            again = warm.rate * _TRIAL_S / 2 / requests.warm_count
            warm = replay.send(requests.warm, server.address, connections, again, scheme)
        times = max(warm.rate * seconds, connections) / requests.count
        if peer.does == "stores":
            times = min(times, 1.0)
        server.settle()
        before = server.kept() if server.kept else 0
        cpu = processes.cpu_s(server.leader)
        with processes.MemoryWatch(server.leader) as memory:
            load = replay.send(requests.counted, server.address, connections, times, scheme)
            server.settle()
        cpu = processes.cpu_s(server.leader) - cpu
        kept = server.kept() - before if server.kept else None
    problems = []
    refused = warm.refused + load.refused
    if refused:
        problems.append(f"{peer.label} answered {refused} requests with another status than 200")
    different = -(-load.sent // requests.copies)
    if kept is not None and kept != different:
        problems.append(f"{peer.label} got {different} different alerts and stored {kept}")
    return Turn(load.rate, cpu / load.answered * 1e6, memory.peak_mib, problems)


def installed(peers: Sequence[Peer]) -> list[Peer]:
    """Leave out what this machine does not have, with a line for each."""
    for line in dict.fromkeys(f"without {one.label}: {one.lacks}" for one in peers if one.lacks):
        print(f"  {line}", file=sys.stderr)
    return [peer for peer in peers if not peer.lacks]


def best_variants(peers: Sequence[Peer], place: Path, requests: Requests) -> list[Peer]:
    """Of servers with the same label, find the one that answers most in a trial."""
    labels = dict.fromkeys(peer.label for peer in peers)
    best = []
    for label in labels:
        variants = [peer for peer in peers if peer.label == label]
        if len(variants) > 1:
            rates = {peer: turn(place, peer, requests, _TRIAL_S).rate for peer in variants}
            variants.sort(key=lambda peer: rates[peer], reverse=True)
            shown = ", ".join(f"{peer.variant} {rates[peer]:,.0f}/s" for peer in variants)
            print(f"  {label}: {shown}", file=sys.stderr)
        best.append(variants[0])
    return best


def measure(
    place: Path, peers: Sequence[Peer], rounds: int, seconds: float, distinct: int
) -> tuple[list[Row], list[str]]:
    """Let all servers take turns; one that is not installed is left out with a line.

    Args:
        place: where their folders are made.
        peers: the servers; the best of those with the same label is taken.
        rounds: how often.
        seconds: how long the load of a turn should last.
        distinct: how many different alerts there are for a turn.

    Returns:
        The rows, and what went wrong.
    """
    present = installed(peers)
    with tempfile.TemporaryDirectory(dir=place) as folder:
        warm = throughput.prepare(WARM, "127.0.0.1", seed=2)[1]
        counted = throughput.prepare(distinct, "127.0.0.1", seed=3)[1]
        requests = {False: written(Path(folder), warm, counted)}
        if any(peer.hexadecimal for peer in present):
            requests[True] = written(Path(folder), warm, counted, hexadecimal=True)
        del warm, counted
        sides = [_Side(peer) for peer in best_variants(present, place, requests[False])]
        problems: list[str] = []
        for number in range(rounds):
            for side in sides if number % 2 == 0 else reversed(sides):
                found = turn(place, side.peer, requests[side.peer.hexadecimal], seconds)
                side.turns.append(found)
                problems += found.problems
    return _rows(sides), problems


def _rows(sides: Sequence[_Side]) -> list[Row]:
    by_label = {side.peer.label: side for side in sides}
    rows = []
    for side in sides:
        name = side.peer.label
        if side.peer.variant:
            name += f" ({side.peer.variant})"
        rows += [
            Row(f"{name}: answers", side.values("rate"), "1/s"),
            Row(f"{name}: CPU for a request", side.values("cpu_us"), "us"),
            Row(f"{name}: memory, highest", side.values("memory_mib"), "MiB"),
        ]
    poco, ours = by_label[POCO], by_label[SERVE]
    rows += [
        Row(
            f"{side.peer.label}: CPU for a request / {POCO}",
            _ratios(side.values("cpu_us"), poco.values("cpu_us")),
            "",
            median_at_most=_GUARD_TARGET if side.peer.label == ANSWER else None,
            better="less",
        )
        for side in sides
        if side.peer.ours
    ]
    rows += [
        Row(
            f"{SERVE}: answers / {side.peer.label}",
            _ratios(ours.values("rate"), side.values("rate")),
            "",
            at_least=_RATE_TARGETS.get(side.peer.label),
        )
        for side in sides
        if not side.peer.ours
    ]
    nginx = by_label.get(NGINX)
    if nginx is not None:
        costs = _ratios(by_label[VERIFY].values("cpu_us"), nginx.values("cpu_us"))
        rows.append(
            Row(f"{VERIFY}: CPU for a request / {NGINX}", costs, "", median_at_most=_CPU_TARGET)
        )
    plugin = _ratios(by_label[SERVE_NOOP].values("rate"), ours.values("rate"))
    rows.append(Row(f"{SERVE_NOOP}: answers / {SERVE}", plugin, "", at_least=_PLUGIN_TARGET))
    return rows


def _ratios(some: Sequence[float], others: Sequence[float]) -> list[float]:
    return [one / other for one, other in zip(some, others, strict=True)]


def bars(rows: Sequence[dict[str, object]], peers: Sequence[Peer]) -> list["Bar"]:
    """Find what the plot shows in the rows of a results file.

    Args:
        rows: as Row.as_json makes them.
        peers: the servers, for what they do.
    """
    medians = {str(row["name"]): float(str(row["median"])) for row in rows}
    found = []
    for peer in peers:
        name = f"{peer.label} ({peer.variant})" if peer.variant else peer.label
        if f"{name}: answers" in medians:
            rate, cpu = medians[f"{name}: answers"], medians[f"{name}: CPU for a request"]
            found.append(Bar(peer, rate, cpu))
    return found


@dataclass(frozen=True, slots=True)
class Bar:
    """A server in the plot, with its medians."""

    peer: Peer
    rate: float
    cpu_us: float
