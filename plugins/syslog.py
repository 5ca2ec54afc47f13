"""Sends each alert to a syslog server as one message of RFC 5424, over TCP, TLS or UDP.

[[plugin]]
use = "syslog"
config = { host = "logs.example.com", transport = "tls" }
"""

import re
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from incm_webhook import Alert, Context, PluginError, Unavailable, plugin
from incm_webhook.fields import PositiveDuration, Size
from incm_webhook.message import is_clear, one_line, severity, subject, truncate_bytes

# In the order of their numbers (RFC 5424, section 6.2.1).
Facility = Literal[
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv",
    "ftp", "ntp", "security", "console", "solaris-cron", "local0", "local1", "local2", "local3",
    "local4", "local5", "local6", "local7",
]  # fmt: skip
_FACILITIES = get_args(Facility)
_SEVERITIES = {"critical": 2, "error": 3, "warning": 4, "ok": 5, "info": 6}
_PORTS = {"tcp": 601, "tls": 6514, "udp": 514}
_LARGEST = {"tcp": 8192, "tls": 8192, "udp": 2048}
_VALUE = 80  # bytes of a value of the structured data: all of them fit the smallest `largest`


class SyslogConfig(BaseModel):
    """The settings of the plugin.

    Attributes:
        host: the name or address of the syslog server.
        port: its port; by default 601 for TCP, 6514 for TLS, 514 for UDP.
        transport: "tcp" and "tls" count an alert as delivered when the server has read it; "udp"
            as soon as it is sent, so that it can be lost.
        ca_file: certificates (PEM) to trust instead of those of the system.
        certificate_file: the client's own certificate chain (PEM).
        private_key_file: its key, without a password.
        facility: the facility of all messages.
        hostname: the HOSTNAME of all messages; by default the name of this machine.
        app_name: the APP-NAME of all messages.
        enterprise: the private enterprise number in the name of the structured data; 32473 is the
            one for examples.
        largest: the longest message in bytes; a longer one is cut. By default 8 KiB, 2 KiB for UDP.
        time_limit: how long one batch may take. Keep it below the plugin's `timeout`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field(min_length=1)
    port: int | None = Field(default=None, ge=1, le=65535)
    transport: Literal["tcp", "tls", "udp"] = "tcp"
    ca_file: Path | None = None
    certificate_file: Path | None = None
    private_key_file: Path | None = None
    facility: Facility = "local0"
    hostname: str = Field(default_factory=socket.gethostname, pattern=r"^[\x21-\x7e]{1,255}$")
    app_name: str = Field(default="incm-webhook", pattern=r"^[\x21-\x7e]{1,48}$")
    enterprise: int = Field(default=32473, ge=0, le=2**31 - 1)
    largest: Size | None = Field(default=None, ge=2048, le=65507)
    time_limit: PositiveDuration = 10.0

    @model_validator(mode="after")
    def _files_are_used(self) -> "SyslogConfig":
        files = (self.ca_file, self.certificate_file, self.private_key_file)
        if self.transport != "tls" and any(files):
            raise ValueError(
                'ca_file, certificate_file and private_key_file need transport = "tls"'
            )
        if self.private_key_file and not self.certificate_file:
            raise ValueError("has a private_key_file, and no certificate_file")
        return self


@plugin("syslog", config=SyslogConfig, concurrency=1, timeout="30s")
class Syslog:
    """Send alerts to a syslog server.

    Shape: over TCP and TLS, a batch goes through a connection of its own, in frames with their
    length (RFC 6587, RFC 5425). The batch is delivered when the server has closed the connection
    in answer to its end, because a write that succeeds proves nothing about the server. Over UDP
    each alert is a datagram.
    Errors: Unavailable when the server's certificate is not valid; OSError otherwise, and the whole
    batch is sent again.
    Threads: any.
    """

    def __init__(self, config: SyslogConfig) -> None:
        self._config = config
        self._address = (config.host, config.port or _PORTS[config.transport])
        self._tls = _tls_context(config) if config.transport == "tls" else None

    def handle_batch(self, alerts: Sequence[Alert], ctx: Context) -> None:
        """Send the alerts in their order."""
        messages = [
            message(alert, one, self._config) for alert, one in zip(alerts, ctx.each, strict=True)
        ]
        if self._config.transport == "udp":
            self._send_datagrams(messages)
            return
        limit = _Limit(self._config.time_limit)
        with self._connection(limit) as connection:
            limit.apply(connection)
            connection.sendall(b"".join(b"%d %b" % (len(one), one) for one in messages))
            _wait_until_read(connection, limit)

    def connect(self) -> None:
        """Open a connection and close it without a message; over UDP only look the name up."""
        if self._config.transport == "udp":
            socket.getaddrinfo(*self._address, type=socket.SOCK_DGRAM)
            return
        limit = _Limit(self._config.time_limit)
        with self._connection(limit) as connection:
            _wait_until_read(connection, limit)

    @contextmanager
    def _connection(self, limit: "_Limit") -> Iterator[socket.socket]:
        with _connect(self._address, limit) as plain:
            if self._tls is None:
                yield plain
                return
            limit.apply(plain)
            try:
                connection = self._tls.wrap_socket(plain, server_hostname=self._config.host)
            except ssl.SSLCertVerificationError as error:
                raise Unavailable(
                    f"the certificate of {self._config.host} is not valid: {error.verify_message}"
                ) from error
            with connection:
                yield connection

    def _send_datagrams(self, messages: Sequence[bytes]) -> None:
        family, kind, protocol, _, address = socket.getaddrinfo(
            *self._address, type=socket.SOCK_DGRAM
        )[0]
        with socket.socket(family, kind, protocol) as connection:
            connection.settimeout(self._config.time_limit)
            connection.connect(address)
            for one in messages:
                connection.send(one)


def _tls_context(config: SyslogConfig) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=config.ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise PluginError(f"config ca_file: cannot use {config.ca_file}: {error}") from None
    if config.certificate_file:
        try:
            context.load_cert_chain(config.certificate_file, config.private_key_file)
        except OSError as error:
            key = config.private_key_file or config.certificate_file
            raise PluginError(
                f"config certificate_file: cannot use {config.certificate_file} with the key in "
                f"{key}: {error}"
            ) from None
    return context


class _Limit:
    """The time for a whole batch: each step gets what the steps before it have left."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return how many seconds are left; TimeoutError when none are."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"the server was not done within {self._seconds:g} s")
        return left

    def apply(self, connection: socket.socket) -> None:
        """Give the next step on a connection what is left."""
        connection.settimeout(self.left())


