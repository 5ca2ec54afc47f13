"""The connection of the plugin `mqtt` to its broker, made with paho-mqtt.

paho's own reconnecting is not used, because it also sends messages again whose calls
have failed. Here each connection has a client object of its own, and nothing outlives it.
"""

import socket
import ssl
import threading
import time
from contextlib import suppress
from functools import partial
from logging import Logger, LoggerAdapter
from typing import TYPE_CHECKING, Any, cast

from incm_webhook import Reject, Unavailable

from .broker import (
    FAILURE,
    TAKEN_OVER,
    BrokerConfig,
    Message,
    check_size,
    properties_of,
    refusal,
    tls_of,
)

if TYPE_CHECKING:
    from paho.mqtt.client import Client

Log = Logger | LoggerAdapter[Logger]

_FIRST_PAUSE_S = 1.0  # between two attempts to connect while no alert waits
_LONGEST_PAUSE_S = 30.0
_TAKEN_OVER_PAUSE_S = 5.0
_END_S = 2.0  # for a broker to take the last packet


class Link:
    """Keeps one connection to the broker open, by a thread of its own.

    Args:
        config: how to reach the broker.
        client_id: the client identifier.
        status_topic: where "online" is published, and "offline" as last will; "" for nowhere.
        log: for connections that were made or lost.
        retains: whether the broker must be able to keep retained messages.

    Threads: any.
    """

    def __init__(
        self, config: BrokerConfig, client_id: str, status_topic: str, log: Log, *, retains: bool
    ) -> None:
        changed = threading.Condition()
        self._config = config
        self._new = partial(
            Connection, config, client_id, status_topic, changed, log, retains=retains
        )
        self._log = log
        self._changed = changed
        self._wanted = threading.Event()
        self._closing = False
        self._failures = 0
        self._failure: Exception | None = None
        self._current = self._new()
        self._thread = threading.Thread(target=self._keep, name=f"mqtt {config.host}", daemon=True)
        self._thread.start()

    def ready(self, deadline: float) -> "Connection":
        """Wait for a connection that stands; without one, an attempt is made at once.

        Raises:
            Unavailable: the broker refuses the client.
            OSError: there is no connection by the deadline (monotonic seconds).
        """
        with self._changed:
            seen = self._failures
            if not self._current.stands:
                self._wanted.set()
            self._changed.wait_for(
                lambda: self._current.stands or self._failures > seen,
                max(0.0, deadline - time.monotonic()),
            )
            if self._current.stands:
                return self._current
            if self._failures > seen and self._failure:
                raise _again(self._failure)
        raise TimeoutError(f"{self._config.url} does not answer")

    def close(self) -> None:
        """Disconnect, and have the broker publish the last will."""
        self._closing = True
        self._wanted.set()
        self._current.leave()
        self._thread.join(_END_S)
        self._current.drop()
        self._thread.join(_END_S)

    def _keep(self) -> None:
        pause = _FIRST_PAUSE_S
        while not self._closing:
            self._wanted.clear()
            self._current.run()
            stood = self._current.stood
            with self._changed:
                if not stood:
                    self._failures += 1
                    self._failure = self._current.failure
                self._changed.notify_all()
            if stood and not self._closing:
                self._log.warning("%s", self._current.failure)
            pause = _FIRST_PAUSE_S if stood else min(2 * pause, _LONGEST_PAUSE_S)
            self._wanted.wait(_TAKEN_OVER_PAUSE_S if self._current.taken_over else pause)
            if not self._closing:
                with self._changed:
                    self._current = self._new()


