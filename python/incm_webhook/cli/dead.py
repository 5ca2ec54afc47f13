"""The commands about dead letters and repeated deliveries: dead list, show, retry, drop; replay."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from incm_webhook.cli.confirm import confirm, confirm_many, deliveries, yes_option
from incm_webhook.cli.inbox import (
    ALERT_NUMBER,
    filter_parameters,
    newest_id,
    open_client,
    pattern_options,
    place_options,
    time_options,
)
from incm_webhook.cli.listing import pages_of, posts_until_done, print_json, print_list, table_of
from incm_webhook.errors import EXIT_FAILED

if TYPE_CHECKING:
    from incm_webhook.cli.admin.client import AdminClient

_HEADS = ("ID", "PLUGIN", "FAILED", "ATTEMPTS", "TYPE", "ERROR")
_UNDELIVERED = ("dead", "dropped", "open")

_ids = click.argument("ids", metavar="[ID]...", type=ALERT_NUMBER, nargs=-1)
_plugin = click.option("--plugin", metavar="NAME", help="Only those of this plugin.")
_all = click.option("--all", "everything", is_flag=True, help="All of them.")


@click.group(short_help="Look at dead letters, retry or drop them.")
def dead() -> None:
    """Look at dead letters, deliver them again, or drop them.

    A dead letter is a delivery that its plugin rejected, or that failed for too long. Open
    deliveries of a plugin that is not configured any more are listed, too.

    Example: incm-webhook dead list --plugin pager
    """


@dead.command("list")
@_plugin
@click.option("--limit", type=click.IntRange(1), default=50, help="How many at most; 50.")
@place_options
def list_dead(*, plugin: str | None, limit: int, as_json: bool, **place: str | None) -> int:
    """List dead letters, by plugin and alert.

    Example: incm-webhook dead list --plugin pager
    """
    with open_client(place, read_only=True) as client:
        parameters = [("plugin", plugin)] if plugin else []
        found = pages_of(client, "dead", parameters, limit, "after")
        print_list(found, "no dead letters", _table, as_json=as_json)
    return 0


def _table(found: Sequence[dict[str, Any]]) -> Iterable[str]:
    whole = {"ID", "PLUGIN", "ATTEMPTS"}
    moment = ("FAILED", "failed_at")
    return table_of(found, moment, _HEADS, _row, right={"ID", "ATTEMPTS"}, whole=whole)


def _row(entry: dict[str, Any], failed: str) -> list[str]:
    error = entry["error"] or ""
    if entry["state"] == "orphaned":
        error = "the plugin is not configured any more"
    return [
        str(entry["id"]),
        entry["plugin"],
        failed,
        str(entry["attempts"]),
        entry["type"] or "-",
        error,
    ]


@dead.command(short_help="Show all attempts at one alert.")
@click.argument("id", type=ALERT_NUMBER)
@place_options
def show(*, id: int, as_json: bool, **place: str | None) -> int:  # noqa: A002 - the argument's name
    """Show all attempts at an alert that was not delivered, with their full errors.

    The traceback of the last attempt that had one follows.

    Example: incm-webhook dead show 1042
    """
    with open_client(place, filters=True, read_only=True) as client:
        entry = client.get(f"alerts/{id}")
    if as_json:
        print_json(entry)
        return 0
    from incm_webhook.cli.view.alert import deliveries as lines_of
    from incm_webhook.cli.view.table import screen_width

    if not any(one["state"] in _UNDELIVERED for one in entry["deliveries"]):
        click.echo(f"alert {id} has no dead letter; `incm-webhook inbox show {id}` shows its life")
        return EXIT_FAILED
    for line in lines_of(entry, _UNDELIVERED, screen_width()):
        click.echo(line)
    return 0


@dead.command(short_help="Deliver dead letters again, now.")
@_ids
@_plugin
@_all
@yes_option
@place_options
def retry(
    *,
    ids: tuple[int, ...],
    plugin: str | None,
    everything: bool,
    yes: bool,
    as_json: bool,
    **place: str | None,
) -> int:
    """Deliver dead letters again, now: those of these alerts, those of a plugin, or --all.

    The plugin gets each one under the same key as before, and the time until give_up starts again.
    More than 1,000 must be confirmed, on the terminal or with --yes.

    Example: incm-webhook dead retry --plugin pager
    """
    chosen = _chosen(ids, plugin, everything=everything)
    with open_client(place) as client:
        if not ids and not yes:
            plugins = client.get("stats")["plugins"]
            confirm_many(sum(one["dead"] for one in plugins if plugin in (None, one["plugin"])))
        count = _change(client, "dead/retry", "retried", chosen)
    return _report(count, "retried", "will be made again", chosen, as_json=as_json)


@dead.command(short_help="Drop dead letters for good.")
@_ids
@_plugin
@_all
@yes_option
@place_options
def drop(
    *,
    ids: tuple[int, ...],
    plugin: str | None,
    everything: bool,
    yes: bool,
    as_json: bool,
    **place: str | None,
) -> int:
    """Drop dead letters: those of these alerts, those of a plugin, or --all.

    The alerts stay, and the ledger records that a delivery was dropped. Open deliveries of a plugin
    that is not configured any more are dropped, too; those of a configured plugin never are.

    Example: incm-webhook dead drop 1042 --plugin pager
    """
    chosen = _chosen(ids, plugin, everything=everything)
    with open_client(place) as client:
        if not ids and not yes:
            _confirm(client, plugin)
        count = _change(client, "dead/drop", "dropped", chosen)
    return _report(count, "dropped", "dropped", chosen, as_json=as_json)


def _chosen(ids: Sequence[int], plugin: str | None, *, everything: bool) -> dict[str, Any]:
    if everything and (ids or plugin):
        raise _usage("--all excludes numbers and --plugin")
    if not (ids or plugin or everything):
        raise _usage("say which: numbers of alerts, --plugin NAME, or --all")
    chosen: dict[str, Any] = {}
    if ids:
        chosen["ids"] = list(ids)
    if plugin:
        chosen["plugin"] = plugin
    if everything:
        chosen["all"] = True
    return chosen


def _usage(text: str) -> click.UsageError:
    return click.UsageError(text, click.get_current_context())


def _confirm(client: "AdminClient", plugin: str | None) -> None:
    plugins = client.get("stats")["plugins"]
    count = sum(
        one["dead"] + (one["open"] if one["configured"] is False else 0)
        for one in plugins
        if plugin in (None, one["plugin"])
    )
    of = f" of plugin {plugin}" if plugin else ""
    confirm(f"Drop {deliveries(count)}{of} for good?", "to drop them")


def _change(client: "AdminClient", path: str, word: str, body: dict[str, Any]) -> int:
    return sum(int(answer[word]) for answer in posts_until_done(client, path, body))


def _report(count: int, word: str, text: str, chosen: dict[str, Any], *, as_json: bool) -> int:
    if as_json:
        print_json({word: count})
    else:
        click.echo(f"{deliveries(count)} {text}")
    if count == 0 and "ids" in chosen:
        numbers = ", ".join(map(str, chosen["ids"]))
        click.echo(f"incm-webhook: no dead letter of alert {numbers}", err=True)
        return EXIT_FAILED
    return 0


@click.command(short_help="Deliver stored alerts again.")
@_ids
@time_options
@pattern_options
@_plugin
@click.option("--dry-run", is_flag=True, help="Only count them.")
@yes_option
@place_options
def replay(
    *,
    ids: tuple[int, ...],
    since: str | None,
    until: str | None,
    types: tuple[str, ...],
    devices: tuple[str, ...],
    plugin: str | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    **place: str | None,
) -> int:
    """Deliver stored alerts again: those with these numbers, or those received --since a time.

    Each plugin gets the alerts that its filter wants, under the same key as before, unless the
    delivery is still open. A plugin that was added later gets earlier alerts, too. More than 1,000
    deliveries must be confirmed, on the terminal or with --yes.

    Example: incm-webhook replay --since 2026-11-24 --plugin audit --dry-run
    """
    if bool(ids) == bool(since):
        raise _usage("say which alerts: their numbers, or --since TIME")
    body: dict[str, Any] = {}
    for name, value in filter_parameters(types, devices, since, until):
        body.setdefault(name, []).append(value)
    if plugin:
        body["plugin"] = plugin
    with open_client(place, filters=True) as client:
        # Alerts that come in from now on are delivered anyway.
        spans = [(one - 1, one + 1) for one in ids] or [(0, newest_id(client) + 1)]
        count = 0
        if dry_run or not yes:
            count = _replay(client, {**body, "dry_run": True}, spans)
        if not dry_run:
            confirm_many(count)
            count = _replay(client, {**body, "dry_run": False}, spans)
    if as_json:
        print_json({"replayed": count, "dry_run": dry_run})
    else:
        click.echo(f"{deliveries(count)} {'would' if dry_run else 'will'} be made again")
    if ids and count == 0:
        click.echo(f"incm-webhook: `incm-webhook inbox show {ids[0]}` shows why", err=True)
        return EXIT_FAILED
    return 0


def _replay(client: "AdminClient", body: dict[str, Any], spans: Sequence[tuple[int, int]]) -> int:
    """Make the deliveries of the alerts between these numbers again, or only count them.

    Returns how many there are.
    """
    return sum(
        _change(client, "replay", "replayed", {**body, "after": after, "before": before})
        for after, before in spans
    )
