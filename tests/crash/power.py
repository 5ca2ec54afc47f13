"""Power cuts: takes away what a killed server had written and not synced (see unsynced.c)."""

import os
import random
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_SOURCE = Path(__file__).with_name("unsynced.c")
_HEAD = struct.Struct("=4Q")
_SECTOR = 512


@dataclass(frozen=True, slots=True)
class _Write:
    offset: int
    length: int
    size_before: int
    replaced: bytes


class Disk:
    """A disk that loses what was not synced.

    Attributes:
        environ: the variables that put a server on it.
    """

    def __init__(self, folder: Path, inbox: Path, *, lies: bool = False) -> None:
        """Compile the library.

        Args:
            folder: where it goes.
            inbox: the inbox file.
            lies: whether the disk says that everything is synced.
        """
        library = folder / "unsynced.so"
        subprocess.run(
            ["cc", "-O2", "-shared", "-fPIC", "-o", str(library), str(_SOURCE), "-ldl"], check=True
        )
        self.environ = {"LD_PRELOAD": str(library), "UNSYNCED_TARGET": str(inbox)}
        if lies:
            self.environ["UNSYNCED_LIE"] = "1"
        self._inbox = inbox

    def cut(self, rng: random.Random | None = None) -> int:
        """Cut the power of a machine whose server was killed.

        Args:
            rng: chooses for each sector of each unsynced write whether it had reached the disk;
                None: nothing had.

        Returns:
            How many unsynced writes there were.
        """
        writes = 0
        for file in (self._inbox, self._inbox.with_name(self._inbox.name + "-wal")):
            journal = file.with_name(file.name + ".unsynced")
            if journal.exists():
                found = list(_read(journal))
                writes += len(found)
                _undo(file, found, rng)
                journal.unlink()
        self._inbox.with_name(self._inbox.name + "-shm").unlink(missing_ok=True)
        return writes


def _read(journal: Path) -> Iterator[_Write]:
    data = journal.read_bytes()
    at = 0
    while at + _HEAD.size <= len(data):
        offset, length, replaced, size = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        if at + replaced > len(data):
            return  # killed before the write itself
        yield _Write(offset, length, size, data[at : at + replaced])
        at += replaced


def _undo(file: Path, writes: list[_Write], rng: random.Random | None) -> None:
    with file.open("r+b") as opened:
        for write in reversed(writes):
            old = write.replaced.ljust(write.length, b"\0")
            for start in range(0, len(old), _SECTOR):
                if rng is None or rng.random() < 0.5:
                    opened.seek(write.offset + start)
                    opened.write(old[start : start + _SECTOR])
            if rng is None or rng.random() < 0.5:
                opened.truncate(write.size_before)
        opened.flush()
        os.fsync(opened.fileno())
