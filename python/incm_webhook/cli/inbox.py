"""The commands about stored alerts: inbox list, show, stats and tail."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from incm_webhook.cli.listing import pages_of, print_json, print_list, table_of
from incm_webhook.cli.options import token_option

if TYPE_CHECKING:
    from incm_webhook.cli.admin.client import AdminClient

_Command = TypeVar("_Command", bound=Callable[..., Any])
POLL_S = 0.5
_HEADS = ("ID", "RECEIVED", "STATE", "TYPE", "DEVICE", "CONTENT")
# `tail` cannot know how wide the cells to come will be: number, time, type, device.
_TAIL_WIDTHS = (6, 8, 18, 20)


class Number(click.IntRange):
    """The type of an argument that is a number of the inbox, from 1 on.

    Args:
        what: its name in a message, such as "an alert number".
    """

    def __init__(self, what: str) -> None:
        super().__init__(1, 2**63 - 1)
        self._what = what

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read the number. Errors: click.BadParameter."""
        try:
            return int(super().convert(value, param, ctx))
        except click.BadParameter:
            sentence = f"wants {self._what} such as 12, not {value!r}"
            raise click.BadParameter(sentence, ctx, param) from None


ALERT_NUMBER = Number("an alert number")


def place_options(command: _Command) -> _Command:
    """Add --config, --admin, --token-file, --inbox and --json, as all commands about it have."""
    variable = "INCM_WEBHOOK_"
    command = token_option(command)
    for flag, metavar, text in (
        ("--inbox", "URL", "The inbox, when no server runs: sqlite:///PATH or a path."),
        ("--admin", "HOST:PORT", "Admin listener of the server."),
        ("--config", "FILE", "Configuration file; ./incm-webhook.toml when it exists."),
    ):
        name = variable + flag.removeprefix("--").upper()
        command = click.option(flag, default=None, metavar=metavar, help=f"{text}  [env: {name}]")(
            command
        )
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, an object a line.")(
        command
    )


def time_options(command: _Command) -> _Command:
    """Add --since and --until."""
    for flag, text in (
        ("--until", "Received before this time."),
        ("--since", "Received since: 2h (ago), 10:00, 2026-11-24T10:00."),
    ):
        command = click.option(flag, metavar="TIME", help=text)(command)
    return command


def pattern_options(command: _Command) -> _Command:
    """Add --type and --device."""
    for flag, name, text in (
        ("--device", "devices", "Device id, serial number or name, or a pattern of it."),
        ("--type", "types", "Alert type, or a pattern with * and ?. May be repeated."),
    ):
        option = click.option(flag, name, multiple=True, metavar="PATTERN", help=text)
        command = option(command)
    return command


def open_client(
    place: Mapping[str, str | None],
    *,
    filters: bool = False,
    secrets: bool = False,
    read_only: bool = False,
) -> "AdminClient":
    """Connect to the place that `place_options` name; see `cli.admin.client.connect`."""
    from incm_webhook.cli.admin.client import Where, connect

    return connect(Where(**place), filters=filters, secrets=secrets, read_only=read_only)


def filter_parameters(
    types: Sequence[str], devices: Sequence[str], since: str | None = None, until: str | None = None
) -> list[tuple[str, str]]:
    """Turn the options of `time_options` and `pattern_options` into parameters of the API.

    Raises:
        click.UsageError: a time cannot be read.
    """
    from datetime import UTC, datetime

    from incm_webhook.cli.view.times import parse_moment

    parameters = [("type", one) for one in types] + [("device", one) for one in devices]
    now = datetime.now(UTC)
    for name, text in (("since", since), ("until", until)):
        if text is None:
            continue
        try:
            moment = parse_moment(text, now, past=name == "since")
        except ValueError as error:
            raise click.UsageError(
                f"--{name} {error}", click.get_current_context(silent=True)
            ) from None
        stamp = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        parameters.append((name, stamp))
    return parameters


@click.group(short_help="Look at alerts and their deliveries.")
def inbox() -> None:
    """Look at stored alerts and at their deliveries.

    Example: incm-webhook inbox list --since 2h
    """


@inbox.command("list")
@time_options
@pattern_options
@click.option("--plugin", metavar="NAME", help="Alerts that have a delivery to this plugin.")
@click.option(
    "--state",
    type=click.Choice(["open", "dead", "delivered"]),
    help="State of the delivery to the plugin, or to any.",
)
@click.option("--limit", type=click.IntRange(1), default=20, help="How many at most; 20.")
@click.option("--oldest-first", is_flag=True, help="Instead of the newest first.")
@click.option("--body", is_flag=True, help="With --json: the bodies, too.")
@place_options
def list_alerts(
    *,
    limit: int,
    oldest_first: bool,
    body: bool,
    as_json: bool,
    plugin: str | None,
    state: str | None,
    since: str | None,
    until: str | None,
    types: tuple[str, ...],
    devices: tuple[str, ...],
    **place: str | None,
) -> int:
    """List alerts, the newest first.

    Example: incm-webhook inbox list --since 2h --type 'license_*'
    """
    parameters = filter_parameters(types, devices, since, until)
    parameters += [("plugin", plugin)] if plugin else []
    parameters += [("state", state)] if state else []
    parameters.append(("order", "asc" if oldest_first else "desc"))
    if body or not as_json:
        parameters.append(("body", "1"))
    with open_client(place, read_only=True) as client:
        found = pages_of(client, "alerts", parameters, limit, "after" if oldest_first else "before")
        some = print_list(found, "no alerts", _alerts, as_json=as_json)
    if not some and not as_json:
        from incm_webhook.config.advice import unknown_types

        for hint in unknown_types(types):
            click.echo(f"incm-webhook: {hint}", err=True)
    return 0


