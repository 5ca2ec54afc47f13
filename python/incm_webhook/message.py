"""English texts for every alert, of known and unknown types, and what an alert means.

All functions accept any alert, also one without a single field, and one whose fields hold hostile
text: what they return has no control characters and no marks of writing direction, and is bounded.
They do not escape the markup of a target (HTML, Markdown, mentions): a plugin does that.
Threads: all functions may be called from any thread.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Literal, NamedTuple

from incm_webhook import Alert, AlertType, alert_types
from incm_webhook.text.clean import duration, moment, one_line, truncate_bytes, without_controls

__all__ = [
    "Severity",
    "colour",
    "duration",
    "facts",
    "incident_key",
    "is_clear",
    "moment",
    "one_line",
    "severity",
    "subject",
    "text",
    "truncate_bytes",
    "without_controls",
]

Severity = Literal["critical", "error", "warning", "info", "ok"]

_SUBJECT = 200  # characters of a subject
_FACT = 200  # characters of a fact's value
_CONTENT = 1000  # characters of the platform's own text
_LARGEST_NUMBER = 10**18  # of an interface or a client; str() refuses 4,301 digits
_KEY = 64  # characters of an incident key: of these 16 are a hash, and 2 are dashes


_UNTYPED = "Alert of an unknown type"


_COLOURS: dict[Severity, str] = {
    "critical": "#b3261e",
    "error": "#b8470f",
    "warning": "#8a6800",
    "info": "#3467a8",
    "ok": "#2e7d32",
}


class _Meaning(NamedTuple):
    severity: Severity
    sentence: str  # what follows the name of the device


_MEANINGS: dict[str, _Meaning] = {
    "connected": _Meaning("ok", "is connected to the platform."),
    "disconnected": _Meaning("critical", "lost its connection to the platform."),
    "config_sync_failed": _Meaning("error", "could not apply its configuration."),
    "sim_switch": _Meaning("info", "switched to its other SIM card."),
    "local_config_update": _Meaning("info", "was configured locally."),
    "reboot": _Meaning("warning", "restarted."),
    "firmware_upgrade": _Meaning("info", "runs another firmware now."),
    "license_expiring": _Meaning("warning", "has a licence that expires soon."),
    "license_expired": _Meaning("error", "has a licence that has expired."),
    "uplink_switch": _Meaning("warning", "switched to another primary uplink."),
    "ethernet_wan_connected": _Meaning("ok", "has its wired WAN link up."),
    "ethernet_wan_disconnected": _Meaning("error", "lost its wired WAN link."),
    "modem_wan_connected": _Meaning("ok", "has its cellular WAN link up."),
    "modem_wan_disconnected": _Meaning("error", "lost its cellular WAN link."),
    "wwan_connected": _Meaning("ok", "has its Wi-Fi WAN link up."),
    "wwan_disconnected": _Meaning("error", "lost its Wi-Fi WAN link."),
    "client_connected": _Meaning("ok", "has a client that came online."),
    "client_disconnected": _Meaning("warning", "has a client that went offline."),
    "cell_traffic_reach_threshold": _Meaning("warning", "reached its limit of cellular data."),
    "bridge_loop_detect": _Meaning("error", "found a loop in its local network."),
    "cell_operator_switch": _Meaning("info", "switched to another cellular carrier."),
    "uplink_status_change": _Meaning("warning", "has an uplink that went up or down."),
    "device_power_off": _Meaning("critical", "lost its power."),
    "high_average_cpu_utilization": _Meaning("warning", "has a high processor load."),
    "high_memory_utilization": _Meaning("warning", "is short of memory."),
    "poor_cellular_signal_strength": _Meaning("warning", "has a weak cellular signal."),
    "incm_webhook.canary": _Meaning("info", "posted an alert to itself, which arrived."),
    "incm_webhook.canary_overdue": _Meaning(
        "critical", "gets none of its own alerts back: those of devices may be lost, too."
    ),
    "incm_webhook.canary_returned": _Meaning("ok", "gets its own alerts back again."),
    "incm_webhook.endpoint_silent": _Meaning("error", "has had no alert for too long."),
    "incm_webhook.endpoint_active": _Meaning("ok", "gets alerts again."),
    "incm_webhook.plugin_failing": _Meaning("error", "does not deliver."),
    "incm_webhook.plugin_recovered": _Meaning("ok", "delivers again."),
    "incm_webhook.plugin_late": _Meaning("error", "is late: alerts wait for it."),
    "incm_webhook.plugin_caught_up": _Meaning("ok", "is no longer late."),
    "incm_webhook.dead_letters": _Meaning("error", "has given up alerts."),
    "incm_webhook.quarantine_growth": _Meaning("warning", "keeps more refused requests."),
    "incm_webhook.disk_filling": _Meaning("error", "is nearly full: alerts will be refused."),
    "incm_webhook.disk_ample": _Meaning("ok", "has room again."),
    "incm_webhook.certificate_expiring": _Meaning("error", "expires soon, or has expired."),
    "incm_webhook.certificate_renewed": _Meaning("ok", "is renewed."),
    "incm_webhook.reload_failed": _Meaning("warning", "could not be read again."),
    "incm_webhook.reloaded": _Meaning("ok", "is read again."),
    "incm_webhook.alerts_refused": _Meaning("critical", "could not store alerts for a while."),
}
_DURATIONS = {
    "connected": "Online for at least",
    "client_connected": "Online for at least",
    "disconnected": "Offline for at least",
    "client_disconnected": "Offline for at least",
    "license_expiring": "Licence ends within",
}
# Which member of `data` tells apart the links or the clients of one device. No guide documents
# them: the first that an alert has counts.
_INTERFACE = ("interface", "interfaceName", "ifname", "port")
_CLIENT = ("clientMac", "mac", "client", "clientId")
_PARTS = {
    "ethernet_wan": ("Interface", _INTERFACE),
    "modem_wan": ("Interface", _INTERFACE),
    "wwan": ("Interface", _INTERFACE),
    "uplink_status_change": ("Interface", _INTERFACE),
    "bridge_loop_detect": ("Interface", _INTERFACE),
    "client": ("Client", _CLIENT),
}


def subject(alert: Alert) -> str:
    """Summarise an alert on one line.

    Args:
        alert: any alert.

    Returns:
        What happened, the device and the organisation, as in "Disconnect from Platform: pump-7
        (EF123) — ACME", with "(closed)" after the first part of a closed alert. At most 200
        characters; parts that the alert lacks are left out.
    """
    state = " (closed)" if _is_closed(alert) else ""
    device = _device(alert)
    org = _name(alert.org)
    line = f"{_headline(alert)}{state}{f': {device}' if device else ''}{f' — {org}' if org else ''}"
    return one_line(line, _SUBJECT)


def text(alert: Alert) -> str:
    """Describe an alert in a few plain lines.

    Args:
        alert: any alert.

    Returns:
        A sentence, the platform's own text if there is one, and a line "label: value" for each of
        `facts`. The lines are separated by line ends, without one at the end. At most 4,000
        characters.
    """
    content = one_line(alert.content or "", _CONTENT)
    lines = [_sentence(alert), content, *(f"{label}: {value}" for label, value in facts(alert))]
    return "\n".join(line for line in lines if line)


def facts(alert: Alert) -> list[tuple[str, str]]:
    """List what is known about an alert, for a table or a card.

    Args:
        alert: any alert.

    Returns:
        Pairs of an English label and a value, each on one line of at most 200 characters, at most
        ten pairs: the device, its serial number, interface or client, group, organisation, time,
        duration, reason, and when it was closed. What the alert lacks is left out.
    """
    return [(label, value) for label, value in _all_facts(alert) if value]


def severity(alert: Alert) -> Severity:
    """Say how serious an alert is.

    Args:
        alert: any alert.

    Returns:
        "ok" when `is_clear`; otherwise the severity of its type, "warning" for an unknown type.
        The alert's own priority is not used: no guide says whether 1 is high or low.
    """
    if is_clear(alert):
        return "ok"
    known = _MEANINGS.get(alert.type or "")
    return known.severity if known else "warning"


def colour(alert: Alert) -> str:
    """Choose the colour that shows how serious an alert is.

    Args:
        alert: any alert.

    Returns:
        A colour of its `severity` as in "#b3261e": red, orange, yellow, blue, or green for "ok".
        White text on it, and it on white, can be read.
    """
    return _COLOURS[severity(alert)]


def is_clear(alert: Alert) -> bool:
    """Return whether an alert reports that something is over.

    Args:
        alert: any alert.

    Returns:
        True for a type that clears its opposite (connected, ethernet_wan_connected,
        modem_wan_connected, wwan_connected, client_connected), and for an alert of any type whose
        status is closed.
    """
    known = _known().get(alert.type or "")
    return _is_closed(alert) or (known is not None and known.clears)


def incident_key(alert: Alert) -> str:
    """Name what an alert is about, so that a target can join the alerts about one thing.

    Args:
        alert: any alert.

    Returns:
        1 to 64 characters of letters, digits, "_" and "-". The same for a type, its opposite and
        its close, of the same device and the same interface or client; different for anything
        else. The device is known by its id, else its serial number, else the entity's id, else the
        organisation and the entity's name; an alert that has none of these shares its key only
        with repetitions of itself.
    """
    family = _family(alert)
    identity = _identity(alert)
    parts = [family, *identity, _part(alert)]
    if family in _PARTS and alert.entity_id and alert.entity_id not in identity:
        parts.append(alert.entity_id)
    digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
    start = _safe(family, 30)
    return f"{start}-{_safe(identity[-1], _KEY - len(start) - 18)}-{digest}"


def _sentence(alert: Alert) -> str:
    device = _device(alert)
    if _is_closed(alert):
        return f'The alert "{_headline(alert)}"{f" of {device}" if device else ""} is closed.'
    known = _MEANINGS.get(alert.type or "")
    if known:
        return f"{device or 'A device'} {known.sentence}"
    headline = _headline(alert)
    about = "an alert of an unknown type" if headline == _UNTYPED else f'the alert "{headline}"'
    return f"{device or 'A device'} raised {about}."


@cache
def _known() -> dict[str, AlertType]:
    return {one.name: one for one in alert_types(own=True)}


def _is_closed(alert: Alert) -> bool:
    return alert.status == "closed"


def _headline(alert: Alert) -> str:
    known = _known().get(alert.type or "")
    if known:
        return known.label
    title = one_line(alert.title or "", 80)
    words = one_line((alert.type or "").replace("_", " "), 80)
    return title or words[:1].upper() + words[1:] or _UNTYPED


def _name(party: object) -> str:
    name = getattr(party, "name", None) or getattr(party, "id", None)
    return one_line(name, 64) if isinstance(name, str) else ""


def _device(alert: Alert) -> str:
    """Name the device, with its serial number unless that is part of the name."""
    name = one_line(alert.entity_name or "", 64)
    serial = one_line(alert.serial_number or "", 40)
    if not name:
        return serial or one_line(alert.device_id or alert.entity_id or "", 40)
    return name if not serial or serial in name else f"{name} ({serial})"


def _all_facts(alert: Alert) -> Iterator[tuple[str, str]]:
    device = one_line(alert.entity_name or alert.device_id or alert.entity_id or "", _FACT)
    serial = one_line(alert.serial_number or "", _FACT)
    yield "Device", device
    yield "Serial number", serial if serial != device else ""
    family = _family(alert)
    if family in _PARTS:
        yield _PARTS[family][0], one_line(_part(alert), _FACT)
    yield "Group", one_line(_name(alert.device_group) or alert.device_group_id or "", _FACT)
    yield "Organisation", one_line(_name(alert.org) or alert.org_id or "", _FACT)
    time = alert.timestamp or alert.updated_at or alert.created_at
    yield "Time", moment(time) if time else ""
    if alert.retention and alert.retention > 0:
        label = _DURATIONS.get(alert.type or "", "For at least")
        yield label, one_line(duration(alert.retention), _FACT)
    reason = one_line(alert.reason or "", _FACT)
    yield "Reason", reason if alert.reason != alert.type else ""
    if _is_closed(alert):
        yield "Closed", moment(alert.closed_at) if alert.closed_at else "yes"


def _family(alert: Alert) -> str:
    known = _known().get(alert.type or "")
    return known.family if known else alert.type or "alert"


def _part(alert: Alert) -> str:
    """Return the interface or the client that an alert is about, or ""."""
    _, members = _PARTS.get(_family(alert), ("", ()))
    data = (alert.data or {}) if members else {}
    for member in members:
        value = data.get(member)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, int) and abs(value) < _LARGEST_NUMBER:
            return str(value)
    return ""


def _identity(alert: Alert) -> list[str]:
    """Return what distinguishes the device from all others; its last item is good to read."""
    if alert.device_id:
        return ["device", alert.device_id]
    if alert.serial_number:
        return ["serial", alert.serial_number]
    if alert.entity_id:
        return ["entity", alert.entity_id]
    if alert.entity_name:
        return ["name", alert.org_id or "", alert.entity_name]
    return ["alert", alert.id or hashlib.sha256(alert.raw).hexdigest()]


def _safe(part: str, limit: int) -> str:
    return re.sub(r"[^A-Za-z0-9_]+", "_", part[: 4 * limit])[:limit].strip("_") or "x"
