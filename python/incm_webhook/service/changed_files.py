"""Notices that files of plugins have changed, for `serve --dev`."""

from collections.abc import Iterable
from pathlib import Path

_Signature = tuple[int, int, int]


class ChangedFiles:
    """Compares files with what they were at the last look.

    A file that is missing has not changed yet: editors remove a file before they put another one
    in its place.
    Threads: one at a time.
    """

    def __init__(self, files: Iterable[Path]) -> None:
        self._seen = {file: _signature_of(file) for file in files}

    def look(self) -> list[Path]:
        """Return the files that have changed since the last look."""
        changed = []
        for file, seen in self._seen.items():
            now = _signature_of(file)
            if now is not None and now != seen:
                self._seen[file] = now
                changed.append(file)
        return changed


def _signature_of(file: Path) -> _Signature | None:
    try:
        state = file.stat()
    except OSError:
        return None
    return state.st_ino, state.st_mtime_ns, state.st_size
