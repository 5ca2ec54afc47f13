"""Messages between the receiver and a plugin's own process: JSON and, behind it, raw alerts."""

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Iterable
from datetime import date, datetime
from datetime import time as time_of_day
from typing import Any

from incm_webhook.config.settings import PluginSettings
from incm_webhook.errors import PluginError
from incm_webhook.process.forked import KeptFromChildren

_HEAD = struct.Struct("!II")  # bytes of JSON, bytes behind it
_CHUNK = 1 << 20
_DATE = "\0date"  # a key that no configuration has: TOML's dates and times are no JSON
_DATES = {one.__name__: one for one in (datetime, date, time_of_day)}


class GoneError(Exception):
    """The other end is gone.

    Attributes:
        sent: whether it may have got the whole message before.
    """

    def __init__(self, *, sent: bool) -> None:
        super().__init__("the other end is gone")
        self.sent = sent


class BrokenFrameError(Exception):
    """What came is no message, or not the one that was due."""


class Channel:
    """One end of a socket pair, on which one message at a time is asked and answered.

    Shape: two big-endian 32-bit lengths, a JSON object, bytes. What comes in is taken for hostile
    as far as the reader gives a limit: nothing of it is run, and no more than that is kept.
    Threads: send() and receive() one at a time; exchange() and close() from any.
    Source: own choice.
    """

    def __init__(self, own: socket.socket) -> None:
        self._socket = own
        self._kept: KeptFromChildren | None = KeptFromChildren(own.fileno())
        self._in_use = threading.Lock()

    def send(
        self, message: dict[str, Any], payload: Iterable[bytes] = (), until: float = 0
    ) -> None:
        """Send a message.

        Args:
            message: what JSON can hold.
            payload: bytes to put behind it.
            until: when to give up, in monotonic seconds; 0 never does.

        Raises:
            GoneError: nobody reads any more.
            TimeoutError: it was not taken in time.
        """
        text = json.dumps(message).encode()
        behind = b"".join(payload)
        try:
            self._limit(until)
            self._socket.sendall(_HEAD.pack(len(text), len(behind)) + text + behind)
        except TimeoutError:
            raise
        except OSError:
            raise GoneError(sent=False) from None

    def receive(self, limit: int | None = None, until: float = 0.0) -> tuple[dict[str, Any], bytes]:
        """Wait for a message.

        Args:
            limit: how many bytes it may have; None trusts the other end.
            until: when to give up, in monotonic seconds; 0 never does.

        Returns:
            The JSON object, and the bytes behind it.

        Raises:
            GoneError: the other end is closed.
            BrokenFrameError: it is too long, no JSON object, or more than one message.
            TimeoutError: it did not come in time.
        """
        data = bytearray()
        wanted = _HEAD.size
        while len(data) < wanted:
            data += self._some(min(_CHUNK, max(65536, wanted - len(data))), until)
            if wanted == _HEAD.size and len(data) >= wanted:
                wanted += sum(_HEAD.unpack_from(data))
                if limit is not None and wanted > limit:
                    raise BrokenFrameError(f"a message of {wanted} bytes")
        if len(data) > wanted:
            raise BrokenFrameError("more than one message")
        middle = _HEAD.size + _HEAD.unpack_from(data)[0]
        try:
            message = json.loads(data[_HEAD.size : middle])
        except (ValueError, RecursionError):
            raise BrokenFrameError("a message that is no JSON") from None
        if not isinstance(message, dict):
            raise BrokenFrameError("a message that is no JSON object")
        return message, bytes(data[middle:])

    def exchange(
        self, message: dict[str, Any], payload: Iterable[bytes], limit: int, until: float
    ) -> dict[str, Any]:
        """Send a message and wait for its answer, which has no bytes behind it.

        Raises:
            GoneError, BrokenFrameError, TimeoutError: as send() and receive().
        """
        with self._in_use:
            self.send(message, payload, until)
            answer, behind = self.receive(limit, until)
        if behind:
            raise BrokenFrameError("an answer with bytes behind it")
        return answer

    def close(self) -> None:
        """Close this end; who waits in exchange() gets a GoneError."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        with self._in_use:  # a descriptor that is closed under a reader may be another's by then
            self._kept = None
            self._socket.close()

    def send_socket(self, one: socket.socket) -> None:
        """Give the other end a socket; GoneError when nobody reads any more."""
        try:
            socket.send_fds(self._socket, [b"\0"], [one.fileno()])
        except OSError:
            raise GoneError(sent=False) from None

    def receive_socket(self) -> socket.socket:
        """Take a socket that the other end gives; GoneError when it is closed."""
        _, descriptors, _, _ = socket.recv_fds(self._socket, 1, 1)
        if not descriptors:
            raise GoneError(sent=True)
        given = socket.socket(fileno=descriptors[0])
        given.set_inheritable(False)
        return given

    def _some(self, most: int, until: float) -> bytes:
        try:
            self._limit(until)
            some = self._socket.recv(most)
        except TimeoutError:
            raise
        except OSError:
            some = b""
        if not some:
            raise GoneError(sent=True)
        return some

    def _limit(self, until: float) -> None:
        if not until:
            self._socket.settimeout(None)
            return
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)


def pack_settings(settings: PluginSettings) -> str:
    """Write what a plugin's table says, and only what it says, as a text.

    Raises:
        PluginError: its config holds what no TOML file can hold.
    """

    def tagged(value: object) -> dict[str, list[str]]:
        if type(value) in _DATES.values():
            return {_DATE: [type(value).__name__, value.isoformat()]}  # type: ignore[attr-defined]
        raise PluginError(
            f'plugin "{settings.name}": config holds a {type(value).__name__}, which cannot be '
            "handed to a process"
        )

    return json.dumps(settings.model_dump(exclude_unset=True), default=tagged)


def unpack_settings(text: str) -> PluginSettings:
    """Read what `pack_settings` wrote."""

    def untagged(table: dict[str, Any]) -> Any:
        if table.keys() == {_DATE}:
            name, value = table[_DATE]
            return _DATES[name].fromisoformat(value)
        return table

    return PluginSettings.model_validate(json.loads(text, object_hook=untagged))
