"""How many times as fast as CPython the core verifies and parses the documented sample alert.

The core is measured alone, and called from Python: with a Verifier, and with verify(), which
prepares the secret in each call. All sides take turns within each round, so that a busy machine
slows all of them; only CPU time counts.
"""

import base64
import hashlib
import hmac
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from table import Row

from incm_webhook import Alert, Verifier, sign, verify

KEY = b"topsecret"
CALLS = 200  # between two looks at the clock
TARGETS = {"raw": 10.0, "canonical": 6.0}
FROM_PYTHON_TARGETS = {"raw": 8.0, "canonical": 5.0}

Verify = Callable[[bytes, bytes], Any]
_decode = json.JSONDecoder().decode
_encode = json.JSONEncoder(ensure_ascii=False).encode


def with_hmac_new(body: bytes, signature: bytes) -> Any:
    """Verify and parse as the sender's documentation does it."""
    alert = json.loads(body.decode())
    text = json.dumps(alert, ensure_ascii=False).encode()
    tag = base64.b64encode(hmac.new(KEY, text, hashlib.sha256).digest())
    return alert if hmac.compare_digest(tag, signature) else None


def with_hmac_digest(body: bytes, signature: bytes) -> Any:
    """The same with the one-shot HMAC."""
    alert = json.loads(body.decode())
    text = json.dumps(alert, ensure_ascii=False).encode()
    tag = base64.b64encode(hmac.digest(KEY, text, "sha256"))
    return alert if hmac.compare_digest(tag, signature) else None


def with_all_prepared(body: bytes, signature: bytes) -> Any:
    """The same with decoder and encoder made once: what a patient programmer gets to."""
    alert = _decode(body.decode())
    tag = base64.b64encode(hmac.digest(KEY, _encode(alert).encode(), "sha256"))
    return alert if hmac.compare_digest(tag, signature) else None


_verifier = Verifier([KEY])


def with_verifier(body: bytes, signature: bytes) -> Any:
    """Verify and parse with this package, the secret prepared once."""
    verdict = _verifier.verify(body, signature)
    return Alert.from_json(verdict.text) if verdict.text else None


def with_verify(body: bytes, signature: bytes) -> Any:
    """The same, the secret prepared in each call."""
    verdict = verify(body, signature.decode(), [KEY])
    return Alert.from_json(verdict.text) if verdict.text else None


SPELLINGS: dict[str, Verify] = {
    "hmac.new": with_hmac_new,
    "hmac.digest": with_hmac_digest,
    "hmac.digest, coders prepared": with_all_prepared,
}
FROM_PYTHON: dict[str, Verify] = {"Verifier": with_verifier, "verify()": with_verify}


def sample_wires(repository: Path) -> tuple[dict[str, bytes], bytes]:
    """Read the sample alert.

    Args:
        repository: the source tree.

    Returns:
        The bodies as sent (raw: the very text that is signed; canonical: the compact text, whose
        canonical text is signed), and the signature of both.
    """
    alert = json.loads((repository / "tests/golden/reboot.json").read_text())
    canonical = json.dumps(alert, ensure_ascii=False).encode()
    compact = json.dumps(alert, ensure_ascii=False, separators=(",", ":")).encode()
    return {"raw": canonical, "canonical": compact}, sign(canonical, KEY).encode()


def python_ns(verify: Verify, body: bytes, signature: bytes, seconds: float) -> float:
    """Return the CPU time of one call, measured over a while."""
    if verify(body, signature) is None:
        raise RuntimeError("the sample alert was refused")
    calls = 0
    start = now = time.thread_time_ns()
    end = start + int(seconds * 1e9)
    while now < end:
        for _ in range(CALLS):
            verify(body, signature)
        calls += CALLS
        now = time.thread_time_ns()
    return (now - start) / calls


def native_ns(
    binary: Path,
    name: str,
    seconds: float,
    clock: Literal["cpu_time", "real_time"] = "cpu_time",
    folder: Path | None = None,
) -> float:
    """Return the time of one iteration of a native benchmark, which runs in the given folder."""
    command = [str(binary), f"--benchmark_filter=^{name}$", "--benchmark_format=json"]
    command += [f"--benchmark_min_time={seconds}"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=120, cwd=folder)
    (result,) = json.loads(done.stdout)["benchmarks"]
    if result.get("error_occurred") or result["time_unit"] != "ns":
        raise RuntimeError(f"{name}: {result.get('error_message', 'not in ns')}")
    return float(result[clock])


def measure(repository: Path, binary: Path, rounds: int, seconds: float) -> list[Row]:
    """Compare the core with CPython.

    Args:
        repository: the source tree.
        binary: bench_native, built for release.
        rounds: how often the sides take turns.
        seconds: how long each side runs in a turn.

    Returns:
        The ratios, then the times behind them.
    """
    wires, signature = sample_wires(repository)
    natives: dict[str, list[float]] = {wire: [] for wire in wires}
    pythons: dict[tuple[str, str], list[float]] = {
        (wire, spelling): [] for wire in wires for spelling in (*SPELLINGS, *FROM_PYTHON)
    }
    for number in range(rounds):
        for wire, body in wires.items():
            turns = ["", *SPELLINGS, *FROM_PYTHON]
            for turn in turns if number % 2 == 0 else reversed(turns):
                if turn:
                    called = (SPELLINGS | FROM_PYTHON)[turn]
                    taken = python_ns(called, body, signature, seconds)
                    pythons[wire, turn].append(taken)
                else:
                    natives[wire].append(native_ns(binary, f"verify_parse_{wire}", seconds))
    return _rows(natives, pythons)


def _rows(
    natives: dict[str, list[float]],
    pythons: dict[tuple[str, str], list[float]],
) -> list[Row]:
    ratios, times = [], []
    for (wire, spelling), slow in pythons.items():
        if spelling in FROM_PYTHON:
            continue
        ratio = [one / other for one, other in zip(slow, natives[wire], strict=True)]
        target = TARGETS[wire] if spelling == "hmac.new" else None
        name = f"verify + parse, {wire}-signed: times as fast as CPython ({spelling})"
        ratios.append(Row(name, ratio, "x", at_least=target, better="more"))
        times.append(Row(f"CPython, {wire}-signed ({spelling})", [t / 1e3 for t in slow], "us"))
    for (wire, spelling), fast in pythons.items():
        if spelling not in FROM_PYTHON:
            continue
        slow = pythons[wire, "hmac.new"]
        ratio = [one / other for one, other in zip(slow, fast, strict=True)]
        target = FROM_PYTHON_TARGETS[wire] if spelling == "Verifier" else None
        name = f"{spelling} + Alert.from_json, {wire}-signed: times as fast as CPython (hmac.new)"
        ratios.append(Row(name, ratio, "x", at_least=target, better="more"))
        name = f"{spelling} + Alert.from_json, {wire}-signed, from Python"
        times.append(Row(name, [one / 1e3 for one in fast], "us"))
    for wire, fast in natives.items():
        name = f"core: verify_parse_{wire}"
        times.append(Row(name, [one / 1e3 for one in fast], "us"))
    return ratios + times
