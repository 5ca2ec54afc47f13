"""The filters of `[[plugin]]`: which alerts a plugin gets."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, StrictStr

from incm_webhook._core import Filter, alert_fields, filter_keys
from incm_webhook.config.types import Numbers, Table, Texts
from incm_webhook.config.written import Written, alone_if_one, key
from incm_webhook.errors import ConfigError

Pattern = str | int | float | bool
TOP_KEYS = frozenset(path[0] for path in alert_fields.values())  # the documented keys of an alert


def _conditions(
    table: Mapping[str, object], before: str = ""
) -> Iterator[tuple[str, tuple[object, ...]]]:
    """Yield each path with its patterns; a table in a table continues the path."""
    for part, value in table.items():
        path = before + part
        if isinstance(value, dict):
            yield from _conditions(value, f"{path}.")
        else:
            yield path, tuple(value) if isinstance(value, (list, tuple)) else (value,)


def _where(value: object) -> dict[str, tuple[Pattern, ...]]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ValueError('wants a table of paths, such as { "data.interface" = ["wan*"] }')
    checked: dict[str, tuple[Pattern, ...]] = {}
    for path, patterns in _conditions(value):
        if path in checked:
            raise ValueError(f'has the path "{path}" twice: put its patterns in one list')
        good = tuple(one for one in patterns if isinstance(one, (str, int, float, bool)))
        if len(good) != len(patterns):
            raise ValueError(
                f'"{path}" wants patterns: texts, numbers, true or false, or a list of these'
            )
        checked[path] = good
    try:
        Filter(where=checked)
    except ConfigError as error:
        raise ValueError(str(error)) from None
    return checked


def _write_where(where: Mapping[str, tuple[Pattern, ...]]) -> dict[str, Any] | None:
    return {path: alone_if_one(patterns) for path, patterns in where.items()} or None


class FilterKeys(Table):
    """The filters themselves; an alert must match all that are set.

    Source: docs/configuration.md, Filters.
    """

    types: Texts = key(
        (),
        "Patterns for the type of the alert",
        example=["disconnected", "license_*"],
        without="any",
    )
    endpoints: Texts = key(
        (), "Patterns for the path on which it came", example="/webhook", without="any"
    )
    orgs: Texts = key(
        (), "Patterns for id or name of the organisation", example="Nordwind*", without="any"
    )
    groups: Texts = key(
        (), "Patterns for id or name of the device group", example="Halle ?", without="any"
    )
    devices: Texts = key(
        (), "Patterns for device id, serial number or name", example="EF6054*", without="any"
    )
    status: Texts = key((), "Patterns for the status, in any case", example="active", without="any")
    priority: Numbers = key((), "Numbers of the priority", example=[1, 2], without="any")
    where: Annotated[
        dict[StrictStr, tuple[Pattern, ...]],
        BeforeValidator(_where),
        Written("table of paths and patterns", {"type": "object"}, _write_where),
    ] = Field(
        default_factory=dict,
        description="Patterns and comparisons for any field of the alert's JSON text",
        examples=[{"data.interface": "wan*", "priority": "<= 2"}],
        json_schema_extra={"x-without": "any"},
    )

    @property
    def filters(self) -> dict[str, tuple[Pattern, ...]]:
        """The patterns by what they are compared with: "types", or "where data.interface"."""
        lists = {key: getattr(self, key) for key in filter_keys}
        return lists | {f"where {path}": patterns for path, patterns in self.where.items()}

    @property
    def core_filter(self) -> dict[str, Any]:
        """The arguments of the core's Filter."""
        return {key: getattr(self, key) for key in (*filter_keys, "where")}


class Filters(FilterKeys):
    """The filters of a plugin: what its alerts must match, and in `not` what they must not.

    `not` is no name in Python: dumps need `by_alias=True` so that it can be read again.
    """

    unwanted: FilterKeys = key(
        FilterKeys(),
        "The same keys for alerts that must not come: matching one of them is enough",
        example={"devices": ["lab-*"]},
        without="none",
        alias="not",
    )

    @property
    def filters(self) -> dict[str, tuple[Pattern, ...]]:
        """As in FilterKeys; with "not types" or "not where data.interface" for what is unwanted."""
        return super().filters | {
            f"not {key}": patterns for key, patterns in self.unwanted.filters.items()
        }

    @property
    def core_filter(self) -> dict[str, Any]:
        """The arguments of the core's Filter."""
        return {**super().core_filter, "not": self.unwanted.core_filter}
