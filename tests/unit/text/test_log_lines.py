"""The three styles of a log line: what they say, and that no text from outside can forge one."""

import json
import logging
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incm_webhook.log import LINE_BYTES, LineFormatter, LogStyle, plugin_logger
from incm_webhook.text.log_facts import note_call
from incm_webhook.text.redaction import hide

LEVELS = [
    (logging.DEBUG, "debug", "<7>"),
    (logging.INFO, "info", "<6>"),
    (25, "info", "<6>"),
    (logging.WARNING, "warning", "<4>"),
    (logging.ERROR, "error", "<3>"),
    (logging.CRITICAL, "critical", "<2>"),
    (1, "debug", "<7>"),
]


class Kept(logging.Handler):
    """Formats what is logged in one style."""

    def __init__(self, style: LogStyle, *, debug: bool = False) -> None:
        super().__init__()
        self.setFormatter(LineFormatter(style=style, debug=debug))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def json_lines() -> Iterator[Kept]:
    """What is logged while a test runs, as JSON."""
    kept = Kept("json", debug=True)
    root = logging.getLogger()
    level = root.level
    root.addHandler(kept)
    root.setLevel(1)
    yield kept
    root.removeHandler(kept)
    root.setLevel(level)


def record(text: str, level: int = logging.INFO, name: str = "incm_webhook.x") -> logging.LogRecord:
    one = logging.LogRecord(name, level, "", 0, text, None, None)
    one.created = datetime(2026, 11, 24, 18, 59, 51, 250_000, UTC).timestamp()
    return one


def as_json(one: logging.LogRecord, *, debug: bool = False) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(LineFormatter(style="json", debug=debug).format(one))
    return facts


def test_a_json_line_has_the_time_in_utc_level_logger_and_text() -> None:
    assert LineFormatter(style="json").format(record("serving")) == (
        '{"ts":"2026-11-24T18:59:51.250Z","level":"info","logger":"x","msg":"serving"}'
    )


@pytest.mark.parametrize(("number", "name", "prefix"), LEVELS)
def test_each_level_has_a_name_in_json_and_a_priority_in_the_journal(
    number: int, name: str, prefix: str
) -> None:
    assert as_json(record("y", number))["level"] == name
    assert LineFormatter(style="journal").format(record("y", number)) == f"{prefix}x: y"


@given(st.text())
def test_p16_no_text_forges_a_line_in_any_style(text: str) -> None:
    for style in ("text", "json", "journal"):
        line = LineFormatter(style=style).format(record(text, name="incm_webhook.plugin.p"))
        assert line.isprintable()
    assert list(as_json(record(text))) == ["ts", "level", "logger", "msg"]


@given(st.text(alphabet='"\\\n仓x', min_size=1, max_size=9))
def test_a_json_line_is_never_longer_than_a_pipe_takes_at_once(part: str) -> None:
    text = part * 3000
    one = record(text, logging.ERROR)
    vars(one)["facts"] = {"plugins": ['"' * 500] * 500, "inbox": text}
    vars(one)["traceback"] = text
    line = LineFormatter(style="json", debug=True).format(one)
    assert len(line.encode()) < LINE_BYTES
    assert json.loads(line)["level"] == "error"


def test_an_exception_is_a_member_of_its_own_and_its_traceback_only_with_debug() -> None:
    try:
        raise ValueError("first\nsecond")  # noqa: TRY301
    except ValueError:
        info = sys.exc_info()
    one = record("failed", logging.ERROR)
    vars(one)["exc_info"] = info
    facts = as_json(one)
    assert facts["msg"] == "failed"
    assert re.fullmatch(r"ValueError: first\\nsecond \(.*test_log_lines\.py:\d+\)", facts["error"])
    assert "traceback" not in facts
    assert as_json(one, debug=True)["traceback"].startswith("Traceback (most recent call last):\n")


def test_a_traceback_is_one_record_of_the_journal() -> None:
    one = record("failed", logging.ERROR)
    vars(one)["traceback"] = 'Traceback (most recent call last):\n  File "x", line 1\nKeyError: 1'
    line = LineFormatter(style="journal", debug=True).format(one)
    assert line == (
        '<3>x: failed | Traceback (most recent call last): | File "x", line 1 | KeyError: 1'
    )


def test_a_line_of_a_handler_says_which_alert_it_is_about(json_lines: Kept) -> None:
    note_call("pager", 17, 2, "reboot\n")
    plugin_logger("pager").info("sent")
    logging.getLogger("some_library").warning("careful")
    logging.getLogger("incm_webhook.dispatcher").info("ours")
    one, two, three = map(json.loads, json_lines.lines)
    known = {"plugin": "pager", "alert_id": 17, "attempt": 2, "alert_type": "reboot\\n"}
    assert {key: one[key] for key in known} == known
    assert {key: two[key] for key in known} == known
    assert not set(known) & set(three), "it may be about anything"


def test_a_line_about_a_batch_names_the_plugin_alone(json_lines: Kept) -> None:
    note_call("sql", 0, 1, None)
    logging.getLogger("some_library").warning("careful")
    facts = json.loads(json_lines.lines[0])
    assert (facts["plugin"], "alert_id" in facts, "attempt" in facts) == ("sql", False, False)


def test_a_plugin_adds_no_member_and_no_traceback_of_its_own(json_lines: Kept) -> None:
    extra = {"facts": {"level": "x"}, "traceback": "\x1b[31m", "plugin": ["\n"]}
    logging.getLogger("some_library").warning("careful", extra=extra)
    facts = json.loads(json_lines.lines[0])
    assert facts["level"] == "warning"
    assert "traceback" not in facts


def test_p16_no_member_shows_a_secret() -> None:
    hide("a-planted-secret")
    one = record("to a-planted-secret", logging.ERROR)
    vars(one)["facts"] = {"inbox": "a-planted-secret", "plugins": ["a-planted-secret"]}
    assert "planted" not in LineFormatter(style="json").format(one)


@pytest.mark.parametrize(("number", "colour"), [(20, "32"), (30, "33"), (40, "31"), (50, "1;31")])
def test_a_terminal_gets_the_level_in_colour(number: int, colour: str) -> None:
    line = LineFormatter(coloured=True).format(record("INFO  said", number))
    assert re.fullmatch(rf"\S+ \x1b\[{colour}m\w+ ?\x1b\[0m x: INFO  said", line)
    for style in ("json", "journal"):
        assert "\x1b" not in LineFormatter(style=style, coloured=True).format(record("y", number))
