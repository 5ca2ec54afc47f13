"""Which log records are kept: ours and the plugins' from a level up, those of libraries if asked.

HTTP libraries log every URL that they call at INFO, with its tokens. Here that needs a setting.
"""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

LOGGER_NAME = "incm_webhook"
LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_LOGGER = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class LogLevels:
    """What is logged.

    Attributes:
        own: from which level on what we and the plugins say is kept.
        others: the same for loggers of libraries, by name; those that are not named: WARNING.
    """

    own: int = logging.INFO
    others: Mapping[str, int] = field(default_factory=dict)


def parse_log_levels(text: object) -> LogLevels:
    """Read "info", or "debug,httpx=info,sqlalchemy.engine=debug".

    Raises:
        ValueError: anything else; the text says what is wanted.
    """
    wanted = (
        'wants debug, info, warning or error, and perhaps loggers of libraries: "info,httpx=debug"'
    )
    if not isinstance(text, str):
        raise ValueError(wanted)  # noqa: TRY004 - pydantic's way
    first, *more = text.split(",")
    others = {}
    for one in more:
        name, equals, level = one.strip().partition("=")
        if not equals or not _LOGGER.fullmatch(name) or level.lower() not in LEVELS:
            raise ValueError(wanted)
        others[name] = LEVELS[level.lower()]
    if first.strip().lower() not in LEVELS:
        raise ValueError(wanted)
    return LogLevels(LEVELS[first.strip().lower()], others)


class KeptRecords(logging.Filter):
    """Passes our own records and those of plugins, warnings, and those of loggers with a level.

    Threads: any.
    """

    def __init__(self) -> None:
        super().__init__()
        self._own = {"root", LOGGER_NAME}  # first parts of names; adding to a set is one step

    def add_own(self, module: str) -> None:
        """Take the loggers of a plugin's module, and of its package, for our own."""
        self._own.add(module.partition(".")[0])

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether to keep a record."""
        if record.levelno >= logging.WARNING or record.name.partition(".")[0] in self._own:
            return True
        logger: logging.Logger | None = logging.getLogger(record.name)
        while logger is not None and logger.parent is not None:
            if logger.level:
                return True  # it was set on purpose
            logger = logger.parent
        return False


kept_records = KeptRecords()


_current = LogLevels()


def current_log_levels() -> str:
    """Write the levels that were applied, as `parse_log_levels` reads them."""
    return format_log_levels(_current)


def format_log_levels(levels: LogLevels) -> str:
    """Write levels as `parse_log_levels` reads them."""
    names = {number: name for name, number in LEVELS.items()}
    others = [f"{name}={names[level]}" for name, level in levels.others.items()]
    return ",".join([names[levels.own], *others])


def apply(levels: LogLevels) -> None:
    """Set the levels of the loggers."""
    global _current
    _current = levels
    logging.getLogger().setLevel(levels.own)
    logging.getLogger(LOGGER_NAME).setLevel(levels.own)
    for name, level in levels.others.items():
        logging.getLogger(name).setLevel(level)
