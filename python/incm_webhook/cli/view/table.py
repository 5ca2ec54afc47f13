"""Makes tables for a terminal: aligned, cut to its width, without control characters."""

import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Collection, Sequence

from incm_webhook.log import printable

_GAP = 2
_NARROWEST = 6


def screen_width() -> int | None:
    """Return the width of the terminal; None when standard output is no terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def is_dumb_terminal() -> bool:
    """Return whether the terminal does not interpret escape codes: TERM is dumb or not set."""
    return os.environ.get("TERM", "") in ("", "dumb")


def columns_of(text: str) -> int:
    """Count the columns that a printable text takes: two for a wide character (CJK)."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1
        for one in text
    )


def cut(text: str, columns: int) -> str:
    """Cut a text to a number of columns; an ellipsis replaces what is cut off."""
    if columns_of(text) <= columns:
        return text
    kept, used = "", 1
    for one in text:
        used += columns_of(one)
        if used > columns:
            break
        kept += one
    return f"{kept}…"


def wrap(text: str, columns: int | None) -> list[str]:
    """Break a text into lines of at most `columns`, between words if possible; None: one line."""
    if columns is None or columns_of(text) <= columns:
        return [text]
    lines, line, used = [], "", 0
    for word in re.findall(r" *[^ ]+", text):
        if used + columns_of(word) > columns and line:
            lines.append(line)
            line, used = "", 0
        for one in word if line else word.lstrip():
            if used + columns_of(one) > columns:
                lines.append(line)
                line, used = "", 0
            line += one
            used += columns_of(one)
    return [*lines, line]


def layout(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    width: int | None,
    right: Collection[str] = (),
    whole: Collection[str] = (),
) -> list[str]:
    """Lay out a table.

    Args:
        heads: the columns' names.
        rows: one cell for each column; control characters are escaped.
        width: the columns of the terminal; the widest cells are cut to fit. None: no limit.
        right: heads of columns that are aligned to the right, for numbers.
        whole: heads of columns that are never cut.

    Returns:
        The lines, the head first, without trailing blanks.
    """
    table = [list(heads), *([printable(cell) for cell in row] for row in rows)]
    widths = [max(map(columns_of, column)) for column in zip(*table, strict=True)]
    if width is not None:
        room = width - _GAP * (len(widths) - 1)
        elastic = [index for index, head in enumerate(heads) if head not in whole]
        while elastic and sum(widths) > room:
            widest = max(elastic, key=lambda index: widths[index])
            if widths[widest] <= _NARROWEST:
                break
            widths[widest] -= 1
    return [_line(heads, cells, widths, right) for cells in table]


def _line(
    heads: Sequence[str], cells: Sequence[str], widths: Sequence[int], right: Collection[str]
) -> str:
    parts = []
    for head, cell, width in zip(heads, cells, widths, strict=True):
        shown = cut(cell, width)
        blank = " " * (width - columns_of(shown))
        parts.append(blank + shown if head in right else shown + blank)
    return (" " * _GAP).join(parts).rstrip()
