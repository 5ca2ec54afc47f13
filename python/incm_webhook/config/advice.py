"""Warns about settings that are valid but probably a mistake."""

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from incm_webhook import alert_types
from incm_webhook.config.filters import TOP_KEYS, FilterKeys
from incm_webhook.config.messages import nearest
from incm_webhook.config.origins import Location
from incm_webhook.config.own_types import CANARY, is_own_type
from incm_webhook.config.quantities import format_duration
from incm_webhook.config.server import is_loopback
from incm_webhook.config.settings import EndpointSettings, PluginSettings, Settings

_WILD = frozenset("*?")
_STATUS = ("active", "closed")
_SHORT_RETENTION_S = 3600.0


def warnings_of(settings: Settings) -> list[str]:
    """List the warnings that the operator should see before the server starts.

    Args:
        settings: complete and valid settings, with secrets read.

    Returns:
        A sentence for each warning, without secrets.

    Source: docs/configuration.md, Every key.
    """
    return [
        f"{sentence}{settings.origins.suffix(location)}"
        for location, sentence in _warnings(settings)
    ]


def _warnings(settings: Settings) -> Iterator[tuple[Location, str]]:
    server = settings.server
    if not is_loopback(server.listen) and server.tls is None:
        yield (
            ("server", "listen"),
            (
                f"listening on {server.listen} without TLS: alerts and their signatures cross the "
                "network in the clear; configure TLS, or put a proxy in front"
            ),
        )
    yield from _of_admin(settings)
    retention = settings.inbox.retention
    if retention is not None and retention < _SHORT_RETENTION_S:
        yield (
            ("inbox", "retention"),
            (
                "[inbox] retention: alerts are deleted "
                f"{format_duration(retention)} after they were delivered; a number without a unit "
                'means seconds, 90 days are written "90d"'
            ),
        )
    yield from _of_endpoints(settings)
    yield from (((), sentence) for sentence in settings.trace.tracing_warnings)
    yield from _of_health(settings)
    if not settings.plugin:
        yield (
            (),
            (
                "no plugin is configured: alerts are stored, but not delivered; "
                'add a [[plugin]] with use = "log", or --plugin log'
            ),
        )
    paths = {endpoint.path for endpoint in settings.endpoint}
    for index, plugin in enumerate(settings.plugin):
        place: Location = ("plugin", index)
        yield from (((*place, *key), sentence) for key, sentence in _of_filters(plugin, paths))
        if plugin.retry.first > plugin.retry.max:
            yield (
                (*place, "retry", "first"),
                (
                    f"plugin {plugin.name}: retry: first ({format_duration(plugin.retry.first)}) "
                    f"is longer than max ({format_duration(plugin.retry.max)}), so max applies"
                ),
            )
        if "memory" in plugin.model_fields_set and plugin.isolation != "process":
            yield (
                (*place, "memory"),
                (
                    f"plugin {plugin.name}: memory limits a process, but this plugin has none: add "
                    'isolation = "process", or leave memory out'
                ),
            )


def _of_health(settings: Settings) -> Iterator[tuple[Location, str]]:
    """Warn about a canary that notices little, and about the only plugin that hears of trouble."""
    if settings.canary.every is not None and settings.canary.url is None:
        yield (
            ("canary", "every"),
            (
                "[canary] has no url, so it posts to the alert listener itself, and notices "
                "nothing of proxy, TLS and DNS: write the URL that InCloud Manager posts to"
            ),
        )
    plugins = settings.plugin
    told = [
        index
        for index, one in enumerate(plugins)
        if any(is_own_type(pattern) and pattern != CANARY for pattern in one.types)
    ]
    if len(told) == 1:
        yield (
            ("plugin", told[0], "types"),
            (
                f"plugin {plugins[told[0]].name}: it alone gets the alerts of the server itself, "
                "but none about itself: name them in the types of a second plugin, too"
            ),
        )


