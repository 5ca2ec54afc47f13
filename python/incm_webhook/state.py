"""`ctx.state`: what a plugin keeps between its calls."""

import json
import threading
from collections.abc import Iterator, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from incm_webhook.state_values import check_key, encode, size_of

if TYPE_CHECKING:
    from incm_webhook.plugin import Context

__all__ = [
    "CALL_BYTES",
    "KEYS",
    "Changes",
    "MemoryStore",
    "Room",
    "State",
    "StateKeeper",
    "StateStore",
    "changes_of",
    "open_state",
]

KEYS = 10_000
CALL_BYTES = 1024 * 1024  # keys and values that one call may change, as size_of() counts them

Changes = Sequence[tuple[str, str | None]]  # key and JSON text; None deletes the key


class StateStore(Protocol):
    """The stored state of one plugin, as JSON texts by key; `_core.PluginState` implements it.

    Errors: InboxError when the inbox cannot be used.
    Threads: any.
    """

    def get(self, key: str) -> str | None:
        """Return the text of a key, None when there is none."""

    def page(self, prefix: str, after: str) -> tuple[list[tuple[str, str]], str | None]:
        """Return some keys that begin with `prefix` and come after `after`, in their order.

        The second value is the key after which there are more, or None.
        """

    def count(self) -> int:
        """Return how many keys there are."""

    def write(self, changes: Changes) -> None:
        """Make changes without a delivery, and return when they are on disk."""


class State:
    """The durable key-value store of a plugin, as one call of the plugin sees it.

    Shape: keys are texts of 1 to 256 bytes of UTF-8 without the character NUL. Values are None,
    bool, int, finite float, str, and lists and dicts (with str keys) of them: at most 65,536 bytes
    of JSON. A plugin has at most 10,000 keys, and what one call adds to those that are there never
    exceeds that; calls that run at the same time do not see each other's new keys, and may exceed
    it together. One call changes at most 1 MiB of keys and values, where each change counts 32
    bytes more.
    Changes are seen at once by this call. They are stored together with its outcome (a return,
    Retry, Reject or Unavailable), so that a crash loses both or neither, and dropped when the
    handler raises anything else or takes too long. Calls that begin later see them then. Of two
    calls that change one key, the one that ends last counts. A batch has one state for the whole
    call. Changes in setup and close are stored when it returns.
    Errors: TypeError and ValueError for a wrong key or value, and when a limit would be exceeded:
    nothing is changed then. InboxError when the inbox cannot be read. RuntimeError when the call
    that the state belongs to is over.
    Threads: any that the call uses.
    Source: plugins/README.md, State.
    """

    __slots__ = ("_bytes", "_changes", "_keeper", "_lock", "_over", "_stored")

    def __init__(self, keeper: "StateKeeper") -> None:
        self._keeper = keeper
        self._lock = threading.RLock()
        self._changes: dict[str, str | None] = {}
        self._bytes = 0
        self._over = False
        self._stored: dict[str, bool] = {}  # whether these keys were there before the call

    def get(self, key: str, default: Any = None) -> Any:
        """Return a new copy of the value of a key, or `default` when there is none."""
        check_key(key)
        with self._lock:
            self._check_open()
            text = self._changes[key] if key in self._changes else self._keeper.store.get(key)
        return default if text is None else json.loads(text)

    def set(self, key: str, value: Any) -> None:
        """Set the value of a key."""
        check_key(key)
        text = encode(key, value)
        with self._lock:
            self._check_open()
            fits = self._changes.get(key) is not None or self._keeper.has_room()
            if not fits and not self._has_room(key):
                raise ValueError(
                    f"the state of a plugin has at most {KEYS:,} keys: delete some before {key!r} "
                    "is added"
                )
            self._change(key, text)

    def delete(self, key: str) -> None:
        """Delete a key; does nothing when there is none."""
        check_key(key)
        with self._lock:
            self._check_open()
            self._change(key, None)

    def items(self, prefix: str = "") -> Iterator[tuple[str, Any]]:
        """Iterate over the keys that begin with `prefix`, in the order of their characters.

        Yields:
            Pairs of key and value. The stored values are read in pages, so that memory holds at
            most about 1 MiB of them; changes that this call makes meanwhile may be missed.
        """
        if prefix != "":
            check_key(prefix)
        with self._lock:
            self._check_open()
            own = sorted(one for one in self._changes.items() if one[0].startswith(prefix))
        return self._items(prefix, own)

    def end(self) -> Changes:
        """End the call, and return what it changed; later uses raise RuntimeError."""
        with self._lock:
            self._over = True
            return list(self._changes.items())

    def adopt(self, changes: Changes) -> None:
        """Take over the checked changes of a call that ran in another process."""
        with self._lock:
            self._changes.update(changes)

    def _items(self, prefix: str, own: list[tuple[str, str | None]]) -> Iterator[tuple[str, Any]]:
        after: str | None = ""
        while after is not None:
            with self._lock:
                self._check_open()
                stored, after = self._keeper.store.page(prefix, after)
            page: dict[str, str | None] = dict(stored)
            while own and (after is None or own[0][0] <= after):
                key, text = own.pop(0)
                page[key] = text
            for key in sorted(page):
                if (text := page[key]) is not None:
                    yield key, json.loads(text)

    def _change(self, key: str, text: str | None) -> None:
        size = self._bytes + size_of(key, text)
        if key in self._changes:
            size -= size_of(key, self._changes[key])
        if size > CALL_BYTES:
            raise ValueError(
                f"one call may change at most {CALL_BYTES:,} bytes of keys and values in ctx.state"
            )
        self._changes[key] = text
        self._bytes = size

    def _has_room(self, key: str) -> bool:
        """Count whether a key that this call has not set, or has deleted, may be set."""
        after = {**self._changes, key: ""}
        most = sum(text is not None for text in after.values())
        if self._keeper.count_room(most):
            return True
        if key not in self._changes and self._was_stored(key):
            return True
        more = sum((text is not None) - self._was_stored(one) for one, text in after.items())
        return self._keeper.count_room(more)

    def _was_stored(self, key: str) -> bool:
        if key not in self._stored:
            self._stored[key] = self._keeper.store.get(key) is not None
        return self._stored[key]

    def _check_open(self) -> None:
        if self._over:
            raise RuntimeError(
                "this ctx.state belongs to a call that is over: use the ctx of the current call"
            )


