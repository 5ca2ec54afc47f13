"""The command `check`: what it looks at, and what it prints."""

import contextlib
import resource
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from incm_webhook.check.findings import Report
from incm_webhook.check.listeners import check_listeners
from incm_webhook.check.plugins import check_plugins
from incm_webhook.check.storage import check_storage
from incm_webhook.check.traces import check_traces
from incm_webhook.config.loading import Settings, load_settings
from incm_webhook.errors import EXIT_USAGE, ConfigError, SendError
from incm_webhook.service.certificate import look_at_certificate

_KEPT_DESCRIPTORS = (64, 1024)  # for the inbox and the plugins: a quarter, within these bounds


def run_check(
    overrides: Mapping[str, Any],
    environ: Mapping[str, str],
    cwd: Path,
    *,
    connect: bool = False,
) -> int:
    """Try what `serve` would do, and print what it would serve. Nothing is left on the disk.

    Args:
        overrides: passed to `load_settings`, like environ and cwd.
        environ: the environment.
        cwd: the working directory.
        connect: whether each plugin also tries its target, and the collector of spans is tried.

    Returns:
        0 it could serve; 2 the configuration, a secret or the certificate is wrong; 3 it could not
        listen, or could not use the inbox; 4 a plugin cannot be loaded or set up. The lowest of
        several. Everything is checked, and every fault is a line on standard error.
    """
    report = Report()
    settings = _settings(overrides, environ, cwd, report)
    if settings is None:
        return EXIT_USAGE
    report.info(f"configuration: {settings.source or 'none, flags and environment only'}")
    server = settings.server
    report.info(f"listens on {server.listen}, admin on {server.admin or 'nothing'}")
    if server.metrics is not None:
        report.info(f"health and metrics alone on {server.metrics}")
    if settings.admin_token:
        named = ", ".join(f"{one.name} ({one.role})" for one in settings.admin_token)
        report.info(f"tokens of the admin listener: {named}")
    if server.allow:
        report.info(f"takes alerts from {', '.join(map(str, server.allow))} only")
    for key, networks in settings.egress.model_dump().items():
        if networks:
            doing = "may also go" if key == "allow" else "never go"
            report.info(f"requests of plugins {doing} to {', '.join(networks)}")
    _check_certificate(settings, report)
    report.info(f"inbox: {settings.inbox.path}")
    for endpoint in settings.endpoint:
        count = len(endpoint.secrets)
        how = "unsigned" if endpoint.unsigned else f"{count} secret{'s' if count > 1 else ''}"
        report.info(f"endpoint {endpoint.path}: {how}")
    check_traces(settings, report, connect=connect)
    running = check_storage(settings, report)
    check_listeners(settings, running, report)
    _check_ready_file(settings, report)
    _check_canary(settings, report)
    check_plugins(settings, report, is_served=running is not None, connect=connect)
    _check_descriptors(settings, report)
    for warning in settings.warnings:
        report.warn(warning)
    return report.close()


def _settings(
    overrides: Mapping[str, Any], environ: Mapping[str, str], cwd: Path, report: Report
) -> Settings | None:
    """Read the settings. When only an endpoint or its secret is wrong, return the others."""
    try:
        return load_settings(overrides, environ, cwd)
    except ConfigError as error:
        report.error(str(error), EXIT_USAGE)
    with contextlib.suppress(ConfigError):
        settings = load_settings(overrides, environ, cwd, endpoints=False)
        settings.warnings.clear()  # some of them are about the missing endpoints
        return settings.model_copy(update={"endpoint": ()})
    return None


def _check_certificate(settings: Settings, report: Report) -> None:
    tls = settings.server.tls
    if tls is None:
        return
    place = settings.place_of("server", "tls")
    try:
        view = look_at_certificate(tls, time.time())
    except ConfigError as error:
        report.error(f"{place}: {error}", EXIT_USAGE)
        return
    report.info(f"certificate: {tls.certificate_file}, good until {view.good_until}")
    for fault in view.faults:
        report.error(f"{place}: {fault}", EXIT_USAGE)
    for warning in view.warnings:
        report.warn(f"{place}: {warning}")


def _check_ready_file(settings: Settings, report: Report) -> None:
    from incm_webhook.service.ready_file import check_ready_file

    try:
        check_ready_file(settings.server.ready_file, settings.place_of("server", "ready_file"))
    except ConfigError as error:
        report.error(str(error), EXIT_USAGE)


def _check_canary(settings: Settings, report: Report) -> None:
    """Report that no canary could be sent, because the authority of its URL cannot be read."""
    if settings.canary.ca_file is None:
        return
    from incm_webhook.service.canary import trust_of

    try:
        trust_of(settings.canary)
    except SendError as error:
        place = settings.place_of("canary", "ca_file").removesuffix("[canary] ca_file")
        report.error(f"{place}{error}", EXIT_USAGE)


def _check_descriptors(settings: Settings, report: Report) -> None:
    """Warn when open descriptors are too few for max_connections: the core then takes fewer."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if limit == resource.RLIM_INFINITY:
        return
    fewest, most = _KEPT_DESCRIPTORS
    room = limit - min(max(limit // 4, fewest), most)
    wanted = settings.server.max_connections
    if room < wanted:
        report.warn(
            f"{settings.place_of('server', 'max_connections')}: {wanted:,} are wanted, and the "
            f"limit of {limit:,} open descriptors leaves room for {max(room, 1):,}: raise it "
            "(LimitNOFILE= in a unit, `ulimit -Hn` in a shell), or lower max_connections"
        )
