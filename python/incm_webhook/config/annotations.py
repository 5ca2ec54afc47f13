"""Looks into the type annotations of a model's fields."""

import typing
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel


def types_in(annotation: Any) -> Iterator[Any]:
    """Yield an annotation and everything that it consists of.

    Those are the members of a union, the items of a list, the type behind a `type` alias or a
    NewType, and so on; but not the fields of a model. A text is the name of a type that is not
    resolved.
    """
    yield from _types_in(annotation, set())


def _types_in(annotation: Any, seen: set[int]) -> Iterator[Any]:
    yield annotation
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return
    parts = [origin, *(arguments[:1] if origin is typing.Annotated else arguments)]
    if not isinstance(annotation, type):
        parts += [getattr(annotation, name, None) for name in ("__value__", "__supertype__")]
    for part in parts:
        if part is None or id(part) in seen:
            continue
        if hasattr(part, "__value__"):  # an alias may contain itself
            seen.add(id(part))
        yield from _types_in(part, seen)


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models of a table in an annotation: several in a union, none for a plain value."""
    for one in types_in(annotation):
        if isinstance(one, type) and issubclass(one, BaseModel):
            yield one


def model_of(annotation: Any) -> type[BaseModel] | None:
    """Return the first model of a table in an annotation; None for a plain value."""
    return next(models_in(annotation), None)
