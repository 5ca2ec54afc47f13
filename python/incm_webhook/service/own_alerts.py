"""Writes the alerts that the server raises about itself, in the form of the platform's."""

import json
import secrets
import socket
from datetime import UTC, datetime
from functools import cache
from typing import Any

from incm_webhook import alert_types
from incm_webhook.config.own_types import CANARY


def own_alert(kind: str, subject: str, content: str, now: float, **data: str) -> str:
    """Write an alert.

    Args:
        kind: the type.
        subject: what it is about, such as "plugin noc". Alerts about one subject come from one
            device for plugins, so that they keep their order, and a clear finds what it ends.
        content: a sentence for people.
        now: the time, in Unix seconds.
        data: further members of `data`; empty texts are left out.

    Returns:
        JSON. Its `_id` differs each time.
    """
    moment = datetime.fromtimestamp(now, UTC)
    time = f"{moment:%Y-%m-%dT%H:%M:%SZ}"
    host = socket.gethostname()
    device = f"incm-webhook/{host}/{subject}"
    body: dict[str, Any] = {
        "type": kind,
        "title": _labels().get(kind, kind),
        "content": content,
        "app": "incm-webhook",
        "deviceId": device,
        "entityId": device,
        "entityName": f"{subject} at {host}",
        "entityType": "incm-webhook",
        "data": {
            "timestamp": time,
            "host": host,
            "subject": subject,
            **{name: text for name, text in data.items() if text},
        },
        "createdAt": time,
        "updatedAt": time,
        "ack": False,
        "status": "active",
        "priority": 1,
        # As the platform's ids: 24 hexadecimal digits that begin with the time.
        "_id": f"{int(now) & 0xFFFFFFFF:08x}{secrets.token_hex(8)}",
    }
    return json.dumps(body, ensure_ascii=False)


def canary_alert(mark: str, now: float) -> str:
    """Write a canary that this process recognises by its mark."""
    return own_alert(CANARY, "canary", "a canary of this server", now, mark=mark)


@cache
def _labels() -> dict[str, str]:
    return {one.name: one.label for one in alert_types(own=True)}
