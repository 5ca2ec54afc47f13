"""The command `plugins`: lists the plugins, and describes one."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from incm_webhook.cli.names import GroupWithNames
from incm_webhook.cli.options import token_option
from incm_webhook.errors import EXIT_PLUGIN, PluginError

if TYPE_CHECKING:
    from incm_webhook.config.settings import PluginSettings


_config_option = click.option(
    "--config",
    metavar="FILE",
    envvar="INCM_WEBHOOK_CONFIG",
    help="Configuration file; ./incm-webhook.toml when it exists.  [env: INCM_WEBHOOK_CONFIG]",
)


@click.group(
    cls=GroupWithNames.of(lambda name: _description_of(name)),
    invoke_without_command=True,
    short_help="List or describe plugins, and what they keep.",
)
@_config_option
@click.option(
    "--admin",
    metavar="HOST:PORT",
    help="List the plugins of this server; of the configuration only its token is used.",
)
@token_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON; of one plugin its schema.")
@click.pass_context
def plugins(
    context: click.Context,
    *,
    config: str | None,
    admin: str | None,
    token_file: str | None,
    as_json: bool,
) -> int:
    """List the bundled, the installed and the configured plugins, or describe the plugin NAME.

    NAME is a bundled or installed plugin, ./file.py, package.module:object, or the name of a
    plugin in the configuration file. It shows what its config takes, its hooks, and its defaults.
    After -- every word is a NAME, also that of a command: plugins -- state.

    Example: incm-webhook plugins jsonl
    """
    if context.invoked_subcommand is None and admin is not None:
        source = context.get_parameter_source("config")
        named = config if source is click.core.ParameterSource.COMMANDLINE else None
        return list_served(admin, token_file, named, as_json=as_json)
    if context.invoked_subcommand is None:
        overrides = {"config": config}
        return list_plugins(overrides, os.environ, Path.cwd(), token_file, as_json=as_json)
    return 0


def _description_of(name: str) -> click.Command:
    @click.command(name, help=f"Describe the plugin {name}.")
    @_config_option
    @click.option("--json", "as_json", is_flag=True, help="Print the JSON schema of its config.")
    @click.pass_context
    def describe(context: click.Context, *, config: str | None, as_json: bool) -> int:
        from incm_webhook.cli.plugin_page import print_plugin

        outer = context.parent.params if context.parent else {}
        return print_plugin(
            name, config or outer.get("config"), as_json=as_json or bool(outer.get("as_json"))
        )

    return describe


def list_plugins(
    overrides: Mapping[str, Any],
    environ: Mapping[str, str],
    cwd: Path,
    token_file: str | None = None,
    *,
    as_json: bool,
) -> int:
    """Print the available and the configured plugins.

    Args:
        overrides: passed to `load_settings`, like environ and cwd. Without a configuration file
            only the bundled and the installed plugins are listed.
        environ: the environment.
        cwd: the working directory.
        token_file: the file with a token for the server that runs the plugins; None for none.
        as_json: print a JSON list of objects with kind, name, use, version, origin, summary, error,
            warnings and status; status is null where no server runs the plugin.

    Returns:
        0, or 4 when a plugin cannot be loaded.

    Raises:
        ConfigError: the configuration is wrong.
    """
    from incm_webhook.cli.view.status import served_statuses
    from incm_webhook.config.loading import PluginSettings, load_settings
    from incm_webhook.hosting.registry import BUNDLED, installed

    names = [*sorted(BUNDLED), *(point.name for point in installed() if point.name not in BUNDLED)]
    rows = [_row("available", PluginSettings(use=name), Path()) for name in names]
    config = overrides.get("config") or environ.get("INCM_WEBHOOK_CONFIG")
    if config or (cwd / "incm-webhook.toml").exists():
        settings = load_settings(overrides, environ, cwd, endpoints=False)
        statuses = served_statuses(settings, environ, token_file)
        for spec in settings.plugin:
            row = _row("configured", spec, settings.base)
            rows.append({**row, "status": statuses.get(spec.name)})
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
    else:
        _print_table(rows)
    return EXIT_PLUGIN if any(row["error"] for row in rows) else 0


def list_served(
    admin: str, token_file: str | None = None, config: str | None = None, *, as_json: bool
) -> int:
    """Print the plugins of a running server, with what each is doing.

    Args:
        admin: HOST:PORT of its admin listener.
        token_file: the file with a token for it; None for none.
        config: the configuration file that --config names, for its token; None for none.
        as_json: print JSON as `list_plugins` does; only name and status are known.

    Returns:
        0.

    Raises:
        click.ClickException: the server does not answer, or is no receiver.
    """
    from incm_webhook.cli.admin.client import Where, connect

    nothing = dict.fromkeys(("use", "version", "origin", "summary", "error"))
    with connect(Where(config, admin, token_file=token_file), read_only=True) as client:
        if client.offline:
            raise click.ClickException(f"no server answers on {admin}: start it, or name another")
        rows = [
            {"kind": "served", "name": one["plugin"], **nothing, "warnings": (), "status": status}
            for one in client.get("stats")["plugins"]
            for status in [one["status"]]
            if status
        ]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
    else:
        _print_table([{**row, "summary": row["status"]["state"]} for row in rows])
    return 0


def _row(kind: str, spec: "PluginSettings", base: Path) -> dict[str, Any]:
    from incm_webhook.hosting.registry import hidden_by, load, look_at

    row: dict[str, Any] = {"kind": kind, "name": spec.name, "use": spec.use, "status": None}
    warnings = tuple(hidden_by(spec.use))
    try:
        # An available plugin has no configuration here, and loading it may require one.
        if kind == "configured":
            plugin = load(spec, base)
            origin, warnings = plugin.origin, (*plugin.warnings, *warnings)
        else:
            origin = look_at(spec.use).origin
    except PluginError as error:
        nothing = {"version": None, "origin": None, "summary": None}
        return {**row, **nothing, "error": str(error), "warnings": warnings}
    return {
        **row,
        "version": origin.version,
        "origin": origin.text,
        "summary": origin.summary or None,
        "error": None,
        "warnings": warnings,
    }


def _print_table(rows: list[dict[str, Any]]) -> None:
    from incm_webhook.cli.view.status import status_sentence
    from incm_webhook.cli.view.table import layout

    heads = ("kind", "name", "version", "origin", "summary")
    lines = []
    for row in rows:
        doing = status_sentence(row["status"])
        cells = {**row, "summary": row["error"] or doing or row["summary"]}
        lines.append([cells[head] or "-" for head in heads])
    for line in layout([head.upper() for head in heads], lines, width=None):
        click.echo(line)
    for warning in dict.fromkeys(
        f"{row['name']}: {one}" for row in rows for one in row["warnings"]
    ):
        click.echo(f"warning: plugin {warning}")
