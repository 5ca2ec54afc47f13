"""The MQTT broker Mosquitto, and a subscriber that keeps what it gets."""

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from plugins.targets.ports import DEADLINE_S, free_port, listens, wait_until

PROGRAM = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
needs_mosquitto = pytest.mark.skipif(PROGRAM is None, reason="mosquitto is not installed")


@dataclass(frozen=True)
class Received:
    """A message that a subscriber got."""

    topic: str
    payload: bytes
    retained: bool
    facts: dict[str, str]


class Mosquitto:
    """A broker on a free port of loopback.

    Args:
        folder: where its configuration and its log go.
        lines: further lines of its configuration; without `allow_anonymous` anybody may connect.
        users: names with their passwords.
    """

    def __init__(
        self, folder: Path, lines: Sequence[str] = (), users: dict[str, str] | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self._log = folder / "mosquitto.log"
        self._config = folder / "mosquitto.conf"
        text = [f"listener {self.port} 127.0.0.1", "user root", *lines]
        if users:
            passwords = folder / "passwords"
            passwords.write_text("".join(f"{name}:{word}\n" for name, word in users.items()))
            subprocess.run(["mosquitto_passwd", "-U", passwords], check=True)
            text += [f"password_file {passwords}"]
        text += [] if "allow_anonymous false" in lines else ["allow_anonymous true"]
        self._config.write_text("\n".join(text) + "\n")
        self.process = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        assert PROGRAM
        with self._log.open("ab") as log:
            process = subprocess.Popen([PROGRAM, "-c", self._config], stdout=log, stderr=log)
        wait_until(lambda: listens(self.port) or process.poll() is not None)
        assert process.poll() is None, self._log.read_text()
        return process

    def stop(self) -> None:
        """End the broker as an operator does."""
        self.resume()
        self.process.terminate()
        self.process.wait()

    def kill(self) -> None:
        """End the broker as the kernel does."""
        self.process.kill()
        self.process.wait()

    def start(self) -> None:
        """Start it again, on the same port."""
        self.process = self._start()

    def pause(self) -> None:
        """Let it hang."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.stop()


class Subscriber:
    """Keeps every message of a broker, and connects again when it was lost.

    Args:
        port: the broker's port.
        topics: what to subscribe to.
        login: a user's name and password.
    """

    def __init__(self, port: int, topics: str = "#", login: tuple[str, str] | None = None) -> None:
        self.messages: list[Received] = []
        self._changed = threading.Condition()
        self._subscribed = threading.Event()
        self._topics = topics
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.reconnect_delay_set(1, 1)
        if login:
            self._client.username_pw_set(*login)
        self._client.on_connect = self._subscribe
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._keep
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._subscribed.wait(DEADLINE_S)

    def _subscribe(self, *_: Any) -> None:
        self._client.subscribe(self._topics, qos=1)

    def _keep(self, _: Any, __: Any, message: mqtt.MQTTMessage) -> None:
        facts = dict(getattr(message.properties, "UserProperty", []))
        one = Received(message.topic, bytes(message.payload), message.retain, facts)
        with self._changed:
            self.messages.append(one)
            self._changed.notify_all()

    def wait_for(self, condition: Callable[[list[Received]], bool]) -> list[Received]:
        """Wait until the messages fulfil a condition; return them."""
        with self._changed:
            fulfilled = self._changed.wait_for(lambda: condition(self.messages), DEADLINE_S)
            assert fulfilled, [one.topic for one in self.messages]
            return list(self.messages)

    def last(self, topic: str) -> Received:
        """Wait for a message of a topic; return the last one."""
        found = self.wait_for(lambda all_: any(one.topic == topic for one in all_))
        return [one for one in found if one.topic == topic][-1]

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()
