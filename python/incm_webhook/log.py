"""Log lines: one line each, on standard error, with nothing in them that a terminal obeys."""

import json
import logging
import os
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TextIO

from incm_webhook._core import write_to_stderr

LOGGER_NAME = "incm_webhook"
_LEVELS = {"WARNING": "WARN", "CRITICAL": "FATAL"}  # five letters, as the core writes them


def printable(text: str) -> str:
    r"""Write control characters, line ends and other unprintable characters as escapes.

    Args:
        text: any text, also one that an alert brought.

    Returns:
        The text on one line, such as "a\nb" with a backslash and an n; spaces stay.

    Source: promise P16.
    """
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text
    )


def printable_json(text: str) -> str:
    """Write what a terminal obeys or shows elsewhere as escapes of JSON: C1, bidi and the like.

    Args:
        text: JSON on one line; control characters of ASCII are escaped in it already.

    Returns:
        The same JSON, to be parsed as before.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in text)


def is_debug(environ: Mapping[str, str] = os.environ) -> bool:
    """Say whether INCM_WEBHOOK_DEBUG=1 asks for tracebacks."""
    return environ.get("INCM_WEBHOOK_DEBUG", "") not in ("", "0")


def said_by(thing: object) -> str:
    """Say str(thing), or nothing when that fails: it may be code of a plugin."""
    try:
        return str(thing)
    except Exception:
        return ""


def describe(error: BaseException, file: str | None = None) -> str:
    """Tell an exception in one line.

    Args:
        error: any exception.
        file: prefer the last place in this file over the last place of all.

    Returns:
        "Type: text (file:line)"; the place is left out when there is none.
    """
    text = said_by(error) or "no text"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename == file] or list(frames)
    place = f" ({own[-1].filename}:{own[-1].lineno})" if own else ""
    return printable(f"{type(error).__name__}: {text}{place}")


class LineFormatter(logging.Formatter):
    """Formats a record as `2026-11-23T23:03:01.123Z INFO  name: message`.

    Shape: one line, control characters escaped; an exception is one more clause of it, or a
    traceback of several lines when debug is on. Units: UTC, milliseconds.
    Source: promise P16; the layout is our own choice.
    """

    def __init__(self, *, debug: bool = False) -> None:
        super().__init__()
        self._debug = debug

    def format(self, record: logging.LogRecord) -> str:
        """Format one record."""
        moment = datetime.fromtimestamp(record.created, UTC)
        stamp = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        name = record.name.removeprefix(f"{LOGGER_NAME}.")
        level = _LEVELS.get(record.levelname, record.levelname)
        line = f"{stamp} {level:<5} {printable(f'{name}: {record.getMessage()}')}"
        if record.exc_info and record.exc_info[1] is not None:
            line += f": {describe(record.exc_info[1])}"
            if self._debug:
                trace = self.formatException(record.exc_info).splitlines()
                line = "\n".join([line, *(printable(one) for one in trace)])
        return line


def write_line(text: str) -> None:
    """Write a text and a line end to standard error, whose reader may stop without stopping us."""
    write_to_stderr(f"{text}\n".encode("utf-8", "backslashreplace"))


class StderrHandler(logging.Handler):
    """Writes records to standard error, whose reader may stop without stopping who logs."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            line = self.format(record)
        except Exception:  # as every handler of logging does: what is logged stops nobody
            self.handleError(record)
            return
        write_line(line)


def set_up_logging(stream: TextIO | None = None, *, debug: bool | None = None) -> None:
    """Send every logger's records from INFO up (DEBUG with debug) to standard error.

    Args:
        stream: instead of standard error.
        debug: with tracebacks; None asks INCM_WEBHOOK_DEBUG.

    Threads: call it once, from the main thread, before others log; calling again replaces the
    handler.
    """
    debug = is_debug() if debug is None else debug
    handler = logging.StreamHandler(stream) if stream else StderrHandler()
    handler.setFormatter(LineFormatter(debug=debug))
    root = logging.getLogger()
    for old in root.handlers[:]:
        if isinstance(old.formatter, LineFormatter):
            root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.DEBUG if debug else logging.INFO)
    logging.raiseExceptions = debug


def plugin_logger(name: str) -> logging.LoggerAdapter[logging.Logger]:
    """Return the logger that a plugin gets as `ctx.log`: `plugin.<name>`."""
    return logging.LoggerAdapter(
        logging.getLogger(f"{LOGGER_NAME}.plugin.{name}"), {"plugin": name}
    )
