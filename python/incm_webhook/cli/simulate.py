"""The command that behaves like InCloud Manager with a fleet of devices: simulate."""

import json
import math
import sys
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Any, TypeVar

import click

from incm_webhook.cli.message import read_secret, secret_file_option
from incm_webhook.cli.options import token_option
from incm_webhook.config.quantities import parse_duration
from incm_webhook.errors import EXIT_FAILED

if TYPE_CHECKING:
    from incm_webhook.simulator.sending import Simulation
    from incm_webhook.simulator.verdict import Verdict

_Command = TypeVar("_Command", bound=Callable[..., Any])

_TICK_S = 0.2
_DEFAULT_DURATION_S = 60.0


class AlertRate(click.FloatRange):
    """The type of an option that is a number of alerts a second."""

    def __init__(self) -> None:
        super().__init__(0.001, 1_000_000)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read the rate. Errors: click.BadParameter."""
        rate = float(super().convert(value, param, ctx))
        if math.isnan(rate):  # compares false with both bounds
            self.fail(f"{value} is not a number.", param, ctx)
        return rate


def _seconds(
    _context: click.Context, parameter: click.Parameter, value: str | None
) -> float | None:
    try:
        return None if value is None else parse_duration(value)
    except ValueError as error:
        raise click.UsageError(f"{parameter.opts[0]} {error}") from None


def _some_seconds(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> float | None:
    seconds = _seconds(context, parameter, value)
    if seconds == 0:
        raise click.UsageError(f"{parameter.opts[0]} wants a duration longer than 0")
    return seconds


def span(
    flag: str, text: str, default: str | None, *, some: bool = False
) -> Callable[[_Command], _Command]:
    """Make an option that takes a duration.

    Args:
        flag: the option's name.
        text: its help.
        default: the default as a user would write it; None for no default.
        some: whether 0 is refused.

    Returns:
        A decorator; the command gets seconds.
    """
    return click.option(
        flag,
        callback=_some_seconds if some else _seconds,
        metavar="TIME",
        default=default,
        show_default=True,
        help=text,
    )


@click.command(short_help="Act as InCloud Manager with a fleet of devices.")
@click.argument("url")
@secret_file_option
@click.option(
    "--devices", type=click.IntRange(1, 100_000), default=500, show_default=True, help="Fleet size."
)
@click.option(
    "--rate",
    type=AlertRate(),
    default=50.0,
    show_default=True,
    help="Alerts a second, however long answers take.",
)
@span("--duration", "How long alerts are sent; 60s without --count.", None)
@click.option("--count", type=click.IntRange(1), help="End after this many alerts.")
@click.option("--storm", is_flag=True, help="Every 10s a whole group goes offline and comes back.")
@click.option("--flap", is_flag=True, help="A few devices go offline and come back all the time.")
@click.option("--reorder", is_flag=True, help="Send some alerts after later ones.")
@click.option(
    "--wire",
    type=click.Choice(["python", "ascii", "compact", "pretty", "mixed"]),
    default="python",
    show_default=True,
    help="How the JSON is spelled; mixed: a random way for each alert.",
)
@click.option("--seed", type=int, help="Make the run repeatable.")
@click.option(
    "--connections",
    type=click.IntRange(1, 1000),
    default=8,
    show_default=True,
    help="Connections kept open and used at once.",
)
@span("--timeout", "How long an answer may take.", "30s", some=True)
@click.option(
    "--retries",
    type=click.IntRange(0),
    default=3,
    show_default=True,
    help="Retries after a network error or a time-out.",
)
@span("--retry-delay", "Time between retries.", "10s")
@click.option(
    "--retry-5xx", is_flag=True, help="Retry answers of 500 and more, too (InCloud may or may not)."
)
@click.option(
    "--verify-inbox",
    "admin_url",
    metavar="ADMIN_URL",
    help="At the end, check the inbox through this admin listener.",
)
@token_option
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
def simulate(
    url: str,
    secret_file: str | None,
    duration: float | None,
    count: int | None,
    admin_url: str | None,
    token_file: str | None,
    *,
    as_json: bool,
    **options: Any,
) -> int:
    """Send alerts to URL like InCloud Manager with a fleet of devices, and print the results.

    The alerts are of all known types, from devices in groups of organisations; a device or link
    that goes down comes back. A network error or a time-out is retried as the platform does; a
    refused connection never is. No guide states whether the platform retries answers of 500 and
    more; --retry-5xx does. Ctrl-C ends the run early, with the verdict. Nothing but URL and
    ADMIN_URL is ever contacted.

    The same --seed and options give the same alerts in the same order, with the same ids and times
    (from 2025-01-06 on). So a second such run against one inbox gives duplicates.

    Exit status: 1 when no alert was acknowledged, when some are gone for good (refused, given up),
    or when --verify-inbox finds an acknowledged alert missing or an alert stored twice. Otherwise
    0; other answers are only counted.

    Example: incm-webhook simulate http://127.0.0.1:8080/webhook --secret-file ./secret
    """
    from incm_webhook.simulator.inbox_check import InboxReader, check_inbox
    from incm_webhook.simulator.sending import Manner, Simulation
    from incm_webhook.simulator.traffic import Traffic

    if duration is None and count is None:
        duration = _DEFAULT_DURATION_S
    secret = read_secret(secret_file) if secret_file else None
    manner = Manner(
        connections=options.pop("connections"),
        timeout_s=options.pop("timeout"),
        retries=options.pop("retries"),
        retry_delay_s=options.pop("retry_delay"),
        retry_5xx=options.pop("retry_5xx"),
    )
    traffic = Traffic(duration_s=duration, limit=count, **options)
    simulation = Simulation(url, traffic, secret=secret, manner=manner)
    if admin_url is None:
        _run(simulation, duration, count)
        return _print_verdict(simulation.tally.verdict(), as_json=as_json)
    from incm_webhook.cli.admin.token import given_token

    with closing(InboxReader(admin_url, given_token(token_file).secret)) as reader:
        last = reader.last_number()
        reader.close()
        _run(simulation, duration, count)
        tally = simulation.tally
        verdict = tally.verdict()
        try:
            verdict.inbox = check_inbox(reader, tally.acknowledgements, tally.sent_ids, after=last)
        finally:  # the results are printed even when the inbox cannot be read
            status = _print_verdict(verdict, as_json=as_json)
    return status


def _run(simulation: "Simulation", duration_s: float | None, count: int | None) -> None:
    from incm_webhook.cli.view.table import is_dumb_terminal

    try:
        simulation.start()
        if sys.stderr.isatty() and not is_dumb_terminal():
            _watch(simulation, duration_s, count)
        while not simulation.wait(_TICK_S):
            pass
    except KeyboardInterrupt:
        simulation.stop()
        click.echo("ending: waiting for the answers that are due; Ctrl-C again quits", err=True)
        while not simulation.wait(_TICK_S):
            pass


def _watch(simulation: "Simulation", duration_s: float | None, count: int | None) -> None:
    """Show the progress in one line until the run ends."""
    import time

    start = time.monotonic()
    length = count if count is not None else max(1, int((duration_s or 0) * 1000))
    with click.progressbar(
        length=length,
        width=0,
        show_eta=False,
        file=sys.stderr,
        item_show_func=_summary,
    ) as bar:
        while True:
            ended = simulation.wait(_TICK_S)
            verdict = simulation.tally.verdict()
            passed = verdict.sent if count is not None else int((time.monotonic() - start) * 1000)
            place = length if ended else min(length - 1, passed)
            bar.update(place - bar.pos, verdict)
            if ended:
                return


def _summary(verdict: "Verdict | None") -> str | None:
    if verdict is None:
        return None
    facts = [f"{verdict.sent:,} sent", f"{verdict.acknowledged:,} x 200"]
    facts += [f"{number:,} x {status}" for status, number in verdict.other_statuses.items()]
    for name, number in (
        ("refused", verdict.refused),
        ("given up", verdict.given_up),
        ("open", verdict.unfinished),
    ):
        if number:
            facts.append(f"{number:,} {name}")
    if verdict.behind_s >= _TICK_S:
        facts.append(f"{verdict.behind_s:.1f} s behind")
    return ", ".join(facts)


def _print_verdict(verdict: "Verdict", *, as_json: bool) -> int:
    if as_json:
        click.echo(json.dumps(verdict.as_dict()))
    else:
        for line in verdict.lines():
            click.echo(line)
    return 0 if verdict.ok else EXIT_FAILED