class Room:
    """How many keys a plugin may add before its keys are counted again.

    Attributes:
        lock: guards `left`.
        left: the number of keys.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.left = 0


class StateKeeper:
    """The store of one plugin's state, and the number of keys that fit into it.

    Threads: any.
    """

    def __init__(self, store: StateStore, room: Room | None = None) -> None:
        self.store = store
        self._room = room or Room()

    def has_room(self) -> bool:
        """Whether there was room for one key more when the keys were last counted."""
        with self._room.lock:
            self._room.left -= 1  # also for a key that is there: counting again costs little
            return self._room.left >= 0

    def count_room(self, more: int) -> bool:
        """Count the keys; return whether there is room for so many more, and take it."""
        with self._room.lock:
            self._room.left = KEYS - self.store.count() - more
            return self._room.left >= 0


def open_state(keeper: StateKeeper | None) -> State:
    """Make the state of one call; without a keeper, of a context that a test made by hand."""
    return State(keeper or StateKeeper(MemoryStore({})))


def changes_of(context: "Context") -> Changes:
    """End the state of a call, and return what the call changed in it.

    Args:
        context: one that `LoadedPlugin.context` made. What uses its state from now on gets a
            RuntimeError, also when nothing has used it before.
    """
    state: State = vars(context)["_call"].setdefault("state", _ENDED)
    return () if state is _ENDED else state.end()


class MemoryStore:
    """A store that keeps values in a dict, for tests and for `check`.

    Threads: any, one call at a time.
    """

    def __init__(self, values: MutableMapping[str, Any]) -> None:
        """Use a dict, which later changes go into.

        Raises:
            TypeError, ValueError: a key or value in it is not one that a state can hold.
        """
        for key, value in values.items():
            check_key(key)
            encode(key, value)
        self._values = values

    def get(self, key: str) -> str | None:
        """Return the text of a key, None when there is none."""
        return encode(key, self._values[key]) if key in self._values else None

    def page(self, prefix: str, after: str) -> tuple[list[tuple[str, str]], str | None]:
        """Return all keys that begin with `prefix` and come after `after`."""
        keys = sorted(key for key in self._values if key.startswith(prefix) and key > after)
        return [(key, encode(key, self._values[key])) for key in keys], None

    def count(self) -> int:
        """Return how many keys there are."""
        return len(self._values)

    def write(self, changes: Changes) -> None:
        """Make changes."""
        for key, text in changes:
            if text is None:
                self._values.pop(key, None)
            else:
                self._values[key] = json.loads(text)


_ENDED = open_state(None)  # of every call that ended without using its state
_ENDED.end()
