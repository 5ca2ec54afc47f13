"""Topics of the plugin `mqtt`, and texts of alerts that cannot leave their place in a message."""

import hashlib
import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime

from incm_webhook import Alert, Context

_LEVEL_BYTES = 100  # of a text of an alert within a topic
_TEXT_LENGTH = 200  # of a text of an alert within a state or a property, in characters
_PLACEHOLDER = re.compile(r"\{(\w*)\}")
# Unicode categories of what a broker refuses, or what changes how a line looks.
_REPLACED = frozenset(("Cc", "Cf", "Cs", "Cn", "Zl", "Zp"))

PLACEHOLDERS: dict[str, Callable[[Alert, Context], str | None]] = {
    "device": lambda alert, _: device_of(alert),
    "serial": lambda alert, _: alert.serial_number,
    "name": lambda alert, _: alert.entity_name,
    "type": lambda alert, _: alert.type,
    "org": lambda alert, _: (alert.org.name if alert.org else None) or alert.org_id,
    "group": lambda alert, _: group_of(alert),
    "endpoint": lambda _, ctx: ctx.endpoint.lstrip("/"),
    "plugin": lambda _, ctx: ctx.plugin,
}


def device_of(alert: Alert) -> str | None:
    """Return the device's id, else its serial number, else None."""
    return alert.device_id or alert.serial_number or None


def group_of(alert: Alert) -> str | None:
    """Return the name of the device's group, else its id, else None."""
    return (alert.device_group.name if alert.device_group else None) or alert.device_group_id


def placeholders_in(topic: str) -> set[str]:
    """List the placeholders of a topic.

    Raises:
        ValueError: the topic has an unknown placeholder, or something else that no topic may hold.
    """
    found = set(_PLACEHOLDER.findall(topic))
    unknown = sorted(found - set(PLACEHOLDERS))
    if unknown:
        known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        raise ValueError(f"{{{unknown[0]}}} is unknown; there are {known}")
    if re.search(r"[+#{}]", _PLACEHOLDER.sub("", topic)) or cleaned(topic) != topic:
        raise ValueError("a topic holds no +, no #, no control characters and no single braces")
    return found


def topic_of(template: str, alert: Alert, ctx: Context) -> str:
    """Fill in a topic; each text of the alert stays within one level."""
    return _PLACEHOLDER.sub(lambda found: level(PLACEHOLDERS[found[1]](alert, ctx)), template)


def level(text: str | None) -> str:
    """Make one level of a topic of a text; different texts give different levels.

    Returns:
        The text itself, if it is safe and has at most 100 bytes; otherwise its beginning, with "_"
        in place of what is not safe, "~", and eight digits of its hash. No text gives "unknown".
    """
    if not text:
        return "unknown"
    safe = re.sub(r"[+#/~]|^\$", "_", cleaned(text)).encode()
    if safe.decode() == text and len(safe) <= _LEVEL_BYTES:
        return text
    kept = safe[: _LEVEL_BYTES - 9].decode(errors="ignore")
    return f"{kept}~{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()[:8]}"


def cleaned(text: str) -> str:
    """Replace control, format, surrogate and unassigned characters with "_"."""
    if text.isascii() and text.isprintable():
        return text
    return "".join("_" if unicodedata.category(one) in _REPLACED else one for one in text)


def short(text: str | None) -> str | None:
    """Make one line of at most 200 characters of a text."""
    if text is None:
        return None
    line = cleaned(text[: _TEXT_LENGTH + 1])
    return line if len(line) <= _TEXT_LENGTH else f"{line[: _TEXT_LENGTH - 1]}…"


def written(moment: datetime) -> str:
    """Write a time so that the order of texts is the order of times."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
