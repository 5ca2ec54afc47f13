"""Sets the log of this process up: its lines go to standard error, in one of three styles."""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TextIO

from incm_webhook import log_levels
from incm_webhook._core import set_log_style, write_to_stderr
from incm_webhook.log_levels import LOGGER_NAME, LogLevels, kept_records
from incm_webhook.text.failures import OwnCode, describe
from incm_webhook.text.log_lines import LINE_BYTES, LineFormatter, LogStyle
from incm_webhook.text.printable import printable, printable_json, text_of

__all__ = [
    "LINE_BYTES",
    "LOGGER_NAME",
    "LineFormatter",
    "LogStyle",
    "StderrHandler",
    "describe",
    "is_debug",
    "log_order",
    "plugin_logger",
    "printable",
    "printable_json",
    "set_up_as_ordered",
    "set_up_logging",
    "text_of",
    "write_failure",
    "write_line",
]

_STANDARD_ERROR = 2


@dataclass(slots=True)
class _Current:
    style: LogStyle = "text"


_current = _Current()


def is_debug(environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether INCM_WEBHOOK_DEBUG=1 is set, which adds tracebacks to the log."""
    return environ.get("INCM_WEBHOOK_DEBUG", "") not in ("", "0")


def write_line(text: str) -> None:
    """Write a text and a line end to standard error; a reader that has stopped does not block."""
    write_to_stderr(f"{text}\n".encode("utf-8", "backslashreplace"))


def write_failure(message: str, traceback: str = "") -> None:
    """Write why a server ends, as `incm-webhook: MESSAGE`, or as a record in the other styles.

    Args:
        message: what was wrong, and what to do; it may have several lines.
        traceback: the traceback to show with it.
    """
    if _current.style == "text":
        write_line(f"{traceback}incm-webhook: {message}")
        return
    whole = message.replace(":\n  ", ": ").replace("\n  ", "; ")
    logging.getLogger(f"{LOGGER_NAME}.service").critical(
        "%s", whole, extra={"traceback": traceback}
    )


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
    stream: TextIO | None = None,
    *,
    debug: bool | None = None,
    levels: LogLevels | None = None,
    style: LogStyle = "text",
) -> None:
    """Send log records, the warnings of Python and the lines of the core to standard error.

    Args:
        stream: where to write instead of standard error; the core still writes there.
        debug: whether to log from DEBUG on, with tracebacks; None reads INCM_WEBHOOK_DEBUG. It is
            ignored when levels are given.
        levels: which records are logged; by default those of the receiver and of plugins from INFO
            on, and warnings of libraries.
        style: how a line is written. Text is coloured on a terminal, unless NO_COLOR is set.

    Threads: call it once, from the main thread, before others log; another call replaces the
    handler.
    """
    if levels is None:
        debug = is_debug() if debug is None else debug
        levels = LogLevels(logging.DEBUG if debug else logging.INFO)
    coloured = stream is None and style == "text" and _takes_colours(os.environ)
    handler = logging.StreamHandler(stream) if stream else StderrHandler()
    handler.setFormatter(
        LineFormatter(debug=levels.own <= logging.DEBUG, style=style, coloured=coloured)
    )
    handler.addFilter(kept_records)
    root = logging.getLogger()
    for old in root.handlers[:]:
        if isinstance(old.formatter, LineFormatter):
            root.removeHandler(old)
    root.addHandler(handler)
    log_levels.apply(levels)
    set_log_style(style, levels.of_core, coloured)
    _current.style = style
    logging.captureWarnings(True)  # noqa: FBT003 - it takes no keyword
    logging.raiseExceptions = levels.own <= logging.DEBUG


def _takes_colours(environ: Mapping[str, str]) -> bool:
    """Return whether standard error is a terminal that shows colours (https://no-color.org)."""
    if environ.get("NO_COLOR") or environ.get("TERM") == "dumb":
        return False
    try:
        return os.isatty(_STANDARD_ERROR)
    except OSError:
        return False


def log_order() -> dict[str, Any]:
    """Return how this process logs, as JSON values, for a process of a plugin."""
    return {**log_levels.current().as_order(), "style": _current.style}


def set_up_as_ordered(order: Mapping[str, Any]) -> None:
    """Set the log of this process up as `log_order` of another process says."""
    set_up_logging(levels=LogLevels(order["own"], order["others"]), style=order["style"])


def plugin_logger(name: str, code: OwnCode | None = None) -> logging.LoggerAdapter[logging.Logger]:
    """Return the logger that a plugin gets as `ctx.log`: `plugin.<name>`.

    Args:
        name: the plugin's name.
        code: the plugin's own files; the place of an exception that it logs is looked for in them.
    """
    return logging.LoggerAdapter(
        logging.getLogger(f"{LOGGER_NAME}.plugin.{name}"), {"plugin": name, "own_code": code}
    )
