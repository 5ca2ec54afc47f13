"""The commands of `config`: what is configured, and what can be."""

import json
import os
from pathlib import Path
from typing import Any

import click

from incm_webhook.cli.options import option, what_is_served


@click.group(short_help="Show the configuration, or its JSON schema.")
def config() -> None:
    """Show the configuration, or the JSON schema of its file.

    Example: incm-webhook config show --origin
    """


@config.command(short_help="Print the merged configuration, without secrets.")
@what_is_served
@option("--ready-file", "File that is written when it serves (JSON).", metavar="FILE")
@option("--log-level", 'debug, info, warning or error; also "info,httpx=debug".', metavar="LEVEL")
@option("--log-format", "text, json, or journal for a service of systemd.", metavar="FORMAT")
@click.option("--origin", is_flag=True, help="Print where each value comes from.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with the origins.")
def show(*, origin: bool, as_json: bool, **overrides: Any) -> int:
    """Print the configuration that `serve` would use with these flags and this environment.

    A flag overrides its environment variable, which overrides the file, which overrides the
    default. The output is TOML; --origin adds to each value the flag, the variable, or the line of
    the file. Secrets are *** and are not read: this works as another user than the server's, too.

    Example: incm-webhook config show --origin
    """
    from incm_webhook.cli.view.settings import json_of, lines_of
    from incm_webhook.config.loading import load_settings
    from incm_webhook.text.toml import toml_of

    settings = load_settings(overrides, os.environ, Path.cwd(), secrets=False)
    if as_json:
        # A config of a plugin may have dates, which JSON has not.
        shown = json.dumps(json_of(settings), ensure_ascii=False, indent=2, default=toml_of)
        click.echo(shown)
        return 0
    for line in lines_of(settings, origin=origin):
        click.echo(line)
    return 0


@config.command(short_help="Print the JSON schema of the configuration file.")
def schema() -> int:
    """Print the JSON schema (draft 2020-12) of the configuration file, for editors.

    It has every key with its meaning, and the config of each bundled plugin whose packages are
    installed. An editor with Taplo reads it when the file begins with
    `#:schema ./incm-webhook.schema.json`.

    Example: incm-webhook config schema
    """
    from incm_webhook.config.schema import settings_schema

    click.echo(json.dumps(settings_schema(bundled_models()), ensure_ascii=False, indent=2))
    return 0


def bundled_models() -> dict[str, Any]:
    """Return the models of the bundled plugins that can be loaded here, by name."""
    from incm_webhook.errors import PluginError
    from incm_webhook.hosting.registry import BUNDLED, look_at

    models = {}
    for name in sorted(BUNDLED):
        try:
            model = look_at(name).model
        except PluginError:  # its packages are not installed
            continue
        if model is not None:
            models[name] = model
    return models
