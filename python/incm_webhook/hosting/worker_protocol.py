"""What is asked of a worker process, what may come of it, and how strictly its answers are read."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from incm_webhook.config.settings import PluginSettings
from incm_webhook.hosting.channel import BrokenFrameError
from incm_webhook.hosting.loaded_plugin import Origin
from incm_webhook.plugin import DELIVERY_FACTS, DELIVERY_TIMES, Context, Reject, Retry
from incm_webhook.text.failures import LINE_BYTES, Account
from incm_webhook.text.printable import printable, shortened
from incm_webhook.text.tracebacks import without_middle


class WorkerError(Exception):
    """What became of a call; the text is whole as it is, for the log and the inbox.

    Attributes:
        account: what there is to say about it.
    """

    def __init__(self, text: str, account: Account | None = None) -> None:
        super().__init__(text)
        self.account = account or Account(text, text)


class WorkerFailure(WorkerError):  # noqa: N818 - the handler's, not ours
    """The plugin raised an exception; the account is what was made of it over there."""


class WorkerRetry(Retry):
    """The handler raised Retry; the account is what was made of it over there."""

    def __init__(self, after: float | None, account: Account) -> None:
        super().__init__(after)
        self.account = account


class WorkerReject(Reject):
    """The handler raised Reject; the account is what was made of it over there."""

    def __init__(self, account: Account) -> None:
        super().__init__(account.line)
        self.account = account


class WorkerTimeout(WorkerError, TimeoutError):  # noqa: N818 - as TimeoutError
    """The call took too long; its process was killed."""


class WorkerDied(WorkerError):  # noqa: N818 - an event
    """The process ended while this call ran in it, perhaps because of it."""


class WorkerLost(WorkerError):  # noqa: N818 - an event
    """The process ended for another reason than this call, or before it: that is no attempt."""


@dataclass(frozen=True, slots=True)
class Description:
    """What a process says about the plugin that it loaded.

    Attributes:
        settings: what the table says over what the decorator says.
        batch: whether it handles lists of alerts.
        origin: where it comes from.
        warnings: what works but is hardly meant, a sentence each.
    """

    settings: PluginSettings
    batch: bool
    origin: Origin
    warnings: tuple[str, ...]


def call_order(number: int, alerts: Sequence[bytes], contexts: Sequence[Context]) -> dict[str, Any]:
    """Say which alerts are to be handled; their raw texts go behind this, one after the other."""
    return {
        "call": number,
        "alerts": [
            {"size": len(raw), "facts": _facts_of(one)}
            for raw, one in zip(alerts, contexts, strict=True)
        ],
    }


def _facts_of(context: Context) -> dict[str, Any]:
    facts = {name: getattr(context, name) for name in DELIVERY_FACTS}
    return facts | {name: facts[name].isoformat() for name in DELIVERY_TIMES}


def read_facts(facts: dict[str, Any]) -> Context:
    """Take what an order says of a delivery, in a context that says nothing of the plugin."""
    times = {name: datetime.fromisoformat(facts[name]) for name in DELIVERY_TIMES}
    return Context(**{**facts, **times})


def read_outcome(answer: dict[str, Any], number: int) -> None:
    """Take the answer to a call; a return is a delivery.

    Args:
        answer: what came.
        number: that of the call.

    Raises:
        Retry, Reject, WorkerFailure: the handler raised them.
        MemoryError: the process had no more.
        BrokenFrameError: it is no answer to this call.
    """
    if answer.get("call") == number:
        match answer:
            case {"outcome": "delivered"}:
                return
            case {"outcome": "retry", "after": None | int() | float() as after}:
                account = read_account(answer)
                with contextlib.suppress(ValueError, OverflowError):
                    raise WorkerRetry(after, account)
            case {"outcome": "reject"}:
                raise WorkerReject(read_account(answer))
            case {"outcome": "failed"}:
                account = read_account(answer)
                raise WorkerFailure(account.line, account)
            case {"outcome": "exhausted"}:
                raise MemoryError
    raise BrokenFrameError("no outcome of this call")


def tell_account(account: Account) -> dict[str, Any]:
    """Write what there is to say about a failure; `read_account` reads it."""
    return {"account": [account.line, account.kind, account.traceback]}


def read_account(answer: dict[str, Any]) -> Account:
    """Take what a process says about a failure, with no more of it than an account may hold.

    Raises:
        BrokenFrameError: it is no account.
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
    """Take what a process says about its plugin; what the table says counts more.

    Raises:
        BrokenFrameError: it is no description.
    """
    said = spec.model_dump(exclude_unset=True, exclude={"retry"})  # retry comes merged
    match answer.get("loaded"):
        case {
            "settings": dict() as table,
            "batch": bool() as batch,
            "origin": [str() as text, None | str() as version, str() as summary],
            "warnings": list() as warnings,
        }:
            with contextlib.suppress(ValidationError):
                settings = PluginSettings.model_validate({**table, **said})
                origin = Origin(printable(text), version and printable(version), printable(summary))
                told = tuple(printable(one) for one in warnings if isinstance(one, str))
                return Description(settings, batch, origin, told)
    raise BrokenFrameError("no description of a plugin")
