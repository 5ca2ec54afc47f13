"""Opens and resolves incidents in PagerDuty, through the Events API v2.

[[plugin]]
use = "pagerduty"
types = ["disconnected", "connected", "*_wan_*"]
config = { routing_key = { file = "pagerduty-key" } }
"""

import re
from typing import Any

from pydantic import BaseModel, ConfigDict, SecretStr, field_validator

from incm_webhook import Alert, Context, Reject, Template, Unavailable, outcome_of, plugin
from incm_webhook.fields import PositiveDuration, Url
from incm_webhook.message import facts, incident_key, is_clear, one_line, severity, subject

_SUMMARY = 1024  # characters
_KEY_LENGTH = 32
_KEY = re.compile(rf"[!-~]{{{_KEY_LENGTH}}}")


class PagerDutyConfig(BaseModel):
    """The settings of the plugin.

    Attributes:
        routing_key: the integration key of a service (Events API v2), of 32 characters.
        url: where events are posted; https://events.eu.pagerduty.com/v2/enqueue in Europe.
        summary: a template for the incident's title.
        time_limit: how long one request may take.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    routing_key: SecretStr
    url: Url = "https://events.pagerduty.com/v2/enqueue"
    summary: Template | None = None
    time_limit: PositiveDuration = 10.0

    @field_validator("routing_key")
    @classmethod
    def _is_a_key(cls, key: SecretStr) -> SecretStr:
        text = key.get_secret_value()
        if not _KEY.fullmatch(text):
            other = len(text) != _KEY_LENGTH
            has = f"has {len(text)}" if other else "has a blank or a letter that no key has"
            raise ValueError(
                f"wants the {_KEY_LENGTH} characters of an integration key of Events API v2, and "
                f"{has}: copy it from the integration of the service in PagerDuty"
            )
        return key


@plugin("pagerduty", config=PagerDutyConfig, concurrency=4, order="device", timeout="30s")
class PagerDuty:
    """Trigger an incident for each alert, and resolve it with the alert that ends it.

    Shape: the incident's key is made of the device and the family of the alert's type, so that
    PagerDuty joins repetitions, and nothing is doubled.
    Errors: Retry for 429, 5xx and no answer; Unavailable for 401, 403 and 404, and when PagerDuty
    refuses the routing key; Reject when it refuses the event.
    Threads: an event loop.
    """

    def __init__(self, config: PagerDutyConfig) -> None:
        self._config = config

    async def handle(self, alert: Alert, ctx: Context) -> None:
        """Send one event."""
        answer = await ctx.http.post(
            self._config.url,
            json=self._event(alert, ctx),
            timeout=self._config.time_limit,
            raise_outcome=False,
        )
        outcome = outcome_of(answer)
        if isinstance(outcome, Reject) and "routing_key" in answer.text:
            raise Unavailable(str(outcome))
        if outcome is not None:
            raise outcome

    async def connect(self, ctx: Context) -> None:
        """Reach PagerDuty, without sending an event: the routing key is not tried."""
        await ctx.http.get(self._config.url, timeout=self._config.time_limit, raise_outcome=False)

    def _event(self, alert: Alert, ctx: Context) -> dict[str, Any]:
        event: dict[str, Any] = {
            "routing_key": self._config.routing_key.get_secret_value(),
            "event_action": "resolve" if is_clear(alert) else "trigger",
            "dedup_key": incident_key(alert),
        }
        if is_clear(alert):
            return event
        title = ctx.render(self._config.summary, alert) if self._config.summary else subject(alert)
        time = alert.timestamp or alert.created_at or ctx.received_at
        group = alert.device_group.name if alert.device_group else None
        payload = {
            "summary": one_line(title, _SUMMARY) or subject(alert),
            "source": one_line(alert.serial_number or alert.entity_name or "", 200) or "InCloud",
            "severity": severity(alert),
            "timestamp": time.isoformat(),
            "class": one_line(alert.type or "", 100) or None,
            "group": one_line(group or "", 100) or None,
            "custom_details": dict(facts(alert))
            | {"Alert": one_line(alert.id or "", 100), "Delivery key": ctx.delivery_key},
        }
        payload = {name: value for name, value in payload.items() if value is not None}
        return event | {"client": "incm-webhook", "payload": payload}
