"""Formats stored alerts for people: as rows of a list, and the whole life of one alert."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import click

from incm_webhook import Alert, alert_types
from incm_webhook.cli.view.status import status_sentence
from incm_webhook.cli.view.table import columns_of, is_dumb_terminal, wrap
from incm_webhook.cli.view.times import local_time, roughly
from incm_webhook.errors import AlertError
from incm_webhook.log import printable

_Line = Mapping[str, Any]
_FORMS = {
    "raw": "signed (the body as it came)",
    "canonical": "signed (the canonical text)",
    "unsigned": "not signed",
    "own": "made by the server itself",
}
_MARKS = {
    "delivered": ("✓", "green"),
    "open": ("…", "yellow"),
    "dead": ("✗", "red"),
    "dropped": ("✗", "bright_black"),
    "never": ("·", "bright_black"),
}
_OUTCOMES = {"delivered": "green", "dead": "red", "dropped": "bright_black"}


def paint(text: str, color: str | None, *, bold: bool = False) -> str:
    """Color a text, unless NO_COLOR is set or the terminal has no colors.

    Click removes the color when the output is no terminal.
    """
    if os.environ.get("NO_COLOR") or is_dumb_terminal():
        return text
    return click.style(text, fg=color, bold=bold or None)


def alert_of(entry: Mapping[str, Any]) -> Alert | None:
    """Read the body of an API entry; None when there is none, or when it is no alert."""
    try:
        return Alert.from_json(entry["body"])
    except (AlertError, KeyError):
        return None


def device_name(entry: Mapping[str, Any]) -> str:
    """Name the device of an entry as a person would: its name, else its serial number or id."""
    alert = alert_of(entry)
    names = (alert.entity_name, alert.serial_number) if alert else ()
    return next((name for name in names if name), entry["device"]) or "-"


def list_row(entry: Mapping[str, Any]) -> list[str]:
    """Make the cells ID, TYPE, DEVICE and CONTENT of an entry that has its body."""
    alert = alert_of(entry)
    content = (alert.content or alert.title if alert else None) or ""
    if alert:  # the platform's texts begin with the device, which has a cell of its own
        for name in (alert.entity_name, alert.serial_number):
            content = content.removeprefix(f"{name} ")
    return [
        str(entry["id"]),
        entry["type"] or "-",
        device_name(entry),
        content,
    ]


def life(entry: Mapping[str, Any], width: int | None) -> Iterator[str]:
    """Format the whole life of one alert.

    Args:
        entry: the API's answer to /alerts/{id}.
        width: columns of the terminal; None for no limit.

    Yields:
        Lines, with color codes.
    """
    alert = alert_of(entry)
    received = datetime.fromisoformat(entry["received_at"])
    age = roughly(max(round((datetime.now(UTC) - received).total_seconds()), 1))
    yield paint(f"alert {entry['id']}", None, bold=True) + f"  {_type(entry)}"
    yield ""
    for name, text in (
        ("received", f"{local_time(entry['received_at'])}, {age} ago, on {entry['endpoint']}"),
        ("verified", _FORMS.get(entry["form"], entry["form"])),
        *([("trace", entry["trace"])] if entry.get("trace") else []),
        *(_facts(alert) if alert else ()),
    ):
        yield from _hanging(f"  {name:<9} ", printable(text), width)
    yield ""
    yield from _deliveries(entry, entry["deliveries"], width)
    yield ""
    yield paint("body", None, bold=True)
    yield from _body(entry["body"])


def deliveries(entry: Mapping[str, Any], states: Sequence[str], width: int | None) -> Iterator[str]:
    """Format the deliveries of an alert that are in one of these states, attempt by attempt."""
    chosen = [one for one in entry["deliveries"] if one["state"] in states]
    yield paint(f"alert {entry['id']}", None, bold=True) + f"  {_type(entry)}"
    yield ""
    yield from _deliveries(entry, chosen, width, each=True)


def _type(entry: Mapping[str, Any]) -> str:
    labels = {one.name: one.label for one in alert_types(own=True)}
    name = entry["type"]
    label = labels.get(name)
    return printable(f"{name} ({label})" if label else name or "without a type")


def _facts(alert: Alert) -> Iterator[tuple[str, str]]:
    names = [alert.entity_name, alert.serial_number, alert.device_id]
    device = ", ".join(dict.fromkeys(name for name in names if name))
    if device:
        yield "device", device
    places = [
        party.name or party.id for party in (alert.org, alert.device_group) if party is not None
    ]
    if any(places):
        yield "belongs", ", ".join(place for place in places if place)
    if alert.content or alert.title:
        yield "says", alert.content or alert.title or ""
    if alert.problems:
        yield "odd", "; ".join(alert.problems)


def _deliveries(
    entry: Mapping[str, Any],
    plugins: Sequence[Mapping[str, Any]],
    width: int | None,
    *,
    each: bool = False,
) -> Iterator[str]:
    yield paint("deliveries", None, bold=True)
    if not plugins:
        yield "  none: no plugin was configured yet"
    names = max((columns_of(one["plugin"]) for one in plugins), default=0)
    for one in plugins:
        mark, color = _MARKS[one["state"]]
        yield f"  {paint(mark, color)} {one['plugin']:<{names}}  {_sentence(entry, one)}"
        if one["state"] == "open" and one["configured"] is not False:
            doing = status_sentence(one["status"], entry["received_at"])
            if doing:
                yield from _hanging("      ", printable(doing), width)
        # The ledger of a delivery that succeeded at once adds nothing.
        if one["state"] != "delivered" or len(one["ledger"]) > 1:
            lines = [[line] for line in one["ledger"]] if each else _alike(one["ledger"])
            yield from _ledger(entry, lines, width)
        if each:
            yield from _traceback(one["ledger"])
        hint = _hint(entry["id"], one)
        if hint:
            yield "      " + paint(f"→ {hint}", "cyan")


def _sentence(entry: Mapping[str, Any], one: Mapping[str, Any]) -> str:
    state = one["state"]
    attempts = f"{one['attempts']} attempt{'' if one['attempts'] == 1 else 's'}"
    if state == "delivered":
        last = one["ledger"][-1]
        how = f", took {_took(last)}" if len(one["ledger"]) == 1 else f" after {attempts}"
        return f"delivered at {_when(entry, last)}{how}"
    if state == "dead":
        return f"dead letter after {attempts}"
    if state == "dropped":
        return f"dropped by hand after {attempts}"
    if state == "open":
        return _open_sentence(entry, one, attempts)
    unwanted = (one["filter"] or "").startswith("not ")
    return {
        "filter": f"not wanted: its filter {one['filter']} "
        + ("excludes it" if unwanted else "does not match"),
        "added-later": "did not exist yet when the alert came",
        "not-configured": "not wanted, and not configured any more",
        "filter-changed": "not wanted when it came; its filter would take it today",
    }.get(one["reason"], "not wanted")


def _open_sentence(entry: Mapping[str, Any], one: Mapping[str, Any], attempts: str) -> str:
    if one["configured"] is False:
        return "open, but the plugin is not configured any more"
    if one["taken_at"] is not None:
        since = local_time(one["taken_at"], entry["received_at"])
        return f"under way since {since}, attempt {one['attempts'] + 1}"
    if not one["attempts"]:
        status = one["status"]
        waits = status is None or status["state"] == "ready"
        return "waits for its turn" if waits else "waits for its plugin"
    due = one["due_in_ms"] / 1000
    return f"again {'in ' + roughly(due) if due > 0 else 'now'}, after {attempts}"


def _hint(alert_id: int, one: Mapping[str, Any]) -> str | None:
    plugin = f"--plugin {one['plugin']}"
    if one["state"] == "open" and one["configured"] is False:
        return f"incm-webhook dead drop {alert_id} {plugin}"
    if one["configured"] is False:
        return None
    if one["state"] == "dead":
        return f"incm-webhook dead retry {alert_id} {plugin}"
    if one["reason"] in ("added-later", "filter-changed"):
        return f"incm-webhook replay {alert_id} {plugin}"
    return None


def _alike(ledger: Sequence[_Line]) -> list[list[_Line]]:
    """Put attempts in a row that ended alike together."""
    groups = groupby(ledger, key=lambda line: (line["outcome"], line["error"]))
    return [list(group) for _, group in groups]


def _ledger(
    entry: Mapping[str, Any], groups: Sequence[Sequence[_Line]], width: int | None
) -> Iterator[str]:
    cells = []
    for group in groups:
        first, last = group[0], group[-1]
        several = len(group) > 1
        numbers = f"{first['attempt']}-{last['attempt']}" if several else str(first["attempt"])
        when = " to ".join(dict.fromkeys([_when(entry, first), _when(entry, last)]))
        if last["outcome"] == "dropped":
            numbers = ""  # no attempt
        cells.append((numbers, when, "" if several else _took(first), last["outcome"]))
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for (numbers, when, took, outcome), group in zip(cells, groups, strict=True):
        head = f"      {numbers:>{widths[0]}}  {when:<{widths[1]}}  {took:>{widths[2]}}  "
        error = printable(group[-1]["error"] or "")
        lines = list(_hanging(f"{head}{outcome:<{widths[3]}}  ", error, width))
        color = _OUTCOMES.get(outcome, "yellow")
        yield head + paint(outcome, color) + lines[0][len(head) + len(outcome) :]
        yield from lines[1:]


def _traceback(ledger: Sequence[_Line]) -> Iterator[str]:
    """Yield the lines unwrapped, because programs read them, too."""
    for line in ledger:
        if line.get("traceback"):
            yield f"      traceback of attempt {line['attempt']}"
            for one in line["traceback"].split("\n"):
                yield f"        {printable(one)}".rstrip()


def _took(line: _Line) -> str:
    return "" if line["duration_ms"] is None else roughly(line["duration_ms"] / 1000)


def _when(entry: Mapping[str, Any], line: _Line) -> str:
    return local_time(line["started_at"], entry["received_at"])


def _hanging(head: str, text: str, width: int | None) -> Iterator[str]:
    """Yield a text after its head, with further lines indented to where the text begins."""
    indent = columns_of(head)
    for line in wrap(text, None if width is None else max(width - indent, 20)):
        yield f"{head}{line}".rstrip()
        head = " " * indent


def _body(body: str) -> Iterator[str]:
    """Yield the body as indented JSON; unchanged when `json` can read it but not write it."""
    try:
        text = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        text = body
    for line in text.split("\n"):
        yield f"  {printable(line)}"
