"""Notices that files have changed, for `serve --dev` and `serve --watch`."""

from collections.abc import Iterable
from pathlib import Path

_Signature = tuple[int, int, int]


class ChangedFiles:
    """Compares files with what they were at the last look.

    A file that is missing has not changed yet: editors remove a file before they put another one
    in its place. Links are followed, so that a link to another file is a change.
    Threads: one at a time.
    """

    def __init__(self, files: Iterable[Path], *, settle: bool = False) -> None:
        """Remember how the files are.

        Args:
            files: they need not exist.
            settle: report a change only at the second look that finds the same file: programs write
                a file in several steps, and several files one after the other.
        """
        self._settle = settle
        self._seen = {file: _signature_of(file) for file in files}
        self._moving: dict[Path, _Signature] = {}  # changed, as of the last look

    def watch(self, files: Iterable[Path]) -> None:
        """Look at these files from now on, and remember how those are that are new."""
        self._seen = {
            file: self._seen[file] if file in self._seen else _signature_of(file) for file in files
        }

    def look(self) -> list[Path]:
        """Return the files that have changed since the last look."""
        changed = {
            file: now
            for file, seen in self._seen.items()
            if (now := _signature_of(file)) is not None and now != seen
        }
        if self._settle and changed != self._moving:
            self._moving = changed
            return []
        self._moving = {}
        self._seen |= changed
        return list(changed)


def _signature_of(file: Path) -> _Signature | None:
    try:
        state = file.stat()
    except (OSError, ValueError):  # ValueError: no file can have this name
        return None
    return state.st_ino, state.st_mtime_ns, state.st_size
