"""Prints each alert as one line on standard output."""

import sys

from pydantic import BaseModel

from incm_webhook import Alert, Context, plugin

_LONGEST = 2000  # characters


def _escaped(text: str) -> str:
    """Escape control characters: the text comes from outside, and a terminal would obey them."""
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}…"
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in text
    )


def line_of(alert: Alert, ctx: Context) -> str:
    """Summarise an alert in one line.

    Args:
        alert: any alert, also one without any field.
        ctx: the context; its time of receipt is used when the alert has no time of its own.

    Returns:
        Local time with its zone, type, device, (group, organisation), status unless it is "active",
        and id, separated by two spaces. Fields that the alert lacks are left out. The line has no
        control characters, and at most 2,000 characters before escaping.
    """
    moment = alert.timestamp or alert.created_at or ctx.received_at
    group = alert.device_group.name if alert.device_group else None
    org = alert.org.name if alert.org else None
    where = [f"group {group}" if group else "", f"org {org}" if org else ""]
    place = ", ".join(part for part in where if part)
    parts = [
        moment.astimezone().isoformat(" ", "seconds").replace("+00:00", "Z"),
        alert.label or alert.type or "alert without type",
        alert.entity_name or alert.serial_number or alert.device_id,
        f"({place})" if place else "",
        alert.status if alert.status != "active" else "",
        alert.id,
    ]
    return _escaped("  ".join(part for part in parts if part))


class LogConfig(BaseModel):
    """Nothing to set."""


@plugin("log", config=LogConfig)
def on_alert(alert: Alert, ctx: Context) -> None:
    """Print each alert as one line on standard output."""
    encoding = sys.stdout.encoding or "utf-8"
    line = f"{line_of(alert, ctx)}\n".encode(encoding, "backslashreplace").decode(encoding)
    sys.stdout.write(line)
    sys.stdout.flush()
