"""Finds and reads secrets, and wraps them so that they are never printed."""

import codecs
import hmac
import re
import stat
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

from incm_webhook.errors import ConfigError, unreadable

MAX_SECRET_BYTES = 4096
MOUNTED_SECRETS = Path("/run/secrets")

_QUOTES = {'"': '"', "'": "'", "`": "`", "“": "”", "„": "“”", "\u2018": "\u2019", "«": "»"}
_ASSIGNMENT = re.compile(r"(export\s+)?[A-Z][A-Z0-9_]*\s*=\s*[^=\s]")
_NAMED = 3


@final
class Secret:
    """The bytes of a webhook's secret token.

    Shape: 1 to 4096 bytes. repr and str are redacted, and a secret cannot be pickled: only `reveal`
    returns the bytes. Comparison takes constant time.
    Threads: immutable.
    Source: own choice.
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
        """Return the bytes of the secret, for the native core."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"

    def __reduce__(self) -> str:
        raise TypeError("a secret cannot be pickled")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        return hash(self._value)


def locate_secret_file(text: str, base: Path, environ: Mapping[str, str]) -> Path:
    """Find the file that a `secret_file` names.

    Args:
        text: a path, or a bare name.
        base: the folder that relative paths are relative to.
        environ: the environment, for $CREDENTIALS_DIRECTORY (systemd's LoadCredential).

    Returns:
        base/text. For a bare name that does not exist there: the first of
        $CREDENTIALS_DIRECTORY/text and /run/secrets/text that exists, else base/text.

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
    """Return whether a path exists; True also when that is unknown, so that reading reports why."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError:
        return True
    return True


def read_secret_file(path: Path, what: str = "the webhook's secret token") -> Secret:
    """Read a secret from a file.

    Args:
        path: the path of the file; one line end (LF or CR LF) at its end is not part of the secret.
        what: what the file must hold, for messages.

    Returns:
        The secret.

    Raises:
        ConfigError: the file is unreadable, empty, or longer than 4096 bytes; the text names the
            file and the reason.
    """
    try:
        with path.open("rb") as file:
            value = file.read(MAX_SECRET_BYTES + 3)
    except OSError as error:
        raise ConfigError(f"cannot read the secret file {path}: {unreadable(error)}") from None
    except ValueError:
        raise ConfigError(f"cannot read the secret file {path!r}: no such path") from None
    if value.endswith(b"\n"):
        value = value[: -2 if value.endswith(b"\r\n") else -1]
    if len(value) > MAX_SECRET_BYTES:
        raise ConfigError(
            f"the secret file {path} holds more than {MAX_SECRET_BYTES} bytes: "
            f"it must hold {what} alone"
        )
    if not value:
        raise ConfigError(f"the secret file {path} is empty: put {what} in it")
    return Secret(value)


def is_readable_by_others(path: Path) -> bool:
    """Return whether every user of the machine may read a file.

    False when the file cannot be examined, and for files in /run/secrets, where containers mount
    their own secrets with that mode.
    """
    try:
        return path.parent != MOUNTED_SECRETS and bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False


@dataclass(slots=True)
class FoundSecrets:
    """The secrets of one endpoint, with warnings about them.

    Attributes:
        secrets: the secrets, in the order in which they are tried.
        warnings: a sentence each, without secrets.
        paths: the files that were read.
    """

    secrets: list[Secret] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, secret: Secret, path: Path | None, called: str) -> None:
        """Add a secret, and the warnings about it.

        Args:
            secret: the secret as it is used.
            path: the path of its file; None when it has none.
            called: its name at the beginning of a warning, such as "the secret file
                /etc/incm/secret".
        """
        if secret in self.secrets:
            self.warnings.append(f"{called} holds the same secret as one before it: leave it out")
        self.secrets.append(secret)
        if path is not None:
            self.paths.append(path)
        odd = oddity(secret.reveal(), called)
        if odd:
            self.warnings.append(odd)
        if path is not None and is_readable_by_others(path):
            self.warnings.append(
                f"every user of this machine may read {called}; chmod o-r {path} ends that"
            )


def oddity(value: bytes, called: str, *, lines: bool = False) -> str | None:
    """Describe what an editor or a shell has added to a secret, mostly by accident.

    Args:
        value: the secret as it is used.
        called: its name at the beginning of the sentence, such as "the secret file
            /etc/incm/secret".
        lines: whether it may have several lines, as keys in PEM form have.

    Returns:
        A sentence without the secret; None when nothing is odd.
    """
    found = list(_oddities(value, lines=lines))
    if not found:
        return None
    return (
        f"{called} {' and '.join(found)}: all of that is used as the secret; if that is wrong, "
        "write the secret token alone, as `printf %s 'TOKEN' > FILE` does"
    )


def _oddities(value: bytes, *, lines: bool) -> Iterator[str]:
    if b"\0" in value:
        yield "contains zero bytes, as UTF-16 text does"
        return
    if value.startswith(codecs.BOM_UTF8):
        yield "begins with a byte order mark"
        value = value.removeprefix(codecs.BOM_UTF8)
    text = value.decode(errors="replace")
    unseen = sorted({one for one in text if unicodedata.category(one) == "Cf"})
    if unseen:
        named = ", ".join(f"U+{ord(one):04X}" for one in unseen[:_NAMED])
        yield f"contains invisible characters ({named})"
    if text[:1].isspace():
        yield "begins with a space or a line end"
    if text[-1:].isspace() and not (lines and "\n" in text.strip()):
        yield "ends with a space or another line end"
    bare = text.strip()
    if not lines and ("\n" in bare or "\r" in bare):
        yield "holds several lines"
    elif len(bare) > 1 and bare[-1] in _QUOTES.get(bare[0], ""):
        yield "is in quotes"
    elif not lines and _ASSIGNMENT.match(bare):  # a plugin's secret may be a connection string
        yield "begins with a name and =, as a line of an environment file does"
