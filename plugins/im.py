"""Sends each alert to a group robot of WeCom, DingTalk, Feishu or Lark.

[[plugin]]
use = "im"
config = { service = "dingtalk", url = { file = "robot-url" }, secret = { file = "robot-secret" } }
"""

import base64
import hashlib
import hmac
import json
import time
from typing import Any, Literal

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
from incm_webhook.fields import PositiveDuration, SecretUrl
from incm_webhook.message import one_line, subject, text, truncate_bytes, without_controls

_LARGEST = {"wecom": 2048, "dingtalk": 15000, "feishu": 15000}  # bytes of a text in UTF-8
_REQUEST = 20_000  # bytes of a request, in which JSON needs up to six for one of the text
_SILENCE_S = 600  # DingTalk takes nothing for ten minutes after too many messages
_MINUTE_S = 60
# What the services answer, nearly always with status 200. A code that is not here speaks of the
# alert.
_AGAIN: dict[str, dict[int, float | None]] = {
    "wecom": {45009: _MINUTE_S, -1: None, 45033: _MINUTE_S},
    "dingtalk": {130101: _SILENCE_S, 410100: _SILENCE_S, -1: None},
    "feishu": {11232: _MINUTE_S, 11233: _MINUTE_S, 99991400: _MINUTE_S},
}
_OF_THE_ROBOT = {
    "wecom": {93000, 93004, 93006, 40001, 40014, 60020},
    "dingtalk": {310000, 300001, 300005, 400101, 400102, 400013, 40035},
    "feishu": {19001, 19021, 19022, 19024},
}


class ImConfig(BaseModel):
    """The settings of the plugin.

    Attributes:
        service: "wecom", "dingtalk", "feishu" or "lark".
        url: the robot's webhook URL, whole.
        secret: the robot's secret, if it checks signatures (DingTalk, Feishu, Lark).
        keyword: the word that the robot wants in every message, if it checks for one; it is put in
            front of each text.
        text: a template for the message.
        time_limit: how long one request may take.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    service: Literal["wecom", "dingtalk", "feishu", "lark"]
    url: SecretUrl
    secret: SecretStr | None = Field(default=None, min_length=1)
    keyword: str = ""
    text: Template | None = None
    time_limit: PositiveDuration = 10.0

    @model_validator(mode="after")
    def _fits_the_service(self) -> "ImConfig":
        if self.service == "wecom" and self.secret is not None:
            raise ValueError("secret does not suit WeCom, whose robots check no signature")
        return self


@plugin("im", config=ImConfig, concurrency=1, timeout="30s")
class Im:
    """Send alerts to a group robot.

    Shape: one plain text for each alert; no person is mentioned, whatever is in an alert.
    Errors: the services answer 200 to almost everything, so the code in the body counts. Retry when
    the robot is busy or has had too many messages; Unavailable when key, signature, keyword or
    address are refused, or the robot is switched off; Reject for any other code.
    Threads: an event loop.
    Source: docs/plugins/im.md, How it fails.
    """

    def __init__(self, config: ImConfig) -> None:
        self._config = config
        self._protocol = "feishu" if config.service == "lark" else config.service

    async def handle(self, alert: Alert, ctx: Context) -> None:
        """Send one message."""
        now = time.time()
        answer = await ctx.http.post(
            self._config.url,
            params=self._query(now),
            data=self._request(self._text(alert, ctx), subject(alert), now),
            headers={"Content-Type": "application/json"},
            timeout=self._config.time_limit,
            raise_outcome=False,
        )
        code, message = _code_of(answer)
        if code == 0:
            return
        raise self._refusal(answer, code, message)

    def _text(self, alert: Alert, ctx: Context) -> str:
        if self._config.text:
            body = without_controls(ctx.render(self._config.text, alert))
        else:
            body = f"{subject(alert)}\n{text(alert)}"
        body = f"{self._config.keyword} {body}" if self._config.keyword else body
        return truncate_bytes(body, _LARGEST[self._protocol])

    def _query(self, now: float) -> dict[str, str] | None:
        """Sign a message to DingTalk: the key is the secret, the text time and secret."""
        if self._protocol != "dingtalk" or self._config.secret is None:
            return None
        secret = self._config.secret.get_secret_value()
        stamp = str(int(now * 1000))
        digest = hmac.digest(secret.encode(), f"{stamp}\n{secret}".encode(), hashlib.sha256)
        return {"timestamp": stamp, "sign": base64.b64encode(digest).decode()}

    def _request(self, body: str, title: str, now: float) -> bytes:
        """Write a message in UTF-8, with as much of the text as fits."""
        request = json.dumps(self._message(body, title, now), ensure_ascii=False).encode()
        while len(request) > _REQUEST:
            body = truncate_bytes(body, len(body.encode()) * 3 // 4)
            request = json.dumps(self._message(body, title, now), ensure_ascii=False).encode()
        return request

    def _message(self, body: str, title: str, now: float) -> dict[str, Any]:
        if self._protocol == "wecom":
            return {"msgtype": "text", "text": {"content": body}}
        if self._protocol == "dingtalk":
            at = {"atMobiles": [], "atUserIds": [], "isAtAll": False}
            return {"msgtype": "text", "text": {"content": body}, "at": at}
        # A message of type "text" would read `<at user_id="all">` as a mention; a text in a post
        # is shown as it is.
        title = f"{self._config.keyword} {title}" if self._config.keyword else title
        lines = [[{"tag": "text", "text": line}] for line in body.split("\n")[:100]]
        post = {"zh_cn": {"title": title, "content": lines}}
        return {"msg_type": "post", "content": {"post": post}} | self._signature(now)

    def _signature(self, now: float) -> dict[str, str]:
        """Sign a message to Feishu: the key is time and secret, the text is empty."""
        if self._config.secret is None:
            return {}
        stamp = str(int(now))
        key = f"{stamp}\n{self._config.secret.get_secret_value()}".encode()
        sign = base64.b64encode(hmac.digest(key, b"", hashlib.sha256)).decode()
        return {"timestamp": stamp, "sign": sign}

    def _refusal(self, answer: Answer, code: int | None, message: str) -> Exception:
        """Choose the outcome of a message that was refused."""
        reason = f"{self._config.service} answered {answer.status}"
        if code is None:
            return outcome_of(answer) or Retry(
                reason=f"{reason}, which is no answer of a robot: {one_line(answer.text, 200)}"
            )
        reason += f", code {code}{f': {message}' if message else ''}"
        if code in _AGAIN[self._protocol]:
            return Retry(_AGAIN[self._protocol][code], reason)
        if code in _OF_THE_ROBOT[self._protocol]:
            return Unavailable(reason)
        return Reject(reason)


def _code_of(answer: Answer) -> tuple[int | None, str]:
    """Read the code and the text of an answer; None when it has no code."""
    body = answer.json_object()
    message = one_line(str(body.get("errmsg") or body.get("msg") or ""), 200)
    for name in ("errcode", "code", "StatusCode"):
        code = body.get(name)
        if isinstance(code, int) and not isinstance(code, bool):
            return code, message
    if body.get("punish") == "deny":  # DingTalk's answer to too many messages, without a code
        return 130101, "too many messages"
    return None, message
