"""Makes alerts for tests."""

from datetime import UTC, datetime
from typing import Any

from incm_webhook import Alert
from incm_webhook._core import alert_fields
from incm_webhook.sender import samples


def make_alert(type: str = samples.DEFAULT_TYPE, **fields: Any) -> Alert:  # noqa: A002
    """Make an alert for a test.

    Args:
        type: the alert type, a documented one or any other.
        fields: values by attribute name (`serial_number="EF1"`) or by the name in the JSON text
            (`deviceId="1"`); other names are used unchanged. A datetime becomes text as the
            platform writes it, and None leaves the field out.

    Returns:
        An alert as if it had been received, with an id of its own.
    """
    body = samples.sample(type)
    for key, value in sorted(fields.items(), key=lambda item: item[0] != "data"):
        *tables, name = alert_fields.get(key, (key,))
        table = body
        for one in tables:
            table = table.setdefault(one, {})
        if value is None:
            table.pop(name, None)
        elif isinstance(value, datetime):
            table[name] = f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        else:
            table[name] = value
    return Alert.from_json(samples.spell(body))
