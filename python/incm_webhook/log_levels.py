"""Which log records are kept: ours and the plugins' from a level up, those of libraries if asked.

HTTP libraries log every URL that they call at INFO, with its tokens. Here that needs a setting.
"""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LOGGER_NAME = "incm_webhook"
LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_LOGGER = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)
# The first parts of our own loggers, which the log shows without our name.
_OURS = {
    "access",
    "config",
    "core",
    "dispatcher",
    "egress",
    "isolation",
    "plugin",
    "service",
    "stray",
    "supervisor",
    "tracing",
    "worker",
}


@dataclass(frozen=True, slots=True)
class LogLevels:
    """What is logged.

    Attributes:
        own: from which level on what we and the plugins say is kept.
        others: the same for single loggers, by their full names; libraries that are not named:
            WARNING.
    """

    own: int = logging.INFO
    others: Mapping[str, int] = field(default_factory=dict)

    @property
    def of_core(self) -> str:
        """The name of the level from which on lines of the core are kept."""
        level = self.others.get(f"{LOGGER_NAME}.core", self.others.get(LOGGER_NAME, self.own))
        return next(name for name, number in LEVELS.items() if number == level)

    def with_loggers(self, named: Mapping[str, str]) -> "LogLevels":
        """Add the levels of single loggers, by names that `full_name` takes."""
        more = {full_name(name): LEVELS[level] for name, level in named.items()}
        return LogLevels(self.own, {**self.others, **more})

    def as_order(self) -> dict[str, Any]:
        """Return the levels as JSON values: `own` and `others`, the fields of this class."""
        return {"own": self.own, "others": dict(self.others)}


def full_name(name: str) -> str:
    """Return the full name of a logger that may be written as the log shows it: "plugin.pager"."""
    return f"{LOGGER_NAME}.{name}" if name.partition(".")[0] in _OURS else name


def is_logger(name: str) -> bool:
    """Return whether a text can be the name of a logger."""
    return _LOGGER.fullmatch(name) is not None


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
        others[full_name(name)] = LEVELS[level.lower()]
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


def current() -> LogLevels:
    """Return the levels that were applied last."""
    return _current


def format_log_levels(levels: LogLevels) -> str:
    """Write levels as `parse_log_levels` reads them."""
    names = {number: name for name, number in LEVELS.items()}
    others = [f"{name}={names[level]}" for name, level in levels.others.items()]
    return ",".join([names[levels.own], *others])


def apply(levels: LogLevels) -> None:
    """Set the levels of the loggers."""
    global _current
    for name in _current.others.keys() - levels.others.keys():
        logging.getLogger(name).setLevel(logging.NOTSET)
    _current = levels
    logging.getLogger().setLevel(levels.own)
    logging.getLogger(LOGGER_NAME).setLevel(levels.own)
    for name, level in levels.others.items():
        logging.getLogger(name).setLevel(level)
