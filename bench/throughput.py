"""Many signed alerts at once against a real server: nothing lost, nothing twice, how fast.

Everything that can be is prepared before the clock starts: the requests are bytes, and the
processes that send them are connected. Each connection sends, waits for the whole answer, and
sends the next.
"""

import multiprocessing
import os
import random
import re
import selectors
import socket
import statistics
import tempfile
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path

import ledger
from service import SECRET, Server
from table import Row

from incm_webhook import alert_types, sign
from incm_webhook.sender import samples

ALERTS = 20_000
CONNECTIONS = 32
PROCESSES = 2
DEADLINE_S = 180.0
_HEAD_END = b"\r\n\r\n"
_NUMBER = re.compile(rb'"id": (\d+)')
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_fork = multiprocessing.get_context("fork")  # the prepared requests come along


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one alert; status 0 when nothing did, number 0 when none was given."""

    index: int
    status: int
    accepted: bool
    number: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one measurement."""

    problems: list[str]
    answers: list[Answer]
    answered_s: float  # from the first request to the last answer
    in_file_s: float  # from the last answer until all lines were seen in the file
    server_cpu_s: float
    load_cpu_s: float
    sync_s: float


class Talker:
    """One keep-alive connection, and the alert that is on its way."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.index = -1
        self.sent_at = 0.0
        self._got = b""
        self.socket = self._connect()

    def send(self, index: int, request: bytes) -> None:
        self.index = index
        self._got = b""
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> Answer | None:
        """Take what has come in; return the answer when it is whole."""
        try:
            part = self.socket.recv(65536)
        except ConnectionError:
            part = b""
        self._got += part
        head, end, body = self._got.partition(_HEAD_END)
        length = _LENGTH.search(head)
        if part and not (end and length and len(body) >= int(length[1])):
            return None
        seconds = time.perf_counter() - self.sent_at
        status = int(head.split(b" ", 2)[1]) if part else 0
        number = _NUMBER.search(body)
        return Answer(
            self.index, status, b'"accepted"' in body, int(number[1]) if number else 0, seconds
        )

    def reconnect(self) -> None:
        self.socket.close()
        self.socket = self._connect()

    def _connect(self) -> socket.socket:
        host, _, port = self._address.rpartition(":")
        connected = socket.create_connection((host, int(port)), timeout=DEADLINE_S)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connected


def prepare(count: int, address: str, seed: int = 1) -> tuple[dict[str, bytes], list[bytes]]:
    """Make up different alerts, and sign them.

    Args:
        count: how many.
        address: HOST:PORT of the server.
        seed: another one gives other alerts.

    Returns:
        The bodies by `_id`, and the whole request of each, in the same order.
    """
    rng = random.Random(seed)
    types = [one.name for one in alert_types()]
    bodies: dict[str, bytes] = {}
    requests = []
    for number in range(count):
        alert = samples.sample(types[number % len(types)], rng=rng)
        body = samples.spell(alert)
        bodies[alert["_id"]] = body
        head = (
            f"POST /webhook HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n"
            f"X-Signature: {sign(body, SECRET)}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        requests.append(head.encode() + body)
    if len(bodies) != count:
        raise RuntimeError("two alerts have the same _id")
    return bodies, requests


def _send_all(
    address: str, share: range, requests: list[bytes], start: Barrier, result: Connection
) -> None:
    """Be one process of the load: send a share of the requests, report the answers."""
    talkers = [Talker(address) for _ in range(CONNECTIONS // PROCESSES)]
    selector = selectors.DefaultSelector()
    waiting = iter(share)
    answers = []
    start.wait(DEADLINE_S)
    cpu, begin = time.process_time(), time.monotonic()
    deadline = begin + DEADLINE_S
    for talker, index in zip(talkers, waiting, strict=False):
        selector.register(talker.socket, selectors.EVENT_READ, talker)
        talker.send(index, requests[index])
    while selector.get_map() and time.monotonic() < deadline:
        for key, _ in selector.select(1.0):
            talker = key.data
            answer = talker.receive()
            if answer is None:
                continue
            answers.append(answer)
            next_index = next(waiting, None)
            if next_index is None or answer.status == 0:
                selector.unregister(talker.socket)
            if next_index is not None:
                if answer.status == 0:
                    talker.reconnect()
                    selector.register(talker.socket, selectors.EVENT_READ, talker)
                talker.send(next_index, requests[next_index])
    result.send((answers, time.process_time() - cpu, begin, time.monotonic()))


def _send_in_processes(
    address: str, requests: list[bytes]
) -> tuple[list[Answer], float, float, float]:
    """Send all requests; return the answers, the CPU time of it, when it began and ended."""
    start = _fork.Barrier(PROCESSES + 1)
    ends, workers = [], []
    for number in range(PROCESSES):
        mine, theirs = _fork.Pipe(duplex=False)
        share = range(number, len(requests), PROCESSES)
        worker = _fork.Process(target=_send_all, args=(address, share, requests, start, theirs))
        worker.start()
        theirs.close()
        ends.append(mine)
        workers.append(worker)
    try:
        start.wait(DEADLINE_S)
        results = [end.recv() for end in ends if end.poll(DEADLINE_S * 1.5)]
    finally:
        for worker in workers:
            worker.join(1.0)
            worker.kill()
    if len(results) < PROCESSES:
        raise RuntimeError("a process of the load did not end in time")
    shares, cpu, begins, finishes = zip(*results, strict=True)
    answers = [answer for some in shares for answer in some]
    return answers, sum(cpu), min(begins), max(finishes)


def _wait_for_lines(path: Path, count: int) -> float:
    """Wait until a file has so many lines, or for a while; return the time then."""
    begin = time.monotonic()
    lines = 0
    while not path.exists() and time.monotonic() < begin + DEADLINE_S:
        time.sleep(0.005)
    with path.open("rb") as file:
        while lines < count and time.monotonic() < begin + DEADLINE_S:
            part = file.read(1 << 20)
            lines += part.count(b"\n")
            if not part:
                time.sleep(0.005)
    return time.monotonic()


def _sync_s(folder: Path) -> float:
    """The middle time of appending 4 KiB to a file and having it on the disk."""
    times = []
    descriptor = os.open(folder / "sync", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for _ in range(100):
        begin = time.perf_counter()
        os.write(descriptor, bytes(4096))
        os.fsync(descriptor)
        times.append(time.perf_counter() - begin)
    os.close(descriptor)
    return statistics.median(times)


def run(folder: Path, count: int) -> Outcome:
    """Send all alerts to a new server with the jsonl plugin, then stop it and check what it kept.

    Args:
        folder: an empty folder on a disk.
        count: how many alerts.

    Returns:
        What was found; `problems` is empty when every 200 was kept exactly once.
    """
    sync = _sync_s(folder)
    with Server(folder, ("jsonl",)) as server:
        bodies, requests = prepare(count, server.address)
        cpu = server.cpu_s()
        answers, load_cpu, begin, finish = _send_in_processes(server.address, requests)
        acked = [answer for answer in answers if answer.status == 200]
        in_file_s = _wait_for_lines(server.lines, len(acked)) - finish
        cpu = server.cpu_s() - cpu
        server.stop()
    ids = list(bodies)
    problems = ledger.problems_of(
        server.inbox, server.lines, bodies, {ids[answer.index] for answer in acked}
    )
    if len(acked) != count or not all(answer.accepted for answer in acked):
        problems.append(f"{len(acked)} of {count} alerts were answered with 200 and accepted")
    return Outcome(problems, answers, finish - begin, in_file_s, cpu, load_cpu, sync)


def measure(place: Path, rounds: int, count: int) -> tuple[list[Row], list[str]]:
    """Measure one server after the other.

    Args:
        place: where their folders are made.
        rounds: how many servers.
        count: how many alerts for each.

    Returns:
        The rows, and what was lost or repeated.
    """
    outcomes = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(dir=place) as folder:
            outcomes.append(run(Path(folder), count))
    problems = [problem for outcome in outcomes for problem in outcome.problems]
    tails = [
        statistics.quantiles([answer.seconds * 1e3 for answer in one.answers], n=100)
        for one in outcomes
    ]
    name = f"{count:,} alerts, {CONNECTIONS} connections"
    wrong = [float(len(one.problems)) for one in outcomes]
    cpu = [one.server_cpu_s / count * 1e6 for one in outcomes]
    load = [one.load_cpu_s / count * 1e6 for one in outcomes]
    rates = [len(one.answers) / one.answered_s for one in outcomes]
    rows = [
        Row(f"{name}: lost, repeated, refused or odd", wrong, "", at_most=0),
        Row(f"{name}: rate of answers", rates, "1/s"),
        Row(f"{name}: answer, p50", [tail[49] for tail in tails], "ms"),
        Row(f"{name}: answer, p99", [tail[98] for tail in tails], "ms"),
        Row(f"{name}: CPU of the server for an alert", cpu, "us"),
        Row(f"{name}: CPU of the load for an alert", load, "us"),
        Row(f"{name}: first request to last answer", [one.answered_s for one in outcomes], "s"),
        Row(f"{name}: then until all are in the file", [one.in_file_s for one in outcomes], "s"),
        Row("append 4 KiB and fsync, alone", [one.sync_s * 1e3 for one in outcomes], "ms"),
        Row(
            f"{name}: answers in the time of one such fsync",
            [rate * one.sync_s for rate, one in zip(rates, outcomes, strict=True)],
            "",
        ),
    ]
    return rows, problems
