"""The models of the configuration file: the type and the default of each key."""

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    PrivateAttr,
    StrictBool,
    StrictInt,
    StrictStr,
    model_validator,
)

from incm_webhook.config.egress import GO_ANYWHERE, EgressSettings
from incm_webhook.config.filters import Filters
from incm_webhook.config.paths import endpoint_of
from incm_webhook.config.rate import Rate, parse_rate
from incm_webhook.config.secrets import FoundSecrets, Secret
from incm_webhook.config.server import ServerSettings
from incm_webhook.config.types import (
    Duration,
    PositiveDuration,
    Size,
    Table,
    Texts,
    positive_duration,
    url_path,
)
from incm_webhook.errors import ConfigError

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_FORM = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", re.ASCII)


def _optional_duration(value: object) -> float | None:
    return None if value is None or value == "off" else positive_duration(value)


def inbox_path(url: str) -> Path:
    """Read an inbox URL.

    Args:
        url: `sqlite:///abs/path` (or four slashes), `sqlite:rel.db`, `sqlite:./rel.db`, or a path.

    Returns:
        The path of the SQLite file, relative when the URL is.

    Raises:
        ValueError: another scheme, no path, or a database in memory.
    """
    scheme = _SCHEME.match(url)
    supported = (
        'supported is sqlite: "sqlite:///var/lib/incm-webhook/inbox.db" or "sqlite:inbox.db"'
    )
    path = url
    if scheme:
        if scheme[1].lower() != "sqlite":
            raise ValueError(f'"{scheme[1]}:" is not supported in this version; {supported}')
        path = url[scheme.end() :]
        if path.startswith("//") and not path.startswith("///"):
            raise ValueError(f"an absolute path needs three slashes; {supported}")
        path = re.sub(r"^/{3,}", "/", path)
    if not path or path.endswith("/") or "\0" in path:
        raise ValueError(f"names no file; {supported}")
    if any("\ud800" <= one <= "\udfff" for one in path):  # Python decodes other bytes to these
        raise ValueError(f"wants a path in UTF-8; {supported}")
    if path == ":memory:":
        raise ValueError(f"an inbox in memory would lose alerts; {supported}")
    return Path(path)