def _connect(address: tuple[str, int], limit: _Limit) -> socket.socket:
    """Connect to the first address of a host that answers.

    Args:
        address: the name of the host, or its address, and the port.
        limit: of the whole batch. Each address gets an equal part of what is left, so that one
            that does not answer leaves time for the others.

    Raises:
        OSError: the name is not known, or why the first address cannot be reached.
    """
    first: OSError | None = None
    places = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)
    for number, (family, kind, protocol, _, place) in enumerate(places):
        seconds = limit.left() / (len(places) - number)
        try:
            connection = socket.socket(family, kind, protocol)
        except OSError as error:  # this machine has no IPv6, for example
            first = first or error
            continue
        try:
            connection.settimeout(seconds)
            connection.connect(place)
        except BaseException as error:
            connection.close()
            if not isinstance(error, OSError):
                raise
            first = first or error
        else:
            return connection
    raise first or OSError(f"the name {address[0]} has no address")


def _wait_until_read(connection: socket.socket, limit: _Limit) -> None:
    """Say that nothing follows, and wait until the server has closed the connection.

    Args:
        connection: all messages are sent.
        limit: of the whole batch; it also ends the wait for a server that goes on sending.

    Raises:
        OSError: the connection broke, or time is up: the server may not have read everything.
    """
    limit.apply(connection)
    if isinstance(connection, ssl.SSLSocket):
        try:
            connection = connection.unwrap()  # sends the end, and waits for the server's
        except ssl.SSLEOFError:
            return  # closed without an end of TLS, as rsyslog with GnuTLS does
    connection.shutdown(socket.SHUT_WR)
    limit.apply(connection)
    while connection.recv(4096):
        limit.apply(connection)


def message(alert: Alert, ctx: Context, config: SyslogConfig) -> bytes:
    """Write one alert as a message of RFC 5424.

    Args:
        alert: any alert.
        ctx: the context of this alert.
        config: the plugin's settings.

    Returns:
        UTF-8 without a byte order mark and without control characters, of at most
        `config.largest` bytes; the text at the end is cut, never the structured data.
    """
    priority = _FACILITIES.index(config.facility) * 8 + _SEVERITIES[severity(alert)]
    kind = re.sub(r"[^\x21-\x7e]", "_", alert.type or "")[:32] or "-"
    head = f"<{priority}>1 {_time(alert, ctx)} {config.hostname} {config.app_name} - {kind} "
    head += f"{_structured(alert, ctx, config.enterprise)} "
    largest = config.largest or _LARGEST[config.transport]
    start = head.encode()
    return start + truncate_bytes(_text(alert), largest - len(start)).encode()


def _text(alert: Alert) -> str:
    content = one_line(alert.content or "", 1000)
    return f"{subject(alert)}{f'. {content}' if content else ''}"


def _time(alert: Alert, ctx: Context) -> str:
    moment: datetime = alert.timestamp or alert.created_at or ctx.received_at
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _structured(alert: Alert, ctx: Context, enterprise: int) -> str:
    values = {
        "type": alert.type,
        "alert": alert.id,
        "device": alert.device_id,
        "name": alert.entity_name,
        "serial": alert.serial_number,
        "group": alert.device_group.name if alert.device_group else None,
        "org": alert.org.name if alert.org else None,
        "clears": "true" if is_clear(alert) else None,
        "deliveryKey": ctx.delivery_key,
    }
    pairs = [f'{name}="{_escaped(value)}"' for name, value in values.items() if value]
    return f"[incm@{enterprise} {' '.join(pairs)}]"


def _escaped(value: str) -> str:
    plain = truncate_bytes(one_line(value, _VALUE), _VALUE)
    return re.sub(r'(["\\\]])', r"\\\1", plain)
