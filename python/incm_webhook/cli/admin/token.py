"""Finds the token with which a command calls an admin listener."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from incm_webhook.config.admin_token import checked_token
from incm_webhook.config.secrets import Secret, locate_secret_file, read_secret_file
from incm_webhook.errors import ConfigError

if TYPE_CHECKING:
    from incm_webhook.config.settings import Settings

VARIABLE = "INCM_WEBHOOK_ADMIN_TOKEN"
HOW = f"--token-file FILE or {VARIABLE} gives one"


@dataclass(frozen=True, slots=True)
class FoundToken:
    """A token and its origin, or the reason why there is none.

    Attributes:
        secret: the token; None when there is none.
        origin: where it comes from, for messages; "" when there is none.
        problem: why a configured token cannot be used; "" when nothing is wrong.
    """

    secret: Secret | None = None
    origin: str = ""
    problem: str = ""


def given_token(file: str | None) -> FoundToken:
    """Return the token that --token-file or the environment gives.

    Args:
        file: the value of the flag; a bare name is also looked for in systemd's credentials and in
            /run/secrets.

    Raises:
        ConfigError: the file cannot be read, or one of both is no token.
    """
    if file is not None:
        path = locate_secret_file(file, Path.cwd(), os.environ)
        secret = read_secret_file(path, "the token")
        return FoundToken(checked_token(secret, f"the file {path}"), f"the file {path}")
    text = os.environ.get(VARIABLE)
    if not text:
        return FoundToken()
    secret = Secret(text.encode(errors="surrogateescape"))
    return FoundToken(checked_token(secret, f"the variable {VARIABLE}"), f"the variable {VARIABLE}")


def configured_token(settings: "Settings") -> FoundToken:
    """Return the first token of the configuration that allows changes, or the first that reads.

    A token that this user cannot read is left out, because the server may want none.
    """
    problem = ""
    for one in sorted(settings.admin_token, key=lambda one: not one.may_change):
        try:
            one.read(os.environ, settings.base)
        except ConfigError as error:
            problem = problem or str(error)
        else:
            return FoundToken(one.secret, f"the token {one.name} of {settings.source}", problem)
    return FoundToken(problem=problem)


def unauthorized(place: str, token: FoundToken) -> str:
    """Describe an answer of 401.

    Args:
        place: HOST:PORT of the server.
        token: what was sent to it.
    """
    reason = f" ({token.problem})" if token.problem else ""
    if token.secret is None:
        return f"the server at {place} wants a token: {HOW}{reason}"
    return f"the server at {place} does not accept {token.origin}: {HOW}{reason}"
