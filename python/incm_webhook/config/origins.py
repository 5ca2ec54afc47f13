"""Where the values of a configuration come from: a flag, a variable, a line of the file."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from incm_webhook.config.lines import KeyPath
from incm_webhook.config.messages import dotted

Location = Sequence[str | int]
_NAMED = re.compile(r"\[(\w+)\] (\w+)|\[\[(\w+)\]\] ([0-9]+)")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value comes from.

    Attributes:
        kind: "flag", "environment", "file" or "default".
        name: the flag, the variable or the path of the file; "" for a default.
        line: the line of the file, from 1; None elsewhere.
    """

    kind: Literal["flag", "environment", "file", "default"]
    name: str = ""
    line: int | None = None

    def __str__(self) -> str:
        """Return "--listen", "INCM_WEBHOOK_LISTEN", "/etc/incm.toml:12" or "default"."""
        return f"{self.name}:{self.line}" if self.line else self.name or self.kind


@dataclass(frozen=True, slots=True)
class Origins:
    """The origins of all values.

    Attributes:
        source: the configuration file; None when there is none.
        lines: the lines of its keys.
        overrides: the flags and variables, by table and key: ("server", "listen"), ("plugin",).
    """

    source: Path | None = None
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    overrides: Mapping[tuple[str, ...], str] = field(default_factory=dict)

    def of(self, location: Location) -> Origin:
        """Return the origin of the value of a key, such as ("endpoint", 0, "path")."""
        name = override_of(location, self.overrides)
        if name is not None:
            return Origin("flag" if name.startswith("--") else "environment", name)
        line = self.lines.get(tuple(location))
        return Origin("default") if line is None else Origin("file", str(self.source), line)

    def place_of(self, table: str, key: str) -> str:
        """Return the name of a key's place for the beginning of a message; see `Settings`."""
        origin = self.of((table, key))
        if origin.kind in ("flag", "environment"):
            return origin.name
        line = line_of((table, key), self.lines)
        file = f"{self.source}:{line}: " if line else f"{self.source}: " if self.source else ""
        return f"{file}[{table}] {key}"

    def suffix(self, location: Location) -> str:
        """Return the place of a value for the end of a message: " (/etc/incm.toml, line 12)".

        It is "" for a flag, a variable, and a value that the file does not have.
        """
        if override_of(location, self.overrides) is not None:
            return ""
        line = line_of(location, self.lines)
        return f" ({self.source}, line {line})" if line else ""


def override_of(location: Location, overrides: Mapping[tuple[str, ...], str]) -> str | None:
    """Return the flag or the variable that a value comes from; None when it is no such value."""
    names = tuple(str(part) for part in location if not isinstance(part, int))
    for size in (1, 2):
        if len(names) >= size and names[:size] in overrides:
            return overrides[names[:size]]
    return None


def line_of(location: Location, lines: Mapping[KeyPath, int]) -> int | None:
    """Return the line of a key, or of the innermost table around it that the file has."""
    for size in range(len(location), 0, -1):
        line = lines.get(tuple(location[:size]))
        if line is not None:
            return line
    return None


def named_in(sentence: str, location: Location, lines: Mapping[KeyPath, int]) -> Location:
    """Return the location that a sentence is about, more exactly than its error tells.

    Args:
        sentence: what is wrong. It may begin with a place, such as `[server] health` or
            `[[plugin]] 2`, where the error is one of the whole configuration.
        location: the location of the error.
        lines: the lines of the keys. In an error about a whole table, the first key that the
            sentence names and the table has is meant.
    """
    match = None if location else _NAMED.match(sentence)
    if match:
        location = (match[1], match[2]) if match[1] else (match[3], int(match[4]) - 1)
    said = sentence.partition(": ")[2]
    keys = (word for word in re.findall(r"\w+", said) if (*location, word) in lines)
    key = next(keys, None) if location else None
    return location if key is None else (*location, key)


def below(location: KeyPath, lines: Mapping[KeyPath, int]) -> dict[str, int]:
    """Return the lines within a table, by the dotted name of the key; "" is the table itself."""
    size = len(location)
    return {dotted(path[size:]): line for path, line in lines.items() if path[:size] == location}
