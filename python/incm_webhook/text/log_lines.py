"""Formats log records: as text for people, as JSON for programs, for the journal of systemd."""

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from incm_webhook.log_levels import LOGGER_NAME
from incm_webhook.text.failures import account_of, code_of_all, describe
from incm_webhook.text.log_facts import facts_of_call
from incm_webhook.text.printable import printable, shortened, text_of
from incm_webhook.text.redaction import beginning, redacted, without_secrets
from incm_webhook.text.tracebacks import without_middle

LogStyle = Literal["text", "json", "journal"]

LINE_BYTES = 4096  # limit for a record's message, for its traceback, and for a line of JSON
_READ_CHARS = 4 * LINE_BYTES  # characters beyond this are never shown
_PLUGINS = f"{LOGGER_NAME}.plugin."
_FILE = re.compile(rf"^{LOGGER_NAME}_file_[0-9]+_")  # begins the module name of a plugin file
_FACT_BYTES = 300
_LISTED = 20  # items of a fact that is a list
_ROOMS = (2500, 1200, 500, 150)  # bytes for a text of a JSON line; the first that fits is used


@dataclass(frozen=True, slots=True)
class _Level:
    """A level: its name in text (five letters) and in JSON, its colour, its number in syslog."""

    least: int
    text: str
    json: str
    colour: str
    priority: int


_LEVELS = (
    _Level(logging.CRITICAL, "FATAL", "critical", "1;31", 2),
    _Level(logging.ERROR, "ERROR", "error", "31", 3),
    _Level(logging.WARNING, "WARN ", "warning", "33", 4),
    _Level(logging.INFO, "INFO ", "info", "32", 6),
    _Level(0, "DEBUG", "debug", "2", 7),
)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A record whose parts are safe to show: without secrets and control characters, bounded."""

    created: float
    level: _Level
    logger: str
    text: str
    error: str
    traceback: str
    facts: Mapping[str, Any]


class LineFormatter(logging.Formatter):
    """Formats a record as one line in one of the styles.

    Shape: `text` is `2026-11-23T23:03:01.123+01:00 INFO  name: message`, and an exception is
    appended; with debug its traceback follows on lines of its own, which are indented. `json` is
    one JSON object of at most LINE_BYTES with the line end. `journal` is the text without time and
    level, behind the priority as `<6>`; a traceback is in the same line. Control characters are
    escaped, secrets and the secret parts of URLs are removed; URLs that the receiver logs itself
    stay whole.
    Units: milliseconds; in `text` in the time zone of the machine, as in the tables of the
    commands ("Z" when that is UTC), in `json` UTC.
    Source: docs/promises.md, P16; docs/logging.md. cpp/incm/base/log_line.cpp writes the same.
    """

    def __init__(
        self, *, debug: bool = False, style: LogStyle = "text", coloured: bool = False
    ) -> None:
        """Prepare to format.

        Args:
            debug: whether every traceback is shown; otherwise those of loggers at DEBUG are.
            style: the style.
            coloured: whether `text` is for a terminal with colours.
        """
        super().__init__()
        self._debug = debug
        self._write = {"text": _text, "json": _json, "journal": _journal}[style]
        self._coloured = coloured and style == "text"

    def format(self, record: logging.LogRecord) -> str:
        """Format one record."""
        debug = self._debug or logging.getLogger(record.name).isEnabledFor(logging.DEBUG)
        line = self._write(_entry_of(record, with_traceback=debug))
        if self._coloured:
            level = _level_of(record.levelno)
            line = line.replace(level.text, f"\x1b[{level.colour}m{level.text}\x1b[0m", 1)
        return line


def _level_of(number: int) -> _Level:
    return next(one for one in _LEVELS if number >= one.least or not one.least)


def name_of(logger: str) -> str:
    """Return the name of a logger as the log shows it: our own ones without our name."""
    return printable(_FILE.sub("", logger).removeprefix(f"{LOGGER_NAME}."))


def _entry_of(record: logging.LogRecord, *, with_traceback: bool) -> _Entry:
    message = _message_of(record)
    ours = record.name.startswith(f"{LOGGER_NAME}.") and not record.name.startswith(_PLUGINS)
    cleaned = without_secrets if ours else redacted
    text = printable(cleaned(beginning(message, _READ_CHARS)))
    trace, error = getattr(record, "traceback", "") if ours else "", ""
    if record.exc_info and record.exc_info[1] is not None:
        code = getattr(record, "own_code", None)
        account = account_of(record.exc_info[1], code or code_of_all())
        error, trace = account.line, account.traceback
    return _Entry(
        record.created,
        _level_of(record.levelno),
        shortened(name_of(record.name), _FACT_BYTES),
        shortened(text, LINE_BYTES, len(message) if len(message) > _READ_CHARS else None),
        error,
        trace if with_traceback else "",
        _facts_of(record, ours=ours),
    )


def _facts_of(record: logging.LogRecord, *, ours: bool) -> dict[str, Any]:
    facts = getattr(record, "facts", {}) if ours else facts_of_call()
    plugin = getattr(record, "plugin", None)
    if isinstance(plugin, str):
        facts = {"plugin": plugin, **facts}
    return {name: _fact(value) for name, value in facts.items() if value is not None}


def _fact(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_fact(one) for one in value[:_LISTED]]
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, int):
        return value
    return shortened(printable(without_secrets(text_of(value))), _FACT_BYTES)


def _message_of(record: logging.LogRecord) -> str:
    try:
        text = record.getMessage()
    except Exception as error:  # a plugin's arguments do not fit: its message is still logged
        return f"{text_of(record.msg)} (its arguments do not fit: {describe(error)})"
    # A record of warnings.warn() has the source line below the message.
    return text.partition("\n")[0] if record.name == "py.warnings" else text


def _words(entry: _Entry) -> str:
    return f"{entry.logger}: {entry.text}" + (f": {entry.error}" if entry.error else "")


def _text(entry: _Entry) -> str:
    moment = datetime.fromtimestamp(entry.created, UTC).astimezone()
    stamp = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = f"{stamp} {entry.level.text} {_words(entry)}"
    if entry.traceback:
        kept = without_middle(entry.traceback.split("\n"), LINE_BYTES)
        line += "".join(f"\n    {one}" for one in kept.split("\n"))
    return line


def _journal(entry: _Entry) -> str:
    line = f"<{entry.level.priority}>{_words(entry)}"
    if entry.traceback:
        kept = without_middle(entry.traceback.split("\n"), LINE_BYTES)
        line += "".join(f" | {one.strip()}" for one in kept.split("\n") if one.strip())
    return line


def _json(entry: _Entry) -> str:
    moment = datetime.fromtimestamp(entry.created, UTC)
    head = {
        "ts": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": entry.level.json,
        "logger": entry.logger,
    }
    line = ""
    for facts in (entry.facts, {}):
        for room in _ROOMS:
            members = {**head, "msg": shortened(entry.text, room), **facts}
            if entry.error:
                members["error"] = shortened(entry.error, room)
            if entry.traceback:
                members["traceback"] = without_middle(entry.traceback.split("\n"), room)
            line = json.dumps(members, ensure_ascii=False, separators=(",", ":"))
            if len(line.encode()) < LINE_BYTES:
                return line
    return line