def _of_admin(settings: Settings) -> Iterator[tuple[Location, str]]:
    admin, tokens = settings.server.admin, settings.admin_token
    if admin is None or is_loopback(admin):
        if tokens and admin is None:
            yield ("admin_token", 0), 'the tokens have no effect: [server] admin = "off"'
    elif not tokens:
        yield (
            ("server", "admin"),
            (
                f"the admin listener on {admin} has no [[admin_token]]: anyone who reaches it can "
                "read all alerts, and replay or drop them; add tokens, or keep it on loopback and "
                "give scrapers and health checks an address of their own, such as "
                'metrics = "0.0.0.0:9465"'
            ),
        )
    else:
        yield (
            ("server", "admin"),
            (
                f"the admin listener on {admin} has no TLS: tokens and alerts cross the network in "
                "the clear; put a proxy with TLS in front, or let only a private network reach it"
            ),
        )
    for index, token in enumerate(tokens):
        yield from ((("admin_token", index), sentence) for sentence in token.warnings)


def _of_endpoints(settings: Settings) -> Iterator[tuple[Location, str]]:
    for index, endpoint in enumerate(settings.endpoint):
        place: Location = ("endpoint", index)
        yield from (((*place, key), sentence) for key, sentence in _of_endpoint(endpoint))
        if endpoint.ack == "processed" and not settings.plugin:
            yield (
                (*place, "ack"),
                (
                    f'endpoint {endpoint.path}: ack = "processed" waits for plugins, but there are '
                    "none: every alert is answered 200 once it is stored"
                ),
            )


def _of_endpoint(endpoint: EndpointSettings) -> Iterator[tuple[str, str]]:
    if any(source.inline is not None for source in endpoint.secret):
        yield (
            "secret",
            (
                f"endpoint {endpoint.path}: the secret is written in the configuration itself; "
                "secret_file keeps it apart"
            ),
        )
    key = "secret_file" if endpoint.secret_file else "secret"
    for sentence in endpoint.secret_warnings:
        yield key, f"endpoint {endpoint.path}: {sentence}"


def _of_filters(plugin: PluginSettings, paths: set[str]) -> Iterator[tuple[Location, str]]:
    name = f"plugin {plugin.name}:"
    yield from (((key,), f"{name} {one}") for key, one in _of_keys(plugin, paths))
    yield from ((("types",), f"{name} {one}") for one in _half_named(plugin.types))
    for key, sentence in _of_keys(plugin.unwanted, paths):
        yield ("not", key), f"{name} not: {sentence}"
    for key, values in plugin.filters.items():
        for pattern in values:
            if isinstance(pattern, str) and pattern != pattern.strip():
                yield (
                    tuple(key.split(" ")[:2]),
                    f'{name} {key}: "{pattern}" begins or ends with a space, which '
                    "is part of the pattern: leave it out unless it is intended",
                )


def _of_keys(keys: FilterKeys, paths: set[str]) -> Iterator[tuple[str, str]]:
    yield from (("types", sentence) for sentence in unknown_types(keys.types))
    for path in keys.endpoints:
        if path not in paths and not _WILD & set(path):
            yield "endpoints", f'endpoints: there is no endpoint "{path}"'
    for status in keys.status:
        if not any(fnmatchcase(one, status.lower()) for one in _STATUS):
            guess = nearest(status, _STATUS)
            yield "status", f'status: "{status}" is not a known status{guess}'
    for path in keys.where:
        top = path.split(".")[0]
        guess = nearest(top, TOP_KEYS)
        if top not in TOP_KEYS and "did you mean" in guess:
            yield "where", f'where {path}: "{top}" is not a documented key of an alert{guess}'


def _half_named(patterns: Iterable[str]) -> Iterator[str]:
    """Warn about patterns that seem to name the alerts of the server itself, and do not."""
    own = [one.name for one in alert_types(own=True) if is_own_type(one.name)]
    for pattern in patterns:
        meant = pattern.startswith("incm") and any(fnmatchcase(one, pattern) for one in own)
        if meant and not is_own_type(pattern):
            yield f'types: "{pattern}" names no alert of the server itself: write "incm_webhook.*"'


def unknown_types(patterns: Iterable[str]) -> Iterator[str]:
    """Warn about probable spelling mistakes in alert types, each with the nearest known type.

    There is no warning for a type that resembles none: the platform may have more types.
    """
    known = {one.name for one in alert_types(own=True)}
    for name in patterns:
        guess = nearest(name, known)
        if name not in known and not _WILD & set(name) and "did you mean" in guess:
            yield f'"{name}" is not a known alert type{guess}'
