"""Shows stored alerts to people: rows of a list, and the whole life of one."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from incm_webhook import Alert, alert_types
from incm_webhook.errors import AlertError
from incm_webhook.log import printable
from incm_webhook.moments import local_time, roughly
from incm_webhook.tables import columns_of, cut

_FORMS = {
    "raw": "signed (the body as it came)",
    "canonical": "signed (the canonical text)",
    "unsigned": "not signed",
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
    """Color a text, unless NO_COLOR is set; click takes the color out where no terminal is."""
    if os.environ.get("NO_COLOR"):
        return text
    return click.style(text, fg=color, bold=bold or None)


def alert_of(entry: Mapping[str, Any]) -> Alert | None:
    """Read an API entry's body; None when it has none that can be read."""
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
    """Make the cells ID, RECEIVED, TYPE, DEVICE, CONTENT of an entry with its body."""
    alert = alert_of(entry)
    content = (alert.content or alert.title if alert else None) or ""
    return [
        str(entry["id"]),
        local_time(entry["received_at"]),
        entry["type"] or "-",
        device_name(entry),
        content,
    ]


def life(entry: Mapping[str, Any], width: int | None) -> Iterator[str]:
    """Tell the whole life of one alert.

    Args:
        entry: the API's answer to /alerts/{id}.
        width: columns of the terminal; None for no limit.

    Yields:
        Lines, with color codes.
    """
    alert = alert_of(entry)
    received = datetime.fromisoformat(entry["received_at"])
    age = roughly(max((datetime.now(UTC) - received).total_seconds(), 0))
    yield paint(f"alert {entry['id']}", None, bold=True) + f"  {_type(entry)}"
    yield ""
    for name, text in (
        ("received", f"{local_time(entry['received_at'])}, {age} ago, on {entry['endpoint']}"),
        ("verified", _FORMS.get(entry["form"], entry["form"])),
        *(_facts(alert) if alert else ()),
    ):
        yield f"  {name:<9} {_fit(printable(text), width, 12)}"
    yield ""
    yield from _deliveries(entry, entry["deliveries"], width)
    yield ""
    yield paint("body", None, bold=True)
    yield from _body(entry["body"])


def deliveries(entry: Mapping[str, Any], states: Sequence[str], width: int | None) -> Iterator[str]:
    """Tell the deliveries of an alert that are in one of these states, as `life` does."""
    chosen = [one for one in entry["deliveries"] if one["state"] in states]
    yield paint(f"alert {entry['id']}", None, bold=True) + f"  {_type(entry)}"
    yield ""
    yield from _deliveries(entry, chosen, width, whole=True)


def _type(entry: Mapping[str, Any]) -> str:
    labels = {one.name: one.label for one in alert_types()}
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
    whole: bool = False,
) -> Iterator[str]:
    yield paint("deliveries", None, bold=True)
    if not plugins:
        yield "  none: no plugin was configured yet"
    names = max((columns_of(one["plugin"]) for one in plugins), default=0)
    for one in plugins:
        mark, color = _MARKS[one["state"]]
        sentence = printable(_sentence(one))
        head = f"  {paint(mark, color)} {one['plugin']:<{names}}  "
        yield head + _fit(sentence, None if whole else width, 6 + names)
        # A delivery that went well at once has nothing more to tell.
        if one["state"] != "delivered" or len(one["ledger"]) > 1:
            yield from _ledger(one["ledger"], None if whole else width)
        hint = _hint(entry["id"], one)
        if hint:
            yield " " * (6 + names) + paint(hint, "cyan")


def _sentence(one: Mapping[str, Any]) -> str:
    state = one["state"]
    attempts = f"{one['attempts']} attempt{'' if one['attempts'] == 1 else 's'}"
    if state == "delivered":
        last = one["ledger"][-1]
        took = f" in {roughly(last['duration_ms'] / 1000)}" if last["duration_ms"] else ""
        return f"delivered {local_time(_ended(last))}, {attempts}{took}"
    if state == "dead":
        return f"dead letter after {attempts}: {one['error'] or 'no reason given'}"
    if state == "dropped":
        return f"dropped by hand after {attempts}"
    if state == "open":
        return _open_sentence(one, attempts)
    return {
        "filter": f"does not want it: {one['filter']} of its filter",
        "added-later": "did not exist yet when the alert came",
        "not-configured": "did not want it, and is not configured any more",
        "filter-changed": "did not want it when it came, but would today",
        None: "did not want it",
    }.get(one["reason"], "did not get it")


def _open_sentence(one: Mapping[str, Any], attempts: str) -> str:
    if one["configured"] is False:
        return "never delivered: the plugin is not configured any more"
    if one["taken_at"] is not None:
        return f"under way since {local_time(one['taken_at'])} (attempt {one['attempts'] + 1})"
    if not one["attempts"]:
        return "waits for its turn"
    due = one["due_in_ms"] / 1000
    when = f"in {roughly(due)}" if due > 0 else "now"
    return f"again {when}, {attempts} failed: {one['error'] or 'no reason given'}"


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


def _ledger(ledger: Sequence[Mapping[str, Any]], width: int | None) -> Iterator[str]:
    for line in ledger:
        took = "" if line["duration_ms"] is None else roughly(line["duration_ms"] / 1000)
        head = f"    {line['attempt']:>4}  {local_time(line['started_at'])}  {took:>7}  "
        outcome = f"{line['outcome']:<11}"
        error = _fit(printable(line["error"] or ""), width, columns_of(head) + len(outcome) + 1)
        yield f"{head}{paint(outcome, _OUTCOMES.get(line['outcome'], 'yellow'))} {error}".rstrip()


def _ended(line: Mapping[str, Any]) -> str:
    started = datetime.fromisoformat(line["started_at"]).timestamp()
    ended = started + (line["duration_ms"] or 0) / 1000
    return datetime.fromtimestamp(ended, UTC).isoformat()


def _fit(text: str, width: int | None, used: int) -> str:
    return text if width is None else cut(text, max(width - used, 20))


def _body(body: str) -> Iterator[str]:
    """The body spread over lines; as it is when it holds what `json` reads but cannot write."""
    try:
        text = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        text = body
    for line in text.split("\n"):
        yield f"  {printable(line)}"
