"""The command that measures what an installed receiver can take: bench."""

import asyncio
import json
import signal
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from incm_webhook.cli_message import read_secret, secret_file_option
from incm_webhook.cli_simulate import span
from incm_webhook.errors import EXIT_FAILED
from incm_webhook.log import printable

if TYPE_CHECKING:
    from incm_webhook.bench_load import LoadTest

_TICK_S = 0.2
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
    help="Kept open, used at once.",
)
@span("--duration", "How long alerts are sent.", "10s")
@click.option(
    "--rate",
    type=click.FloatRange(0, min_open=True),
    help="Alerts a second, whatever the answers take; by default as many as are answered.",
)
@click.option(
    "--wire",
    type=click.Choice(["python", "ascii", "compact", "pretty"]),
    default="python",
    show_default=True,
    help="How the JSON is spelled; the signature is over the canonical text.",
)
@click.option("--yes", is_flag=True, help="Do not ask, wherever the receiver is.")
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
    """Send different, signed alerts to URL as fast as it answers, and tell how fast that was.

    The alerts are real ones to the receiver: its inbox keeps them, and its plugins get them. So
    measure with an inbox and plugins that may have them. A URL that is not of this machine wants a
    yes, on the terminal or with --yes.

    One alert that does not count goes first: when it is refused, nothing else is sent. With --rate
    the time of an answer counts from when its alert was due. Ctrl-C ends the run early, with its
    result. This client takes one processor; a receiver that takes more than it can send is measured
    with a tool such as wrk.

    Exit status: 0 when each answer was 200.
    """
    from incm_webhook.bench_load import Load, LoadTest

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
    asyncio.run(_run(test, duration))
    if as_json:
        click.echo(json.dumps(test.report.as_dict()))
    else:
        for line in test.report.lines():
            click.echo(line)
    return 0 if test.report.ok else EXIT_FAILED


def _warn(url: str, *, yes: bool) -> None:
    from incm_webhook.settings_server import is_loopback

    click.echo(f"warning: {_WARNING}", err=True)
    host = urlsplit(url).hostname or ""
    if yes or is_loopback(f"[{host}]:0" if ":" in host else f"{host}:0"):
        return
    if not sys.stdin.isatty():
        raise click.UsageError(
            f"{printable(host)} is another machine, and nobody can be asked here: say --yes to"
            " load it",
            click.get_current_context(),
        )
    click.confirm(f"Load {printable(host)} with them?", abort=True, err=True)


async def _run(test: "LoadTest", duration_s: float) -> None:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, test.stop)
    watching = asyncio.create_task(_watch(test, duration_s)) if sys.stderr.isatty() else None
    try:
        await test.run()
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        if watching is not None:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


async def _watch(test: "LoadTest", duration_s: float) -> None:
    """Show a line that tells how it goes, until it is cancelled."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    length = max(1, int(duration_s * 1000))
    with click.progressbar(
        length=length, width=0, show_eta=False, file=sys.stderr, item_show_func=_summary
    ) as bar:
        while True:
            await asyncio.sleep(_TICK_S)
            place = min(length, int((loop.time() - start) * 1000))
            bar.update(place - bar.pos, test)


def _summary(test: "LoadTest | None") -> str | None:
    if test is None:
        return None
    facts = [f"{test.report.confirmed:,} x 200", f"{test.report.rate:,.0f}/s"]
    facts += [f"{count:,} x {status}" for status, count in sorted(test.report.refused.items())]
    if errors := test.report.errors.total():
        facts.append(f"{errors:,} errors")
    return ", ".join(facts)
