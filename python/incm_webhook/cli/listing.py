"""Reads lists of the admin API page by page, and prints them as tables."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from incm_webhook.cli.admin.client import AdminClient

PAGE = 500


def pages_of(
    client: "AdminClient",
    what: str,
    parameters: Sequence[tuple[str, str]],
    limit: int | None,
    cursor: str,
    start: int | None = None,
) -> Iterator[dict[str, Any]]:
    """Read a list page by page.

    Args:
        client: the API.
        what: the list's path below /api/v1/, whose last part is its name in the answer: "alerts",
            "dead", "quarantine" or "state/keys".
        parameters: the parameters of every page.
        limit: how many entries at most; None for all.
        cursor: the parameter that selects the next page: "after" when ascending, else "before".
        start: the first value of that parameter.

    Yields:
        Entries of the API, in its order.
    """
    name = what.rpartition("/")[2]
    left = limit
    place = [] if start is None else [(cursor, str(start))]
    while left is None or left > 0:
        size = PAGE if left is None else min(left, PAGE)
        page = client.get(what, [*parameters, *place, ("limit", str(size))])
        yield from page[name]
        if page["next"] is None:
            return
        place = [(cursor, str(page["next"]))]
        left = None if left is None else left - len(page[name])


def print_entries(
    found: Sequence[dict[str, Any]],
    moment: tuple[str, str],
    heads: Sequence[str],
    row: Callable[[dict[str, Any], str], Sequence[str]],
    *,
    right: Collection[str],
    whole: Collection[str],
) -> None:
    """Print entries of the API as a table with a column of times.

    Args:
        found: at least one entry.
        moment: the name of that column among the heads, and the key of its times in an entry.
        heads: the columns' names.
        row: makes the cells of an entry, from the entry and its formatted time.
        right: heads of columns that are aligned to the right.
        whole: heads of columns that are never shortened; the column of times never is either.
    """
    from incm_webhook.cli.view.table import layout, screen_width
    from incm_webhook.cli.view.times import time_column

    name, key = moment
    shown, times = time_column(name, [entry[key] for entry in found])
    for line in layout(
        [shown if head == name else head for head in heads],
        [row(entry, at) for entry, at in zip(found, times, strict=True)],
        width=screen_width(),
        right=right,
        whole={shown, *whole},
    ):
        click.echo(line)
