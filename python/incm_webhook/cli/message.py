"""The commands about one message: send, sign and verify."""

import json
import sys
from pathlib import Path
from typing import Any

import click

import incm_webhook
from incm_webhook.errors import EXIT_FAILED, CanonicalError, ConfigError
from incm_webhook.log import printable

FILE_HELP = "File that holds the body; - reads standard input."


def read_body(file: str) -> bytes:
    """Read a body as it is.

    Args:
        file: a path, or "-" for standard input.

    Returns:
        Every byte of the body.

    Raises:
        ConfigError: the file cannot be read; the message names the file and the reason.
    """
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(f"cannot read {file}: {reason}") from None


def read_secret(file: str) -> bytes:
    """Read the secret token from a file that --secret-file names.

    Args:
        file: a path. A name without a slash is also searched in $CREDENTIALS_DIRECTORY and
            /run/secrets.

    Returns:
        The token, not empty.

    Raises:
        ConfigError: there is no such file, or it holds no secret.
    """
    import os

    from incm_webhook.config.secrets import locate_secret_file, read_secret_file

    return read_secret_file(locate_secret_file(file, Path.cwd(), os.environ)).reveal()


secret_file_option = click.option(
    "--secret-file",
    metavar="FILE",
    envvar="INCM_WEBHOOK_SECRET_FILE",
    help="File that holds the webhook's secret token.  [env: INCM_WEBHOOK_SECRET_FILE]",
)


def body_source(file: str | None, alert_type: str | None) -> None:
    """Check the flags that say where an alert comes from.

    Raises:
        click.UsageError: both are given, or the type is not a text for a terminal.
    """
    if file is not None and alert_type is not None:
        raise click.UsageError("--file and --type exclude each other: a file has its type in it")
    if alert_type is not None and printable(alert_type) != alert_type:
        raise click.UsageError("--type wants a text without control characters, in UTF-8")


@click.command(short_help="Post an alert like InCloud Manager, or try a plugin.")
@click.argument("url", required=False)
@click.option("--file", metavar="FILE|-", help=FILE_HELP)
@click.option("--type", "alert_type", metavar="TYPE", help="Make up an alert of this type.")
@secret_file_option
@click.option(
    "--wire",
    type=click.Choice(["python", "ascii", "compact", "pretty"]),
    help="How the JSON is spelled; by default python, and unchanged for a file.",
)
@click.option("--count", type=click.IntRange(1), default=1, help="How many to send.")
@click.option(
    "--plugin",
    metavar="NAME",
    help="Give the alert to this plugin of the configuration file, in place of a server.",
)
@click.option("--config", metavar="FILE", help="With --plugin: the configuration file.")
def send(
    *,
    url: str | None,
    file: str | None,
    alert_type: str | None,
    secret_file: str | None,
    wire: str | None,
    count: int,
    plugin: str | None,
    config: str | None,
) -> int:
    """Post an alert to URL like InCloud Manager, and print the status and the answer.

    With --plugin, give it to one plugin of the configuration file instead, which sends it to its
    target: the alert is not stored. The exit status is that of `plugin run`.

    The signature is over the canonical text, as the platform makes it; without a secret there is
    none. With --count, made-up alerts differ from each other, and a file is sent several times.
    Exit status: 0 when every answer was 200.

    Example: incm-webhook send http://127.0.0.1:8080/webhook --secret-file ./secret --type reboot
    """
    if plugin is not None:
        return _try_plugin(plugin, config, file, alert_type, count, others=(url, secret_file, wire))
    if url is None or config is not None:
        raise click.UsageError(
            "name the URL of a server to post to, or a plugin with --plugin (and --config)"
        )
    body_source(file, alert_type)
    from incm_webhook.sender.client import Sender, signature_of
    from incm_webhook.sender.samples import DEFAULT_TYPE, sample, spell

    body = _respelled(read_body(file), file, wire) if file is not None else b""
    secret = read_secret(secret_file) if secret_file else None
    tally: dict[int, int] = {}
    with Sender(url) as sender:
        for _ in range(count):
            if file is None:
                body = spell(sample(alert_type or DEFAULT_TYPE), wire or "python")
            answer = sender.post(body, signature_of(body, secret) if secret else None)
            tally[answer.status] = tally.get(answer.status, 0) + 1
            text = printable(answer.body.decode(errors="replace").strip())
            click.echo(f"{answer.status} {text or printable(answer.reason)}")
    if count > 1:
        parts = ", ".join(f"{number} x {status}" for status, number in sorted(tally.items()))
        click.echo(f"sent {count}: {parts}")
    return 0 if set(tally) == {200} else EXIT_FAILED


