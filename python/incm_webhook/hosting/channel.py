"""Messages between the receiver and a plugin's own process: JSON, followed by raw alerts."""

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable
from datetime import date, datetime
from datetime import time as time_of_day
from typing import Any

from incm_webhook.config.settings import PluginSettings
from incm_webhook.errors import PluginError
from incm_webhook.process.forked import KeptFromChildren

_HEAD = struct.Struct("!II")  # length of the JSON, length of the payload
_CHUNK = 1 << 20
_DATE = "\0date"  # marks a date or time of TOML, which JSON lacks; no configuration has this key
_DATES = {one.__name__: one for one in (datetime, date, time_of_day)}


class GoneError(Exception):
    """The other end is gone.

    Attributes:
        sent: whether the other end may have received the whole message before.
    """

    def __init__(self, *, sent: bool) -> None:
        super().__init__("the other end is gone")
        self.sent = sent


class BrokenFrameError(Exception):
    """The received bytes are not a message, or not the expected one."""


class Channel:
    """One end of a socket pair that carries one request and its answer at a time.

    Shape: two big-endian 32-bit lengths, a JSON object, and the payload. With a limit, the other
    end is not trusted: received data is never run, and no more bytes than the limit are kept.
    Threads: one at a time may call send() and receive(); any may call exchange() and close().
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
            message: a dict that JSON can represent.
            payload: bytes to send after the JSON.
            until: when to give up, in monotonic seconds; 0 means never.

        Raises:
            GoneError: the other end is closed.
            TimeoutError: the other end did not read the message in time.
        """
        text = json.dumps(message).encode()
        raw = b"".join(payload)
        try:
            self._limit(until)
            self._socket.sendall(_HEAD.pack(len(text), len(raw)) + text + raw)
        except TimeoutError:
            raise
        except OSError:
            raise GoneError(sent=False) from None

    def receive(self, limit: int | None = None, until: float = 0.0) -> tuple[dict[str, Any], bytes]:
        """Wait for a message.

        Args:
            limit: the largest size of the message in bytes; None when the other end is trusted.
            until: when to give up, in monotonic seconds; 0 means never.

        Returns:
            The JSON object and the payload.

        Raises:
            GoneError: the other end is closed.
            BrokenFrameError: the message is too long, is not a JSON object, or another one follows.
            TimeoutError: no whole message arrived in time.
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
        self,
        message: dict[str, Any],
        payload: Iterable[bytes],
        limit: int,
        until: float,
        reply: Callable[[dict[str, Any]], dict[str, Any] | None] = lambda _: None,
    ) -> dict[str, Any]:
        """Send a message and wait for its answer, which has no payload.

        Args:
            message: as send() takes it.
            payload: as send() takes it.
            limit: as receive() takes it.
            until: as send() takes it.
            reply: returns the reply to a question that the other end asks before it answers; None
                for a message that is the answer.

        Raises:
            GoneError, BrokenFrameError, TimeoutError: as send() and receive().
            Exception: whatever reply raises.
        """
        with self._in_use:
            self.send(message, payload, until)
            while True:
                answer, raw = self.receive(limit, until)
                if raw:
                    raise BrokenFrameError("an answer with a payload")
                replied = reply(answer)
                if replied is None:
                    return answer
                self.send(replied, (), until)

    def close(self) -> None:
        """Close this end; a thread that waits in exchange() gets a GoneError."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        with self._in_use:  # otherwise a reader might use the descriptor after it was reassigned
            self._kept = None
            self._socket.close()

    def send_socket(self, one: socket.socket) -> None:
        """Pass a socket to the other end; GoneError when the other end is closed."""
        try:
            socket.send_fds(self._socket, [b"\0"], [one.fileno()])
        except OSError:
            raise GoneError(sent=False) from None

    def receive_socket(self) -> socket.socket:
        """Receive a socket from the other end; GoneError when the other end is closed."""
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
    """Serialise a plugin's table, without the defaults of keys that it does not set.

    Raises:
        PluginError: its config holds a value that a TOML file cannot hold.
    """

    def tagged(value: object) -> dict[str, list[str]]:
        if type(value) in _DATES.values():
            return {_DATE: [type(value).__name__, value.isoformat()]}  # type: ignore[attr-defined]
        raise PluginError(
            f'plugin "{settings.name}": config holds a {type(value).__name__}, which cannot be '
            "handed to a process"
        )

    return json.dumps(settings.model_dump(exclude_unset=True, by_alias=True), default=tagged)


def unpack_settings(text: str) -> PluginSettings:
    """Read the text that `pack_settings` made."""

    def untagged(table: dict[str, Any]) -> Any:
        if table.keys() == {_DATE}:
            name, value = table[_DATE]
            return _DATES[name].fromisoformat(value)
        return table

    return PluginSettings.model_validate(json.loads(text, object_hook=untagged))
