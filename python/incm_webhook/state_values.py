"""The keys and values that `ctx.state` can hold."""

import json
import math
from typing import Any

__all__ = ["KEY_BYTES", "VALUE_BYTES", "check_key", "encode", "size_of"]

KEY_BYTES = 256
VALUE_BYTES = 64 * 1024  # as JSON
_CHANGE_BYTES = 32  # what a change takes besides its key and value
_DEPTH = 100


def encode(key: str, value: Any) -> str:
    """Write a value as JSON, without characters that UTF-8 lacks.

    Raises:
        TypeError, ValueError: a state cannot hold it; the text names the key.
    """
    _check_value(key, value, _DEPTH)
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        size = len(text.encode())
    except UnicodeEncodeError:  # half a surrogate pair
        text = json.dumps(value, separators=(",", ":"))
        size = len(text)
    if size > VALUE_BYTES:
        raise ValueError(
            f"the value of {key!r} in ctx.state has {size:,} bytes as JSON: at most "
            f"{VALUE_BYTES:,} are possible"
        )
    return text


def _check_value(key: str, value: Any, depth: int) -> None:
    if value is None or isinstance(value, (str, int)):
        return
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"the value of {key!r} in ctx.state holds {value}, which JSON lacks")
        return
    if not isinstance(value, (list, dict)):
        raise TypeError(
            f"the value of {key!r} in ctx.state holds a {type(value).__name__}: only None, bool, "
            "int, float, str, list and dict are possible"
        )
    if depth == 0:
        raise ValueError(f"the value of {key!r} in ctx.state is nested more than {_DEPTH} deep")
    if isinstance(value, dict):
        for name in value:
            if not isinstance(name, str):
                raise TypeError(
                    f"the value of {key!r} in ctx.state holds a dict with a key that is a "
                    f"{type(name).__name__}: only str is possible"
                )
        value = value.values()
    for one in value:
        _check_value(key, one, depth - 1)


def check_key(key: object) -> None:
    """Raise a TypeError or a ValueError for a key that a state cannot hold."""
    if not isinstance(key, str):
        raise TypeError(f"a key of ctx.state is a str, not a {type(key).__name__}")
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        raise ValueError(f"a key of ctx.state cannot hold half a surrogate pair: {key!r}") from None
    if not 1 <= size <= KEY_BYTES:
        raise ValueError(f"a key of ctx.state has 1 to {KEY_BYTES} bytes, not {size}")
    if "\0" in key:
        raise ValueError(f"a key of ctx.state cannot hold the character NUL: {key!r}")


def size_of(key: str, text: str | None) -> int:
    """Return how much of CALL_BYTES a change takes."""
    return len(key.encode()) + (0 if text is None else len(text.encode())) + _CHANGE_BYTES
