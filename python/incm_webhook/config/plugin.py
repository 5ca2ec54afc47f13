"""The model of `[[plugin]]`: a plugin, the alerts that it gets, and how it is run."""

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PrivateAttr, StrictInt, StrictStr, model_validator

from incm_webhook.config.filters import Filters
from incm_webhook.config.types import Duration, PositiveDuration, RateSetting, Size, Table
from incm_webhook.config.written import key

_FORM = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", re.ASCII)


class RetrySettings(Table):
    """`retry`: when a failed delivery is tried again.

    Units: seconds.
    """

    first: PositiveDuration = key(1.0, "Pause after the first failure")
    factor: Annotated[float, Field(ge=1, le=100, strict=True)] = key(
        2.0, "Each further pause is longer by this factor; jitter is added", unit="1"
    )
    max: PositiveDuration = key(600.0, "Longest pause")
    give_up: Duration = key(
        86400.0,
        "The first failure after this time makes a dead letter; the time of an outage does not "
        "count",
    )


def default_plugin_name(use: str) -> str:
    """Return the last part of `use`: "jsonl", "./a/file.py" -> "file", "pkg.mod:obj" -> "obj"."""
    before, colon, after = use.rpartition(":")
    if colon and after and "/" not in after:
        return after
    return Path(before + colon + after).name.removesuffix(".py")


def _plugin_name(value: object) -> str:
    if not isinstance(value, str) or len(value) > 64 or not _FORM.fullmatch(value):
        raise ValueError("wants 1 to 64 letters, digits, dots, dashes or underscores")
    return value


class PluginSettings(Filters):
    """`[[plugin]]`: the plugin, the alerts that it gets, and how it is run.

    Units: seconds, bytes.
    """

    use: Annotated[StrictStr, Field(min_length=1)] = key(
        ...,
        'The plugin: a bundled or installed name, "./file.py", or "package.module:object"',
        example="jsonl",
    )
    name: Annotated[str, BeforeValidator(_plugin_name)] = key(
        "",
        "Identifies its deliveries, in the inbox and in the log",
        example="audit",
        without="the last part of `use`",
    )
    config: dict[str, Any] = Field(
        default_factory=dict,
        description="The plugin's own keys; relative paths in it begin at the working directory",
        examples=[{"path": "alerts.jsonl", "fsync": True}],
        json_schema_extra={"x-without": "the plugin's defaults"},
    )
    timeout: PositiveDuration = key(30.0, "How long one call of the handler may take")
    retry: RetrySettings = key(RetrySettings(), "When a failed delivery is tried again")
    concurrency: Annotated[StrictInt, Field(ge=1, le=256)] = key(
        4, "How many calls run at once", unit="calls"
    )
    rate: RateSetting = key(
        None, "Highest rate of alerts for the plugin", example="10/s", without="no limit"
    )
    breaker: Annotated[StrictInt, Field(ge=0, le=1000)] = key(
        5,
        "After so many failed alerts in a row only one is tried now and then; 0: only while the "
        "plugin reports that its target is unavailable",
        unit="alerts",
    )
    order: Literal["none", "device"] = key(
        "none", '"device": the alerts of one device in order; other devices do not wait'
    )
    isolation: Literal["thread", "process"] = key(
        "thread",
        '"process": a process of its own, killed when it hangs or uses too much memory; advised '
        "for code of others",
    )
    memory: Annotated[Size, Field(ge=16 * 1024**2)] = key(
        512 * 1024**2, 'The memory limit of that process; at least "16MiB"'
    )
    _place: str = PrivateAttr(default="")
    _lines: Mapping[str, int] = PrivateAttr(default_factory=dict)

    def hold(self, place: str, lines: Mapping[str, int] = MappingProxyType({})) -> None:
        """Set the place of this table in the file, and the lines of its keys.

        Only for `load_settings`, and for a process that gets the settings from another one.

        Args:
            place: the name of the table, and the file.
            lines: the line of each key of the table by its dotted name; "" is the table itself.
        """
        self._place, self._lines = place, lines

    @property
    def lines(self) -> Mapping[str, int]:
        """The lines that `hold` set."""
        return self._lines

    def place_at(self, *keys: str) -> str:
        """Return the place of keys for the end of a message, with a blank before it.

        Args:
            keys: dotted names, such as "use" and "config.url". A key that the file does not have
                stands for the table around it.

        Returns:
            ` ([[plugin]] 2 "audit" of incm-webhook.toml, line 7)`; "" without a file.
        """
        if not self._place:
            return ""
        found = sorted({line for one in keys or ("",) for line in [self._line(one)] if line})
        lines = " and ".join(map(str, found))
        return f" ({self._place}{f', line {lines}' if found else ''})"

    def _line(self, key: str) -> int | None:
        while key and key not in self._lines:
            key = re.sub(r"(?:^|\.)[^.\[]*$|\[[0-9]*\]$", "", key)
        return self._lines.get(key)

    @property
    def place(self) -> str:
        """The place of this table, "[[plugin]] 2 of incm-webhook.toml"; "" without a file."""
        return self._place

    @model_validator(mode="before")
    @classmethod
    def _name_of_use(cls, data: Any) -> Any:
        use = data.get("use") if isinstance(data, dict) and "name" not in data else None
        return {**data, "name": default_plugin_name(use)} if use and isinstance(use, str) else data
