"""Posts each alert to a Slack channel, through an incoming webhook or as a bot.

    [[plugin]]
    use = "slack"
    config = { url = { file = "slack-url" } }

A bot puts the alert that ends another into its thread:

    config = { token = { file = "slack-token" }, channel = "C0123456789" }
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from incm_webhook import (
    Alert,
    Answer,
    Context,
    Reject,
    Retry,
    Template,
    Unavailable,
    outcome_of,
    plugin,
)
from incm_webhook.fields import PositiveDuration, SecretUrl, Url
from incm_webhook.message import (
    colour,
    facts,
    incident_key,
    is_clear,
    one_line,
    subject,
    without_controls,
)

_HEADER, _SECTION, _FIELD, _FIELDS = 150, 3000, 2000, 10  # the limits of Block Kit
_AGAIN = {
    "ratelimited",
    "rate_limited",
    "message_limit_exceeded",
    "internal_error",
    "fatal_error",
    "service_unavailable",
    "request_timeout",
}
_OF_THE_ALERT = {
    "invalid_blocks",
    "invalid_blocks_format",
    "invalid_attachments",
    "invalid_arguments",
    "invalid_payload",
    "msg_too_long",
    "msg_blocks_too_long",
    "no_text",
    "too_many_attachments",
}


class SlackConfig(BaseModel):
    """The settings of the plugin: either `url`, or `token` and `channel`.

    Attributes:
        url: the URL of an incoming webhook.
        token: a bot's token, with the scope chat:write.
        channel: the channel's id; invite the bot into the channel.
        text: a template for the message, which Slack reads as mrkdwn. `&`, `<` and `>` are escaped
            in the result, so that it can hold no mention and no link.
        api: the address of Slack's Web API.
        time_limit: how long one request may take.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: SecretUrl | None = None
    token: SecretStr | None = Field(default=None, min_length=1)
    channel: str | None = Field(default=None, min_length=1)
    text: Template | None = None
    api: Url = "https://slack.com/api"
    time_limit: PositiveDuration = 10.0

    @model_validator(mode="after")
    def _one_way(self) -> "SlackConfig":
        bot = (self.token is not None, self.channel is not None)
        if self.url is not None and any(bot):
            raise ValueError("wants either `url`, or `token` and `channel`, not both")
        if self.url is None and not all(bot):
            raise ValueError(
                "wants `url` of an incoming webhook, or `token` and `channel` of a bot"
            )
        return self


@plugin("slack", config=SlackConfig, concurrency=1, order="device", timeout="30s")
class Slack:
    """Post alerts to a Slack channel.

    Shape: one message for each alert. As a bot, an alert that ends another is posted to the thread
    of that one. No person is mentioned, whatever is in an alert.
    Errors: Retry for 429 (after the time that Slack names), 5xx and no answer; Reject when Slack
    refuses the message; Unavailable when it refuses webhook, token or channel. Slack answers most
    refusals of a bot with 200: the body counts.
    Threads: an event loop.
    """

    def __init__(self, config: SlackConfig) -> None:
        self._config = config

    async def handle(self, alert: Alert, ctx: Context) -> None:
        """Post one message."""
        message = self._message(alert, ctx)
        if self._config.url is not None:
            await self._post_to_webhook(self._config.url, ctx, message)
            return
        incident = f"thread:{incident_key(alert)}"
        thread = ctx.state.get(incident)
        if thread is not None and is_clear(alert):
            message |= {"thread_ts": thread, "reply_broadcast": True}
        body = await self._call(ctx, "chat.postMessage", message)
        if is_clear(alert):
            ctx.state.delete(incident)
        elif isinstance(body.get("ts"), str):
            ctx.state.set(incident, body["ts"])

    async def connect(self, ctx: Context) -> None:
        """Ask for the bot's identity; an incoming webhook cannot be tried without a message."""
        if self._config.token is not None:
            await self._call(ctx, "auth.test", {})

    async def _post_to_webhook(self, url: SecretStr, ctx: Context, message: dict[str, Any]) -> None:
        answer = await ctx.http.post(url, json=message, timeout=self._config.time_limit)
        if answer.text.strip() != "ok":
            body = answer.json_object()
            raise _refusal(str(body["error"]) if "error" in body else "", answer)

    async def _call(self, ctx: Context, method: str, message: dict[str, Any]) -> dict[str, Any]:
        """Call the Web API; return its answer.

        Raises:
            Retry, Unavailable, Reject: it refused.
        """
        assert self._config.token is not None  # noqa: S101 - for mypy
        answer = await ctx.http.post(
            f"{self._config.api.rstrip('/')}/{method}",
            json=message | {"channel": self._config.channel},
            headers={"Authorization": SecretStr(f"Bearer {self._config.token.get_secret_value()}")},
            timeout=self._config.time_limit,
        )
        body = answer.json_object()
        if body.get("ok") is not True:
            raise _refusal(str(body.get("error", "")), answer)
        return body

    def _message(self, alert: Alert, ctx: Context) -> dict[str, Any]:
        if self._config.text:
            text = _escaped(without_controls(ctx.render(self._config.text, alert)))
            blocks: list[dict[str, Any]] = [
                {"type": "section", "text": {"type": "mrkdwn", "text": text[:_SECTION] or "-"}}
            ]
        else:
            blocks = _blocks(alert)
        return {
            "text": _escaped(subject(alert)),
            "attachments": [{"color": colour(alert), "blocks": blocks}],
        }


def _blocks(alert: Alert) -> list[dict[str, Any]]:
    """Write the card. Its texts are plain, so that Slack reads no markup in them."""
    blocks = [{"type": "header", "text": _plain(one_line(subject(alert), _HEADER))}]
    content = one_line(alert.content or "", 1000)
    if content:
        blocks.append({"type": "section", "text": _plain(content)})
    fields = [_plain(f"{label}: {value}"[:_FIELD]) for label, value in facts(alert)]
    if fields:
        blocks.append({"type": "section", "fields": fields[:_FIELDS]})
    return blocks


def _plain(text: str) -> Any:
    return {"type": "plain_text", "text": text, "emoji": False}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _refusal(error: str, answer: Answer) -> Exception:
    """Choose the outcome for an answer 200 that is no success."""
    problem = one_line(error or answer.text, 200)
    reason = f"Slack answered {answer.status}: {problem}"
    if error in _AGAIN:
        outcome = outcome_of(Answer(429, answer.headers))
        return Retry(getattr(outcome, "after", None), reason)
    if error in _OF_THE_ALERT:
        return Reject(reason)
    if error:
        return Unavailable(reason)
    return Retry(reason=f"{reason}, which is no answer of Slack")
