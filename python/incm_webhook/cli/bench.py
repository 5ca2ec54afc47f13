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
_DURATION_S = 10.0


@click.command(short_help="Measure what a receiver can take.")
@click.argument("url", required=False)
@secret_file_option
@click.option(
    "--connections",
    type=click.IntRange(1, 1000),
    default=64,
    show_default=True,
    help="Connections kept open and used at once.",
)
@span("--duration", "How long alerts are sent; 10s, for each part of --report 3s.", None, some=True)
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
@click.option(
    "--report",
    is_flag=False,
    flag_value="-",
    metavar="[FILE]",
    help="Describe machine, disk, rates and inbox in one text, and write it to FILE.",
)
@click.option(
    "--config",
    metavar="FILE",
    help="With --report: configuration file; ./incm-webhook.toml when it exists."
    "  [env: INCM_WEBHOOK_CONFIG]",
)
@click.option(
    "--inbox",
    metavar="URL",
    help="With --report: the inbox, when no server runs.  [env: INCM_WEBHOOK_INBOX]",
)
@click.option(
    "--admin",
    metavar="HOST:PORT",
    help="With --report: admin listener of the server.  [env: INCM_WEBHOOK_ADMIN]",
)
@click.option(
    "--token-file",
    metavar="FILE",
    help="With --report: file with a token for the admin listener.  [env: INCM_WEBHOOK_ADMIN_TOKEN,"
    " the token itself]",
)
def bench(
    url: str | None,
    secret_file: str | None,
    connections: int,
    duration: float | None,
    rate: float | None,
    wire: str,
    *,
    yes: bool,
    as_json: bool,
    report: str | None,
    **place: str | None,
) -> int:
    """Send different, signed alerts to URL as fast as it answers, and print the rate.

    To the receiver the alerts are real: its inbox keeps them, and its plugins get them. So use an
    inbox and plugins that are meant for this. A URL on another machine must be confirmed, on the
    terminal or with --yes.

    One alert that does not count is sent first: when it is refused, nothing else is sent. With
    --rate the time of an answer counts from when its alert was due. Ctrl-C ends the run early and
    prints its result. This client uses one processor; measure a receiver that is faster than that
    with a tool such as wrk.

    --report describes what an operator may attach to a question: versions, processor, memory, the
    disk of the inbox and its fdatasync, and the configuration without secrets. Without URL it
    starts a receiver of its own beside the inbox, sends alerts to it in three ways, and removes
    it: your inbox and plugins get none of them. URL must be this machine.

    Exit status: 0 when each answer was 200.

    Example: incm-webhook bench http://127.0.0.1:8080/webhook --secret-file ./secret
    """
    if url is None and report is not None and report.startswith(("http://", "https://")):
        url, report = report, "-"  # the value of --report may be left out
    if report is not None:
        from incm_webhook.cli.bench_report import Wanted, write_report

        if url is None and secret_file:
            raise _wrong("--secret-file belongs to a URL: a receiver of its own has its own secret")
        secret = read_secret(secret_file) if secret_file else None
        wanted = Wanted(url, secret, connections, duration, rate, wire, as_json)
        return write_report(wanted, report, place)
    if url is None:
        raise _wrong("Missing argument 'URL'.")
    for name, value in place.items():
        if value is not None:
            flag = name.replace("_", "-")
            raise _wrong(f"--{flag} belongs to --report: only a report is about an inbox")
    secret = read_secret(secret_file) if secret_file else None
    from incm_webhook.bench.load import Load, LoadTest
    from incm_webhook.bench.run import run

    duration = _DURATION_S if duration is None else duration
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


def _wrong(sentence: str) -> click.UsageError:
    return click.UsageError(sentence, click.get_current_context())


def is_this_machine(url: str) -> bool:
    """Return whether the host of a URL is a loopback address, or localhost."""
    from incm_webhook.config.server import is_loopback

    host = urlsplit(url).hostname or ""
    return is_loopback(f"[{host}]:0" if ":" in host else f"{host}:0")


def warn_of_real_alerts() -> None:
    """Print that a receiver keeps what it gets."""
    click.echo(f"warning: {_WARNING}", err=True)


def _warn(url: str, *, yes: bool) -> None:
    warn_of_real_alerts()
    host = urlsplit(url).hostname or ""
    if yes or is_this_machine(url):
        return
    if not sys.stdin.isatty():
        raise click.UsageError(
            f"{printable(host)} is another machine, and standard input is no terminal to ask on: "
            "add --yes to load it",
            click.get_current_context(),
        )
    click.confirm(f"Load {printable(host)} with them?", abort=True, err=True)
