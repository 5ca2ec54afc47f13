"""Calls the admin API: that of the running server, or that of the inbox file when none runs."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from http import client
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

import click

from incm_webhook.cli.admin.token import (
    FoundToken,
    configured_token,
    given_token,
    unauthorized,
)
from incm_webhook.cli.admin.transport import TIMEOUT_S, HttpTransport, Transport
from incm_webhook.config.loading import Settings, load_settings
from incm_webhook.config.server import split_address
from incm_webhook.errors import ConfigError, InboxError, InboxInUseError
from incm_webhook.log import printable

Parameters = Sequence[tuple[str, str]]
_NO_TOKEN = FoundToken()


@dataclass(frozen=True, slots=True)
class Where:
    """The flags of a command that say where the inbox is; None for a flag that is not given.

    Attributes:
        config: the configuration file.
        admin: HOST:PORT of the admin listener.
        inbox: the inbox's URL or path.
        token_file: the file with the token for the admin listener.
    """

    config: str | None = None
    admin: str | None = None
    inbox: str | None = None
    token_file: str | None = None


def _is_elsewhere(answer: dict[str, Any]) -> bool:
    """Whether another listener of a receiver answered: that for alerts, or that for metrics."""
    return answer.get("detail") in ("no endpoint has this path", "no such page")


class AdminClient:
    """The admin API of a server or of a file. Use it in a `with` statement.

    Threads: one at a time.

    Attributes:
        offline: whether no server runs and the file itself is open.
    """

    def __init__(
        self, transport: Transport, place: str, *, offline: bool, token: FoundToken = _NO_TOKEN
    ) -> None:
        self._transport = transport
        self._place = place
        self._token = token
        self.offline = offline

    def get(self, path: str, parameters: Parameters = ()) -> dict[str, Any]:
        """Send a GET request.

        Args:
            path: the path below /api/v1/, such as "alerts".
            parameters: the parameters of the query, in order.

        Returns:
            The answer.

        Raises:
            click.UsageError: the API rejects the parameters.
            click.ClickException: the API does not have what the path names, or fails.
        """
        query = f"?{urlencode(parameters)}" if parameters else ""
        return self._call("GET", f"/api/v1/{path}{query}", "")

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send a POST request, which changes something. Returns and raises what `get` does."""
        return self._call("POST", f"/api/v1/{path}", json.dumps(body))

    def _call(self, method: str, target: str, body: str) -> dict[str, Any]:
        try:
            status, text = self._transport.call(method, target, body)
        except TimeoutError:
            raise click.ClickException(f"{self._place} did not answer in time") from None
        except (OSError, client.HTTPException):
            raise click.ClickException(
                f"{self._place} ended the connection: is it an admin listener, and does it still "
                "run?"
            ) from None
        try:
            answer = json.loads(text)
        except ValueError:
            answer = None
        if status == 200 and isinstance(answer, dict):
            return answer
        if not isinstance(answer, dict) or "title" not in answer or _is_elsewhere(answer):
            raise click.ClickException(
                f"what answers at {self._place} is no admin listener of this version: name it with "
                "--admin HOST:PORT"
            )
        sentence = printable(str(answer.get("detail", answer["title"])))
        if status == 401:
            sentence = unauthorized(self._place, self._token)
        if status == 400:
            raise click.UsageError(sentence, click.get_current_context(silent=True))
        raise click.ClickException(sentence)

    def close(self) -> None:
        """Close the connection to the server, or the file. Idempotent."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def connect(
    where: Where, *, filters: bool = False, secrets: bool = False, read_only: bool = False
) -> AdminClient:
    """Connect to the server, or open the inbox file when nothing listens, and print which.

    Args:
        where: the flags. What they leave out comes from the environment, the configuration file
            and the defaults.
        filters: whether the command needs the filters of the plugins.
        secrets: whether the command verifies signatures. The secrets are read when no server runs.
        read_only: whether the command changes nothing.

    Returns:
        A client, which the caller closes.

    Raises:
        ConfigError: the configuration is needed, and it is wrong. It is not needed when --admin
            names a server that answers.
        InboxError: nothing answers, and the file cannot be opened.
        click.ClickException: the server cannot be reached, though something may listen; or the
            configuration names another inbox than the server has, and no flag names the server.
    """
    named = _named_address(where)
    online = _online(named, _token_for(where)) if named else None
    if online is not None and not _names_an_inbox(where):
        return online  # without the configuration file, which may be broken or for another server
    settings = _settings_for(where, named if online is None else None)
    address = settings.server.admin
    if online is None and named is None and address is not None:
        online = _online(address, _token_for(where, settings))
    if online is None:
        return _offline(
            settings, where, filters=filters, secrets=secrets, read_only=read_only, another=False
        )
    if _names_an_inbox(where):
        if _inbox_of(online) == settings.inbox.real_path:
            return online
        online.close()
        return _offline(
            settings, where, filters=filters, secrets=secrets, read_only=read_only, another=True
        )
    _check_whose(online, settings)
    return online


def connect_to_server(where: Where, timeout: float = TIMEOUT_S) -> AdminClient:
    """Connect to the server, which must run.

    Args:
        where: the flags; the inbox is not used. The configuration file is read only when neither
            the flag nor the environment names the server.
        timeout: how long an answer may take, in seconds.

    Returns:
        A client, which the caller closes.

    Raises:
        ConfigError: the configuration is needed, and it is wrong.
        click.ClickException: no server answers.
    """
    address, settings = _named_address(where), None
    if address is None:
        settings = _settings_for(where, None)
        address = settings.server.admin
    if address is None:
        raise click.ClickException(
            "the configuration has no admin listener, which is asked: set admin in [server]"
        )
    online = _online(address, _token_for(where, settings), timeout)
    if online is None:
        raise click.ClickException(
            f"nothing answers at {address}: no server runs, or --admin HOST:PORT names another"
        )
    return online


def _named_address(where: Where) -> str | None:
    """The address that the flag or the variable names; None when neither does, or it is "off"."""
    flag, variable = where.admin, os.environ.get("INCM_WEBHOOK_ADMIN")
    address = variable if flag is None else flag
    if not address or address == "off":
        return None
    try:
        split_address(address)
    except ValueError as error:
        origin = "INCM_WEBHOOK_ADMIN" if flag is None else "--admin"
        raise ConfigError(f"{origin}: {error}") from None
    return address


def _names_an_inbox(where: Where) -> bool:
    return bool(where.inbox or os.environ.get("INCM_WEBHOOK_INBOX"))


def _settings_for(where: Where, tried: str | None) -> Settings:
    """Read the settings; the ConfigError names a way that does not need them."""
    try:
        return _settings(where)
    except ConfigError as error:
        if tried:
            raise ConfigError(f"nothing answers at {tried}, and {error}") from None
        raise ConfigError(
            f"{error} (a running server can be asked without it: --admin HOST:PORT)"
        ) from None


def _settings(where: Where, *, secrets: bool = False) -> Settings:
    """Read what concerns the inbox. Its operator may have no permission to read the secrets."""
    overrides = {"config": where.config, "admin": where.admin, "inbox": where.inbox}
    return load_settings(overrides, os.environ, Path.cwd(), endpoints=secrets)


def _token_for(where: Where, settings: Settings | None = None) -> FoundToken:
    """Find the token: that of the flag, of the variable, or of the configuration.

    settings: that name the server. When a flag or a variable names it instead, the configuration is
    read only if the flag --config names it, too: otherwise its token may belong to another server.
    """
    token = given_token(where.token_file)
    if token.secret is not None:
        return token
    if settings is None and where.config:
        try:
            settings = _settings(where)
        except ConfigError as error:
            return FoundToken(problem=str(error))  # the server may want no token
    return token if settings is None else configured_token(settings)


def _online(address: str, token: FoundToken, timeout: float = TIMEOUT_S) -> AdminClient | None:
    try:
        transport = HttpTransport(address, token.secret, timeout)
        return AdminClient(transport, address, offline=False, token=token)
    except ConnectionRefusedError:
        return None
    except TimeoutError:
        raise click.ClickException(f"{address} did not answer in time") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise click.ClickException(f"cannot reach {address}: {printable(reason)}") from None


def _inbox_of(online: AdminClient) -> Path:
    return Path(online.get("stats")["file"]["path"])


def _check_whose(online: AdminClient, settings: Settings) -> None:
    """Check that a server found by its default address has the inbox that is configured."""
    address, served = settings.server.admin, _inbox_of(online)
    if settings.source is None:
        click.echo(f"incm-webhook: the server at {address} has the inbox {served}", err=True)
    elif served != settings.inbox.real_path:
        online.close()
        raise click.ClickException(
            f"the server at {address} has the inbox {served}, but {settings.source} names "
            f"{settings.inbox.path}: name the one that you mean with --admin or --inbox"
        )


def _offline(
    settings: Settings,
    where: Where,
    *,
    filters: bool,
    secrets: bool,
    read_only: bool,
    another: bool,
) -> AdminClient:
    from incm_webhook.cli.admin.offline import open_offline

    endpoints = _settings(where, secrets=True).endpoint if secrets else ()

    def warn(sentence: str) -> None:
        click.echo(f"incm-webhook: {sentence}", err=True)

    path = settings.inbox.path
    admin = settings.server.admin
    situation = (
        f"nothing answers at {admin}" if admin else "the configuration has no admin listener"
    )
    try:
        inbox = open_offline(settings, endpoints, filters=filters, read_only=read_only, warn=warn)
    except InboxInUseError as error:
        in_use = str(error).removesuffix(": stop it first")
        what_to_do = (
            "say where its admin listener is: --admin HOST:PORT (--inbox names another inbox)"
            if admin
            else "restart it with an admin listener, or stop it to read the file"
        )
        raise InboxInUseError(f"{situation}, and {in_use}: {what_to_do}") from None
    except InboxError as error:
        raise InboxError(f"{situation}, and {error} (--admin and --inbox name others)") from None
    situation = f"the server at {admin} has another inbox" if another else "no server runs"
    warn(f"{situation}: using the inbox file {path} itself")
    return AdminClient(inbox, str(path), offline=True)
