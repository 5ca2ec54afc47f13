"""Reads lists of the admin API page by page, prints them, and changes what they list."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
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


def posts_until_done(
    client: "AdminClient", path: str, body: Mapping[str, Any], chunk: tuple[str, int] = ("", 0)
) -> Iterator[dict[str, Any]]:
    """Call until nothing is left to do, because one call handles a limited number.

    Args:
        client: the API.
        path: the call's path below /api/v1/.
        body: what to do.
        chunk: the member of the body that is a list for one call, and how long it may be there.

    Yields:
        The answers.
    """
    name, most = chunk
    if values := body.get(name):
        for start in range(0, len(values), most):
            yield client.post(path, {**body, name: values[start : start + most]})
        return
    place: dict[str, Any] = {}
    while True:
        answer = client.post(path, {**body, **place})
        yield answer
        if answer["next"] is None:
            return
        place = {"after": answer["next"]}


def print_json(value: object) -> None:
    """Print one JSON object on a line."""
    from incm_webhook.log import printable_json

    click.echo(printable_json(json.dumps(value, ensure_ascii=False)))


def print_list(
    found: Iterable[dict[str, Any]],
    nothing: str,
    table: Callable[[Sequence[dict[str, Any]]], Iterable[str]],
    *,
    as_json: bool,
) -> bool:
    """Print entries, as JSON on a line each, or as a table.

    Args:
        found: entries of the API; as JSON each is printed when it comes.
        nothing: written to standard error in place of a table without entries.
        table: makes the lines of the table.
        as_json: whether to print JSON.

    Returns:
        Whether there was an entry.
    """
    if as_json:
        some = False
        for entry in found:
            print_json(entry)
            some = True
        return some
    entries = list(found)
    for line in table(entries) if entries else ():
        click.echo(line)
    if not entries:
        click.echo(nothing, err=True)
    return bool(entries)


def table_of(
    found: Sequence[dict[str, Any]],
    moment: tuple[str, str],
    heads: Sequence[str],
    row: Callable[[dict[str, Any], str], Sequence[str]],
    *,
    right: Collection[str],
    whole: Collection[str],
) -> Iterable[str]:
    """Lay entries of the API out as a table with a column of times.

    Args:
        found: at least one entry.
        moment: the name of that column among the heads, and the key of its times in an entry.
        heads: the columns' names.
        row: makes the cells of an entry, from the entry and its formatted time.
        right: heads of columns that are aligned to the right.
        whole: heads of columns that are never shortened; the column of times never is either.

    Returns:
        The lines.
    """
    from incm_webhook.cli.view.table import layout, screen_width
    from incm_webhook.cli.view.times import time_column

    name, key = moment
    shown, times = time_column(name, [entry[key] for entry in found])
    return layout(
        [shown if head == name else head for head in heads],
        [row(entry, at) for entry, at in zip(found, times, strict=True)],
        width=screen_width(),
        right=right,
        whole={shown, *whole},
    )
