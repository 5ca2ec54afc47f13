"""Publishes each alert to an MQTT broker, with a retained state of each device.

It speaks MQTT 5, because only there a broker reports that it has refused a message. Delivery is at
least once: after a lost acknowledgement a message comes again, with the same user property
delivery_key.

The files: `topics.py` makes topics safe, `devices.py` writes the retained messages, `broker.py`
knows what brokers take and say, `connection.py` keeps the connection.
"""

import hashlib
import secrets
import socket
import time
from typing import Self

from pydantic import field_validator, model_validator

from incm_webhook import Alert, Context, PluginError, Template, plugin

from .broker import BrokerConfig, Message, tls_of
from .connection import Connection, Link
from .devices import announcement, state_after, state_message
from .topics import cleaned, device_of, level, placeholders_in, short, topic_of, written


class MqttConfig(BrokerConfig):
    """The settings of the plugin, after those of the broker.

    Attributes:
        topic: the topic of alerts. {device}, {serial}, {name}, {type}, {org}, {group}, {endpoint}
            and {plugin} stand for one level each.
        payload: a template of the message; without one the alert's own JSON text.
        retain: whether the broker keeps the last alert of each topic.
        state_topic: the topic of the retained state of a device; empty: no states.
        status_topic: the topic that holds "online" or "offline"; empty: none.
        home_assistant: the discovery prefix of Home Assistant, usually "homeassistant"; empty: no
            discovery.
    """

    topic: str = "incm-webhook/alerts/{device}/{type}"
    payload: Template | None = None
    retain: bool = False
    state_topic: str = "incm-webhook/devices/{device}"
    status_topic: str = "incm-webhook/status"
    home_assistant: str = ""

    @field_validator("topic", "state_topic", "status_topic", "home_assistant")
    @classmethod
    def _is_topic(cls, topic: str) -> str:
        placeholders_in(topic)
        return topic

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if not self.topic:
            raise ValueError("topic is empty")
        if placeholders_in(self.status_topic) or placeholders_in(self.home_assistant):
            raise ValueError("status_topic and home_assistant have no placeholders")
        if self.state_topic and "device" not in placeholders_in(self.state_topic):
            raise ValueError("state_topic needs {device}, because each device has its own state")
        if self.home_assistant and not (self.state_topic and self.status_topic):
            raise ValueError("home_assistant needs state_topic and status_topic")
        return self

    @property
    def retains(self) -> bool:
        """Whether any message is retained."""
        return bool(self.retain or self.state_topic or self.status_topic)


@plugin("mqtt", config=MqttConfig, concurrency=1, order="device")
class Mqtt:
    """Publish each alert to an MQTT broker, with a retained state of each device.

    Shape: one connection, which a thread of its own keeps open, so that the broker's last will
    tells whether the plugin is connected. A message is only given to a connection that stands, and
    a connection without an acknowledgement in time is ended: nothing is sent later by itself.
    Errors: Unavailable, Reject, or an OSError for another attempt.
    Threads: any.
    """

    def __init__(self, config: MqttConfig) -> None:
        try:
            import paho.mqtt.client  # noqa: F401
        except ImportError:
            raise PluginError(
                'the library paho-mqtt is missing: pip install "incm-webhook[mqtt]"'
            ) from None
        self._config = config
        self._link: Link | None = None

    def check(self) -> None:
        """Raise when a file of TLS cannot be used."""
        tls_of(self._config)

    def connect(self, ctx: Context) -> None:
        """Connect to the broker; publish nothing."""
        link = self._new_link(ctx, "")
        try:
            link.ready(time.monotonic() + self._config.time_limit)
        finally:
            link.close()

    def setup(self, ctx: Context) -> None:
        """Start to connect; a broker that is down does not hold up the start."""
        self._link = self._new_link(ctx, self._config.status_topic)

    def handle(self, alert: Alert, ctx: Context) -> None:
        """Publish what the alert changes of its device's state, then the alert."""
        if self._link is None:
            raise RuntimeError("handle was called before setup")
        deadline = time.monotonic() + self._config.time_limit
        connection = self._link.ready(deadline)
        device = device_of(alert)
        if self._config.state_topic and device:
            self._publish_state(alert, device, ctx, connection, deadline)
        connection.publish(self._message(alert, ctx), deadline)

    def close(self) -> None:
        """Disconnect, and have the broker publish the last will."""
        if self._link:
            self._link.close()

    def _new_link(self, ctx: Context, status_topic: str) -> Link:
        config = self._config
        # Unique, so that a trial run does not end the connection of a server.
        unique = f"incm-webhook-{socket.gethostname()}-{ctx.plugin}-{secrets.token_hex(4)}"
        name = config.client_id or cleaned(unique)
        return Link(config, name, status_topic, ctx.log, retains=config.retains)

    def _message(self, alert: Alert, ctx: Context) -> Message:
        config = self._config
        facts = (
            ("delivery_key", ctx.delivery_key),
            ("type", short(alert.type) or ""),
            ("endpoint", short(ctx.endpoint) or ""),
            ("received_at", written(ctx.received_at)),
        )
        topic = topic_of(config.topic, alert, ctx)
        if config.payload:
            text = ctx.render(config.payload, alert).encode(errors="replace")
            return Message(topic, text, config.retain, facts, "text/plain")
        return Message(topic, alert.raw, config.retain, facts)

    def _publish_state(
        self, alert: Alert, device: str, ctx: Context, connection: Connection, deadline: float
    ) -> None:
        """Publish the state of the device if the alert changes it, and announce a new device."""
        config = self._config
        key = f"device:{level(device)}"
        known = ctx.state.get(key, {})
        topic = topic_of(config.state_topic, alert, ctx)
        state = state_after(known, alert, ctx)
        remembered = {**state, "topic": topic, "announced": None}
        if config.home_assistant:
            message = announcement(
                config.home_assistant, alert, device, topic, config.status_topic, config.qos
            )
            remembered["announced"] = hashlib.sha256(message.payload).hexdigest()
            if remembered["announced"] != known.get("announced"):
                connection.publish(message, deadline)
        if remembered == known:
            return
        connection.publish(state_message(alert, device, state, topic), deadline)
        try:
            ctx.state.set(key, remembered)
        except ValueError as error:  # full: the state is then published with every alert
            ctx.log.warning("the state of %s is not remembered: %s", level(device), error)
