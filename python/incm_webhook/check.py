"""What `check` and `plugins` print."""

import asyncio
import inspect
import json
import time
from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import Any

import click

from incm_webhook.certificate import certificate_sentence
from incm_webhook.config import PluginSettings, Settings, load_settings
from incm_webhook.errors import (
    EXIT_CANNOT_START,
    EXIT_PLUGIN,
    InboxError,
    InboxInUseError,
    PluginError,
)
from incm_webhook.inbox_file import check_inbox
from incm_webhook.log import describe
from incm_webhook.registry import BUNDLED, installed, load, look_at

_FILTERS = ("types", "endpoints", "orgs", "groups", "devices", "status", "priority")


def run_check(overrides: Mapping[str, Any], environ: Mapping[str, str], cwd: Path) -> int:
    """Check all that `serve` would need, and print what it would serve.

    Args:
        overrides: as for `load_settings`; likewise environ and cwd.
        environ: the environment.
        cwd: the working directory.

    Returns:
        0 it could serve; 3 the inbox cannot be used; 4 a plugin cannot be loaded or its check
        raised. Everything is looked at, and every finding is a line on standard error.

    Raises:
        ConfigError: the configuration or a secret is wrong.
    """
    settings = load_settings(overrides, environ, cwd)
    click.echo(f"configuration: {settings.source or 'none, flags and environment only'}")
    click.echo(
        f"listens on {settings.server.listen}, admin on {settings.server.admin or 'nothing'}"
    )
    if settings.server.allow:
        click.echo(f"takes alerts from {', '.join(map(str, settings.server.allow))} only")
    if settings.server.tls is not None:
        click.echo(f"certificate: {certificate_sentence(settings.server.tls, time.time())}")
    click.echo(f"inbox: {settings.inbox.path}")
    for endpoint in settings.endpoint:
        count = len(endpoint.secrets)
        how = "unsigned" if endpoint.unsigned else f"{count} secret{'s' if count > 1 else ''}"
        click.echo(f"endpoint {endpoint.path}: {how}")
    usable = _check_inbox(settings.inbox.path)
    broken = [spec.name for spec in settings.plugin if not _check_plugin(spec, settings)]
    for warning in settings.warnings:
        click.echo(f"warning: {warning}")
    if not usable:
        return EXIT_CANNOT_START
    if broken:
        return EXIT_PLUGIN
    click.echo("all is well")
    return 0


def list_plugins(
    overrides: Mapping[str, Any], environ: Mapping[str, str], cwd: Path, *, as_json: bool
) -> int:
    """Print which plugins there are.

    Args:
        overrides: as for `load_settings`; likewise environ and cwd. Without a configuration file
            the bundled and installed ones are listed alone.
        environ: the environment.
        cwd: the working directory.
        as_json: print a JSON list of objects with kind, name, use, version, origin, summary, error.

    Returns:
        0, or 4 when one of them cannot be loaded.

    Raises:
        ConfigError: the configuration is wrong.
    """
    names = [*sorted(BUNDLED), *(point.name for point in installed() if point.name not in BUNDLED)]
    rows = [_row("available", PluginSettings(use=name), Path()) for name in names]
    config = overrides.get("config") or environ.get("INCM_WEBHOOK_CONFIG")
    if config or (cwd / "incm-webhook.toml").exists():
        settings = load_settings(overrides, environ, cwd)
        rows += [_row("configured", spec, settings.base) for spec in settings.plugin]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
    else:
        _print_table(rows)
    return EXIT_PLUGIN if any(row["error"] for row in rows) else 0


def _row(kind: str, spec: PluginSettings, base: Path) -> dict[str, str | None]:
    row: dict[str, str | None] = {"kind": kind, "name": spec.name, "use": spec.use}
    try:
        # An available plugin is listed without its configuration, which it may well require.
        origin = load(spec, base).origin if kind == "configured" else look_at(spec.use)
    except PluginError as error:
        return {**row, "version": None, "origin": None, "summary": None, "error": str(error)}
    return {
        **row,
        "version": origin.version,
        "origin": origin.text,
        "summary": origin.summary or None,
        "error": None,
    }


def _check_plugin(spec: PluginSettings, settings: Settings) -> bool:
    try:
        plugin = load(spec, settings.base)
    except PluginError as error:
        _complain(str(error))
        return False
    wants = "; ".join(
        f"{key} {', '.join(str(one) for one in values)}"
        for key in _FILTERS
        if (values := getattr(plugin.settings, key))
    )
    version = f" {plugin.origin.version}" if plugin.origin.version else ""
    click.echo(f"plugin {plugin.name}: {plugin.origin.text}{version}, {wants or 'every alert'}")
    try:
        result = plugin.check()
        if inspect.isawaitable(result):
            asyncio.run(_finish(result))
    except (Exception, SystemExit) as error:
        _complain(f'plugin "{spec.name}": its check failed: {describe(error, plugin.code)}')
        return False
    return True


async def _finish(result: Awaitable[None]) -> None:
    await result


def _check_inbox(path: Path) -> bool:
    try:
        check_inbox(path)
    except InboxInUseError as error:
        click.echo(f"inbox: {error}, before another server starts")
    except InboxError as error:
        _complain(str(error))
        return False
    return True


def _print_table(rows: list[dict[str, str | None]]) -> None:
    heads = ("kind", "name", "version", "origin", "summary")
    lines = [[head.upper() for head in heads]]
    for row in rows:
        cells = {**row, "summary": row["error"] or row["summary"]}
        lines.append([cells[head] or "-" for head in heads])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(padded).rstrip())


def _complain(sentence: str) -> None:
    click.echo(f"incm-webhook: {sentence}", err=True)
