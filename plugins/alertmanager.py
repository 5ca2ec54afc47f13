"""Raises and resolves alerts in Prometheus Alertmanager, through its API v2.

[[plugin]]
use = "alertmanager"
config = { urls = ["http://alertmanager:9093"] }
"""

import base64
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from incm_webhook import Alert, Context, Reject, Retry, Template, Unavailable, alert_types, plugin
from incm_webhook.fields import PositiveDuration, Url
from incm_webhook.message import incident_key, is_clear, one_line, subject, text

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_VALUE = 200  # characters
_FAMILIES = {one.name: one.family for one in alert_types(own=True)}
_OPENS = {one.name for one in alert_types(own=True) if one.opposite}
# The worst outcome is the one to raise: what is refused for good is not cured by trying again.
_WORST = (Reject, Unavailable, Retry)


class AlertmanagerConfig(BaseModel):
    """The settings of the plugin.

    Attributes:
        urls: the addresses of all Alertmanagers of the cluster; each gets every alert.
        username: the account for HTTP basic authentication.
        password: its password.
        token: a bearer token instead.
        labels: labels that every alert gets.
        summary: a template for the annotation `summary`.
        description: a template for the annotation `description`.
        lasts: how long an alert that has an opposite stays, unless the opposite comes.
        event_lasts: how long an alert without an opposite stays.
        time_limit: how long one request may take.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    urls: tuple[Url, ...] = Field(min_length=1)
    username: str | None = None
    password: SecretStr | None = None
    token: SecretStr | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    summary: Template | None = None
    description: Template | None = None
    lasts: PositiveDuration = 30 * 86400.0
    event_lasts: PositiveDuration = 3600.0
    time_limit: PositiveDuration = 10.0

    @model_validator(mode="after")
    def _one_account(self) -> "AlertmanagerConfig":
        if self.password is not None and self.username is None:
            raise ValueError("has a password, and no username")
        if self.token is not None and self.username is not None:
            raise ValueError("wants either `token`, or `username` and `password`, not both")
        return self

    @field_validator("labels")
    @classmethod
    def _names(cls, labels: dict[str, str]) -> dict[str, str]:
        for name in labels:
            if not _LABEL.fullmatch(name):
                raise ValueError(f"{name!r} is no name of a label: letters, digits and _")
        return labels


@plugin("alertmanager", config=AlertmanagerConfig, concurrency=4, order="device", timeout="30s")
class Alertmanager:
    """Raise an alert in each Alertmanager, and resolve it with the alert that ends it.

    Shape: the labels are what stays the same for an alert and its opposite, so that Alertmanager
    joins repetitions; texts are annotations.
    Errors: Retry for 429, 5xx and no answer; Unavailable for 401, 403 and 404; Reject for 400 and
    other statuses. Every Alertmanager gets the alert before the first failure is raised.
    Threads: an event loop.
    """

    def __init__(self, config: AlertmanagerConfig) -> None:
        self._config = config
        self._urls = [one.rstrip("/") for one in config.urls]
        self._headers: dict[str, SecretStr] = {}
        if config.username is not None:
            password = config.password.get_secret_value() if config.password else ""
            account = base64.b64encode(f"{config.username}:{password}".encode()).decode()
            self._headers["Authorization"] = SecretStr(f"Basic {account}")
        if config.token is not None:
            self._headers["Authorization"] = SecretStr(f"Bearer {config.token.get_secret_value()}")

    async def handle(self, alert: Alert, ctx: Context) -> None:
        """Post one alert to every Alertmanager."""
        failures = []
        for url in self._urls:
            try:
                await ctx.http.post(
                    f"{url}/api/v2/alerts",
                    json=[self._alert(alert, ctx)],
                    headers=self._headers,
                    timeout=self._config.time_limit / len(self._urls),
                )
            except _WORST as outcome:
                failures.append(outcome)
        for kind in _WORST:
            for failure in failures:
                if isinstance(failure, kind):
                    raise failure

    async def connect(self, ctx: Context) -> None:
        """Ask every Alertmanager for its status."""
        for url in self._urls:
            await ctx.http.get(
                f"{url}/api/v2/status", headers=self._headers, timeout=self._config.time_limit
            )

    def _alert(self, alert: Alert, ctx: Context) -> dict[str, Any]:
        began = alert.timestamp or alert.created_at or ctx.received_at
        began = min(began, datetime.now(UTC))  # else an alert with a wrong clock never ends
        if is_clear(alert):
            return {"labels": self._labels(alert), "endsAt": began.isoformat()}
        config = self._config
        lasts = config.lasts if alert.type in _OPENS else config.event_lasts
        summary = ctx.render(config.summary, alert) if config.summary else subject(alert)
        about = ctx.render(config.description, alert) if config.description else text(alert)
        return {
            "labels": self._labels(alert),
            "annotations": {
                "summary": one_line(summary, 1024),
                "description": about,
                "alert": one_line(alert.id or "", _VALUE),
            },
            "startsAt": began.isoformat(),
            "endsAt": (datetime.now(UTC) + timedelta(seconds=lasts)).isoformat(),
        }

    def _labels(self, alert: Alert) -> dict[str, str]:
        group = alert.device_group.name if alert.device_group else None
        org = alert.org.name if alert.org else None
        labels = {
            "alertname": _FAMILIES.get(alert.type or "", alert.type or "alert"),
            "incident": incident_key(alert),
            "device": alert.entity_name,
            "device_id": alert.device_id,
            "serial": alert.serial_number,
            "group": group,
            "org": org,
        }
        found = {name: one_line(value, _VALUE) for name, value in labels.items() if value}
        return {name: value for name, value in found.items() if value} | self._config.labels
