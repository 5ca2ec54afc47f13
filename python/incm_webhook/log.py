"""Writes the log to standard error: one line for each record, without terminal control codes."""

import logging
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TextIO

from incm_webhook import log_levels
from incm_webhook._core import write_to_stderr
from incm_webhook.log_levels import LOGGER_NAME, LogLevels, kept_records
from incm_webhook.text.failures import OwnCode, account_of, code_of_all, describe
from incm_webhook.text.printable import printable, printable_json, shortened, text_of
from incm_webhook.text.redaction import beginning, redacted, without_secrets
from incm_webhook.text.tracebacks import without_middle

__all__ = [
    "LOGGER_NAME",
    "LineFormatter",
    "StderrHandler",
    "describe",
    "is_debug",
    "plugin_logger",
    "printable",
    "printable_json",
    "set_up_logging",
    "text_of",
    "write_line",
]

LINE_BYTES = 4096  # limit for a record's message, and for its traceback
_READ_CHARS = 4 * LINE_BYTES  # characters beyond this are never shown
_LEVELS = {"WARNING": "WARN", "CRITICAL": "FATAL"}  # five letters, as the core writes them
_PLUGINS = f"{LOGGER_NAME}.plugin."
_FILE = re.compile(rf"^{LOGGER_NAME}_file_[0-9]+_")  # begins the module name of a plugin file


def is_debug(environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether INCM_WEBHOOK_DEBUG=1 is set, which adds tracebacks to the log."""
    return environ.get("INCM_WEBHOOK_DEBUG", "") not in ("", "0")


class LineFormatter(logging.Formatter):
    """Formats a record as `2026-11-23T23:03:01.123+01:00 INFO  name: message`.

    Shape: one line of bounded length. Control characters are escaped. Secrets and the secret parts
    of URLs are removed; URLs that the receiver logs itself stay whole. An exception is appended to
    the line; when debug is on, its traceback follows on lines of its own.
    Units: milliseconds, in the time zone of the machine, as in the tables of the commands ("Z"
    when that is UTC).
    Source: docs/promises.md, P16; the layout is our own choice.
    """

    def __init__(self, *, debug: bool = False) -> None:
        super().__init__()
        self._debug = debug

    def format(self, record: logging.LogRecord) -> str:
        """Format one record."""
        moment = datetime.fromtimestamp(record.created, UTC).astimezone()
        stamp = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        name = printable(_FILE.sub("", record.name).removeprefix(f"{LOGGER_NAME}."))
        level = _LEVELS.get(record.levelname, record.levelname)
        message = _message_of(record)
        cleaned = without_secrets if _is_ours(record.name) else redacted
        text = printable(cleaned(beginning(message, _READ_CHARS)))
        text = shortened(text, LINE_BYTES, len(message) if len(message) > _READ_CHARS else None)
        line = f"{stamp} {level:<5} {name}: {text}"
        trace = getattr(record, "traceback", "")
        if record.exc_info and record.exc_info[1] is not None:
            code = getattr(record, "own_code", None)
            account = account_of(record.exc_info[1], code or code_of_all())
            line += f": {account.line}"
            trace = account.traceback
        if self._debug and trace:
            line += "\n" + without_middle(trace.split("\n"), LINE_BYTES)
        return line


def _is_ours(name: str) -> bool:
    return name.startswith(f"{LOGGER_NAME}.") and not name.startswith(_PLUGINS)


def _message_of(record: logging.LogRecord) -> str:
    try:
        text = record.getMessage()
    except Exception as error:  # a plugin's arguments do not fit: its message is still logged
        return f"{text_of(record.msg)} (its arguments do not fit: {describe(error)})"
    # A record of warnings.warn() has the source line below the message.
    return text.partition("\n")[0] if record.name == "py.warnings" else text


def write_line(text: str) -> None:
    """Write a text and a line end to standard error; a reader that has stopped does not block."""
    write_to_stderr(f"{text}\n".encode("utf-8", "backslashreplace"))


class StderrHandler(logging.Handler):
    """Writes records to standard error; a reader that has stopped does not block the caller."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            line = self.format(record)
        except Exception:  # as in every logging handler: logging never stops its caller
            self.handleError(record)
            return
        write_line(line)


def set_up_logging(
    stream: TextIO | None = None, *, debug: bool | None = None, levels: LogLevels | None = None
) -> None:
    """Send log records, and the warnings of Python, to standard error.

    Args:
        stream: where to write instead of standard error.
        debug: whether to log from DEBUG on, with tracebacks; None reads INCM_WEBHOOK_DEBUG. It is
            ignored when levels are given.
        levels: which records are logged; by default those of the receiver and of plugins from INFO
            on, and warnings of libraries.

    Threads: call it once, from the main thread, before others log; another call replaces the
    handler.
    """
    if levels is None:
        debug = is_debug() if debug is None else debug
        levels = LogLevels(logging.DEBUG if debug else logging.INFO)
    handler = logging.StreamHandler(stream) if stream else StderrHandler()
    handler.setFormatter(LineFormatter(debug=levels.own <= logging.DEBUG))
    handler.addFilter(kept_records)
    root = logging.getLogger()
    for old in root.handlers[:]:
        if isinstance(old.formatter, LineFormatter):
            root.removeHandler(old)
    root.addHandler(handler)
    log_levels.apply(levels)
    logging.captureWarnings(True)  # noqa: FBT003 - it takes no keyword
    logging.raiseExceptions = levels.own <= logging.DEBUG


def plugin_logger(name: str, code: OwnCode | None = None) -> logging.LoggerAdapter[logging.Logger]:
    """Return the logger that a plugin gets as `ctx.log`: `plugin.<name>`.

    Args:
        name: the plugin's name.
        code: the plugin's own files; the place of an exception that it logs is looked for in them.
    """
    return logging.LoggerAdapter(
        logging.getLogger(f"{LOGGER_NAME}.plugin.{name}"), {"plugin": name, "own_code": code}
    )