def _inbox_url(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError('wants a text such as "sqlite:inbox.db"')  # noqa: TRY004 - pydantic's way
    inbox_path(value)
    return value


RateSetting = Annotated[
    Rate | None, BeforeValidator(parse_rate), PlainSerializer(lambda rate: rate and str(rate))
]


class InboxSettings(Table):
    """`[inbox]`: where alerts are stored, for how long, and how much disk is left free.

    After `load_settings` the URL's path is absolute.
    Units: seconds (None: without limit), bytes.
    """

    url: Annotated[str, BeforeValidator(_inbox_url)] = "sqlite:inbox.db"
    retention: Annotated[float | None, BeforeValidator(_optional_duration)] = 90 * 86400.0
    reserve: Size = 256 * 1024**2

    @property
    def path(self) -> Path:
        """The path of the SQLite file."""
        return inbox_path(self.url)

    @property
    def real_path(self) -> Path:
        """The path with links resolved; a link to itself stays, so that opening it fails."""
        return Path(os.path.realpath(self.path))

    @property
    def core_url(self) -> str:
        """The URL in the form of the core: the scheme and the plain path."""
        return f"sqlite:{self.path}"


class SecretSource(Table):
    """The source of one secret: exactly one of the three is set."""

    inline: Secret | None = None
    env: StrictStr | None = None
    file: StrictStr | None = None


def _inline_secret(text: str) -> Secret:
    try:
        return Secret(text.encode())
    except ConfigError as error:
        raise ValueError(str(error)) from None


def _secret_sources(value: object) -> tuple[SecretSource, ...]:
    sources = []
    for one in value if isinstance(value, (list, tuple)) else [value]:
        if isinstance(one, SecretSource):
            sources.append(one)
        elif isinstance(one, str) and one:
            sources.append(SecretSource(inline=_inline_secret(one)))
        elif (
            isinstance(one, dict)
            and len(one) == 1
            and all(isinstance(text, str) and text for text in one.values())
            and set(one) <= {"env", "file"}
        ):
            sources.append(SecretSource(**one))
        else:
            raise ValueError(
                'wants { file = "FILE" }, { env = "NAME" }, a text in quotes that is not empty, '
                "or a list of these"
            )
    return tuple(sources)


class EndpointSettings(Table):
    """`[[endpoint]]`: a path that accepts alerts, with secrets or unsigned."""

    path: Annotated[str, BeforeValidator(url_path)] = "/webhook"
    secret: Annotated[tuple[SecretSource, ...], BeforeValidator(_secret_sources)] = ()
    secret_file: Texts = ()
    unsigned: StrictBool = False
    ack: Literal["stored", "processed"] = "stored"
    ack_timeout: Annotated[PositiveDuration, Field(le=3600)] = 8.0
    rate: RateSetting = None
    strict_slash: StrictBool = False
    _found: FoundSecrets = PrivateAttr(default_factory=FoundSecrets)

    def hold(self, found: FoundSecrets) -> None:
        """Set the secrets that `secret` and `secret_file` name; only for `load_settings`."""
        self._found = found

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The secrets themselves, in the order in which they are tried; empty when unsigned."""
        return tuple(self._found.secrets)

    @property
    def secret_warnings(self) -> list[str]:
        """The warnings about the secrets and their files, a sentence each, without secrets."""
        return self._found.warnings

    @model_validator(mode="after")
    def _has_one_of_both(self) -> "EndpointSettings":
        has_secret = bool(self.secret or self.secret_file)
        if has_secret and self.unsigned:
            raise ValueError(
                "has a secret and is unsigned: leave out unsigned to accept only signed alerts, or "
                "leave out the secret to accept any"
            )
        if not has_secret and not self.unsigned:
            raise ValueError(
                "has no secret and is not unsigned: give the webhook's secret token "
                '(secret_file = "FILE", or --secret-file FILE), or set unsigned = true '
                "(or --unsigned) to accept alerts from anyone who can reach this address"
            )
        return self


class RetrySettings(Table):
    """`retry`: when a failed delivery is tried again.

    Units: seconds.
    """

    first: PositiveDuration = 1.0
    factor: Annotated[float, Field(ge=1, le=100, strict=True)] = 2.0
    max: PositiveDuration = 600.0
    give_up: Duration = 86400.0


def default_plugin_name(use: str) -> str:
    """Return the last part of `use`: "jsonl", "./a/file.py" -> "file", "pkg.mod:obj" -> "obj"."""
    before, colon, after = use.rpartition(":")
    if colon and after and "/" not in after:
        return after
    return Path(before + colon + after).name.removesuffix(".py")


def _plugin_name(value: object) -> str:
    if not isinstance(value, str) or len(value) > 64 or not _FORM.fullmatch(value):
        raise ValueError("wants 1 to 64 letters, digits, dots, dashes or underscores")
    return value


class PluginSettings(Filters):
    """`[[plugin]]`: the plugin, the alerts that it gets, and how it is run.

    Units: seconds, bytes.
    """

    use: Annotated[StrictStr, Field(min_length=1)]
    name: Annotated[str, BeforeValidator(_plugin_name)] = ""
    config: dict[str, Any] = Field(default_factory=dict)
    timeout: PositiveDuration = 30.0
    retry: RetrySettings = RetrySettings()
    concurrency: Annotated[StrictInt, Field(ge=1, le=256)] = 4
    rate: RateSetting = None
    breaker: Annotated[StrictInt, Field(ge=0, le=1000)] = 5
    order: Literal["none", "device"] = "none"
    isolation: Literal["thread", "process"] = "thread"
    memory: Annotated[Size, Field(ge=16 * 1024**2)] = 512 * 1024**2
    _place: str = PrivateAttr(default="")

    def hold(self, place: str) -> None:
        """Set the place of this table in the file; only for `load_settings`."""
        self._place = place

    @property
    def place(self) -> str:
        """The place of this table, "[[plugin]] 2 of incm-webhook.toml"; "" without a file."""
        return self._place

    @model_validator(mode="before")
    @classmethod
    def _name_of_use(cls, data: Any) -> Any:
        use = data.get("use") if isinstance(data, dict) and "name" not in data else None
        return {**data, "name": default_plugin_name(use)} if use and isinstance(use, str) else data


class Settings(Table):
    """All settings.

    Threads: immutable; a reload makes a new object.

    Attributes:
        server: `[server]`.
        inbox: `[inbox]`.
        egress: `[egress]`.
        endpoint: `[[endpoint]]`, at least one, with unique paths.
        plugin: `[[plugin]]`, with unique names.
    """

    server: ServerSettings = ServerSettings()
    inbox: InboxSettings = InboxSettings()
    egress: EgressSettings = EgressSettings()
    endpoint: tuple[EndpointSettings, ...] = ()
    plugin: tuple[PluginSettings, ...] = ()

    @model_validator(mode="after")
    def _health_is_no_endpoint(self) -> "Settings":
        health = self.server.health
        found = None if health is None else endpoint_of(health, self.endpoint)
        if found is not None:
            raise ValueError(
                f'[server] health = "{health}" is the path of an endpoint: give the health check '
                'another one, or none with health = "off"'
            )
        return self

    @model_validator(mode="after")
    def _denied_networks_are_denied(self) -> "Settings":
        for number, one in enumerate(self.plugin, 1):
            if self.egress.deny and one.use in GO_ANYWHERE and one.isolation == "thread":
                raise ValueError(
                    f"[[plugin]] {number} ({one.name}): {one.use} opens its own connections, for "
                    "which [egress] deny does not hold in a thread of the server: set "
                    'isolation = "process"'
                )
        return self

    _warnings: list[str] = PrivateAttr(default_factory=list)
    _source: Path | None = PrivateAttr(default=None)
    _base: Path = PrivateAttr(default_factory=Path)
    _origins: dict[tuple[str, ...], str] = PrivateAttr(default_factory=dict)

    def hold(
        self,
        source: Path | None,
        base: Path,
        warnings: list[str],
        origins: dict[tuple[str, ...], str],
    ) -> None:
        """Set the facts that are known only after validation; only for `load_settings`."""
        self._source, self._base, self._warnings = source, base, warnings
        self._origins = origins

    def place_of(self, table: str, key: str) -> str:
        """Return the origin of a key's value: a flag, a variable, or a place in the file.

        Returns:
            A text such as "--listen", "INCM_WEBHOOK_LISTEN" or "/etc/incm.toml: [server] listen".
            A default has the last form: the place where another value would be written.
        """
        if (table, key) in self._origins:
            return self._origins[table, key]
        return f"{self._source}: [{table}] {key}" if self._source else f"[{table}] {key}"

    @property
    def warnings(self) -> list[str]:
        """What works but is probably a mistake, a sentence each, for the log."""
        return self._warnings

    @property
    def source(self) -> Path | None:
        """The configuration file; None when there is none."""
        return self._source

    @property
    def base(self) -> Path:
        """The folder that relative paths of the file are relative to."""
        return self._base
