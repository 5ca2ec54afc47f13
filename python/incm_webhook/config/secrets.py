"""Secrets: where they come from, and a wrapper that nothing prints."""

import codecs
import hmac
import re
import stat
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

from incm_webhook.errors import ConfigError

MAX_SECRET_BYTES = 4096
MOUNTED_SECRETS = Path("/run/secrets")

_QUOTES = {'"': '"', "'": "'", "`": "`", "“": "”", "„": "“”", "\u2018": "\u2019", "«": "»"}
_ASSIGNMENT = re.compile(r"(export\s+)?[A-Z][A-Z0-9_]*\s*=\s*[^=\s]")
_NAMED = 3


@final
class Secret:
    """The bytes of a webhook's secret token.

    Shape: 1 to 4096 bytes. repr and str are redacted and it cannot be pickled; `reveal` is the
    only way to the bytes. Equality is in constant time. Threads: immutable. Source: own choice.
    """

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        if not value:
            raise ConfigError("the secret is empty: put the webhook's secret token there")
        if len(value) > MAX_SECRET_BYTES:
            raise ConfigError(
                f"the secret is {len(value)} bytes long, more than {MAX_SECRET_BYTES}: "
                "is it the right file?"
            )
        self._value = value

    def reveal(self) -> bytes:
        """Return the bytes themselves, to hand them to the native core."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"

    def __reduce__(self) -> str:
        raise TypeError("a secret is not written anywhere")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        return hash(self._value)


def locate_secret_file(text: str, base: Path, environ: Mapping[str, str]) -> Path:
    """Find the file that a `secret_file` means.

    Args:
        text: a path, or a bare name.
        base: the folder that relative paths are relative to.
        environ: for $CREDENTIALS_DIRECTORY (systemd's LoadCredential).

    Returns:
        base/text; for a bare name that is not there, the first of $CREDENTIALS_DIRECTORY/text and
        /run/secrets/text that exists; base/text when none does.

    Source: docs/configuration.md, Secrets.
    """
    beside = base / text
    if "/" in text or _is_there(beside):
        return beside
    folders = (
        [Path(environ["CREDENTIALS_DIRECTORY"])] if environ.get("CREDENTIALS_DIRECTORY") else []
    )
    for folder in [*folders, MOUNTED_SECRETS]:
        if _is_there(folder / text):
            return folder / text
    return beside


def _is_there(path: Path) -> bool:
    """Whether something is there; also when that cannot be told, so that reading it says why."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError:
        return True
    return True


def read_secret_file(path: Path) -> Secret:
    """Read a secret from a file.

    Args:
        path: a file; exactly one line end (LF or CR LF) at its end is not part of the secret.

    Returns:
        The secret.

    Raises:
        ConfigError: unreadable, empty, or longer than 4096 bytes; names the file and the reason.
    """
    try:
        with path.open("rb") as file:
            value = file.read(MAX_SECRET_BYTES + 3)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(f"cannot read the secret file {path}: {reason}") from None
    except ValueError:
        raise ConfigError(f"cannot read the secret file {path!r}: no such path") from None
    if value.endswith(b"\n"):
        value = value[: -2 if value.endswith(b"\r\n") else -1]
    if len(value) > MAX_SECRET_BYTES:
        raise ConfigError(
            f"the secret file {path} holds more than {MAX_SECRET_BYTES} bytes: "
            "it must hold the secret token alone"
        )
    if not value:
        raise ConfigError(f"the secret file {path} is empty: put the webhook's secret token in it")
    return Secret(value)


def is_readable_by_others(path: Path) -> bool:
    """Say whether every user of the machine may read a file.

    False for a file that cannot be looked at, and in /run/secrets, where containers find their own
    secrets with that mode.
    """
    try:
        return path.parent != MOUNTED_SECRETS and bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False


@dataclass(slots=True)
class FoundSecrets:
    """The secrets of one endpoint, and what is odd about them.

    Attributes:
        secrets: in the order in which they are tried.
        warnings: a sentence each, with no secret in it.
    """

    secrets: list[Secret] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, secret: Secret, path: Path | None, called: str) -> None:
        """Take one more.

        Args:
            secret: as it is used.
            path: of its file; None when it has none.
            called: begins a sentence about it, such as "the secret file /etc/incm/secret".
        """
        if secret in self.secrets:
            self.warnings.append(f"{called} holds the same secret as one before it: leave it out")
        self.secrets.append(secret)
        odd = oddity(secret.reveal(), called)
        if odd:
            self.warnings.append(odd)
        if path is not None and is_readable_by_others(path):
            self.warnings.append(
                f"every user of this machine may read {called}; chmod o-r {path} ends that"
            )


def oddity(value: bytes, called: str, *, lines: bool = False) -> str | None:
    """Say what an editor or a shell has added to a secret, mostly by accident.

    Args:
        value: as it is used.
        called: begins the sentence, such as "the secret file /etc/incm/secret".
        lines: it may have several lines, as keys in PEM form have.

    Returns:
        A sentence without the secret; None when nothing is odd.
    """
    found = list(_oddities(value, lines=lines))
    if not found:
        return None
    return (
        f"{called} {' and '.join(found)}: all of that is taken for the secret; if it is not, write "
        "the secret token alone, as `printf %s 'TOKEN' > FILE` does"
    )


def _oddities(value: bytes, *, lines: bool) -> Iterator[str]:
    if b"\0" in value:
        yield "has zero bytes in it, as UTF-16 text has"
        return
    if value.startswith(codecs.BOM_UTF8):
        yield "begins with a byte order mark"
        value = value.removeprefix(codecs.BOM_UTF8)
    text = value.decode(errors="replace")
    unseen = sorted({one for one in text if unicodedata.category(one) == "Cf"})
    if unseen:
        named = ", ".join(f"U+{ord(one):04X}" for one in unseen[:_NAMED])
        yield f"has characters in it that nobody sees ({named})"
    if text[:1].isspace():
        yield "begins with a blank or a line end"
    if text[-1:].isspace() and not (lines and "\n" in text.strip()):
        yield "ends with a blank or a further line end"
    bare = text.strip()
    if not lines and ("\n" in bare or "\r" in bare):
        yield "holds several lines"
    elif len(bare) > 1 and bare[-1] in _QUOTES.get(bare[0], ""):
        yield "stands in quotes"
    elif not lines and _ASSIGNMENT.match(bare):  # of a plugin it may be a connection string
        yield "begins with a name and =, as a line of an environment file does"
