"""An MQTT 5 broker with prescribed answers, for those that Mosquitto does not give."""

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import BinaryIO, Self

CONNACK = b"\x20\x03\x00\x00\x00"


def refused_connection(reason: int) -> bytes:
    """A CONNACK of MQTT 5 with a reason code."""
    return bytes((0x20, 3, 0, reason, 0))


def ended(reason: int) -> bytes:
    """A DISCONNECT of the broker with a reason code."""
    return bytes((0xE0, 2, reason, 0))


class ScriptedBroker:
    """A broker on a free port of loopback that serves one connection after the other.

    Args:
        hello: what it answers to a CONNECT.
        to_publish: what it answers to each PUBLISH: bytes, also none, or a reason code for a
            PUBACK; None closes the connection.
    """

    def __init__(self, hello: bytes = CONNACK, to_publish: bytes | int | None = 0) -> None:
        self.published: list[bytes] = []
        self.largest = 0  # bytes of a PUBLISH
        self.connections = 0
        self._hello = hello
        self._to_publish = to_publish
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client, client.makefile("rb") as stream, suppress(OSError, IndexError):
                self._answer(client, stream)

    def _answer(self, client: socket.socket, stream: BinaryIO) -> None:
        while True:
            kind = stream.read(1)[0]
            length, bytes_of_length = _length(stream)
            body = stream.read(length)
            if kind >> 4 == 1:
                self.connections += 1
                client.sendall(self._hello)
            elif kind >> 4 == 3:
                self.largest = max(self.largest, 1 + bytes_of_length + length)
                topic = int.from_bytes(body[:2], "big")
                self.published.append(body[2 : 2 + topic])
                number = body[2 + topic : 4 + topic]
                if self._to_publish is None:
                    return
                if isinstance(self._to_publish, bytes):
                    client.sendall(self._to_publish)
                else:
                    client.sendall(b"\x40\x03" + number + bytes((self._to_publish,)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)


def _length(stream: BinaryIO) -> tuple[int, int]:
    """Read the remaining length of a packet; return it, and how many bytes it took."""
    value = count = 0
    while True:
        byte = stream.read(1)[0]
        value |= (byte & 0x7F) << 7 * count
        count += 1
        if byte < 0x80:
            return value, count
