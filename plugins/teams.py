"""Posts each alert to a Microsoft Teams channel or chat, through a workflow.

[[plugin]]
use = "teams"
config = { url = { file = "teams-url" } }
"""

from typing import Any

from pydantic import BaseModel, ConfigDict

from incm_webhook import Alert, Context, Retry, Template, Unavailable, outcome_of, plugin
from incm_webhook.fields import PositiveDuration, SecretUrl
from incm_webhook.message import (
    facts,
    one_line,
    severity,
    subject,
    truncate_bytes,
    without_controls,
)

_COLOURS = {
    "critical": "Attention",
    "error": "Attention",
    "warning": "Warning",
    "info": "Accent",
    "ok": "Good",
}
_TEXT = 8000  # bytes; a message may have 28 KiB, and JSON needs up to 6 bytes for one of a text


class TeamsConfig(BaseModel):
    """The settings of the plugin.

    Attributes:
        url: the URL of the workflow "When a Teams webhook request is received", whole.
        text: a template for the text of the card, instead of the built-in one.
        time_limit: how long one request may take.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: SecretUrl
    text: Template | None = None
    time_limit: PositiveDuration = 10.0


@plugin("teams", config=TeamsConfig, concurrency=2, timeout="30s")
class Teams:
    """Post alerts to Teams as Adaptive Cards.

    Shape: one card for each alert. Its texts are not read as Markdown, and mention no person.
    Errors: Retry for 429, 5xx and no answer; Reject for 413; Unavailable for any other status,
    because a workflow takes every card: its URL is wrong, or it was removed or switched off.
    Threads: an event loop.
    """

    def __init__(self, config: TeamsConfig) -> None:
        self._config = config

    async def handle(self, alert: Alert, ctx: Context) -> None:
        """Post one card. The answer says that the workflow is queued, not that it has run."""
        answer = await ctx.http.post(
            self._config.url,
            json=self._message(alert, ctx),
            timeout=self._config.time_limit,
            raise_outcome=False,
        )
        outcome = outcome_of(answer)
        if outcome is None and "endpoint returned HTTP error" in answer.text:
            raise Retry(reason=f"Teams answered {answer.status}: {one_line(answer.text, 200)}")
        if answer.status == 400:
            raise Unavailable(str(outcome))
        if outcome is not None:
            raise outcome

    def _message(self, alert: Alert, ctx: Context) -> dict[str, Any]:
        if self._config.text:
            body = [_paragraph(line) for line in self._lines(alert, ctx)]
        else:
            body = [_title(alert)]
            content = one_line(alert.content or "", 1000)
            body += [_paragraph(content)] if content else []
            body += [_fact(label, value) for label, value in facts(alert)]
        card = {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "msteams": {"width": "full"},
            "body": body,
        }
        attachment = {
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": None,
            "content": card,
        }
        return {"type": "message", "attachments": [attachment]}

    def _lines(self, alert: Alert, ctx: Context) -> list[str]:
        assert self._config.text is not None  # noqa: S101 - for mypy
        text = truncate_bytes(without_controls(ctx.render(self._config.text, alert)), _TEXT)
        lines = [line for line in text.split("\n") if line.strip()][:100]
        return lines or [subject(alert)]


# A TextRun is shown as it is; a TextBlock would read Markdown.
def _title(alert: Alert) -> dict[str, Any]:
    run = {
        "type": "TextRun",
        "text": subject(alert),
        "weight": "Bolder",
        "size": "Medium",
        "color": _COLOURS[severity(alert)],
    }
    return {"type": "RichTextBlock", "inlines": [run]}


def _paragraph(text: str) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text}]}


def _fact(label: str, value: str) -> dict[str, Any]:
    runs = [
        {"type": "TextRun", "text": f"{label}: ", "isSubtle": True},
        {"type": "TextRun", "text": value},
    ]
    return {"type": "RichTextBlock", "spacing": "None", "inlines": runs}
