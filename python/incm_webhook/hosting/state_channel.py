"""The state of an isolated plugin: its process asks for it, and the receiver answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from incm_webhook.errors import InboxError
from incm_webhook.hosting.channel import BrokenFrameError
from incm_webhook.state import CALL_BYTES
from incm_webhook.state_values import VALUE_BYTES, check_key, size_of

if TYPE_CHECKING:
    from incm_webhook.hosting.channel import Channel
    from incm_webhook.state import Changes, StateStore

__all__ = ["CHANGES_LIMIT", "RemoteStore", "read_changes", "reply_to"]

# bytes: the changes of a call, whose JSON texts become JSON again
CHANGES_LIMIT = 4 * CALL_BYTES


class RemoteStore:
    """The state of a plugin, asked for on the channel of the call that runs.

    Errors: InboxError as the receiver reports it.
    Threads: one at a time, and only while the receiver waits for the outcome of the call.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def get(self, key: str) -> str | None:
        """Return the text of a key, None when there is none."""
        text: str | None = self._ask("get", key)
        return text

    def page(self, prefix: str, after: str) -> tuple[list[tuple[str, str]], str | None]:
        """Return some keys that begin with `prefix` and come after `after`."""
        entries, following = self._ask("page", prefix, after)
        return [(key, text) for key, text in entries], following

    def count(self) -> int:
        """Return how many keys there are."""
        count: int = self._ask("count")
        return count

    def write(self, changes: Changes) -> None:
        """Make changes without a delivery."""
        self._ask("write", [list(one) for one in changes])

    def _ask(self, *question: Any) -> Any:
        self._channel.send({"state": question})
        answer, _ = self._channel.receive()
        if "error" in answer:
            raise InboxError(answer["error"])
        return answer["state"]


def reply_to(store: StateStore, message: dict[str, Any]) -> dict[str, Any] | None:
    """Reply to a message of the plugin's process, if it asks for the state.

    Returns:
        The reply; None when the message is not about the state.

    Raises:
        BrokenFrameError: the question is not one that a plugin's process asks.
    """
    if "state" not in message:
        return None
    try:
        match message["state"]:
            case ["get", str() as key]:
                return {"state": store.get(key)}
            case ["page", str() as prefix, str() as after]:
                return {"state": store.page(prefix, after)}
            case ["count"]:
                return {"state": store.count()}
            case ["write", list() as changes]:
                store.write(read_changes(changes))
                return {"state": None}
    except BrokenFrameError:
        raise
    except Exception as error:  # the process waits for an answer, whatever happens here
        return {"error": str(error)}
    raise BrokenFrameError("no question about the state")


def read_changes(changes: Any) -> Changes:
    """Read changes that the plugin's process wrote.

    Raises:
        BrokenFrameError: they are no changes, or not such that a state can hold.
    """
    read: list[tuple[str, str | None]] = []
    size = largest = 0
    try:
        for key, text in changes:
            check_key(key)
            size += size_of(key, text)
            largest = max(largest, len((text or "").encode()))
            read.append((key, text))
    except (AttributeError, TypeError, ValueError):
        raise BrokenFrameError("no changes of the state") from None
    if size > CALL_BYTES or largest > VALUE_BYTES:
        raise BrokenFrameError("too many changes of the state")
    return read