def _try_plugin(
    name: str,
    config: str | None,
    file: str | None,
    alert_type: str | None,
    count: int,
    *,
    others: tuple[str | None, ...],
) -> int:
    from incm_webhook.cli.plugin_run import alerts_of, run_configured

    if any(one is not None for one in others):
        raise click.UsageError("--plugin posts nothing: leave out URL, --secret-file and --wire")
    return run_configured(name, config, alerts_of(file, alert_type, count))


def _respelled(body: bytes, file: str, wire: str | None) -> bytes:
    from incm_webhook.sender.samples import spell

    if wire is None:
        return body
    try:
        return spell(json.loads(body), wire)
    except (ValueError, RecursionError):
        raise click.UsageError(
            f"{file} cannot be respelled, because it is no JSON: leave out --wire to send it as it "
            "is"
        ) from None


@click.command(short_help="Print the X-Signature of a body.")
@secret_file_option
@click.option("--file", metavar="FILE|-", default="-", help=FILE_HELP)
@click.option("--canonical", is_flag=True, help="Sign the canonical text of the body instead.")
def sign(*, secret_file: str | None, file: str, canonical: bool) -> int:
    """Print the X-Signature of a body.

    Example: incm-webhook sign --secret-file ./secret --file alert.json
    """
    if not secret_file:
        raise click.UsageError("--secret-file is missing: it names the file that holds the token")
    secret = read_secret(secret_file)
    body = read_body(file)
    if canonical:
        try:
            body = incm_webhook.canonical_json(body)
        except CanonicalError as error:
            raise click.ClickException(
                f"the body has no canonical text ({error}): leave out --canonical"
            ) from None
    click.echo(incm_webhook.sign(body, secret))
    return 0


@click.command(short_help="Check whether a signature fits a body.")
@click.option("--signature", required=True, metavar="TEXT", help="The value of X-Signature.")
@click.option(
    "--secret-file",
    "secret_files",
    multiple=True,
    required=True,
    metavar="FILE",
    help="File that holds the secret token; may be given several times.",
)
@click.option("--file", metavar="FILE|-", default="-", help=FILE_HELP)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(*, signature: str, secret_files: tuple[str, ...], file: str, as_json: bool) -> int:
    """Check whether a signature fits a body, and print which form of it and which secret.

    Exit status: 0 it fits, 1 it does not.

    Example: incm-webhook verify --signature TEXT --secret-file ./secret --file alert.json
    """
    secrets = [read_secret(one) for one in secret_files]
    body = read_body(file)
    verdict = incm_webhook.verify(body, signature, secrets)
    number = None if verdict.secret_index is None else verdict.secret_index + 1
    shown: dict[str, Any] = {
        "valid": verdict.ok,
        "form": verdict.form,
        "secret": number,
        "reason": verdict.reason,
    }
    if as_json:
        click.echo(json.dumps(shown))
    elif verdict.ok:
        click.echo(f"valid: {verdict.form} form, secret {number}")
    else:
        click.echo(f"not valid: {verdict.reason}")
        if body.endswith(b"\n") and incm_webhook.verify(body.rstrip(b"\r\n"), signature, secrets):
            click.echo("without the line end that the file ends with it would be valid")
    return 0 if verdict.ok else EXIT_FAILED
