"""Lists every key of the configuration, as the models declare it: for the page of all keys."""

import typing
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from incm_webhook.config.annotations import model_of
from incm_webhook.config.settings import Settings
from incm_webhook.config.type_names import type_name
from incm_webhook.config.written import NOTHING, UNIT, as_written, fields_of, written_of
from incm_webhook.text.toml import toml_of

_UNITS = {"duration": "seconds", "size": "bytes"}


@dataclass(frozen=True, slots=True)
class Key:
    """One key.

    Attributes:
        name: the key within its table: "tls.certificate_file".
        kind: the type for a person: "duration".
        default: what is written for the default; None when nothing is.
        without: what holds when the key is not set and has no default to write; "required" for a
            key that must be set.
        unit: what a plain number counts; "" when there is none.
        meaning: one sentence without a full stop.
        example: a value as it is written.
    """

    name: str
    kind: str
    default: str | None
    without: str
    unit: str
    meaning: str
    example: str


def tables() -> Iterator[tuple[str, str, list[Key]]]:
    """Yield each table of the file: its heading, its meaning, and its keys."""
    for name, field in Settings.model_fields.items():
        model = model_of(field.annotation)
        assert model is not None  # noqa: S101 - every field of Settings is a table
        heading = f"[[{name}]]" if typing.get_origin(field.annotation) is tuple else f"[{name}]"
        yield heading, field.description or "", list(_keys(model, ""))


def _keys(model: type[BaseModel], prefix: str) -> Iterator[Key]:
    for name, field in fields_of(model).items():
        key = prefix + (field.alias or name)
        inner = None if written_of(field) else model_of(field.annotation)
        yield _key(key, field, inner)
        if inner is not None and field.alias != "not":  # which has the keys of its own table
            yield from _keys(inner, f"{key}.")


def _key(name: str, field: FieldInfo, inner: type[BaseModel] | None) -> Key:
    how = written_of(field)
    kind = how.name if how else "table" if inner else type_name(field.annotation)
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    unit = next((text for word, text in _UNITS.items() if kind.startswith(word)), "")
    default = None
    if not field.is_required() and inner is None:
        value = as_written(field, field.get_default(call_default_factory=True))
        default = None if value in (None, "", [], {}) else toml_of(value)
    without = "required" if field.is_required() else str(extra.get(NOTHING, ""))
    examples = field.examples or []
    example = toml_of(examples[0]) if examples else default or ""
    if inner is not None and not example:
        first = next(_keys(inner, ""))
        example = f"{{ {first.name} = {first.example} }}"
    return Key(
        name,
        kind,
        default,
        without,
        str(extra.get(UNIT, unit)),
        field.description or "",
        example,
    )
