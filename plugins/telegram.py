"""Sends each alert to a Telegram chat, as a bot.

[[plugin]]
use = "telegram"
config = { token = { file = "telegram-token" }, chat = -1001234567890 }
"""

import re
from typing import Any

from pydantic import BaseModel, ConfigDict, SecretStr, field_validator

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
from incm_webhook.fields import PositiveDuration, Url
from incm_webhook.message import incident_key, is_clear, one_line, subject, text, without_controls

_TOKEN = re.compile(r"[0-9]+:[A-Za-z0-9_-]+")
_UNITS = 4096  # of UTF-16: the longest message
# Parts of Telegram's descriptions when the bot or the chat is at fault, not the text.
_OF_THE_CHAT = (
    "chat not found",
    "user not found",
    "peer_id_invalid",
    "upgraded to a supergroup",
    "not a member",
    "not enough rights",
    "need administrator rights",
    "chat_write_forbidden",
    "have no rights",
    "message thread not found",
    "topic_closed",
    "topic_deleted",
)


class TelegramConfig(BaseModel):
    """The settings of the plugin.

    Attributes:
        token: the bot's token, from @BotFather.
        chat: the id of the chat, or the @name of a public channel.
        topic: the id of a topic of the chat.
        text: a template for the message, which is sent as plain text.
        api: the address of the Bot API server.
        time_limit: how long one request may take.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    token: SecretStr
    chat: int | str
    topic: int | None = None
    text: Template | None = None
    api: Url = "https://api.telegram.org"
    time_limit: PositiveDuration = 10.0

    @field_validator("token")
    @classmethod
    def _is_a_token(cls, token: SecretStr) -> SecretStr:
        if not _TOKEN.fullmatch(token.get_secret_value()):
            raise ValueError("wants the token that @BotFather gave, such as 110201543:AAHdqTcv...")
        return token

    @field_validator("chat", mode="before")
    @classmethod
    def _is_a_chat(cls, chat: object) -> object:
        if isinstance(chat, bool) or not isinstance(chat, int | str) or chat == "":
            raise ValueError('wants the id of a chat, such as -1001234567890, or "@channel"')
        return chat


@plugin("telegram", config=TelegramConfig, concurrency=1, order="device", timeout="30s")
class Telegram:
    """Send alerts to a Telegram chat.

    Shape: one message in plain text for each alert. An alert that ends another answers its message.
    Errors: Retry for 429 (after the time that Telegram names), 5xx and no answer; Unavailable when
    the token, the chat or the bot's rights are wrong; Reject for any other refusal.
    Threads: an event loop.
    """

    def __init__(self, config: TelegramConfig) -> None:
        self._config = config

    async def handle(self, alert: Alert, ctx: Context) -> None:
        """Send one message."""
        incident = f"message:{incident_key(alert)}"
        message: dict[str, Any] = {
            "chat_id": self._config.chat,
            "text": self._text(alert, ctx),
            "link_preview_options": {"is_disabled": True},
        }
        if self._config.topic is not None:
            message["message_thread_id"] = self._config.topic
        opening = ctx.state.get(incident)
        if opening is not None and is_clear(alert):
            message["reply_parameters"] = {
                "message_id": opening,
                "allow_sending_without_reply": True,
            }
        number = await self._call(ctx, "sendMessage", message)
        if is_clear(alert):
            ctx.state.delete(incident)
        elif number is not None:
            ctx.state.set(incident, number)

    async def connect(self, ctx: Context) -> None:
        """Ask for the chat, without sending a message."""
        await self._call(ctx, "getChat", {"chat_id": self._config.chat})

    async def _call(self, ctx: Context, method: str, message: dict[str, Any]) -> int | None:
        """Call the Bot API; return the number of the message that it made.

        Raises:
            Retry, Unavailable, Reject: it refused.
        """
        url = f"{self._config.api.rstrip('/')}/bot{self._config.token.get_secret_value()}/{method}"
        answer = await ctx.http.post(
            SecretStr(url), json=message, timeout=self._config.time_limit, raise_outcome=False
        )
        body = answer.json_object()
        if body.get("ok") is True:
            result = body.get("result")
            number = result.get("message_id") if isinstance(result, dict) else None
            return number if isinstance(number, int) else None
        raise _refusal(answer, body)

    def _text(self, alert: Alert, ctx: Context) -> str:
        if self._config.text:
            body = without_controls(ctx.render(self._config.text, alert))
        else:
            body = f"{subject(alert)}\n\n{text(alert)}"
        # Telegram mentions whomever a plain text names; a word joiner keeps it from that.
        body = body.replace("@", "@\u2060").strip() or subject(alert)
        return body.encode("utf-16-le")[: 2 * _UNITS].decode("utf-16-le", "ignore")


def _refusal(answer: Answer, body: dict[str, Any]) -> Exception:
    """Choose the outcome of a call that was not successful."""
    description = one_line(str(body.get("description", "")), 200)
    reason = f"Telegram answered {answer.status}{f': {description}' if description else ''}"
    parameters = body.get("parameters")
    after = parameters.get("retry_after") if isinstance(parameters, dict) else None
    if isinstance(after, int | float) and 0 <= after <= 86400:
        return Retry(after, reason)
    if any(one in description.lower() for one in _OF_THE_CHAT):
        return Unavailable(reason)
    outcome = outcome_of(answer)
    if outcome is None:
        return Retry(reason=f"{reason}, which is no answer of the Bot API")
    return Reject(reason) if isinstance(outcome, Reject) else outcome
