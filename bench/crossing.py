"""What it costs to hand alerts over to Python, against a call into the core that does nothing."""

import tempfile
import time
import timeit
from dataclasses import dataclass
from pathlib import Path

import replay
import throughput
from service import SECRET

from incm_webhook._core import Endpoint, Filter, Receiver, Route

BATCH = 64
BATCHES = 40
CALLS = 100_000
PLUGIN = "noop"


@dataclass(frozen=True, slots=True)
class Crossing:
    """For one alert, in batches of BATCH: from fetching it until it is settled.

    Attributes:
        real_ns: with the wait for the disk that has the lease.
        cpu_ns: of the calling thread alone, parsing included.
    """

    real_ns: float
    cpu_ns: float


def fetch_and_delivered(place: Path, requests: Path) -> Crossing:
    """Fetch all alerts of a new inbox and settle them, as a plugin's runner does.

    Args:
        place: where the inbox is made.
        requests: what `write_requests` wrote.

    Returns:
        What it took.

    Raises:
        RuntimeError: an alert was refused.
        ValueError: a batch was not whole.
    """
    with tempfile.TemporaryDirectory(dir=place) as folder:
        receiver = Receiver(
            listen="127.0.0.1:0",
            admin=None,
            inbox=f"sqlite:{Path(folder) / 'inbox.db'}",
            endpoints=[Endpoint("/webhook", [SECRET])],
            routes=[Route(PLUGIN, Filter())],
        )
        receiver.start()
        try:
            load = replay.send(requests, receiver.address, BATCH)
            if load.refused:
                raise RuntimeError(f"{load.refused} alerts were refused")
            durations = [0.0] * BATCH
            real, cpu = time.perf_counter_ns(), time.thread_time_ns()
            for _ in range(BATCHES):
                fetched = receiver.fetch(PLUGIN, BATCH, 0.0)
                receiver.delivered(fetched, durations)
            cpu, real = time.thread_time_ns() - cpu, time.perf_counter_ns() - real
        finally:
            receiver.stop()
    return Crossing(real / (BATCH * BATCHES), cpu / (BATCH * BATCHES))


def write_requests(path: Path) -> None:
    """Write as many signed alerts as `fetch_and_delivered` takes."""
    replay.write(path, throughput.prepare(BATCH * BATCHES, "127.0.0.1")[1])


def empty_call_ns() -> float:
    """Return the CPU time of reading a property that only looks whether a list is empty."""
    endpoint = Endpoint("/webhook", [SECRET])
    timer = timeit.Timer("endpoint.unsigned", timer=time.thread_time, globals=locals())
    return timer.timeit(CALLS) / CALLS * 1e9
