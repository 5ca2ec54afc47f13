"""The model of `[[admin_token]]`: who may use the API of the admin listener."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PrivateAttr, StrictStr, model_validator

from incm_webhook.config.secrets import (
    Secret,
    is_readable_by_others,
    locate_secret_file,
    read_secret_file,
)
from incm_webhook.config.types import Table
from incm_webhook.config.written import Written, key
from incm_webhook.errors import ConfigError

SHORTEST_TOKEN = 16  # characters
_TOKEN = re.compile(rb"[A-Za-z0-9._~+/-]+=*")  # RFC 6750, section 2.1
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_MAKE_ONE = "make one with `openssl rand -hex 32`"


def _name(value: object) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError("wants 1 to 64 letters, digits, dots, dashes or underscores")
    return value


class AdminTokenSettings(Table):
    """`[[admin_token]]`: a token for the API of the admin listener, and what it allows."""

    name: Annotated[
        str,
        BeforeValidator(_name),
        Written("text", {"type": "string", "pattern": f"^{_NAME.pattern}$"}),
    ] = key(
        ...,
        "Who has it, for the log; while a token is replaced, the old and the new one may have the "
        "same name",
        example="ops",
    )
    file: Annotated[StrictStr, Field(min_length=1)] | None = key(
        None,
        "File that holds the token; a bare name is also looked for in systemd's credentials and in "
        "/run/secrets",
        example="ops.token",
        without="none",
    )
    env: Annotated[StrictStr, Field(min_length=1)] | None = key(
        None,
        "Environment variable that holds the token, instead of a file",
        example="OPS_TOKEN",
        without="none",
    )
    role: Literal["read", "operate"] = key(
        "read", "read: GET, which shows all alerts; operate: changes, too"
    )
    _secret: Secret | None = PrivateAttr(default=None)
    _path: Path | None = PrivateAttr(default=None)
    _warnings: list[str] = PrivateAttr(default_factory=list)

    @model_validator(mode="after")
    def _has_one_source(self) -> "AdminTokenSettings":
        if (self.file is None) == (self.env is None):
            both = "has a file and an env" if self.file else "has neither a file nor an env"
            raise ValueError(f'{both}: write where the token is, as file = "FILE"')
        return self

    def read(self, environ: Mapping[str, str], base: Path) -> None:
        """Read the token; only for `load_settings` and for commands that call a server.

        Args:
            environ: the environment, for `env` and $CREDENTIALS_DIRECTORY.
            base: the folder that relative paths are relative to.

        Raises:
            ConfigError: it cannot be read, or is no token; the text names its place.
        """
        if self.env is not None:
            value = environ.get(self.env, "")
            if not value:
                raise ConfigError(f"the environment variable {self.env} is not set, or empty")
            secret = Secret(value.encode(errors="surrogateescape"))
            self._secret = checked_token(secret, f"the variable {self.env}")
            return
        assert self.file is not None  # noqa: S101 - one of both is set
        self._path = path = locate_secret_file(self.file, base, environ)
        self._secret = checked_token(read_secret_file(path, "the token"), f"the file {path}")
        if is_readable_by_others(path):
            self._warnings.append(
                f"admin token {self.name}: every user of this machine may read {path}; "
                f"chmod o-r {path} ends that"
            )

    @property
    def secret(self) -> Secret | None:
        """The token itself; None unless `read` was called."""
        return self._secret

    @property
    def path(self) -> Path | None:
        """The file of the token; None for a variable, or unless `read` was called."""
        return self._path

    @property
    def warnings(self) -> list[str]:
        """The warnings about the file, a sentence each, without the token."""
        return self._warnings

    @property
    def may_change(self) -> bool:
        """Whether the token allows changes."""
        return self.role == "operate"


def checked_token(secret: Secret, called: str) -> Secret:
    """Check that a secret can be sent as a token and is not easily guessed.

    Args:
        secret: the token.
        called: its place at the beginning of a message, such as "the file ops.token".

    Returns:
        The secret.

    Raises:
        ConfigError: it cannot; the text does not contain the token.
    """
    text = secret.reveal()
    if len(text) < SHORTEST_TOKEN:
        raise ConfigError(
            f"{called} holds a token of {len(text)} characters, and it needs at least "
            f"{SHORTEST_TOKEN}: {_MAKE_ONE}"
        )
    if not _TOKEN.fullmatch(text):
        raise ConfigError(
            f"{called} holds characters that no token can have, which are letters, digits and "
            f"-._~+/ alone: {_MAKE_ONE}"
        )
    return secret


def read_tokens(
    tables: Sequence[AdminTokenSettings], environ: Mapping[str, str], base: Path
) -> Iterator[tuple[int, str, str]]:
    """Read the tokens of all tables.

    Args:
        tables: the tables, in the order of the file.
        environ: passed to `read`, like base.
        base: the folder that relative paths are relative to.

    Yields:
        For each mistake the index of its table, the key, and a sentence without tokens.
    """
    for index, one in enumerate(tables):
        key = "env" if one.file is None else "file"
        try:
            one.read(environ, base)
        except ConfigError as error:
            yield index, key, str(error)
            continue
        same = next((n for n in range(index) if tables[n].secret == one.secret), None)
        if same is not None:
            yield (
                *(index, key),
                f"it is the token of [[admin_token]] {same + 1}: give each its own, so that the "
                "log tells who made a change",
            )
