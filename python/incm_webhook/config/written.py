"""How values are written in TOML: for the JSON schema, for the page of all keys, for `config show`.

A field of a model says what it means with `key`, and an unusual type says with `Written` how it is
written.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo

NOTHING = "x-without"  # the keyword of a schema: what it means that the key is not set
UNIT = "x-unit"


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """An annotation for a type whose text in TOML is not its value in Python.

    Attributes:
        name: the type for a person who edits the file: "duration".
        schema: the JSON schema of what may be written.
        write: turns a value into what would be written; None may be given.
    """

    name: str
    schema: Mapping[str, Any]
    write: Callable[[Any], Any] = lambda value: value

    def __get_pydantic_json_schema__(self, *_: object) -> dict[str, Any]:
        """Return the schema; pydantic calls this."""
        return dict(self.schema)


def key(
    default: Any = ...,
    meaning: str = "",
    *,
    example: Any = None,
    unit: str | None = None,
    without: str | None = None,
    alias: str | None = None,
) -> Any:
    """Make the field of a key.

    Args:
        default: the value in Python; `...` for a key that is required.
        meaning: one sentence without a full stop.
        example: a value as it is written; None takes the default.
        unit: what a number counts.
        without: what holds when the default None or () stands, such as "everybody".
        alias: the name in the file, where Python does not allow it.
    """
    extra: JsonDict = {
        name: text for name, text in ((UNIT, unit), (NOTHING, without)) if text is not None
    }
    return Field(
        default,
        alias=alias,
        description=meaning,
        examples=None if example is None else [example],
        json_schema_extra=extra or None,
    )


def fields_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the fields of a model by name: its own first, and then those of its base."""
    own = [name for name in model.__annotations__ if name in model.model_fields]
    names = dict.fromkeys([*own, *model.model_fields])
    return {name: model.model_fields[name] for name in names}


def written_of(field: FieldInfo) -> Written | None:
    """Return the annotation of a field's type; None when the value is written as it is."""
    return next((one for one in field.metadata if isinstance(one, Written)), None)


def as_written(field: FieldInfo, value: Any) -> Any:
    """Return what would be written for a value of a field; None when nothing would be."""
    how = written_of(field)
    if how is not None:
        return how.write(value)
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value


def one_or_list(one: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a value that may also be a list of such values."""
    return {"anyOf": [dict(one), {"type": "array", "items": dict(one)}]}


def alone_if_one(values: Any) -> Any:
    """Write a list of one value as that value; None for an empty list."""
    found = list(values)
    return found[0] if len(found) == 1 else found or None
