"""Makes rows of alerts: texts that each database takes, and the latest of several."""

import re
from collections.abc import Iterable
from typing import Any

from incm_webhook import Alert, Context

from .tables import KEY_LENGTH, NAME_LENGTH

Row = dict[str, Any]

_NEVER_IN_A_COLUMN = re.compile("[\x00\ud800-\udfff]")
_LARGEST = 2**63 - 1
_OF_THE_CONNECTION = ("connected", "connected_at")


def alert_row(alert: Alert, ctx: Context) -> Row:
    """Make the row of an alert.

    A NUL and a half of a surrogate pair, which databases refuse, become U+FFFD. A text that is too
    long for its column ends with "…"; `raw` is whole. A number beyond 64 bits becomes NULL.
    """
    return {
        "delivery_key": ctx.delivery_key,
        "inbox_id": ctx.alert_id,
        "endpoint": _text(ctx.endpoint),
        "received_at": ctx.received_at,
        "id": _text(alert.id, KEY_LENGTH),
        "type": _text(alert.type),
        "label": _text(alert.label),
        "status": _text(alert.status),
        "priority": _number(alert.priority),
        "ack": alert.ack,
        "app": _text(alert.app),
        "title": _text(alert.title, None),
        "content": _text(alert.content, None),
        "reason": _text(alert.reason),
        "retention": _number(alert.retention),
        "timestamp": alert.timestamp,
        "device_id": _device_of(alert),
        "serial_number": _text(alert.serial_number),
        "entity_id": _text(alert.entity_id),
        "entity_name": _text(alert.entity_name),
        "entity_type": _text(alert.entity_type),
        "org_id": _text(alert.org_id),
        "org_name": _text(alert.org.name if alert.org else None),
        "device_group_id": _text(alert.device_group_id),
        "device_group_name": _text(alert.device_group.name if alert.device_group else None),
        "created_at": alert.created_at,
        "updated_at": alert.updated_at,
        "closed_at": alert.closed_at,
        "raw": _text(alert.raw.decode(errors="replace"), None),
    }


def device_rows(deliveries: Iterable[tuple[Alert, Context]]) -> list[Row]:
    """Make the rows of the devices that alerts speak of: one a device, from its latest alert.

    Returns:
        Rows in the order of their keys, so that two writers cannot wait for each other. `connected`
        and `connected_at` are of the latest alert about the connection, and NULL without one.
    """
    rows: dict[str, Row] = {}
    for alert, ctx in deliveries:
        row = _device_row(alert, ctx)
        if row is None:
            continue
        known = rows.setdefault(row["device_id"], row)
        latest = row if row["last_alert_at"] >= known["last_alert_at"] else known
        stated = [one for one in (known, row) if one["connected_at"]]
        connection = max(stated, key=lambda one: one["connected_at"]) if stated else known
        if len(stated) == 2 and known["connected_at"] == row["connected_at"]:
            connection = row
        rows[row["device_id"]] = latest | {key: connection[key] for key in _OF_THE_CONNECTION}
    return [rows[key] for key in sorted(rows)]


def _device_row(alert: Alert, ctx: Context) -> Row | None:
    device = _device_of(alert)
    if not device:
        return None
    moment = alert.closed_at or alert.timestamp or alert.created_at or ctx.received_at
    tells = alert.type in ("connected", "disconnected")
    return {
        "device_id": device,
        "connected": alert.type == "connected" or alert.status == "closed" if tells else None,
        "connected_at": moment if tells else None,
        "serial_number": _text(alert.serial_number),
        "name": _text(alert.entity_name),
        "org_name": _text(alert.org.name if alert.org else None),
        "device_group_name": _text(alert.device_group.name if alert.device_group else None),
        "last_type": _text(alert.type),
        "last_label": _text(alert.label),
        "last_status": _text(alert.status),
        "last_delivery_key": ctx.delivery_key,
        "last_alert_at": moment,
    }


def _device_of(alert: Alert) -> str | None:
    """Return the device's id or serial number; blanks at its end count nowhere."""
    device = _text(alert.device_id or alert.serial_number, KEY_LENGTH)
    return device.rstrip() or None if device else None


def _text(text: str | None, limit: int | None = NAME_LENGTH) -> str | None:
    if text is None:
        return None
    shown = text if limit is None or len(text) <= limit else f"{text[: limit - 1]}…"
    return _NEVER_IN_A_COLUMN.sub("\ufffd", shown)


def _number(number: int | None) -> int | None:
    return number if number is not None and -_LARGEST <= number <= _LARGEST else None
