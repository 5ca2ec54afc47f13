"""The messages to and from a worker process: writes the orders, and reads the answers strictly."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from incm_webhook.config.settings import PluginSettings
from incm_webhook.hosting.channel import BrokenFrameError
from incm_webhook.hosting.loaded_plugin import Origin
from incm_webhook.hosting.state_channel import read_changes
from incm_webhook.plugin import (
    DELIVERY_FACTS,
    DELIVERY_TIMES,
    Context,
    Reject,
    Retry,
    Unavailable,
)
from incm_webhook.state import Changes
from incm_webhook.text.failures import LINE_BYTES, Account
from incm_webhook.text.printable import printable, shortened
from incm_webhook.text.tracebacks import without_middle

Keep = Callable[[Changes], None]  # takes what a handler changed in the state of its plugin


class WorkerError(Exception):
    """A call that did not succeed; the text is complete, for the log and the inbox.

    Attributes:
        account: the description of the failure.
    """

    def __init__(self, text: str, account: Account | None = None) -> None:
        super().__init__(text)
        self.account = account or Account(text, text)


class WorkerFailure(WorkerError):  # noqa: N818 - the handler's, not ours
    """The plugin raised an exception; the worker process wrote its account."""


class WorkerRetry(Retry):
    """The handler raised Retry; the worker process wrote its account."""

    def __init__(self, after: float | None, account: Account) -> None:
        super().__init__(after)
        self.account = account


class WorkerReject(Reject):
    """The handler raised Reject; the worker process wrote its account."""

    def __init__(self, account: Account) -> None:
        super().__init__(account.line)
        self.account = account


class WorkerUnavailable(Unavailable):
    """The handler raised Unavailable; the worker process wrote its account."""

    def __init__(self, account: Account) -> None:
        super().__init__(account.line)
        self.account = account


class WorkerTimeout(WorkerError, TimeoutError):  # noqa: N818 - as TimeoutError
    """The call took too long, and its process was killed."""


class WorkerDied(WorkerError):  # noqa: N818 - an event
    """The process ended during this call, perhaps because of it."""


class WorkerLost(WorkerError):  # noqa: N818 - an event
    """The process ended before this call, or for an unrelated reason; no attempt counts."""


@dataclass(frozen=True, slots=True)
class Description:
    """The description of a plugin that a worker process has loaded.

    Attributes:
        settings: the configuration; keys that it does not set come from the decorator.
        batch: whether the plugin handles lists of alerts.
        on_dead: whether it has an on_dead to call.
        origin: where the plugin comes from.
        warnings: what works but is probably a mistake, a sentence each.
    """

    settings: PluginSettings
    batch: bool
    on_dead: bool
    origin: Origin
    warnings: tuple[str, ...]


def call_order(
    alerts: Sequence[bytes], contexts: Sequence[Context], dead: str | None = None
) -> dict[str, Any]:
    """Make the order to handle alerts; their raw texts follow it as payload, one after another.

    Args:
        alerts: the raw texts.
        contexts: the context of each alert.
        dead: why the delivery of the one alert is a dead letter, for on_dead; None to handle them.
    """
    return {
        "dead": dead,
        "alerts": [
            {"size": len(raw), "facts": _facts_of(one)}
            for raw, one in zip(alerts, contexts, strict=True)
        ],
    }


def _facts_of(context: Context) -> dict[str, Any]:
    facts = {name: getattr(context, name) for name in DELIVERY_FACTS}
    return facts | {name: facts[name].isoformat() for name in DELIVERY_TIMES}


def read_facts(facts: dict[str, Any]) -> Context:
    """Read the fields of a delivery into a context, without those of the plugin."""
    times = {name: datetime.fromisoformat(facts[name]) for name in DELIVERY_TIMES}
    return Context(**{**facts, **times})


def read_outcome(answer: dict[str, Any], number: int, keep: Keep = lambda _: None) -> None:
    """Read the answer to a call; a return means delivered.

    Args:
        answer: the received message.
        number: the number of the call.
        keep: called with what the handler changed in the state of the plugin, if it did.

    Raises:
        Retry, Reject, Unavailable, WorkerFailure: the handler raised them.
        MemoryError: the process ran out of memory.
        BrokenFrameError: the message is not an answer to this call.
    """
    if answer.get("call") == number:
        if "changes" in answer:
            keep(read_changes(answer["changes"]))
        match answer:
            case {"outcome": "delivered"}:
                return
            case {"outcome": "retry", "after": None | int() | float() as after}:
                account = read_account(answer)
                with contextlib.suppress(ValueError, OverflowError):
                    raise WorkerRetry(after, account)
            case {"outcome": "reject"}:
                raise WorkerReject(read_account(answer))
            case {"outcome": "unavailable"}:
                raise WorkerUnavailable(read_account(answer))
            case {"outcome": "failed"}:
                account = read_account(answer)
                raise WorkerFailure(account.line, account)
            case {"outcome": "exhausted"}:
                raise MemoryError
    raise BrokenFrameError("no outcome of this call")


def write_account(account: Account) -> dict[str, Any]:
    """Serialise the account of a failure for `read_account`."""
    return {"account": [account.line, account.kind, account.traceback]}


def read_account(answer: dict[str, Any]) -> Account:
    """Read the account of a failure, cut to the size that an account may have.

    Raises:
        BrokenFrameError: the answer is not an account.
    """
    match answer.get("account"):
        case [str() as line, str() as kind, str() as traceback]:
            return Account(
                shortened(printable(line[: 4 * LINE_BYTES]), LINE_BYTES),
                shortened(printable(kind[: 4 * LINE_BYTES]), LINE_BYTES),
                without_middle([printable(one) for one in traceback.split("\n")]),
            )
    raise BrokenFrameError("no account of a failure")


def read_description(answer: dict[str, Any], spec: PluginSettings) -> Description:
    """Read the description of a plugin; keys of its table override the answer's settings.

    Raises:
        BrokenFrameError: the answer is not a description.
    """
    # retry comes merged
    configured = spec.model_dump(exclude_unset=True, exclude={"retry"}, by_alias=True)
    match answer.get("loaded"):
        case {
            "settings": dict() as table,
            "batch": bool() as batch,
            "on_dead": bool() as on_dead,
            "origin": [str() as text, None | str() as version, str() as summary],
            "warnings": list() as warnings,
        }:
            with contextlib.suppress(ValidationError):
                settings = PluginSettings.model_validate({**table, **configured})
                origin = Origin(printable(text), version and printable(version), printable(summary))
                texts = tuple(printable(one) for one in warnings if isinstance(one, str))
                return Description(settings, batch, on_dead, origin, texts)
    raise BrokenFrameError("no description of a plugin")
