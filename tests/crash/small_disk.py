"""A small file system of the test's own, in a mount namespace that only the server sees."""

import contextlib
import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

_READY = b"mounted\n"


class SmallDisk:
    """A tmpfs that fills.

    Root mounts it in a mount namespace; any other user in a user namespace, where the system
    allows that. Shape: use it in a `with` statement. Errors: AssertionError with what `unshare`
    or of `mount`. Threads: one.

    Attributes:
        path: the mount point, for the server.
        outside: the same folder, for the test.
    """

    def __init__(self, folder: Path, size: int) -> None:
        """Name a folder, which is made, and a size in bytes."""
        self.path = folder
        self._size = size
        self._namespaces = ["-m"] if os.geteuid() == 0 else ["-r", "-m"]

    def wrapper(self) -> list[str]:
        """Return the command that runs a server where the disk is."""
        user = [] if os.geteuid() == 0 else ["-U", "--preserve-credentials"]
        working = ["env", "-C", str(Path(self.path).parent)]
        return ["nsenter", "-t", str(self._holder.pid), "-m", *user, *working]

    def remount(self, how: str) -> None:
        """Mount it anew: "ro", or "rw"."""
        command = [*self.wrapper(), "mount", "-o", f"remount,{how}", str(self.path)]
        subprocess.run(command, check=True)

    def fill(self, name: str) -> Path:
        """Write a file that leaves no byte free."""
        path = self.outside / name
        with path.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                pass
        return path

    def free(self) -> int:
        """Return the free bytes."""
        facts = os.statvfs(self.outside)
        return facts.f_bavail * facts.f_frsize

    def __enter__(self) -> Self:
        self.path.mkdir()
        script = f"mount -t tmpfs -o size={self._size} tmpfs {self.path} && echo mounted && cat"
        self._holder = subprocess.Popen(
            ["unshare", *self._namespaces, "sh", "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._holder.stdout
        line = self._holder.stdout.readline()
        self.outside = Path(f"/proc/{self._holder.pid}/root{self.path}")
        if line != _READY:
            self.__exit__(None, None, None)
            raise AssertionError("cannot mount: needs root, or user namespaces that may mount")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._holder.communicate()
