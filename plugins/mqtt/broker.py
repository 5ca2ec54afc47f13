"""What the plugin `mqtt` has to know about a broker: its address, limits and reason codes."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from incm_webhook import Reject, Unavailable
from incm_webhook.fields import Duration, PositiveDuration

# Reason codes of MQTT 5. A failure that is not listed may go away by itself.
_OF_THE_MESSAGE = {
    0x90: "topic name invalid",
    0x95: "packet too large",
    0x99: "payload format invalid",
}
_OF_THE_BROKER = {
    0x84: "it does not speak MQTT 5",
    0x85: "it does not accept the client_id",
    0x86: "bad user name or password",
    0x87: "not authorized",
    0x8A: "the client is banned",
    0x8C: "it wants another way of authentication",
    0x9A: "it keeps no retained messages",
    0x9B: "it does not support this qos",
    0x9C: "use another broker",
    0x9D: "the broker has moved",
}
TAKEN_OVER = 0x8E
FAILURE = 0x80
_LARGEST_PACKET = 1 + 4 + 0xFFFFFFF


class BrokerConfig(BaseModel):
    """How to reach the broker.

    Attributes:
        host: the broker's name or address.
        port: its port; 0 stands for 1883, or 8883 with TLS.
        tls: whether to use TLS 1.2 or newer.
        ca: a file of certificates to trust in place of the system's.
        certificate: a file with the client's certificate.
        key: a file with its private key, unless the file of the certificate holds it.
        username: the user's name.
        password: the user's password.
        client_id: the client identifier; by default a new one with each start. A broker ends the
            connection of a client when another one comes with the same identifier.
        keepalive: the silence after which the connection counts as lost.
        time_limit: the longest time that one alert may take, connecting included.
        qos: 1 waits until the broker has acknowledged the message, 0 does not.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field(min_length=1)
    port: int = Field(default=0, ge=0, le=65535)
    tls: bool = False
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    username: str | None = None
    password: SecretStr | None = None
    client_id: str = ""
    keepalive: Duration = Field(default=60.0, ge=1, le=65535)
    time_limit: PositiveDuration = 10.0
    qos: Literal[0, 1] = 1

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if not self.tls and (self.ca or self.certificate or self.key):
            raise ValueError("ca, certificate and key need tls = true")
        if self.key and not self.certificate:
            raise ValueError("key needs certificate")
        return self

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return self.host, self.port or (8883 if self.tls else 1883)

    @property
    def url(self) -> str:
        """The broker's address, for people."""
        scheme = "mqtts" if self.tls else "mqtt"
        return f"{scheme}://{self.host}:{self.address[1]}"


def tls_of(config: BrokerConfig) -> ssl.SSLContext | None:
    """Make the TLS settings of a connection; None without TLS.

    Raises:
        OSError: a file cannot be read.
        ValueError: a file does not hold what it should.
    """
    if not config.tls:
        return None
    files = [one for one in (config.ca, config.certificate, config.key) if one]
    for path in files:
        path.open("rb").close()  # else the error would not name the file
    try:
        context = ssl.create_default_context(cafile=config.ca)
        if config.certificate:
            context.load_cert_chain(config.certificate, config.key)
    except ssl.SSLError as error:
        names = " or ".join(str(path) for path in files)
        raise ValueError(f"{names} is no certificate or key in PEM format: {error}") from None
    return context


@dataclass(frozen=True)
class Message:
    """One message to publish.

    Attributes:
        topic: without wildcards, at most 65,535 bytes.
        payload: any bytes.
        retain: whether the broker keeps it for later subscribers.
        facts: the user properties.
        content_type: the MIME type of the payload.
    """

    topic: str
    payload: bytes
    retain: bool
    facts: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json"


def check_size(message: Message, config: BrokerConfig, largest: int | None) -> None:
    """Raise Reject for a packet that is too large: the broker would end the connection.

    Args:
        message: what is to be published.
        config: the quality of service, and the broker's name for the reason.
        largest: the largest packet that the broker takes, in bytes; None when it named none.
    """
    topic = message.topic.encode()
    if len(topic) > 0xFFFF:
        raise Reject(f"the topic has {len(topic)} bytes, MQTT allows 65,535")
    size = 2 + len(topic) + 2 * config.qos + len(message.payload)
    size += len(properties_of(message).pack())
    size += 1 + max(1, (size.bit_length() + 6) // 7)
    largest = min(largest or _LARGEST_PACKET, _LARGEST_PACKET)
    if size > largest:
        raise Reject(
            f"a message to {message.topic} has {size:,} bytes, and {config.url} takes {largest:,}"
        )


def properties_of(message: Message) -> Any:
    """Make paho's Properties of a message."""
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    if message.content_type:
        properties.ContentType = message.content_type
    if message.facts:
        properties.UserProperty = list(message.facts)
    return properties


def refusal(url: str, code: int, about: str) -> Exception:
    """Make an outcome of a reason code of MQTT 5.

    Args:
        url: the broker's address, for people.
        code: the reason code, from 0x80.
        about: what it is about, after the address: "" or " for TOPIC".

    Returns:
        Reject or Unavailable, or a ConnectionError, after which another attempt is made.
    """
    if code in _OF_THE_MESSAGE:
        return Reject(f"{url}{about}: {_OF_THE_MESSAGE[code]} (0x{code:02X})")
    if code in _OF_THE_BROKER:
        return Unavailable(f"{url}{about}: {_OF_THE_BROKER[code]} (0x{code:02X})")
    return ConnectionError(f"{url}{about}: reason code 0x{code:02X}")