class Connection:
    """One connection to the broker, from its first packet to its end.

    Threads: `run` belongs to one thread; the rest may be called from any.

    Attributes:
        stands: whether the broker has accepted the connection and it has not ended.
        stood: whether the broker has ever accepted it.
        taken_over: whether it ended because another client has the same identifier.
        failure: why the connection ended; None before that.
    """

    def __init__(
        self,
        config: BrokerConfig,
        client_id: str,
        status_topic: str,
        changed: threading.Condition,
        log: Log,
        *,
        retains: bool,
    ) -> None:
        self.stands = self.stood = self.taken_over = False
        self.failure: Exception | None = None
        self._config = config
        self._client_id = client_id
        self._status_topic = status_topic
        self._retains = retains
        self._log = log
        self._changed = changed
        self._client: Client | None = None
        self._reason: Exception | None = None
        self._largest: int | None = None
        self._status_messages: set[int] = set()
        self._publishing = 0
        self._left = False
        self._acknowledged: dict[int, int] = {}

    def run(self) -> None:
        """Connect, and serve the connection until it ends."""
        config = self._config
        try:
            self._client = client = self._make_client()
            client.connect(*config.address, int(config.keepalive), clean_start=True)
            self._serve(client)
            failure = self._reason or ConnectionError(f"{config.url} closed the connection")
        except ssl.SSLCertVerificationError as error:
            failure = Unavailable(f"{config.url} has no trusted certificate: {error}")
        except TimeoutError:
            failure = TimeoutError(f"{config.url} does not answer")
        except OSError as error:
            failure = ConnectionError(f"{config.url}: {error.strerror or error}")
        except Exception as error:  # what paho raises for bytes that are not MQTT 5
            failure = ConnectionError(f"{config.url} does not speak MQTT 5: {error}")
        with self._changed:
            self.stands, self.failure = False, failure
            self._changed.notify_all()
        self.drop()

    def publish(self, message: Message, deadline: float) -> None:
        """Publish a message, and wait until the broker has acknowledged it.

        Raises:
            Reject: the broker takes no such message.
            Unavailable: the broker does not let this client publish there.
            OSError: the connection ended, or no acknowledgement came by the deadline (monotonic
                seconds). In the latter case the connection is ended here.
        """
        check_size(message, self._config, self._largest)
        with self._changed:
            self._publishing += 1
        try:
            number = self._send(message)
            with self._changed:
                self._changed.wait_for(
                    lambda: self.failure or number in self._acknowledged,
                    max(0.0, deadline - time.monotonic()),
                )
                reason = self._acknowledged.pop(number, None)
                alone = self._publishing == 1
        finally:
            with self._changed:
                self._publishing -= 1
        if reason is None:
            raise self._unacknowledged(alone=alone)
        if reason >= FAILURE:
            raise refusal(self._config.url, reason, f" for {message.topic}")

    def drop(self) -> None:
        """End the connection without a word; the broker then publishes the last will."""
        connected = cast("socket.socket | None", self._client.socket() if self._client else None)
        if connected is not None:
            with suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)

    def leave(self) -> None:
        """Disconnect, and have the broker publish the last will; a later `run` ends at once."""
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.reasoncodes import ReasonCode

        self._left = True
        if self._client is None or not self.stands:
            self.drop()
            return
        goodbye = ReasonCode(PacketTypes.DISCONNECT, "Disconnect with will message")
        self._client.disconnect(goodbye)

    def _make_client(self) -> "Client":
        from paho.mqtt.client import Client, MQTTv5
        from paho.mqtt.enums import CallbackAPIVersion

        config = self._config
        client = Client(CallbackAPIVersion.VERSION2, self._client_id, protocol=MQTTv5)
        client.connect_timeout = config.time_limit
        client.suppress_exceptions = False
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        # With this set, paho writes in the thread that serves the connection, never in another.
        client.on_socket_register_write = lambda *_: None
        if config.username is not None or config.password is not None:
            password = config.password.get_secret_value() if config.password else None
            client.username_pw_set(config.username or "", password)
        if self._status_topic:
            client.will_set(self._status_topic, "offline", qos=config.qos, retain=True)
        context = tls_of(config)
        if context:
            client.tls_set_context(context)
        return client

    def _serve(self, client: "Client") -> None:
        deadline = time.monotonic() + self._config.time_limit
        while not (self._left and not self.stood) and client.loop(1.0) == 0:
            if not self.stood and time.monotonic() > deadline:
                raise TimeoutError

    def _on_connect(self, client: "Client", _: Any, __: Any, reason: Any, properties: Any) -> None:
        if reason.value >= FAILURE:
            self._reason = refusal(self._config.url, reason.value, "")
            return
        if getattr(properties, "MaximumQoS", 2) < self._config.qos:
            self._reason = refusal(self._config.url, 0x9B, "")
        elif self._retains and not getattr(properties, "RetainAvailable", 1):
            self._reason = refusal(self._config.url, 0x9A, "")
        if self._reason:
            client.disconnect()
            return
        self._largest = getattr(properties, "MaximumPacketSize", None)
        if self._status_topic:
            self._say_online(client)
            client.subscribe(self._status_topic, qos=self._config.qos)
        with self._changed:
            self.stands = self.stood = True
            self._changed.notify_all()
        self._log.info("connected to %s", self._config.url)

    def _say_online(self, client: "Client") -> None:
        sent = client.publish(self._status_topic, "online", qos=self._config.qos, retain=True)
        self._status_messages.add(sent.mid)

    def _on_message(self, client: "Client", _: Any, message: Any) -> None:
        """Correct "offline": the last will of a connection before this one may come late."""
        if message.payload == b"offline":
            self._say_online(client)

    def _on_disconnect(self, _: Any, __: Any, flags: Any, reason: Any, ___: Any) -> None:
        if flags.is_disconnect_packet_from_server and not self._reason:
            self.taken_over = reason.value == TAKEN_OVER
            who = f": another client has the client_id {self._client_id}" if self.taken_over else ""
            self._reason = refusal(self._config.url, reason.value, who)

    def _on_publish(self, _: Any, __: Any, mid: int, reason: Any, ___: Any) -> None:
        if mid in self._status_messages:
            self._status_messages.discard(mid)
            if reason.value >= FAILURE:
                error = refusal(self._config.url, reason.value, f" for {self._status_topic}")
                self._log.warning("%s", error)
            return
        with self._changed:
            self._acknowledged[mid] = reason.value
            self._changed.notify_all()

    def _unacknowledged(self, *, alone: bool) -> Exception:
        """Say why a message got no acknowledgement; end the connection if it still stands."""
        if self.failure is None:
            error = TimeoutError(f"{self._config.url} has not acknowledged a message in time")
            with self._changed:
                self.stands = False
                self._reason = error
            self.drop()
            return error
        if isinstance(self.failure, Reject) and not alone:
            return ConnectionError(str(self.failure))  # whose message it speaks of is unknown
        return _again(self.failure)

    def _send(self, message: Message) -> int:
        if self._client is None or not self.stands:
            raise ConnectionError(f"{self._config.url} closed the connection")
        sent = self._client.publish(
            message.topic,
            message.payload,
            self._config.qos,
            message.retain,
            properties_of(message),
        )
        if sent.rc != 0:
            raise ConnectionError(f"{self._config.url} closed the connection")
        return sent.mid


def _again(failure: Exception) -> Exception:
    """Copy an outcome, because several threads must not raise one object."""
    return type(failure)(*failure.args)
