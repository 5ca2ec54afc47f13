"""The traceback of a delivery that failed is kept with it, wherever the handler ran."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from e2e.conftest import DEADLINE_S, Command, Reports, admin
from incm_webhook.testing import Receiver, make_alert

Serve = Callable[..., Receiver]

SECRET = "hunter2-hunter2"
RETRY = {"first": "10ms", "max": "10ms"}

# What fails in the plugin's own file, through a library, with a URL and a secret of its own.
BROKEN = """
from pydantic import BaseModel

def ask(url, token):
    try:
        json.loads("{{")
    except ValueError as error:
        raise {error}(f"no answer of {{url}} with {{token}}") from error

class Config(BaseModel):
    token: str

class Broken:
    {coroutine}def handle{batch}(self, given, context: Context) -> None:
        if context.attempt > {fails}:
            report(delivered=context.alert_id)
            return
        report(failed=context.attempt)
        ask("https://user:pass@example.net/hooks/T0/B0?key=abcdefgh", context.config.token)
"""


class Case:
    """A server with the plugin "broken", and what is asked of it."""

    def __init__(
        self, serve: Serve, reports: Reports, command: Command, folder: Path, table: dict[str, Any]
    ) -> None:
        self.reports = reports
        self._command = command
        (folder / "token").write_text(SECRET)
        table = {"name": "broken", "breaker": 0, "retry": RETRY, **table}
        table["config"] = {"token": {"file": str(folder / "token")}}
        table["use"] = str(folder / "broken.py")
        self.server = serve(table, arguments=("--log-level", "error"))

    def output_of(self, *arguments: str) -> str:
        """The output of a command."""
        status, out, err = self._command(*arguments, *admin(self.server))
        assert status == 0, err
        return out

    def delivery(self, state: str, number: int = 1) -> dict[str, Any]:
        """Return the delivery from the API, once it is in a state."""
        until = time.monotonic() + DEADLINE_S
        while time.monotonic() < until:
            entry = json.loads(self.output_of("dead", "show", str(number), "--json"))
            (one,) = entry["deliveries"]
            if one["state"] == state:
                return dict(one)
        raise AssertionError(f"never {state}")


@pytest.fixture
def broken(serve: Serve, reports: Reports, command: Command, tmp_path: Path) -> Callable[..., Case]:
    """Serve a plugin that fails."""

    def start(
        *,
        error: str = "Reject",
        fails: int = 99,
        coroutine: bool = False,
        batch: bool = False,
        code: str = BROKEN,
        **table: Any,
    ) -> Case:
        words = {"coroutine": "async " if coroutine else "", "batch": "_batch" if batch else ""}
        reports.plugin(tmp_path / "broken.py", code.format(error=error, fails=fails, **words))
        return Case(serve, reports, command, tmp_path, table)

    return start


def tracebacks(delivery: dict[str, Any]) -> dict[int, str]:
    """The tracebacks of a delivery, by attempt."""
    return {line["attempt"]: line["traceback"] for line in delivery["ledger"] if line["traceback"]}


@pytest.mark.parametrize(
    "how",
    [{}, {"isolation": "process"}, {"coroutine": True}, {"batch": True},
     {"batch": True, "isolation": "process"}],
    ids=["thread", "process", "async", "batch", "batch-process"],
)  # fmt: skip
def test_the_traceback_of_a_dead_letter_is_kept(
    broken: Callable[..., Case], how: dict[str, Any]
) -> None:
    case = broken(**how)
    assert case.server.send(make_alert("reboot"))[0] == 200
    (trace,) = tracebacks(case.delivery("dead")).values()
    lines = trace.split("\n")
    assert lines[0] == "Traceback (most recent call last):"
    assert any("json/decoder.py" in line for line in lines), "what it comes from"
    assert "The above exception was the direct cause of the following exception:" in lines
    assert any("broken.py" in line and "in ask" in line for line in lines)
    assert "incm_webhook" not in lines[-4], "our own frames are left out"
    assert lines[-1].endswith("no answer of https://example.net/hooks/…?… with ***")
    for secret in (SECRET, "pass@", "T0/B0", "abcdefgh"):
        assert secret not in trace
    shown = case.output_of("dead", "show", "1").split("\n")
    at = shown.index("      traceback of attempt 1")
    assert [line.removeprefix("        ") for line in shown[at + 1 :]][: len(lines)] == lines


def test_the_last_traceback_stays_when_a_later_attempt_succeeds(
    broken: Callable[..., Case], reports: Reports
) -> None:
    case = broken(error="ValueError", fails=2)
    case.server.send(make_alert("reboot"))
    assert [reports.next() for _ in range(3)] == [{"failed": 1}, {"failed": 2}, {"delivered": 1}]
    assert list(tracebacks(case.delivery("delivered"))) == [2]
    case.server.send(make_alert("reboot", id="another"))
    assert case.server.stop() == 0


def test_a_delivery_that_hangs_keeps_where(broken: Callable[..., Case], tmp_path: Path) -> None:
    code = """
import time
def forever():
    while True:
        time.sleep(0.01)
class Hangs:
    def handle(self, alert: Alert) -> None:
        forever()
"""
    case = broken(code=code, timeout="50ms", retry={**RETRY, "give_up": 0})
    case.server.send(make_alert("reboot"))
    (trace,) = tracebacks(case.delivery("dead")).values()
    assert "in forever" in trace
    assert trace.endswith("TimeoutError: no result within 0.05 s")


def test_what_kills_its_process_has_no_traceback(broken: Callable[..., Case]) -> None:
    code = """
class Ends:
    def handle(self, alert: Alert) -> None:
        os._exit(3)
"""
    case = broken(code=code, isolation="process", retry={**RETRY, "give_up": 0})
    case.server.send(make_alert("reboot"))
    delivery = case.delivery("dead")
    assert "exit status 3" in delivery["error"]
    assert tracebacks(delivery) == {}
    assert "traceback" not in case.output_of("dead", "show", "1")


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_a_long_traceback_is_bounded(broken: Callable[..., Case], isolation: str) -> None:
    code = """
def down(left):
    text = "\\n".join([f"{{left}}, a line of ä text"] * 2000)
    if left == 0:
        raise Reject(text)
    try:
        down(left - 1)
    except Reject as error:
        raise Reject(text) from error
class Deep:
    def handle(self, alert: Alert) -> None:
        down(50)
"""
    case = broken(code=code, isolation=isolation)
    case.server.send(make_alert("reboot"))
    (trace,) = tracebacks(case.delivery("dead")).values()
    assert len(trace.encode()) <= 16 * 1024
    assert "left out]" in trace
    assert trace.startswith("Traceback (most recent call last):")
    assert "incm_webhook.plugin.Reject: 50, a line of ä text" in trace.split("\n")
    assert ", in handle\n" in trace
