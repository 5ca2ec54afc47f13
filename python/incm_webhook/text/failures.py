"""Describes an exception for people: one line with the plugin's own place, and a traceback.

These functions never fail, although the text of an exception may come from a plugin's code. That
code may take very long, so a handler's exception is read within its attempt, which the time-out
ends.
"""

import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from incm_webhook.plugin import Reject, Unavailable
from incm_webhook.text.printable import printable, shortened, text_of
from incm_webhook.text.redaction import beginning, redacted
from incm_webhook.text.tracebacks import traceback_of

__all__ = [
    "Account",
    "OwnCode",
    "account_of",
    "code_of_all",
    "describe",
    "fit",
    "own_code_of",
    "remember",
]

LINE_BYTES = 1900  # for a line: the ledger keeps 2,000, and a log line has a prefix
_READ_CHARS = 8000  # characters of a text beyond this are never shown
_TEXT_BYTES = 1400
_PLACE_BYTES = 300
_SHOWN_LEAVES = 3  # exceptions of a group that are described
_COUNTED_LEAVES = 1000  # exceptions of a group that are counted


@dataclass(frozen=True, slots=True)
class Account:
    """The description of a failure.

    Shape: without secrets, and without control characters except the line ends of the traceback.

    Attributes:
        line: "Type: text (pager.py:4)", or only the reason of a Reject or an
            Unavailable; at most 2,000 bytes.
        kind: "Type (pager.py:4)": the same for failures with the same cause, whatever their text.
        traceback: the traceback as Python prints it, at most 16 KiB; the middle of a longer one is
            left out. "" when there is none.
    """

    line: str
    kind: str
    traceback: str = ""


@dataclass(frozen=True, slots=True)
class OwnCode:
    """The files that belong to a plugin.

    Attributes:
        places: its file, or the folder of its package; empty when they are not known.
    """

    places: tuple[str, ...] = ()

    def name_of(self, file: str) -> str | None:
        """Return a short name for a file of the plugin: "pager.py", "my_package/pager.py".

        None when the file does not belong to the plugin.
        """
        for place in self.places:
            if file.startswith(place) and (len(file) == len(place) or file[len(place)] == "/"):
                return file[place.rfind("/") + 1 :]
        return None


_NOTHING_OWN = OwnCode()
_of_all: list[OwnCode] = [_NOTHING_OWN]  # one item: the files of all loaded plugins


def own_code_of(module: ModuleType | None) -> OwnCode:
    """Find the files that belong to the plugin of a module: its package's folder, else its file."""
    if module is None:
        return _NOTHING_OWN
    parts = module.__name__.split(".")
    first = len(parts) if parts[0] == "incm_webhook" else 1  # a bundled plugin is only its file
    for count in range(first, len(parts) + 1):
        outer = sys.modules.get(".".join(parts[:count]))
        file = getattr(outer, "__file__", None)  # a namespace has none
        if isinstance(file, str):
            return OwnCode((str(Path(file).parent) if hasattr(outer, "__path__") else file,))
    return _NOTHING_OWN


def remember(code: OwnCode) -> None:
    """Add a plugin's files to those of all plugins. Threads: one at a time."""
    _of_all[0] = OwnCode(tuple(dict.fromkeys([*_of_all[0].places, *code.places])))


def code_of_all() -> OwnCode:
    """Return the files of all loaded plugins, for exceptions whose plugin is not known."""
    return _of_all[0]


def account_of(error: BaseException, code: OwnCode = _NOTHING_OWN) -> Account:
    """Describe an exception. This takes as long as the exception's own `__str__`.

    Args:
        error: any exception.
        code: the plugin's own files. The deepest frame in one of them is the place of the failure;
            if there is none, the deepest frame of all.
    """
    account = getattr(error, "account", None)
    if type(account) is Account:
        return account  # the plugin's own process has described it
    try:
        place = _place(error, code)
        if isinstance(error, Reject | Unavailable):
            line = fit(text_of(error.reason)) or "no reason"
        else:
            line = _line_of(error, code, place)
        kind = shortened(printable(f"{_name(error)}{place}"), _PLACE_BYTES)
        return Account(shortened(printable(line), LINE_BYTES), kind, traceback_of(error))
    except BaseException as other:  # no memory, or an exception whose attributes fail
        return Account(f"{_name(error)}: cannot be described ({_name(other)})", _name(error))


def describe(error: BaseException, code: OwnCode = _NOTHING_OWN) -> str:
    """Describe an exception in one line: "Type: text (file:line)", or without place if unknown."""
    return account_of(error, code).line


def fit(text: str) -> str:
    """Make the text of an exception fit for a line: short, escaped, without secrets."""
    shown = printable(redacted(beginning(text, _READ_CHARS)))
    return shortened(shown, _TEXT_BYTES, len(text) if len(text) > _READ_CHARS else None)


def _name(error: BaseException) -> str:
    return type(error).__name__[:100]


def _line_of(error: BaseException, code: OwnCode, place: str) -> str:
    text = fit(text_of(error)) or "no text"
    if not isinstance(error, BaseExceptionGroup):
        return f"{_name(error)}: {text}{place}"
    leaves = list(_leaves(error))
    lines = [
        shortened(_line_of(leaf, code, _place(leaf, code)), _TEXT_BYTES // _SHOWN_LEAVES)
        for leaf in leaves[:_SHOWN_LEAVES]
    ]
    if len(leaves) > _SHOWN_LEAVES:
        lines.append(f"and {len(leaves) - _SHOWN_LEAVES} more")
    return f"{_name(error)}: {shortened(text, _PLACE_BYTES)}: {'; '.join(lines)}"


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    """Yield the exceptions of a group and of its nested groups, up to _COUNTED_LEAVES."""
    found, waiting = 0, [iter(group.exceptions)]
    while waiting and found < _COUNTED_LEAVES:
        one = next(waiting[-1], None)
        if one is None:
            waiting.pop()
        elif isinstance(one, BaseExceptionGroup):
            waiting.append(iter(one.exceptions))
        else:
            found += 1
            yield one


def _place(error: BaseException, code: OwnCode) -> str:
    """Return the place of an exception, " (pager.py:4)"; "" when there is no traceback."""
    if isinstance(error, BaseExceptionGroup):
        leaf = next(_leaves(error), None)
        if leaf is not None and leaf.__traceback__ is not None:
            error = leaf
    own = last = None
    for frame, line in traceback.walk_tb(error.__traceback__):
        last = (frame.f_code.co_filename, line)
        name = code.name_of(last[0])
        if name is not None:
            own = (name, line)
    found = own or last
    if found is None:
        return ""
    file = found[0] if len(found[0]) <= _PLACE_BYTES // 2 else f"…{found[0][-_PLACE_BYTES // 2 :]}"
    return f" ({file}:{found[1]})"
