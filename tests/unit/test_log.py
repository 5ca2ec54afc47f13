import io
import json
import logging
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incm_webhook.log import (
    LINE_BYTES,
    LineFormatter,
    describe,
    plugin_logger,
    printable,
    printable_json,
    set_up_logging,
)
from incm_webhook.log_levels import kept_records, parse_log_levels
from incm_webhook.text.failures import OwnCode


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """What is logged while a test runs."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.raiseExceptions = True


def test_a_line(stream: io.StringIO) -> None:
    set_up_logging(stream, debug=False)
    logging.getLogger("incm_webhook.service").info("serving %s", "all")
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(Z|[+-]\d\d:\d\d) INFO  service: serving all\n",
        stream.getvalue(),
    )


@pytest.mark.parametrize(
    ("zone", "stamp"),
    [
        ("CET-1", "2026-11-24T19:59:51.250+01:00 "),
        ("UTC0", "2026-11-24T18:59:51.250Z "),
        ("NST3:30", "2026-11-24T15:29:51.250-03:30 "),
    ],
)
def test_a_line_has_the_time_of_the_machine_and_its_zone(
    monkeypatch: pytest.MonkeyPatch, zone: str, stamp: str
) -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "y", (), None)
    record.created = datetime(2026, 11, 24, 18, 59, 51, 250_000, UTC).timestamp()
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        line = LineFormatter().format(record)
    time.tzset()
    assert line == f"{stamp}INFO  x: y"


def test_levels_have_five_letters(stream: io.StringIO) -> None:
    set_up_logging(stream, debug=False)
    for level in (logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
        logging.getLogger("incm_webhook.x").log(level, "y")
    words = [line.split(" ", 1)[1] for line in stream.getvalue().splitlines()]
    assert words == ["INFO  x: y", "WARN  x: y", "ERROR x: y", "FATAL x: y"]


def test_setting_up_twice_logs_once(stream: io.StringIO) -> None:
    set_up_logging(stream, debug=False)
    set_up_logging(stream, debug=False)
    logging.getLogger("x").warning("once")
    assert stream.getvalue().count("once") == 1


@given(st.text())
def test_p16_no_control_character_gets_into_a_line(text: str) -> None:
    stream = io.StringIO()
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    try:
        set_up_logging(stream, debug=False)
        plugin_logger("p").error("%s", text)
        line = stream.getvalue()
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    assert line.endswith("\n")
    assert line[:-1].isprintable()


def test_names_in_other_scripts_stay_readable() -> None:
    assert printable("仓库 Straße\r\n\x1b[31m\u202e") == "仓库 Straße\\r\\n\\x1b[31m\\u202e"


def test_an_exception_is_one_clause(stream: io.StringIO) -> None:
    set_up_logging(stream, debug=False)
    try:
        raise ValueError("first\nsecond")  # noqa: TRY301
    except ValueError:
        logging.getLogger("x").exception("failed")
    line = stream.getvalue()
    assert line.count("\n") == 1
    assert re.search(r"ERROR x: failed: ValueError: first\\nsecond \(.*test_log\.py:\d+\)$", line)


def test_debug_adds_the_traceback(stream: io.StringIO) -> None:
    set_up_logging(stream, debug=True)
    try:
        raise ValueError("first")  # noqa: TRY301
    except ValueError:
        logging.getLogger("x").exception("failed")
    assert "Traceback (most recent call last)" in stream.getvalue()


def test_a_traceback_in_the_log_is_shorter_than_the_one_that_is_kept(stream: io.StringIO) -> None:
    set_up_logging(stream, debug=True)
    lines = "\n".join(f"line {number}" for number in range(3000))
    logging.getLogger("incm_webhook.x").error("failed", extra={"traceback": lines})
    head, *kept = stream.getvalue().splitlines()
    assert head.endswith("x: failed")
    assert all(line.startswith("    ") for line in kept), "none can be taken for a record"
    kept = [line.removeprefix("    ") for line in kept]
    assert len("\n".join(kept)) <= LINE_BYTES < len(lines)
    assert (kept[0], kept[-1]) == ("line 0", "line 2999")
    assert any("lines left out]" in line for line in kept)


def test_an_exception_that_was_never_raised_has_no_place() -> None:
    assert describe(RuntimeError("x")) == "RuntimeError: x"
    assert describe(RuntimeError()) == "RuntimeError: no text"


# A thread writes to a full pipe. No thread gets the GIL unless another gives it up.
_WAITING = """
import os, sys, threading, time
from incm_webhook._core import write_to_stderr

def write():
    global gained
    before = turns
    write_to_stderr(b"a line\\n")
    gained = turns - before

_, full = os.pipe()
os.set_blocking(full, False)
try:
    while True:
        os.write(full, bytes(4096))
except BlockingIOError:
    pass
os.dup2(full, 2)
sys.setswitchinterval(3600.0)
turns = 0
thread = threading.Thread(target=write)
thread.start()
while thread.is_alive():
    turns += 1
    time.sleep(0)
os._exit(0 if gained else 7)  # what is logged would wait for room
"""


def test_a_line_that_waits_does_not_hold_the_gil() -> None:
    ended = subprocess.run([sys.executable, "-c", _WAITING], check=False)
    assert ended.returncode == 0


# As above, and the process ends meanwhile: when nearly nothing is left of it, the line gets room.
_ENDING = """
import os, sys, threading, time
from incm_webhook._core import write_to_stderr

def end(pipe, task, read=os.read, exists=os.path.exists, sleep=time.sleep):
    read(pipe, 1 << 20)
    while exists(task):
        sleep(0.01)

