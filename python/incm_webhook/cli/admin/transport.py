"""Sends the calls of the commands to an admin listener over HTTP."""

from http import client
from typing import Protocol

from incm_webhook.config.secrets import Secret
from incm_webhook.config.server import split_address

TIMEOUT_S = 60.0


class Transport(Protocol):
    """Sends one call at a time to the admin API, and returns its answer."""

    def call(self, method: str, target: str, body: str = "") -> tuple[int, str]:
        """Return the status and the text of the answer."""

    def close(self) -> None:
        """Close the connection or the file. Idempotent."""


class HttpTransport:
    """Keeps one connection to an admin listener open. Errors: OSError, HTTPException.

    Args:
        address: HOST:PORT.
        token: the token that each call has; None for none.
        timeout: seconds to wait for an answer.
    """

    def __init__(
        self, address: str, token: Secret | None = None, timeout: float = TIMEOUT_S
    ) -> None:
        host, port = split_address(address)
        self._token = token
        self._connection = client.HTTPConnection(host, port, timeout=timeout)
        self._connection.connect()

    def call(self, method: str, target: str, body: str = "") -> tuple[int, str]:
        """Send a request. A GET is sent once more when the kept connection was closed."""
        headers = {"Content-Type": "application/json"} if method == "POST" else {}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token.reveal().decode('ascii')}"
        for again in (True, False):
            try:
                self._connection.request(method, target, body or None, headers)
                response = self._connection.getresponse()
                return response.status, response.read().decode(errors="replace")
            except (client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                self._connection.close()
                if not (again and method == "GET"):  # a change may have been made
                    raise
        raise AssertionError

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
