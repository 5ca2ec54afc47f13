"""Writes the tables of a configuration as TOML."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from datetime import time as time_of_day
from pathlib import Path
from typing import Any

_BARE = re.compile("[A-Za-z0-9_-]+")


def toml_of(value: Any) -> str:
    """Format a value in TOML; keys of a table whose value is None are left out.

    Raises:
        TypeError: TOML has no such value.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | Path):
        return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, datetime | date | time_of_day):
        return value.isoformat()
    if isinstance(value, Mapping):
        pairs = [f"{_key(key)} = {toml_of(one)}" for key, one in value.items() if one is not None]
        return f"{{ {', '.join(pairs)} }}" if pairs else "{}"
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return f"[{', '.join(map(toml_of, value))}]"
    raise TypeError(f"TOML has no {type(value).__name__}")


def _key(name: object) -> str:
    text = str(name)
    return text if _BARE.fullmatch(text) else toml_of(text)


def toml_tables(name: str, tables: Sequence[Mapping[str, Any]]) -> str:
    """Format a list of tables, each under its own `[[name]]`."""
    lines = []
    for table in tables:
        lines.append(f"[[{name}]]")
        lines += [f"{_key(key)} = {toml_of(one)}" for key, one in table.items() if one is not None]
    return "\n".join([*lines, ""])


def toml_text(tables: Mapping[str, Any]) -> str:
    """Format the top-level tables of a configuration, and its lists of tables."""
    parts = []
    for name, value in tables.items():
        if isinstance(value, Mapping):
            pairs = [
                f"{_key(key)} = {toml_of(one)}" for key, one in value.items() if one is not None
            ]
            parts.append("\n".join([f"[{name}]", *pairs, ""]))
        elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
            parts.append(toml_tables(name, value))
        else:
            parts.insert(0, f"{_key(name)} = {toml_of(value)}\n")
    return "".join(parts)
