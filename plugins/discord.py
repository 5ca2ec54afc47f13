"""Posts each alert to a Discord channel, through a webhook of the channel.

[[plugin]]
use = "discord"
config = { url = { file = "discord-url" } }
"""

import re
from typing import Any

from pydantic import BaseModel, ConfigDict

from incm_webhook import Alert, Answer, Context, Retry, Template, outcome_of, plugin
from incm_webhook.fields import PositiveDuration, SecretUrl
from incm_webhook.message import colour, facts, one_line, subject, without_controls

_CONTENT, _TITLE, _DESCRIPTION, _FIELD = 2000, 256, 1000, 200  # characters
_MARKUP = re.compile(r"([\\*_~`|>#\[\]()<@:-])")


class DiscordConfig(BaseModel):
    """The settings of the plugin.

    Attributes:
        url: the webhook's URL, from the channel's settings: Integrations, Webhooks.
        text: a template for the message, instead of the built-in card.
        time_limit: how long one request may take.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: SecretUrl
    text: Template | None = None
    time_limit: PositiveDuration = 10.0


@plugin("discord", config=DiscordConfig, concurrency=2, timeout="30s")
class Discord:
    """Post alerts to a Discord channel.

    Shape: one message for each alert. No person is mentioned, whatever is in an alert.
    Errors: Retry for 429 (after the time that Discord names), 5xx and no answer; Unavailable for
    401, 403 and 404, because Discord bans addresses that go on posting to a removed webhook; Reject
    for any other status.
    Threads: an event loop.
    """

    def __init__(self, config: DiscordConfig) -> None:
        self._config = config

    async def handle(self, alert: Alert, ctx: Context) -> None:
        """Post one message, and wait until Discord has stored it."""
        answer = await ctx.http.post(
            self._config.url,
            params={"wait": "true"},
            json=self._message(alert, ctx),
            timeout=self._config.time_limit,
            raise_outcome=False,
        )
        outcome = outcome_of(answer)
        if outcome is None:
            return
        if isinstance(outcome, Retry) and (after := _retry_after(answer)) is not None:
            raise Retry(after, "Discord limits the rate of messages")
        raise outcome

    async def connect(self, ctx: Context) -> None:
        """Ask Discord for the webhook's description, without posting."""
        await ctx.http.get(self._config.url, timeout=self._config.time_limit)

    def _message(self, alert: Alert, ctx: Context) -> dict[str, Any]:
        message: dict[str, Any] = {"allowed_mentions": {"parse": []}}
        if self._config.text:
            content = without_controls(ctx.render(self._config.text, alert))
            return message | {"content": content[:_CONTENT] or subject(alert)}
        return message | {"embeds": [_card(alert, ctx)]}


def _card(alert: Alert, ctx: Context) -> dict[str, Any]:
    time = alert.timestamp or alert.created_at or ctx.received_at
    return {
        "title": _escaped(subject(alert), _TITLE),
        "description": _escaped(alert.content or "", _DESCRIPTION),
        "color": int(colour(alert)[1:], 16),
        "timestamp": time.isoformat(),
        "fields": [
            {"name": label, "value": _escaped(value, _FIELD) or "-", "inline": True}
            for label, value in facts(alert)
        ],
    }


def _escaped(text: str, limit: int) -> str:
    """Write a text on one line without Discord's markup, of at most `limit` characters."""
    line = one_line(text, limit)
    escaped = _MARKUP.sub(r"\\\1", line)
    while len(escaped) > limit:
        line = one_line(line, max(1, len(line) - (len(escaped) - limit)))
        escaped = _MARKUP.sub(r"\\\1", line)
    return escaped


def _retry_after(answer: Answer) -> float | None:
    """Return the seconds that Discord names in the body of a 429, or None."""
    if answer.status != 429:
        return None
    after = answer.json_object().get("retry_after")
    return float(after) if isinstance(after, int | float) and 0 <= after < 86400 else None