def _alerts(found: Sequence[dict[str, Any]]) -> Iterable[str]:
    from incm_webhook.cli.view.alert import list_row

    def row(entry: dict[str, Any], received: str) -> list[str]:
        number, *others = list_row(entry)
        return [number, received, entry.get("state") or "-", *others]

    moment = ("RECEIVED", "received_at")
    return table_of(found, moment, _HEADS, row, right={"ID"}, whole={"ID", "STATE"})


@inbox.command()
@click.argument("id", type=ALERT_NUMBER)
@place_options
def show(*, id: int, as_json: bool, **place: str | None) -> int:  # noqa: A002 - the argument's name
    """Show the whole life of one alert.

    Its content, how it was verified, and what each plugin did with it, attempt by attempt.

    Example: incm-webhook inbox show 1042
    """
    with open_client(place, filters=True, read_only=True) as client:
        entry = client.get(f"alerts/{id}")
    if as_json:
        print_json(entry)
        return 0
    from incm_webhook.cli.view.alert import life
    from incm_webhook.cli.view.table import screen_width

    for line in life(entry, screen_width()):
        click.echo(line)
    return 0


@inbox.command()
@place_options
def stats(*, as_json: bool, **place: str | None) -> int:
    """Count alerts and deliveries, and measure the file.

    OPEN deliveries are not done yet; those of them that failed and wait for a retry are WAITING.

    Example: incm-webhook inbox stats --json
    """
    with open_client(place, read_only=True) as client:
        answer = client.get("stats")
    if as_json:
        print_json(answer)
        return 0
    from incm_webhook.cli.view.statistics import statistics

    for line in statistics(answer):
        click.echo(line)
    return 0


@inbox.command()
@pattern_options
@click.option(
    "--lines", type=click.IntRange(0), default=10, help="How many earlier alerts to show; 10."
)
@place_options
def tail(
    *,
    lines: int,
    as_json: bool,
    types: tuple[str, ...],
    devices: tuple[str, ...],
    **place: str | None,
) -> int:
    """Follow the alerts that come in, until Ctrl-C.

    Example: incm-webhook inbox tail
    """
    from incm_webhook.cli.view.times import zone_now

    parameters = [*filter_parameters(types, devices), ("body", "1")]
    with open_client(place, read_only=True) as client:
        if client.offline:
            raise click.ClickException("no server runs, so no alert will come in")
        try:
            if not as_json:
                click.echo(f"incm-webhook: times are {zone_now()}", err=True)
            for entry in _followed(client, parameters, lines):
                if as_json:
                    print_json(entry)
                else:
                    click.echo(_tail_line(entry))
        except KeyboardInterrupt:
            click.echo(err=True)  # ends the line where the terminal wrote ^C
    return 0


def _followed(
    client: "AdminClient", parameters: Sequence[tuple[str, str]], lines: int
) -> Iterator[dict[str, Any]]:
    seen = newest_id(client)
    newest_first = [*parameters, ("order", "desc")]
    yield from reversed(list(pages_of(client, "alerts", newest_first, lines, "before", seen + 1)))
    while True:
        time.sleep(POLL_S)
        # The newest number is read first, so that no alert is examined twice.
        last = newest_id(client)
        if last > seen:
            bounded = [*parameters, ("before", str(last + 1))]
            yield from pages_of(client, "alerts", bounded, None, "after", seen)
            seen = last


def newest_id(client: "AdminClient") -> int:
    """Return the number of the newest alert; 0 when there is none."""
    found = client.get("alerts", [("order", "desc"), ("limit", "1")])["alerts"]
    return int(found[0]["id"]) if found else 0


def _tail_line(entry: dict[str, Any]) -> str:
    from incm_webhook.cli.view.alert import list_row
    from incm_webhook.cli.view.table import columns_of, cut, screen_width
    from incm_webhook.cli.view.times import local_time
    from incm_webhook.log import printable

    number, *others = list_row(entry)
    received = entry["received_at"]
    row = [number, local_time(received, beside=received), *others]  # the day is today
    *cells, content = [printable(cell) for cell in row]
    line = ""
    for cell, width in zip(cells, _TAIL_WIDTHS, strict=True):
        line += cell + " " * max(width - columns_of(cell), 0) + "  "
    line = (line + content).rstrip()
    columns = screen_width()
    return line if columns is None else cut(line, columns)
