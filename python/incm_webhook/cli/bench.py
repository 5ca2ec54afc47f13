"""The command that measures how many alerts a receiver can take: bench."""

import json
import sys
from urllib.parse import urlsplit

import click

from incm_webhook.cli.message import read_secret, secret_file_option
from incm_webhook.cli.simulate import AlertRate, span
from incm_webhook.errors import EXIT_FAILED
from incm_webhook.log import printable

_WARNING = (
    "these alerts are real ones to the receiver: its inbox keeps them, and its plugins get them"
)


@click.command(short_help="Measure what a receiver can take.")
@click.argument("url")
@secret_file_option
@click.option(
    "--connections",
    type=click.IntRange(1, 1000),
    default=64,
    show_default=True,
    help="Connections kept open and used at once.",
)
@span("--duration", "How long alerts are sent.", "10s", some=True)
@click.option(
    "--rate",
    type=AlertRate(),
    help="Alerts a second, however long answers take; by default as many as are answered.",
)
@click.option(
    "--wire",
    type=click.Choice(["python", "ascii", "compact", "pretty"]),
    default="python",
    show_default=True,
    help="How the JSON is spelled; the signature is over the canonical text.",
)
@click.option("--yes", is_flag=True, help="Do not ask, even if the receiver is another machine.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def bench(
    url: str,
    secret_file: str | None,
    connections: int,
    duration: float,
    rate: float | None,
    wire: str,
    *,
    yes: bool,
    as_json: bool,
) -> int:
    """Send different, signed alerts to URL as fast as it answers, and print the rate.

    To the receiver the alerts are real: its inbox keeps them, and its plugins get them. So use an
    inbox and plugins that are meant for this. A URL on another machine must be confirmed, on the
    terminal or with --yes.

    One alert that does not count is sent first: when it is refused, nothing else is sent. With
    --rate the time of an answer counts from when its alert was due. Ctrl-C ends the run early and
    prints its result. This client uses one processor; measure a receiver that is faster than that
    with a tool such as wrk.

    Exit status: 0 when each answer was 200.

    Example: incm-webhook bench http://127.0.0.1:8080/webhook --secret-file ./secret
    """
    from incm_webhook.bench.load import Load, LoadTest
    from incm_webhook.bench.run import run

    secret = read_secret(secret_file) if secret_file else None
    load = Load(
        url=url,
        secret=secret,
        connections=connections,
        duration_s=duration,
        rate=rate,
        wire=wire,
    )
    test = LoadTest(load)
    _warn(url, yes=yes)
    test.try_one()
    run(test, duration)
    if as_json:
        click.echo(json.dumps(test.report.as_dict()))
    else:
        for line in test.report.lines():
            click.echo(line)
    return 0 if test.report.ok else EXIT_FAILED


def _warn(url: str, *, yes: bool) -> None:
    from incm_webhook.config.server import is_loopback

    click.echo(f"warning: {_WARNING}", err=True)
    host = urlsplit(url).hostname or ""
    if yes or is_loopback(f"[{host}]:0" if ":" in host else f"{host}:0"):
        return
    if not sys.stdin.isatty():
        raise click.UsageError(
            f"{printable(host)} is another machine, and standard input is no terminal to ask on: "
            "add --yes to load it",
            click.get_current_context(),
        )
    click.confirm(f"Load {printable(host)} with them?", abort=True, err=True)
