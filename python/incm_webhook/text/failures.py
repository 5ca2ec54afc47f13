"""What an exception says to people: one line with the plugin's own place, and its traceback.

Nothing here fails, whatever the exception is: its text is code of a plugin. It may take long or for
ever, so a handler's exception is read within its attempt, which the time-out ends.
"""

import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from incm_webhook.plugin import Reject
from incm_webhook.text.printable import printable, said_by, shortened
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

LINE_BYTES = 1900  # of a line: the ledger keeps 2,000, and a log line has words before it
_READ_CHARS = 8000  # of a text: what is behind is never shown
_TEXT_BYTES = 1400
_PLACE_BYTES = 300
_TOLD_LEAVES = 3  # of an exception group
_LOOKED_AT = 1000  # exceptions of a group


@dataclass(frozen=True, slots=True)
class Account:
    """What there is to say about a failure.

    Shape: no secret and no control character but the traceback's line ends.

    Attributes:
        line: "Type: text (pager.py:4)", of a Reject its reason alone; at most 2,000 bytes.
        kind: "Type (pager.py:4)": the same for failures of one cause, whatever their text.
        traceback: as Python prints it, at most 16 KiB, its middle left out when it is longer;
            "" when there is none.
    """

    line: str
    kind: str
    traceback: str = ""


@dataclass(frozen=True, slots=True)
class OwnCode:
    """Which files are a plugin's own.

    Attributes:
        places: its file, or the folder of its package; none when nothing is known of it.
    """

    places: tuple[str, ...] = ()

    def name_of(self, file: str) -> str | None:
        """Name a file of its own as people do: "pager.py", "my_package/pager.py"; None: another."""
        for place in self.places:
            if file.startswith(place) and (len(file) == len(place) or file[len(place)] == "/"):
                return file[place.rfind("/") + 1 :]
        return None


_NOTHING_OWN = OwnCode()
_of_all: list[OwnCode] = [_NOTHING_OWN]  # one: the files of all plugins that were loaded


def own_code_of(module: ModuleType | None) -> OwnCode:
    """Say which files belong to the plugin of a module: its package's folder, else its file."""
    if module is None:
        return _NOTHING_OWN
    parts = module.__name__.split(".")
    first = len(parts) if parts[0] == "incm_webhook" else 1  # of a bundled one its file alone
    for count in range(first, len(parts) + 1):
        outer = sys.modules.get(".".join(parts[:count]))
        file = getattr(outer, "__file__", None)  # a namespace has none
        if isinstance(file, str):
            return OwnCode((str(Path(file).parent) if hasattr(outer, "__path__") else file,))
    return _NOTHING_OWN


def remember(code: OwnCode) -> None:
    """Count a plugin's files among those of all plugins. Threads: one at a time."""
    _of_all[0] = OwnCode(tuple(dict.fromkeys([*_of_all[0].places, *code.places])))


def code_of_all() -> OwnCode:
    """The files of all plugins that were loaded, for what nobody knows whose it is."""
    return _of_all[0]


def account_of(error: BaseException, code: OwnCode = _NOTHING_OWN) -> Account:
    """Read an exception.

    Args:
        error: any exception.
        code: the files whose deepest frame names the place; without one of them in the traceback it
            is the deepest frame of all.

    Returns:
        What there is to say; it takes as long as the exception's own `__str__` does.
    """
    told = getattr(error, "account", None)
    if type(told) is Account:
        return told  # it was read in the plugin's own process
    try:
        place = _place(error, code)
        if isinstance(error, Reject):
            line = fit(said_by(error.reason))
        else:
            line = _told(error, code, place)
        kind = shortened(printable(f"{_name(error)}{place}"), _PLACE_BYTES)
        return Account(shortened(printable(line), LINE_BYTES), kind, traceback_of(error))
    except BaseException as other:  # no memory, or an exception whose attributes fail
        return Account(f"{_name(error)}: cannot be told ({_name(other)})", _name(error))


def describe(error: BaseException, code: OwnCode = _NOTHING_OWN) -> str:
    """Tell an exception in one line: "Type: text (file:line)", without a place when it has none."""
    return account_of(error, code).line


def fit(said: str) -> str:
    """Make the text of an exception fit for a line: short, escaped, without secrets."""
    text = printable(redacted(beginning(said, _READ_CHARS)))
    return shortened(text, _TEXT_BYTES, len(said) if len(said) > _READ_CHARS else None)


def _name(error: BaseException) -> str:
    return type(error).__name__[:100]


def _told(error: BaseException, code: OwnCode, place: str) -> str:
    text = fit(said_by(error)) or "no text"
    if not isinstance(error, BaseExceptionGroup):
        return f"{_name(error)}: {text}{place}"
    leaves = list(_leaves(error))
    told = [
        shortened(_told(leaf, code, _place(leaf, code)), _TEXT_BYTES // _TOLD_LEAVES)
        for leaf in leaves[:_TOLD_LEAVES]
    ]
    if len(leaves) > _TOLD_LEAVES:
        told.append(f"and {len(leaves) - _TOLD_LEAVES} more")
    return f"{_name(error)}: {shortened(text, _PLACE_BYTES)}: {'; '.join(told)}"


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    """The exceptions of a group and of the groups in it, up to _LOOKED_AT."""
    found, waiting = 0, [iter(group.exceptions)]
    while waiting and found < _LOOKED_AT:
        one = next(waiting[-1], None)
        if one is None:
            waiting.pop()
        elif isinstance(one, BaseExceptionGroup):
            waiting.append(iter(one.exceptions))
        else:
            found += 1
            yield one


def _place(error: BaseException, code: OwnCode) -> str:
    """Say where: " (pager.py:4)"; "" when there is no traceback."""
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
