"""Names types for a person who edits a configuration file."""

import types
import typing
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretBytes, SecretStr

from incm_webhook.text.toml import toml_of

__all__ = ["is_union", "toml_or_text", "type_name"]

_NAMES: dict[Any, str] = {
    str: "text",
    bool: "true or false",
    int: "whole number",
    float: "number",
    Path: "path",
    dict: "table",
    SecretStr: "secret text",
    SecretBytes: "secret text",
    type(None): "nothing",
    object: "any value",
}


def is_union(annotation: Any) -> bool:
    """Return whether an annotation is a union, in either spelling."""
    return typing.get_origin(annotation) in (typing.Union, types.UnionType)


def type_name(annotation: Any) -> str:
    """Name a type for a person who edits a configuration file: "list of text", "path"."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return type_name(arguments[0])
    if origin is typing.Literal:
        return " or ".join(toml_or_text(one) for one in arguments)
    if is_union(annotation):
        names = [type_name(one) for one in arguments if one is not type(None)]
        return " or ".join(dict.fromkeys(names))
    if origin in (list, tuple, set, frozenset) or getattr(origin, "__name__", "") == "Sequence":
        return f"list of {type_name(arguments[0])}" if arguments else "list"
    kind = origin or annotation
    if isinstance(kind, type) and issubclass(kind, Enum):
        return " or ".join(toml_or_text(one.value) for one in kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return "table"
    if kind is typing.Any:
        return "any value"
    name = str(getattr(kind, "__name__", "text"))
    return _NAMES.get(kind) or ("table" if name in ("Mapping", "MutableMapping") else name)


def toml_or_text(value: Any) -> str:
    """Format a value in TOML; what TOML does not have as Python does."""
    if isinstance(value, Enum):
        value = value.value
    try:
        return toml_of(sorted(value) if isinstance(value, set | frozenset) else value)
    except TypeError:
        return str(value)
