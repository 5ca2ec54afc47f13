"""Converts the settings to the types of the core."""

import platform

import incm_webhook
from incm_webhook._core import ClientRules, Endpoint, Filter, Route, sqlite_version
from incm_webhook._core import __version__ as core_version
from incm_webhook.config.server import ServerSettings
from incm_webhook.config.settings import EndpointSettings, PluginSettings
from incm_webhook.delivery.retry import core_policy
from incm_webhook.service.certificate import tls_files_of

# The settings that have the same name in ClientRules.
_CLIENT_RULES = (
    "header_timeout",
    "body_timeout",
    "send_timeout",
    "keep_alive",
    "workers",
    "max_connections",
    "max_connections_per_address",
    "allow",
    "proxy_protocol",
)


def endpoints_of(settings: tuple[EndpointSettings, ...]) -> list[Endpoint]:
    """Convert the endpoints, with their secrets."""
    return [
        Endpoint(
            one.path,
            [secret.reveal() for secret in one.secrets],
            one.ack_timeout if one.ack == "processed" else 0.0,
            (0.0, 1.0) if one.rate is None else (one.rate.count, one.rate.period),
            one.strict_slash,
            one.silent_after or 0.0,
        )
        for one in settings
    ]


def clients_of(settings: ServerSettings) -> ClientRules:
    """Convert the limits and rules for clients."""
    return ClientRules(
        **{name: getattr(settings, name) for name in _CLIENT_RULES},
        max_body_bytes=settings.max_body,
        proxies=settings.trusted_proxies,
        tls=None if settings.tls is None else tls_files_of(settings.tls),
        health=settings.health or "",
    )


def build_of() -> list[tuple[str, str]]:
    """Return the versions of the parts of this server, by name."""
    return [
        ("version", incm_webhook.__version__),
        ("python", platform.python_version()),
        ("core", core_version),
        ("sqlite", sqlite_version),
    ]


def filter_of(settings: PluginSettings) -> Filter:
    """Convert the filter of a plugin."""
    return Filter(**settings.core_filter)


def route_of(settings: PluginSettings) -> Route:
    """Convert the settings of a plugin that the core needs."""
    by_device = settings.order == "device"
    return Route(settings.name, filter_of(settings), by_device, core_policy(settings.retry))
