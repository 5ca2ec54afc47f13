"""The model of the whole configuration. The models of its tables are in modules of their own."""

from pathlib import Path

from pydantic import PrivateAttr, model_validator

from incm_webhook.config.admin_token import AdminTokenSettings
from incm_webhook.config.canary import CanarySettings
from incm_webhook.config.egress import GO_ANYWHERE, EgressSettings
from incm_webhook.config.endpoint import EndpointSettings, SecretSource
from incm_webhook.config.inbox import InboxSettings, inbox_path
from incm_webhook.config.log import LogSettings
from incm_webhook.config.origins import Origins
from incm_webhook.config.paths import endpoint_of
from incm_webhook.config.plugin import PluginSettings, RetrySettings, default_plugin_name
from incm_webhook.config.server import ServerSettings
from incm_webhook.config.trace import TraceSettings
from incm_webhook.config.types import Table
from incm_webhook.config.written import key

__all__ = [
    "AdminTokenSettings",
    "EndpointSettings",
    "InboxSettings",
    "PluginSettings",
    "RetrySettings",
    "SecretSource",
    "Settings",
    "default_plugin_name",
    "inbox_path",
]


class Settings(Table):
    """All settings.

    Threads: immutable; a reload makes a new object.

    Attributes:
        server: `[server]`.
        log: `[log]`.
        trace: `[trace]`.
        inbox: `[inbox]`.
        egress: `[egress]`.
        canary: `[canary]`.
        admin_token: `[[admin_token]]`, each with a token of its own.
        endpoint: `[[endpoint]]`, at least one, with unique paths.
        plugin: `[[plugin]]`, with unique names.
    """

    server: ServerSettings = key(ServerSettings(), "Addresses of the server, and its limits")
    log: LogSettings = key(LogSettings(), "What is logged, and how a line is written")
    trace: TraceSettings = key(TraceSettings(), "Where spans of traces are sent; see tracing.md")
    inbox: InboxSettings = key(InboxSettings(), "Where alerts are stored, and for how long")
    egress: EgressSettings = key(EgressSettings(), "Where the requests of plugins may go")
    canary: CanarySettings = key(
        CanarySettings(), "An alert that the server posts to itself, to see that alerts arrive"
    )
    admin_token: tuple[AdminTokenSettings, ...] = key(
        (),
        "Tokens for the API of the admin listener; without one, all who reach it may use it",
    )
    endpoint: tuple[EndpointSettings, ...] = key(
        (), "Paths that take alerts, each with its secrets: one for each organisation, if you like"
    )
    plugin: tuple[PluginSettings, ...] = key((), "Plugins, and the alerts that each of them gets")

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
    def _canary_has_a_way(self) -> "Settings":
        canary = self.canary
        if canary.every is None:
            return self
        paths = ", ".join(one.path for one in self.endpoint)
        if canary.endpoint and endpoint_of(canary.endpoint, self.endpoint) is None:
            raise ValueError(
                f'[canary] endpoint = "{canary.endpoint}" is the path of no [[endpoint]]: {paths}'
            )
        if canary.url is None and self.server.tls is not None:
            raise ValueError(
                "[canary] wants a url with TLS, since a certificate is for a name: write the URL "
                "that InCloud Manager posts to"
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
    _origins: Origins = PrivateAttr(default_factory=Origins)

    def hold(self, source: Path | None, base: Path, warnings: list[str], origins: Origins) -> None:
        """Set the facts that are known only after validation; only for `load_settings`."""
        self._source, self._base, self._warnings = source, base, warnings
        self._origins = origins

    def place_of(self, table: str, key: str) -> str:
        """Return the origin of a key's value: a flag, a variable, or a place in the file.

        Returns:
            A text such as "--listen", "INCM_WEBHOOK_LISTEN" or
            "/etc/incm.toml:12: [server] listen". A default has the last form, with the line of the
            table if there is one: the place where another value would be written.
        """
        return self._origins.place_of(table, key)

    @property
    def origins(self) -> Origins:
        """The origins of all values."""
        return self._origins

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
