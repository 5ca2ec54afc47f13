"""Keeps what was told about the server over a restart, so that its end can be told."""

import contextlib
import json
import logging
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from incm_webhook.log import printable
from incm_webhook.service.conditions import Finding

_log = logging.getLogger("incm_webhook.service")


@dataclass(frozen=True, slots=True)
class ToldFinding:
    """What was wrong, as it was told."""

    kind: str
    subject: str
    text: str
    since: float | None
    reason: str
    begins: bool = True

    def __post_init__(self) -> None:
        """Check the types of what a file says; TypeError for others."""
        texts = (self.kind, self.subject, self.text, self.reason)
        if not all(isinstance(one, str) for one in texts):
            raise TypeError("a text is none")
        if self.since is not None and not isinstance(self.since, (int, float)):
            raise TypeError("the time is none")


class ToldFile:
    """A small file beside the inbox with what was told to have begun.

    Shape: it is replaced in one step. Errors: none is raised; one that keeps it from being read or
    written is in the log once, and then what ends while no server runs is not told. Threads: one at
    a time.
    """

    def __init__(self, path: Path) -> None:
        """Prepare; nothing is read yet."""
        self._path = path
        self._is_warned = False

    def read(self) -> list[ToldFinding]:
        """Return what was written last; nothing when there is no file."""
        try:
            content = json.loads(self._path.read_bytes())
            return [ToldFinding(**one) for one in content["told"]]
        except FileNotFoundError:
            return []
        except OSError as error:
            self._warn(error.strerror or str(error))
        except (ValueError, LookupError, TypeError):
            self._warn("it is not what this program wrote")
        return []

    def write(self, told: Iterable[Finding]) -> None:
        """Keep this instead; when it is nothing, there is no file."""
        all_told = [
            asdict(ToldFinding(one.kind, one.subject, one.text, one.since, one.reason))
            for one in told
        ]
        partial = self._path.with_name(f"{self._path.name}.new")
        try:
            if not all_told:
                self._path.unlink(missing_ok=True)
                return
            # The reasons may name targets of plugins, as the inbox does.
            with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:  # noqa: PTH123
                json.dump({"told": all_told}, file)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self._path)
        except OSError as error:
            with contextlib.suppress(OSError):
                partial.unlink()
            self._warn(error.strerror or str(error))

    def _warn(self, why: str) -> None:
        if not self._is_warned:
            self._is_warned = True
            _log.warning(
                "%s: %s: trouble that ends while no server runs is not told as ended",
                printable(str(self._path)),
                why,
            )
