"""Posts canaries: signed alerts to this server itself, on the way that those of devices take."""

import http.client
import json
import secrets
import ssl
import threading
import time
from typing import TYPE_CHECKING

from incm_webhook.config.paths import endpoint_of
from incm_webhook.errors import SendError, UrlError
from incm_webhook.log import printable
from incm_webhook.sender.client import Answer, Sender, signature_of
from incm_webhook.service.own_alerts import canary_alert

if TYPE_CHECKING:
    from incm_webhook._core import Health
    from incm_webhook.config.canary import CanarySettings
    from incm_webhook.config.settings import Settings


class Canary:
    """A thread that posts a canary from time to time, and reports what became of it.

    Shape: start it with `apply`. A connection is made anew for each canary, because those of
    devices are, too. No proxy of the environment is used, and no redirect is followed.
    Threads: one at a time.
    """

    def __init__(self, health: "Health", address: str) -> None:
        """Prepare; nothing is sent yet.

        Args:
            health: expects the canaries, and gets their outcomes.
            address: HOST:PORT of the alert listener.
        """
        self._health = health
        self._address = address
        self._mark = secrets.token_hex(16)
        self._changed = threading.Condition()  # guards the two below
        self._settings: Settings | None = None
        self._ended = False
        self._thread: threading.Thread | None = None

    def apply(self, settings: "Settings") -> None:
        """Use these settings from the next canary on, which is sent at once if they differ."""
        canary = settings.canary
        self._health.watch_canary(self._mark, canary.overdue_after)
        with self._changed:
            self._settings = settings
            self._changed.notify()
        if canary.every is not None and self._thread is None:
            self._thread = threading.Thread(target=self._run, name="canary", daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Send no further canary; does not wait for one that is under way."""
        with self._changed:
            self._ended = True
            self._changed.notify()

    def _run(self) -> None:
        settings = None
        while (settings := self._next(settings)) is not None:
            self._send(settings)

    def _next(self, sent: "Settings | None") -> "Settings | None":
        """Wait until a canary is due, and return its settings; None at the end."""
        pause_s = None if sent is None else sent.canary.every
        with self._changed:
            self._changed.wait_for(lambda: self._ended or self._settings is not sent, pause_s)
            self._changed.wait_for(lambda: self._ended or self._is_wanted())
            return None if self._ended else self._settings

    def _is_wanted(self) -> bool:
        return self._settings is not None and self._settings.canary.every is not None

    def _send(self, settings: "Settings") -> None:
        begun = time.monotonic()
        try:
            problem = self._problem_of(post_canary(settings, self._address, self._mark), settings)
        except (SendError, UrlError) as error:
            problem = str(error)
        except Exception as error:  # whatever it is, the thread goes on
            problem = f"it could not be sent: {printable(str(error))}"
        if problem:
            self._health.canary_failed(problem)
        else:
            self._health.canary_came_back(time.monotonic() - begun)

    @staticmethod
    def _problem_of(answer: Answer, settings: "Settings") -> str:
        if answer.status != http.client.OK:
            return f"it was answered {answer.status} {printable(answer.reason)}".rstrip()
        try:
            read = json.loads(answer.body)
            known, own = read["status"] == "canary", read["own"] is True
        except (ValueError, LookupError, TypeError):
            known = own = False
        if not known:
            return "it was answered 200, but not by this server: something else has its URL"
        if not own and not settings.canary.others:
            return (
                "another server with the same secret answered: the URL leads there; behind a load "
                "balancer set [canary] others = true"
            )
        return ""


def post_canary(settings: "Settings", address: str, mark: str) -> Answer:
    """Post one canary.

    Args:
        settings: with `[canary] every`.
        address: HOST:PORT of the alert listener, for settings without a URL.
        mark: a text that it contains.

    Returns:
        The answer.

    Raises:
        SendError: nothing answered; `UnreachableError` when nothing listens.
        UrlError: the URL cannot be requested.
    """
    canary = settings.canary
    endpoint = settings.endpoint[0]
    if canary.endpoint is not None:
        endpoint = endpoint_of(canary.endpoint, settings.endpoint) or endpoint
    url = canary.url or f"http://{reachable(address)}{endpoint.path}"
    body = canary_alert(mark, time.time()).encode()
    signature = signature_of(body, endpoint.secrets[0].reveal()) if endpoint.secrets else None
    context = trust_of(canary) if url.startswith("https:") else None
    with Sender(url, timeout_s=canary.timeout, reposts=False, context=context) as sender:
        return sender.post(body, signature)


def trust_of(canary: "CanarySettings") -> ssl.SSLContext:
    """Return whom a canary trusts.

    Raises:
        SendError: the file of the authority cannot be used.
    """
    try:
        return ssl.create_default_context(
            cafile=None if canary.ca_file is None else str(canary.ca_file)
        )
    except ssl.SSLError:
        why = "it has no certificate in PEM"
    except OSError as error:
        why = error.strerror or str(error)
    raise SendError(f"[canary] ca_file {canary.ca_file}: {why}: name the authority's certificate")


def reachable(address: str) -> str:
    """Return HOST:PORT to connect to for an address that may be that of all interfaces."""
    host, _, port = address.rpartition(":")
    own = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104
    return f"{own.get(host, host)}:{port}"