class Last:
    def __init__(self, *what, end=end):
        self.what, self.end = what, end
    def __del__(self):
        self.end(*self.what)

def write():
    global task
    task = f"/proc/self/task/{threading.get_native_id()}"
    write_to_stderr(b"a line\\n")

reading, full = os.pipe()
os.set_blocking(full, False)
try:
    while True:
        os.write(full, bytes(4096))
except BlockingIOError:
    pass
os.dup2(full, 2)
sys.setswitchinterval(3600.0)
task = ""
threading.Thread(target=write, daemon=True).start()
while not task:
    time.sleep(0)
sys.modules["last"] = Last(reading, task)  # goes late
"""


def test_a_line_that_waits_does_not_disturb_the_end_of_the_process() -> None:
    ended = subprocess.run([sys.executable, "-c", _ENDING], check=False, timeout=60)
    assert ended.returncode == 0


def test_json_for_a_terminal_holds_nothing_that_it_obeys() -> None:
    value = {"仓库": "\x1b[31m \x9b31m \u202e \u2028 \x7f \U000e0001 \ud800"}
    text = printable_json(json.dumps(value, ensure_ascii=False))
    assert text.isprintable()
    assert text.startswith('{"仓库": "')
    assert json.loads(text) == value


def test_a_record_is_one_bounded_line(stream: io.StringIO) -> None:
    set_up_logging(stream, debug=False)
    plugin_logger("p").info("%s", "x\ny" * 2_000_000)
    line = stream.getvalue()
    assert line.count("\n") == 1
    assert len(line.encode()) < 5000
    assert line.endswith("... (6,000,000 characters)\n")


def test_a_record_whose_arguments_do_not_fit_is_not_lost(stream: io.StringIO) -> None:
    set_up_logging(stream, debug=False)
    plugin_logger("p").warning("sent %d alerts", "two")
    assert (
        "WARN  plugin.p: sent %d alerts (its arguments do not fit: TypeError" in stream.getvalue()
    )


def test_p16_libraries_are_logged_from_warnings_on(stream: io.StringIO) -> None:
    set_up_logging(stream, debug=False)
    logging.getLogger("some_library").info("POST https://h/services/T0/B0")
    logging.getLogger("some_library").warning("careful")
    logging.info("by the root logger, which is a plugin's")
    assert [line.split(" ", 2)[2] for line in stream.getvalue().splitlines()] == [
        " some_library: careful",
        " root: by the root logger, which is a plugin's",
    ]


def test_a_library_that_was_named_is_logged_without_the_secret_parts_of_its_urls(
    stream: io.StringIO,
) -> None:
    set_up_logging(stream, levels=parse_log_levels("info,asked_library=info"))
    logging.getLogger("asked_library.inner").info("POST https://h/services/T0/B0")
    logging.getLogger("asked_library").setLevel(logging.NOTSET)
    assert stream.getvalue().endswith("INFO  asked_library.inner: POST https://h/services/…\n")


def test_lines_of_a_plugin_lose_their_tokens_and_our_own_stay_whole(stream: io.StringIO) -> None:
    set_up_logging(stream, debug=False)
    plugin_logger("p").info("to https://h/services/T0/B0")
    logging.getLogger("incm_webhook.service").info("listening on http://127.0.0.1:1/webhook")
    assert [line.rpartition(" ")[2] for line in stream.getvalue().splitlines()] == [
        "https://h/services/…",
        "http://127.0.0.1:1/webhook",
    ]


@pytest.mark.parametrize("text", ["", "loud", "info,", "info,x=loud", "info,=info", 3, None])
def test_what_is_no_level_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="wants debug, info, warning or error"):
        parse_log_levels(text)


def test_an_exception_that_a_plugin_logs_names_the_plugins_line(stream: io.StringIO) -> None:
    set_up_logging(stream, debug=False)
    try:
        json.loads("{")
    except ValueError:
        plugin_logger("p", OwnCode((__file__,))).exception("cannot read")
    assert re.search(r"cannot read: JSONDecodeError: .* \(test_log\.py:\d+\)\n$", stream.getvalue())


_STRAY = """
import sys, threading, warnings
from incm_webhook.log import set_up_logging
from incm_webhook.process.stray_errors import catch_stray_errors
set_up_logging()
catch_stray_errors()
def fail():
    raise ValueError("x" * 1000000)
class Late:
    def __del__(self):
        raise KeyError("late")
for number in range(3):
    thread = threading.Thread(target=fail, name=f"t{number}")
    thread.start()
    thread.join()
late = Late()
del late
warnings.warn("this is old\\nvery")
"""


def test_exceptions_that_nothing_catches_are_a_line_each() -> None:
    ended = subprocess.run([sys.executable, "-c", _STRAY], check=False, capture_output=True)
    lines = ended.stderr.decode().splitlines()
    assert len(lines) == 3
    assert "ERROR stray: thread t0 ended: ValueError: xxx" in lines[0]
    assert "KeyError: 'late'" in lines[1]
    assert lines[2].endswith("WARN  py.warnings: <string>:18: UserWarning: this is old")


def test_the_logger_of_a_plugin_file_is_named_after_the_file(stream: io.StringIO) -> None:
    set_up_logging(stream, debug=False)
    kept_records.add_own("incm_webhook_file_7_noc")
    logging.getLogger("incm_webhook_file_7_noc").info("sent")
    assert stream.getvalue().endswith(" INFO  noc: sent\n")
