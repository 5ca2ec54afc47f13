"""Which outcome of a delivery follows from an HTTP answer, or from a failure to get one."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from incm_webhook.http.answer import Answer
from incm_webhook.plugin import Reject, Retry, Unavailable
from incm_webhook.retry_after import seconds_until

if TYPE_CHECKING:
    pass

_AGAIN = {408, 425, 429}
_TARGET = {401, 403, 404, 410}
_LONGEST_WAIT_S = 86400.0  # a target that asks for more is asked again after a day
EXCERPT = 200  # characters of an answer that are shown
_READ = 2000  # characters of an answer that are looked at

Outcome: TypeAlias = Retry | Reject | Unavailable


def outcome_of(answer: Answer) -> Outcome | None:
    """Choose the outcome of a delivery by the status of an answer.

    A handler that first reads the body calls `ctx.http` with `raise_outcome=False`, and then this
    for the rest.

    Args:
        answer: the answer.

    Returns:
        None for 2xx. Otherwise the exception to raise: Retry for 408, 425, 429 and 5xx, with the
        answer's Retry-After (seconds or a date, a day at most); Unavailable for 401, 403, 404, 410
        and 3xx; Reject for any other status. Its text names the request without secrets, the
        status and the first 200 characters of the answer.

    Threads: any.
    Source: plugins/README.md, Requests over HTTP.
    """
    status = answer.status
    if 200 <= status < 300:
        return None
    text = _described(answer)
    if status in _AGAIN or status >= 500:
        return Retry(_wait(answer.headers.get("retry-after")), text)
    if status in _TARGET or 300 <= status < 400:
        return Unavailable(text)
    return Reject(text)


def _wait(after: str | None) -> float | None:
    if after is None:
        return None
    try:
        return min(seconds_until(after), _LONGEST_WAIT_S)
    except ValueError:
        return None


def _described(answer: Answer) -> str:
    from http import HTTPStatus

    call = answer._call
    try:
        phrase = f"{answer.status} {HTTPStatus(answer.status).phrase}"
    except ValueError:
        phrase = str(answer.status)
    title = f"{call} answered {phrase}" if call else f"the target answered {phrase}"
    text = " ".join(answer.text[:_READ].split())
    if call:
        text = call.without_secrets(text)
    if len(text) > EXCERPT:
        text = f"{text[:EXCERPT]}…"
    return f"{title}: {text}" if text else title
