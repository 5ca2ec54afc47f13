"""The model of `[log]`: what is logged, and how a line is written."""

from collections.abc import Mapping, MutableMapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from incm_webhook.config.lines import KeyPath
from incm_webhook.config.types import Table
from incm_webhook.config.written import Written, key
from incm_webhook.log_levels import (
    LEVELS,
    LogLevels,
    format_log_levels,
    is_logger,
    parse_log_levels,
)

_OLD = ("server", "log_level")
_LOGGERS = {"type": "object", "additionalProperties": {"enum": list(LEVELS)}}
_SHARE = {"anyOf": [{"type": "boolean"}, {"type": "number", "minimum": 0, "maximum": 1}]}


def _loggers(value: object) -> object:
    if not isinstance(value, dict):
        raise ValueError(  # noqa: TRY004 - pydantic's way
            'wants a table of loggers and levels, such as { "plugin.pager" = "debug" }'
        )
    for name, level in value.items():
        if not is_logger(name):
            raise ValueError(
                f'"{name}" can be no logger: write it as the log shows it, such as "plugin.pager"'
            )
        if level not in tuple(LEVELS):
            raise ValueError(f'the level of "{name}" is none of {", ".join(LEVELS)}')
    return value


def _share(value: object) -> float:
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, (int, float)) and 0 <= value <= 1:
        return float(value)
    raise ValueError("wants true, false, or the share of requests to log, from 0 to 1, such as 0.1")


class LogSettings(Table):
    """`[log]`: which records are logged, and how."""

    level: Annotated[
        LogLevels,
        BeforeValidator(parse_log_levels),
        Written("log level", {"type": "string"}, format_log_levels),
    ] = key(
        LogLevels(),
        "debug (with tracebacks), info, warning or error; libraries only from warning on, unless "
        "they are named",
        example="info,httpx=debug",
    )
    levels: Annotated[
        dict[str, str],
        BeforeValidator(_loggers),
        Written("table of loggers and levels", _LOGGERS, lambda value: value or None),
    ] = key(
        {},
        "Levels of single loggers, by the names that the log shows",
        example={"plugin.pager": "debug"},
        without="none",
    )
    format: Literal["text", "json", "journal"] = key(
        "text",
        '"text" for people; "json": one object a line; "journal": for a service of systemd',
        example="json",
    )
    access: Annotated[
        float,
        BeforeValidator(_share),
        Written(
            "true, false or a share", _SHARE, lambda value: value if 0 < value < 1 else value > 0
        ),
    ] = key(
        0.0,
        "A line for each request, or for this share of them: 0.1 is every tenth; see logging.md",
        example=0.1,
    )

    @property
    def all_levels(self) -> LogLevels:
        """The levels of `level` and `levels`; of a logger in both, that of `levels` counts."""
        return self.level.with_loggers(self.levels)


def move_log_level(
    raw: MutableMapping[str, Any], lines: Mapping[KeyPath, int]
) -> Mapping[KeyPath, int]:
    """Read `[server] log_level`, the former place of `[log] level`, as the latter.

    Args:
        raw: the tables of the file; the key is moved, unless the file has both.
        lines: the lines of its keys.

    Returns:
        The lines, with the key at its new place.
    """
    if "log_level" not in raw["server"] or "level" in raw["log"]:
        return lines
    raw["log"]["level"] = raw["server"].pop("log_level")
    line = lines.get(_OLD)
    return lines if line is None else {**lines, ("log", "level"): line}
