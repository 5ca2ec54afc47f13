"""Finds the line on which each key of a TOML text stands, which `tomllib` does not tell."""

import contextlib
import re
from bisect import bisect_right
from collections.abc import Mapping

KeyPath = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BARE_VALUE = re.compile(r"[^,\]}#\n]*")
_STRINGS = (  # the long ones first: they begin like the short ones
    re.compile(r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})', re.DOTALL),
    re.compile(r"'''.*?'''(?:'{0,2})", re.DOTALL),
    re.compile(r'"(?:[^"\\\n]|\\.)*"'),
    re.compile(r"'[^'\n]*'"),
)


def lines_of(text: str) -> Mapping[KeyPath, int]:
    """Find the lines of keys and tables.

    Args:
        text: valid TOML.

    Returns:
        The line, from 1, of each key by its path: ("server", "listen"), ("plugin", 0, "use"). A
        table has the line of its heading, and an element of a list the line on which it begins.
        Where the text is not as expected, the rest is missing.

    Threads: any.
    Source: TOML 1.0.0.
    """
    found = _Finder(text)
    # A line in a message is a help, and no message may fail for it.
    with contextlib.suppress(ValueError, IndexError, RecursionError):
        found.run()
    return found.lines


class _Finder:
    def __init__(self, text: str) -> None:
        self.lines: dict[KeyPath, int] = {}
        self._text = text
        self._at = 0
        self._starts = [0, *(one.end() for one in re.finditer("\n", text))]
        self._lists: dict[KeyPath, int] = {}  # how many tables each [[list]] has so far

    def run(self) -> None:
        """Read the whole text."""
        table: KeyPath = ()
        self._skip(_BLANK)
        while self._at < len(self._text):
            if self._text.startswith("[", self._at):
                table = self._heading()
            else:
                self._pair(table)
            self._skip(_BLANK)

    def _heading(self) -> KeyPath:
        line = self._line()
        double = self._text.startswith("[[", self._at)
        self._at += 2 if double else 1
        *outer, last = self._key()
        self._at += 2 if double else 1
        path: KeyPath = ()
        for part in outer:
            path = self._open((*path, part), line)
        path = (*path, last)
        if double:
            self._lists[path] = self._lists.get(path, 0) + 1
        return self._open(path, line)

    def _open(self, path: KeyPath, line: int) -> KeyPath:
        """Note the line of a table; of a list of tables its last one is meant."""
        self.lines.setdefault(path, line)
        if path in self._lists:
            path = (*path, self._lists[path] - 1)
            self.lines.setdefault(path, line)
        return path

    def _pair(self, table: KeyPath) -> None:
        line = self._line()
        path = table
        for part in self._key():
            path = (*path, part)
            self.lines.setdefault(path, line)
        if self._text[self._at] != "=":
            raise ValueError
        self._at += 1
        self._skip(_SPACE)
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        opening = self._text[self._at]
        if opening not in "[{":
            if self._string() is None:
                self._skip(_BARE_VALUE)
            return
        closing = "]" if opening == "[" else "}"
        self._at += 1
        self._skip(_BLANK)
        number = 0
        while self._text[self._at] != closing:
            if opening == "{":
                self._pair(path)
            else:
                self.lines[*path, number] = self._line()
                self._value((*path, number))
                number += 1
            self._skip(_BLANK)
            if self._text[self._at] == ",":
                self._at += 1
                self._skip(_BLANK)
            elif self._text[self._at] != closing:
                raise ValueError
        self._at += 1

    def _key(self) -> list[str]:
        parts = []
        while True:
            self._skip(_SPACE)
            text = self._string()
            if text is None:
                match = _BARE_KEY.match(self._text, self._at)
                if match is None:
                    raise ValueError
                self._at = match.end()
                text = match[0]
            parts.append(text)
            self._skip(_SPACE)
            if not self._text.startswith(".", self._at):
                return parts
            self._at += 1

    def _string(self) -> str | None:
        """Read a string; None when there is none. Its value matters for keys only."""
        for form in _STRINGS:
            match = form.match(self._text, self._at)
            if match:
                self._at = match.end()
                return _value_of(match[0])
        return None

    def _skip(self, what: re.Pattern[str]) -> None:
        match = what.match(self._text, self._at)
        self._at = match.end() if match else self._at

    def _line(self) -> int:
        return bisect_right(self._starts, self._at)


def _value_of(text: str) -> str:
    if "\\" not in text or text.startswith("'"):
        return text[1:-1]
    import tomllib

    return str(tomllib.loads(f"x = {text}")["x"])
