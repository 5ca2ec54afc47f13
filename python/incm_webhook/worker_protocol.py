"""What is asked of a worker process, what may come of it, and how strictly its answers are read."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from incm_webhook.frames import BrokenFrameError
from incm_webhook.handler import Origin
from incm_webhook.log import printable
from incm_webhook.plugin import Context, Reject, Retry
from incm_webhook.settings import PluginSettings


class WorkerError(Exception):
    """What became of a call; the text is whole as it is, for the log and the inbox."""


class WorkerFailure(WorkerError):  # noqa: N818 - the handler's, not ours
    """The plugin raised an exception; the text is what `log.describe` made of it over there."""


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
    """

    settings: PluginSettings
    batch: bool
    origin: Origin


def call_order(number: int, alerts: Sequence[bytes], contexts: Sequence[Context]) -> dict[str, Any]:
    """Say which alerts are to be handled; their raw texts go behind this, one after the other."""
    return {
        "call": number,
        "alerts": [
            {
                "size": len(raw),
                "key": one.delivery_key,
                "attempt": one.attempt,
                "alert_id": one.alert_id,
                "endpoint": one.endpoint,
                "received_at": one.received_at.isoformat(),
            }
            for raw, one in zip(alerts, contexts, strict=True)
        ],
    }


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
                with contextlib.suppress(ValueError, OverflowError):
                    raise Retry(after)
            case {"outcome": "reject", "text": str() as text}:
                raise Reject(printable(text))
            case {"outcome": "failed", "text": str() as text}:
                raise WorkerFailure(printable(text))
            case {"outcome": "exhausted"}:
                raise MemoryError
    raise BrokenFrameError("no outcome of this call")


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
        }:
            with contextlib.suppress(ValidationError):
                settings = PluginSettings.model_validate({**table, **said})
                origin = Origin(printable(text), version and printable(version), printable(summary))
                return Description(settings, batch, origin)
    raise BrokenFrameError("no description of a plugin")
