"""Makes up alerts as InCloud Manager sends them: for `send`, for tests, for a first try."""

import json
import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Literal, get_args

from incm_webhook import alert_types

Wire = Literal["python", "ascii", "compact", "pretty"]
WIRES: tuple[str, ...] = get_args(Wire)
DEFAULT_TYPE = "disconnected"

# The part of the alert's text after the device's name. The texts are made up, like the value of
# `data.ruleId`, the only member of a published example besides the four documented ones.
_TEXTS: dict[str, str] = {
    "connected": "connected to the platform",
    "disconnected": "has been disconnected from the platform for more than 5 minutes",
    "config_sync_failed": "did not take the configuration",
    "sim_switch": "switched from SIM 1 to SIM 2",
    "local_config_update": "was configured locally",
    "reboot": "rebooted",
    "firmware_upgrade": "changed its firmware from V2.0.3 to V2.0.5",
    "license_expiring": "has a licence that expires within 30 days",
    "license_expired": "has a licence that has expired",
    "uplink_switch": "switched its primary uplink from wan1 to cellular1",
    "ethernet_wan_connected": "connected wan1",
    "ethernet_wan_disconnected": "lost wan1",
    "modem_wan_connected": "connected cellular1",
    "modem_wan_disconnected": "lost cellular1",
    "wwan_connected": "connected wlan-sta",
    "wwan_disconnected": "lost wlan-sta",
    "client_connected": "saw the client 00:18:05:1a:2b:3c come",
    "client_disconnected": "saw the client 00:18:05:1a:2b:3c go",
    "cell_traffic_reach_threshold": "used 80 % of its monthly 5 GB",
    "bridge_loop_detect": "found a loop on LAN port 2",
    "cell_operator_switch": "changed its carrier from 46000 to 46001",
    "uplink_status_change": "changed the state of wan1 to down",
    "device_power_off": "lost its power",
    "high_average_cpu_utilization": "used 93 % of its processor on average",
    "high_memory_utilization": "used 91 % of its memory",
    "poor_cellular_signal_strength": "has a weak signal of -109 dBm",
}
_RETENTION_S = {
    "connected": 300,
    "disconnected": 300,
    "client_connected": 60,
    "client_disconnected": 60,
    "license_expiring": 30 * 86400,
    "license_expired": 0,
    "high_average_cpu_utilization": 600,
    "high_memory_utilization": 600,
    "poor_cellular_signal_strength": 600,
    "uplink_status_change": 60,
}
_SPELLINGS: dict[str, Callable[[Any], str]] = {
    "python": lambda value: json.dumps(value, ensure_ascii=False),
    "ascii": json.dumps,
    "compact": lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")),
    "pretty": lambda value: json.dumps(value, ensure_ascii=False, indent=2),
}


@dataclass(frozen=True, slots=True)
class Device:
    """A device of the platform, with its group and organisation.

    Attributes:
        id: the platform's id of the device.
        name: the name that people give it.
        serial_number: the serial number on its label.
        group_id: the id of its group.
        group_name: the group's name.
        org_id: the id of its organisation.
        org_name: the organisation's name.
    """

    id: str
    name: str
    serial_number: str
    group_id: str
    group_name: str
    org_id: str
    org_name: str


def sample(
    alert_type: str = DEFAULT_TYPE,
    *,
    now: datetime | None = None,
    rng: random.Random | None = None,
    device: Device | None = None,
) -> dict[str, Any]:
    """Make up an alert.

    Args:
        alert_type: the `type`; an unknown type is allowed, too.
        now: when the alert arises, aware; None means now.
        rng: the source of ids and serial numbers; None takes an unpredictable source.
        device: the device that raises the alert; None makes one up.

    Returns:
        The parsed body: every documented field but closedAt, in the order of the guide's example,
        and `data.ruleId`. `_id` differs each time.

    Source: docs/protocol.md, The fields of an alert; docs/protocol.md, Alert types; the values are
    made up.
    """
    rng = rng or secrets.SystemRandom()
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    time = f"{moment:%Y-%m-%dT%H:%M:%SZ}"
    device = device or _some_device(rng, moment)
    data: dict[str, Any] = {
        "ruleId": object_id(rng, moment),
        "reason": alert_type,
        "serialNumber": device.serial_number,
        "timestamp": time,
    }
    if alert_type in _RETENTION_S:
        data["retention"] = str(_RETENTION_S[alert_type])
    return {
        "oid": device.org_id,
        "org": {"name": device.org_name, "_id": device.org_id},
        "app": "nezha",
        "type": alert_type,
        "title": _labels().get(alert_type, alert_type),
        "content": f"{device.serial_number} {_TEXTS.get(alert_type, f'raised {alert_type}')}",
        "deviceId": device.id,
        "entityId": device.id,
        "entityName": device.name,
        "entityType": "device",
        "data": data,
        "createdAt": time,
        "updatedAt": time,
        "ack": False,
        "status": "active",
        "priority": 1,
        "deviceGroupId": device.group_id,
        "deviceGroup": {"name": device.group_name, "_id": device.group_id},
        "_id": object_id(rng, moment),
    }


def spell(alert: Any, wire: str = "python") -> bytes:
    """Write a parsed body in one of the spellings that docs/protocol.md describes.

    Args:
        alert: a JSON value.
        wire: "python" (json.dumps without ASCII escapes: the canonical text), "ascii" (with
            escapes), "compact" (no blanks), "pretty" (indented by 2).

    Returns:
        The text in UTF-8.

    Raises:
        KeyError: the wire is unknown.
        ValueError: the body holds a lone surrogate, which UTF-8 cannot represent.

    Source: docs/protocol.md, The signature.
    """
    return _SPELLINGS[wire](alert).encode()


def object_id(rng: random.Random, moment: datetime) -> str:
    """Make an id: 24 hexadecimal digits that begin with the time, like the platform's ids.

    Args:
        rng: the source of the other 16 digits.
        moment: the time, aware.
    """
    return f"{int(moment.timestamp()) & 0xFFFFFFFF:08x}{rng.getrandbits(64):016x}"


def serial_number(rng: random.Random) -> str:
    """Make up a serial number that looks like the one in the guide's example."""
    return f"EF605{rng.randrange(10**6):06d}{''.join(rng.choices('ABCDEFGHKLMNPRSTUVWXY', k=4))}"


def _some_device(rng: random.Random, moment: datetime) -> Device:
    serial = serial_number(rng)
    org, device, group = (object_id(rng, moment) for _ in range(3))
    return Device(device, f"{serial} 仓库", serial, group, "Halle 3", org, "Nordwind Logistik")


@cache
def _labels() -> dict[str, str]:
    return {one.name: one.label for one in alert_types()}
