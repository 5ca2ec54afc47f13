"""Posts alerts like InCloud Manager: signed over the canonical text, however they are spelled."""

import contextlib
import errno
import http.client
import select
import socket
import ssl
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlsplit

from incm_webhook import __version__, canonical_json, sign
from incm_webhook.config.server import is_host
from incm_webhook.errors import CanonicalError, SendError, UnreachableError, UrlError
from incm_webhook.log import printable

TIMEOUT_S = 30.0
MAX_ANSWER_BYTES = 64 * 1024
_SAFE = "%/:?#[]@!$&'()*+,;="  # what may stand in a URL besides letters and digits
_NO_WAY = (errno.EHOSTUNREACH, errno.ENETUNREACH)
# Errors of OpenSSL (X509_V_ERR_...): self-signed, or of an authority that is not at hand.
_UNKNOWN_ISSUER = (18, 19, 20, 21)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of a receiver.

    Attributes:
        status: the HTTP status.
        reason: the reason phrase.
        body: the beginning of the body; at most 64 KiB.
        headers: in the order received, names as received.
    """

    status: int
    reason: str
    body: bytes
    headers: tuple[tuple[str, str], ...]


def signature_of(body: bytes, secret: bytes) -> str:
    """Sign a body as the platform does.

    Args:
        body: any bytes.
        secret: the webhook's secret token, not empty.

    Returns:
        The value of X-Signature, over the canonical text; over the body itself when it has no
        canonical text.

    Source: docs/protocol.md, The request.
    """
    try:
        return sign(canonical_json(body), secret)
    except CanonicalError:
        return sign(body, secret)


def open_connection(
    url: str, timeout_s: float = TIMEOUT_S, context: ssl.SSLContext | None = None
) -> tuple[http.client.HTTPConnection, str]:
    """Make a connection to the URL's host, which connects with its first request.

    Args:
        url: an http or https URL.
        timeout_s: seconds for connecting and for each wait.
        context: whom to trust with https; None trusts the authorities of the system.

    Returns:
        The connection, and the path and query to request.

    Raises:
        UrlError: the URL is no HTTP URL.
    """
    if "@" in url.partition("://")[2].partition("/")[0]:
        # InCloud Manager sends neither, and a message with the URL would show the password.
        raise UrlError("the URL has a name or password in it, which are not sent: leave them out")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UrlError(f"{printable(url)} is no URL: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UrlError(
            f"{printable(url)} is no URL of an HTTP service: write http://HOST:PORT/PATH or "
            "https://..."
        )
    if not url.isprintable() or " " in url:
        raise UrlError(f"{printable(url)} is no URL of an HTTP service: it holds a blank")
    if not is_host(parts.hostname):
        raise UrlError(f"{printable(url)} is no URL of an HTTP service: no host has such a name")
    if not (parts.path + parts.query).isascii():
        raise UrlError(f"{url} is no URL of an HTTP service: write it as {quote(url, safe=_SAFE)}")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if parts.scheme == "https":
        secure = http.client.HTTPSConnection(
            parts.hostname, port, timeout=timeout_s, context=context
        )
        return secure, target
    return http.client.HTTPConnection(parts.hostname, port, timeout=timeout_s), target


class Sender:
    """Posts to one URL over one connection that is kept alive.

    Shape: use it in a `with` statement. Errors: `SendError` with a sentence when the URL is no
    HTTP URL, and when nothing answers. Threads: one at a time. Source: docs/protocol.md, The
    request.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = TIMEOUT_S,
        reposts: bool = True,
        context: ssl.SSLContext | None = None,
        most_bytes: int = MAX_ANSWER_BYTES,
    ) -> None:
        """Check the URL; nothing is sent yet.

        Args:
            url: where to post.
            timeout_s: seconds for connecting and for each wait.
            context: whom to trust with https; None trusts the authorities of the system.
            reposts: whether to post again at once, over a new connection, when a kept connection
                turns out to be closed. Otherwise that is an error, unless the close was noticed
                before posting.
            most_bytes: how much of an answer's body is read.
        """
        self._url = url
        self._connection, self._target = open_connection(url, timeout_s, context)
        self._reposts = reposts
        self._most_bytes = most_bytes
        self._used = False

    def post(self, body: bytes, signature: str | None = None) -> Answer:
        """Post one body.

        Args:
            body: the bytes to send.
            signature: the value of X-Signature; None leaves the header out.

        Returns:
            The answer, whatever its status.

        Raises:
            UnreachableError: nothing is there.
            SendError: nothing answered.
        """
        headers = {"Content-Type": "application/json", "User-Agent": f"incm-webhook/{__version__}"}
        if signature is not None:
            headers["X-Signature"] = signature
        while True:
            if self._has_ended():
                self._connection.close()
            again, self._used = self._used and self._reposts, True
            try:
                return self._exchange(body, headers)
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                closed = isinstance(error, (ConnectionResetError, BrokenPipeError))
                if again and closed:
                    self._used = False
                    continue
                raise explained(self._url, error) from None

    def interrupt(self) -> None:
        """Make a `post` that waits for its connection fail soon. Threads: any, during a `post`."""
        kept = self._connection.sock
        if kept is not None:
            with contextlib.suppress(OSError):
                # Not that of an SSLSocket, which is not for another thread.
                socket.socket.shutdown(kept, socket.SHUT_RDWR)

    def _has_ended(self) -> bool:
        """Whether the receiver has closed the kept connection: only that makes it readable."""
        kept = self._connection.sock
        if kept is None:
            return False
        poll = select.poll()
        poll.register(kept, select.POLLIN)
        return bool(poll.poll(0))

    def _exchange(self, body: bytes, headers: dict[str, str]) -> Answer:
        # A receiver that refuses a body early answers and closes; the answer still counts.
        if self._connection.sock is None:
            self._connection.connect()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._connection.request("POST", self._target, body, headers)
        response = self._connection.getresponse()
        text = response.read(self._most_bytes)
        if not response.isclosed():
            self._connection.close()
        return Answer(response.status, response.reason, text, tuple(response.getheaders()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()


def explained(url: str, error: OSError | http.client.HTTPException) -> SendError:
    """Explain in a sentence why a request failed.

    Args:
        url: the URL of the request.
        error: the exception of http.client.

    Returns:
        The error to raise; an `UnreachableError` when nothing listens there.
    """
    shown = printable(url)
    if isinstance(error, ConnectionRefusedError):
        return UnreachableError(
            f"nothing listens at {shown}: is `incm-webhook serve` running there?"
        )
    if isinstance(error, socket.gaierror):
        return UnreachableError(f"the host of {shown} has no address: {error.strerror}")
    if isinstance(error, OSError) and error.errno in _NO_WAY:
        return UnreachableError(f"there is no way to {shown}: {error.strerror}")
    return SendError(_sentence(shown, error))


def _sentence(shown: str, error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"{shown} did not answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        remedy = "; SSL_CERT_FILE=FILE trusts it" if error.verify_code in _UNKNOWN_ISSUER else ""
        return f"the certificate of {shown} is not trusted: {error.verify_message}{remedy}"
    if isinstance(error, ssl.SSLError):
        return f"{shown} does not speak TLS as expected: {error.reason}"
    if isinstance(error, (http.client.HTTPException, ConnectionError)):
        return f"{shown} closed the connection or did not answer with HTTP"
    return f"cannot reach {shown}: {printable(str(error))}"
