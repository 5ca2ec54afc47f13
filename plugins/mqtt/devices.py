"""What the plugin `mqtt` keeps at the broker about a device: its state, and its announcement."""

import hashlib
import json
import re
from typing import Any

from incm_webhook import Alert, Context, __version__

from .broker import Message
from .topics import group_of, short, written


def state_after(known: dict[str, Any], alert: Alert, ctx: Context) -> dict[str, Any]:
    """Return the state of a device after an alert.

    Args:
        known: the state before, or {}.
        alert: an alert of the device; one that is older than what is known changes nothing.
        ctx: its time of receipt counts if the alert has no time.

    Returns:
        connected (true, false, or null when no alert was about it), since (the time of that alert),
        and last_alert.
    """
    moment = written(alert.closed_at or alert.timestamp or alert.created_at or ctx.received_at)
    connected, since = known.get("connected"), known.get("since")
    if alert.type in ("connected", "disconnected") and (since is None or moment >= since):
        connected = alert.type == "connected" or alert.status == "closed"
        since = moment
    last = known.get("last_alert")
    if last is None or moment >= last["time"]:
        last = {
            "id": short(alert.id),
            "type": short(alert.type),
            "label": short(alert.label) or "alert without type",
            "status": short(alert.status),
            "priority": alert.priority,
            "content": short(alert.content),
            "time": moment,
        }
    return {"connected": connected, "since": since, "last_alert": last}


def state_message(alert: Alert, device: str, state: dict[str, Any], topic: str) -> Message:
    """Write the retained state of a device."""
    about = {
        "device_id": short(device),
        "serial_number": short(alert.serial_number),
        "name": short(alert.entity_name),
        "org": short(alert.org.name if alert.org else None),
        "group": short(group_of(alert)),
    }
    return Message(topic, json.dumps({**about, **state}, ensure_ascii=False).encode(), retain=True)


def announcement(
    prefix: str, alert: Alert, device: str, state_topic: str, status_topic: str, qos: int
) -> Message:
    """Write the message by which Home Assistant learns of a device.

    Args:
        prefix: Home Assistant's discovery prefix.
        alert: an alert of the device.
        device: the device's id.
        state_topic: the topic of its state.
        status_topic: the topic that says whether this receiver is connected to the broker.
        qos: the quality of service that Home Assistant asks for.

    Returns:
        A retained message: a device with the binary sensor "Connection" and the sensor "Last
        alert", which has the alert's fields as attributes.
    """
    unique = device
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", device):
        unique = hashlib.sha256(device.encode(errors="surrogatepass")).hexdigest()[:32]
    unique = f"incm_webhook_{unique}"
    about = {
        "identifiers": [unique],
        "name": short(alert.entity_name) or short(alert.serial_number) or short(device),
        "manufacturer": "InHand Networks",
        "serial_number": short(alert.serial_number),
        "suggested_area": short(group_of(alert)),
    }
    connection = {
        "platform": "binary_sensor",
        "unique_id": f"{unique}_connection",
        "name": "Connection",
        "device_class": "connectivity",
        "value_template": "{{ {true: 'ON', false: 'OFF'}.get(value_json.connected) }}",
    }
    last_alert = {
        "platform": "sensor",
        "unique_id": f"{unique}_last_alert",
        "name": "Last alert",
        "value_template": "{{ value_json.last_alert.label }}",
        "json_attributes_topic": state_topic,
        "json_attributes_template": "{{ value_json.last_alert | tojson }}",
    }
    payload = {
        "device": {key: value for key, value in about.items() if value},
        "origin": {"name": "incm-webhook", "sw_version": __version__},
        "availability_topic": status_topic,
        "state_topic": state_topic,
        "qos": qos,
        "components": {"connection": connection, "last_alert": last_alert},
    }
    topic = f"{prefix}/device/{unique}/config"
    return Message(topic, json.dumps(payload, ensure_ascii=False).encode(), retain=True)
