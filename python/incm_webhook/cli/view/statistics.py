"""Formats the numbers of the inbox for people."""

from collections.abc import Iterator, Mapping
from typing import Any

from incm_webhook.cli.view.status import status_sentence
from incm_webhook.cli.view.table import layout, screen_width
from incm_webhook.cli.view.times import local_time, roughly
from incm_webhook.config.quantities import rough_size
from incm_webhook.log import printable

_HEADS = ("PLUGIN", "OPEN", "WAITING", "DEAD", "OLDEST OPEN", "")


def statistics(answer: Mapping[str, Any]) -> Iterator[str]:
    """Format the API's answer to /stats.

    Args:
        answer: that answer.

    Yields:
        Lines.
    """
    file = answer["file"]
    size = f"{rough_size(file['bytes'])}, log {rough_size(file['log_bytes'])}"
    yield f"inbox       {printable(file['path'])}"
    yield f"size        {size}; {rough_size(file['free_bytes'])} free on the disk"
    span = ""
    if answer["first_received_at"] is not None:
        first, last = (
            local_time(answer["first_received_at"]),
            local_time(answer["last_received_at"], beside=answer["first_received_at"]),
        )
        span = f", received {first} to {last}"
    yield f"alerts      {answer['alerts']:,} kept{span}"
    yield f"deliveries  {answer['open']:,} open, {answer['dead']:,} dead"
    kept = [f"{count:,} {kind}" for kind, count in answer["quarantined"].items() if count]
    if kept:
        yield f"quarantine  {', '.join(kept)}"
    if answer["plugins"]:
        yield ""
        rows = [_row(one) for one in answer["plugins"]]
        yield from layout(
            _HEADS, rows, width=screen_width(), right={"OPEN", "WAITING", "DEAD", "OLDEST OPEN"}
        )


def _row(one: Mapping[str, Any]) -> list[str]:
    more = "+" if one["more"] else ""
    oldest = one["oldest_open_ms"]
    return [
        one["plugin"],
        *(f"{one[key]:,}{more}" for key in ("open", "waiting", "dead")),
        "-" if oldest is None else roughly(oldest / 1000),
        "not configured" if one["configured"] is False else status_sentence(one["status"]),
    ]
