"""Posts canaries: signed alerts to this server itself, on the way that those of devices take."""

import contextlib
import http.client
import json
import secrets
import ssl
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from incm_webhook.config.paths import endpoint_of
from incm_webhook.config.quantities import format_duration
from incm_webhook.errors import ClosedError, SendError, UrlError
from incm_webhook.log import printable
from incm_webhook.sender.client import Answer, Sender, signature_of
from incm_webhook.service.own_alerts import canary_alert

if TYPE_CHECKING:
    from incm_webhook._core import Health
    from incm_webhook.config.canary import CanarySettings
    from incm_webhook.config.settings import Settings


_MOST_ANSWER_BYTES = 1024  # its own answer has less than 100


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
        begun = 0.0
        # The receiver may be gone while one is under way.
        with contextlib.suppress(ClosedError):
            while (settings := self._next(settings, begun)) is not None:
                begun = time.monotonic()
                self._send(settings, begun)

    def _next(self, sent: "Settings | None", begun: float) -> "Settings | None":
        """Wait until a canary is due, and return its settings; None at the end.

        Args:
            sent: the settings of the one before; None for the first.
            begun: when that one was begun, so that one that takes long delays no other.
        """
        pause_s = None
        if sent is not None and sent.canary.every is not None:
            pause_s = max(0.0, begun + sent.canary.every - time.monotonic())
        with self._changed:
            self._changed.wait_for(lambda: self._ended or self._settings is not sent, pause_s)
            self._changed.wait_for(lambda: self._ended or self._is_wanted())
            return None if self._ended else self._settings

    def _is_wanted(self) -> bool:
        return self._settings is not None and self._settings.canary.every is not None

    def _send(self, settings: "Settings", begun: float) -> None:
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
        SendError: nothing answered in time; `UnreachableError` when nothing listens.
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
    with (
        Sender(
            url,
            timeout_s=canary.timeout,
            reposts=False,
            context=context,
            most_bytes=_MOST_ANSWER_BYTES,
        ) as sender,
        _ending(sender, canary.timeout) as is_late,
    ):
        try:
            answer = sender.post(body, signature)
        except SendError:
            if not is_late.is_set():
                raise
        else:
            if not is_late.is_set():
                return answer
        took = format_duration(canary.timeout)
        raise SendError(f"{printable(url)} did not answer completely within {took}")


@contextlib.contextmanager
def _ending(sender: Sender, after_s: float) -> Iterator[threading.Event]:
    """End what the sender does after a time: a peer that sends a byte now and then never ends.

    Yields:
        An event, which is set when that has happened.
    """
    is_late = threading.Event()

    def end() -> None:
        is_late.set()
        sender.interrupt()

    timer = threading.Timer(after_s, end)
    timer.daemon = True
    timer.start()
    try:
        yield is_late
    finally:
        timer.cancel()


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
