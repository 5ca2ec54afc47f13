"""The command that explains why a signature does not fit: doctor."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from incm_webhook.cli.message import read_body, read_secret
from incm_webhook.errors import EXIT_FAILED

if TYPE_CHECKING:
    from incm_webhook.sender.diagnosis import Key


@click.command(short_help="Explain why a signature does not fit a body.")
@click.option(
    "--signature",
    default="",
    metavar="TEXT",
    help="The value of X-Signature; leave it out when the request had none.",
)
@click.option(
    "--config",
    metavar="FILE",
    help="Configuration file with the secrets.  [env: INCM_WEBHOOK_CONFIG]",
)
@click.option(
    "--secret-file",
    "secret_files",
    multiple=True,
    metavar="FILE",
    help="File that holds the expected secret; further files are other secrets to try.",
)
@click.option(
    "--endpoint", metavar="PATH", help="Endpoint that got the body; by default any of them."
)
@click.option(
    "--file",
    metavar="FILE|-",
    default="-",
    help="File that holds the body; - reads standard input.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(
    *,
    signature: str,
    config: str | None,
    secret_files: tuple[str, ...],
    endpoint: str | None,
    file: str,
    as_json: bool,
) -> int:
    """Explain why a signature does not fit a body, and what to do.

    The secrets come from the configuration, or from --secret-file. None is printed. These mistakes
    in a secret are found: a missing line end, extra blanks, quotes or byte order mark, and its
    Base64 or hexadecimal form in place of the secret itself. A wrong letter is not found.

    Exit status: 0 the signature is right or the reason was found, 1 the reason was not found.

    Example: incm-webhook doctor --signature TEXT --secret-file ./secret --file alert.json
    """
    from incm_webhook.sender.diagnosis import diagnose

    if secret_files and (config or endpoint):
        raise click.UsageError("--secret-file excludes --config and --endpoint")
    keys = given_keys(secret_files) if secret_files else configured_keys(config, endpoint)
    diagnosis = diagnose(read_body(file), signature, keys)
    if as_json:
        shown = {
            "valid": diagnosis.valid,
            "found": diagnosis.found,
            "causes": diagnosis.causes,
            "advice": diagnosis.advice,
        }
        click.echo(json.dumps(shown, ensure_ascii=False))
    else:
        if diagnosis.valid:
            click.echo("the signature is right")
        for cause in diagnosis.causes:
            click.echo(f"why: {cause}")
        for advice in diagnosis.advice:
            click.echo(f"what to do: {advice}")
    return 0 if diagnosis.found else EXIT_FAILED


def given_keys(files: Sequence[str]) -> "list[Key]":
    """Read secrets from files; the first one is the expected secret. Errors: ConfigError."""
    from incm_webhook.config.secrets import Secret
    from incm_webhook.sender.diagnosis import Key

    return [
        Key(f"the secret in {file}", Secret(read_secret(file)), number == 0)
        for number, file in enumerate(files)
    ]


def configured_keys(config: str | None, endpoint: str | None) -> "list[Key]":
    """Read the secrets of all endpoints.

    Args:
        config: the configuration file; None takes the one that the environment names.
        endpoint: the endpoint with the expected secrets; None expects those of every endpoint.

    Raises:
        ConfigError: the configuration is wrong, or a secret cannot be read.
        click.UsageError: there is no such endpoint, or no secret.
    """
    import os
    from pathlib import Path

    from incm_webhook.config.loading import load_settings
    from incm_webhook.config.paths import endpoint_of
    from incm_webhook.sender.diagnosis import Key

    settings = load_settings({"config": config}, os.environ, Path.cwd(), secretless=True)
    meant = None if endpoint is None else endpoint_of(endpoint, settings.endpoint)
    if endpoint is not None and meant is None:
        paths = ", ".join(one.path for one in settings.endpoint)
        raise click.UsageError(f"no endpoint has the path {endpoint}: there is {paths}")
    keys = [
        Key(f"secret {number} of {one.path}", secret, meant in (None, one))
        for one in settings.endpoint
        for number, secret in enumerate(one.secrets, 1)
    ]
    if not keys:
        raise click.UsageError("there is no secret to compare with")
    return keys
