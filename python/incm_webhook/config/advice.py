"""What a configuration does that works, but is hardly meant."""

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from incm_webhook import alert_types
from incm_webhook.config.messages import nearest
from incm_webhook.config.quantities import format_duration
from incm_webhook.config.server import is_loopback
from incm_webhook.config.settings import EndpointSettings, PluginSettings, Settings

_WILD = frozenset("*?")
_STATUS = ("active", "closed")
_SHORT_RETENTION_S = 3600.0


def warnings_of(settings: Settings) -> list[str]:
    """List what the operator should know before this serves.

    Args:
        settings: whole and valid, secrets read.

    Returns:
        A sentence each, with no secret in it.

    Source: docs/configuration.md, Every key.
    """
    return list(_warnings(settings))


def _warnings(settings: Settings) -> Iterator[str]:
    server = settings.server
    if not is_loopback(server.listen) and server.tls is None:
        yield (
            f"listening on {server.listen} without TLS: alerts and their signatures cross the "
            "network in the clear; it wants TLS or a proxy in front"
        )
    if server.admin is not None and not is_loopback(server.admin):
        yield (
            f"the admin listener on {server.admin} asks nobody for a password: who reaches it "
            "reads all alerts, and can replay or drop them; keep it on loopback, and give scrapers "
            'and health checks an address of their own, such as metrics = "0.0.0.0:9465"'
        )
    retention = settings.inbox.retention
    if retention is not None and retention < _SHORT_RETENTION_S:
        yield (
            f"{settings.place_of('inbox', 'retention')}: alerts are gone "
            f"{format_duration(retention)} after they were delivered; a number without a unit "
            'counts seconds, days are written "90d"'
        )
    for endpoint in settings.endpoint:
        yield from _of_endpoint(endpoint)
        if endpoint.ack == "processed" and not settings.plugin:
            yield (
                f'endpoint {endpoint.path}: ack = "processed" waits for plugins, and there is '
                "none: every alert is answered 200 once it is stored"
            )
    if not settings.plugin:
        yield (
            "no plugin is configured: alerts are stored, and handed to nobody; "
            'add a [[plugin]] with use = "log", or --plugin log'
        )
    paths = {endpoint.path for endpoint in settings.endpoint}
    for plugin in settings.plugin:
        yield from _of_filters(plugin, paths)
        if plugin.retry.first > plugin.retry.max:
            yield (
                f"plugin {plugin.name}: retry: first ({format_duration(plugin.retry.first)}) is "
                f"longer than max ({format_duration(plugin.retry.max)}), which counts"
            )
        if "memory" in plugin.model_fields_set and plugin.isolation != "process":
            yield (
                f"plugin {plugin.name}: memory limits a process, and this plugin has none: add "
                'isolation = "process", or leave memory out'
            )


def _of_endpoint(endpoint: EndpointSettings) -> Iterator[str]:
    if any(source.inline is not None for source in endpoint.secret):
        yield (
            f"endpoint {endpoint.path}: the secret is written in the configuration itself; "
            "secret_file keeps it apart"
        )
    for sentence in endpoint.secret_warnings:
        yield f"endpoint {endpoint.path}: {sentence}"


def _of_filters(plugin: PluginSettings, paths: set[str]) -> Iterator[str]:
    for sentence in unknown_types(plugin.types):
        yield f"plugin {plugin.name}: {sentence}"
    for path in plugin.endpoints:
        if path not in paths and not _WILD & set(path):
            yield f'plugin {plugin.name}: endpoints: there is no endpoint "{path}"'
    for status in plugin.status:
        if not any(fnmatchcase(one, status.lower()) for one in _STATUS):
            guess = nearest(status, _STATUS)
            yield f'plugin {plugin.name}: status: "{status}" is no known status{guess}'
    for key, values in plugin.filters.items():
        for pattern in values:
            if isinstance(pattern, str) and pattern != pattern.strip():
                yield (
                    f'plugin {plugin.name}: {key}: "{pattern}" begins or ends with a blank, which '
                    "counts: leave it out unless it is meant"
                )


def unknown_types(patterns: Iterable[str]) -> Iterator[str]:
    """Name the types that are hardly meant, each with the known one that probably is.

    A type that resembles none is not named: the platform may know more of them.
    """
    known = {one.name for one in alert_types()}
    for name in patterns:
        guess = nearest(name, known)
        if name not in known and not _WILD & set(name) and "did you mean" in guess:
            yield f'"{name}" is no known alert type{guess}'
