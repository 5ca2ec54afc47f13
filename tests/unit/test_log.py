import io
import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incm_webhook.log import describe, plugin_logger, printable, printable_json, set_up_logging


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
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO  service: serving all\n", stream.getvalue()
    )


def test_levels_have_five_letters(stream: io.StringIO) -> None:
    set_up_logging(stream, debug=False)
    for level in (logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
        logging.getLogger("x").log(level, "y")
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
os._exit(0 if gained else 7)  # what is said would wait for room
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
