"""The steps of an alert's way one by one, each kind beside the limit that the machine sets it."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import crossing
from native_ratio import native_ns
from table import Row

ALERT = 624  # bytes of the documented sample alert


@dataclass(frozen=True, slots=True)
class Step:
    """One row.

    Attributes:
        name: of the row.
        benchmark: its name in bench_native.
        share: which part of an iteration is reported.
        clock: real time for what waits for the disk.
        values: in microseconds, one a round.
    """

    name: str
    benchmark: str
    share: float = 1.0
    clock: Literal["cpu_time", "real_time"] = "cpu_time"
    values: list[float] = field(default_factory=list)


def _in_memory() -> list[Step]:
    long = 16 * 1024 * 1024
    return [
        Step("parse: an alert", "parse_of_alert"),
        Step("canonical text: an alert", "canonical_text"),
        Step("guard: a request head", "guard_of_head"),
        Step("Base64: a signature", "base64_of_signature"),
        Step("limit: copying an alert's bytes, in cache", f"limit_copy/{ALERT}"),
        Step("limit: copying an alert's bytes, of 16 MiB", f"limit_copy/{long}", ALERT / long),
    ]


def _hashed() -> list[Step]:
    long = 16 * 1024
    return [
        Step("MAC: an alert, raw-signed", "verify_raw_signed"),
        Step("MAC: an alert, canonical-signed", "verify_canonical_signed"),
        Step("digest: an alert", "digest_of_alert"),
        Step("digest: an alert, with its canonical text", "dedupe_key"),
        Step("limit: SHA-256 of an alert's bytes", f"limit_sha256/{ALERT}"),
        Step("limit: SHA-256 of as many of 16 KiB", f"limit_sha256/{long}", ALERT / long),
    ]


def _on_disk() -> list[Step]:
    steps = []
    for threads in (1, 8, 64, 512):
        name = f"append_at_once/real_time/threads:{threads}"
        steps.append(Step(f"append, {threads} at once: for an alert", name, clock="real_time"))
        steps.append(_sync(threads))
    name = "take_and_settle/iterations:40/real_time"
    steps.append(
        Step(
            f"take + settle, {crossing.BATCH} at once: for an alert",
            name,
            1 / crossing.BATCH,
            "real_time",
        )
    )
    return steps


def _sync(alerts: int) -> Step:
    name = f"limit: fdatasync / {alerts}"
    return Step(name, "limit_fdatasync/real_time", 1 / alerts, "real_time")


def measure(place: Path, binary: Path, rounds: int, seconds: float) -> list[Row]:
    """Measure each step and each limit once a round.

    Args:
        place: a folder on the disk whose fdatasync counts.
        binary: bench_native, built for release.
        rounds: how often.
        seconds: how long each of them runs in a round, about.

    Returns:
        Times; what a row is limited by stands below it, or below the rows before it.
    """
    steps = _in_memory() + _hashed() + _on_disk()
    real, cpu, empty = [], [], []
    with tempfile.TemporaryDirectory(dir=place) as folder:
        requests = Path(folder) / "requests"
        crossing.write_requests(requests)
        for _ in range(rounds):
            for step in steps:
                taken = native_ns(binary, step.benchmark, seconds, step.clock, Path(folder))
                step.values.append(taken * step.share / 1e3)
            crossed = crossing.fetch_and_delivered(Path(folder), requests)
            real.append(crossed.real_ns / 1e3)
            cpu.append(crossed.cpu_ns / 1e3)
            empty.append(crossing.empty_call_ns() / 1e3)
    rows = [Row(step.name, step.values, "us") for step in steps]
    sync = next(step for step in steps if step.name == _sync(crossing.BATCH).name)
    name = f"take + delivered in Python, {crossing.BATCH} at once: for an alert"
    return [
        *rows,
        Row(name, real, "us"),
        Row(f"limit: fdatasync / {crossing.BATCH}, as above", sync.values, "us"),
        Row(f"{name}, CPU of the caller", cpu, "us"),
        Row("limit: an empty call from Python", empty, "us"),
    ]
