"""Posts as many different alerts as a receiver accepts, over kept connections, from one thread."""

import asyncio
import math
import re
import ssl
import time
from collections import deque
from dataclasses import dataclass
from typing import cast

from incm_webhook import __version__
from incm_webhook.bench.alerts import Alerts
from incm_webhook.bench.report import Report
from incm_webhook.errors import SendError
from incm_webhook.log import printable
from incm_webhook.sender.client import TIMEOUT_S, Sender, explained, open_connection

_OK = 200
_UNAUTHORIZED = 401
_HINT = ": does --secret-file name the receiver's secret?"
_MAX_ANSWER = 64 * 1024
_RECONNECT_S = 0.1
_LOOK_S = 0.5  # how often overdue answers are looked for
_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,9})[ \t]*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection:[ \t]*close", re.IGNORECASE)
_LAST_CHUNK = b"0\r\n\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The parameters of a load test.

    Attributes:
        url: where to post.
        secret: the webhook's secret token; None signs nothing.
        connections: how many connections are kept open and used at once.
        duration_s: for how long alerts are sent.
        rate: alerts a second, however long answers take; None sends the next alert as soon as a
            connection is free.
        wire: how the JSON is spelled.
        timeout_s: how long an answer may take.
    """

    url: str
    secret: bytes | None
    connections: int = 64
    duration_s: float = 10.0
    rate: float | None = None
    wire: str = "python"
    timeout_s: float = TIMEOUT_S


class LoadTest:
    """Runs one load test.

    Shape: call `try_one`, then `run` once; `stop` from the same thread ends the run early. With a
    fixed rate, the time of an alert that waited for a free connection counts from when it was due.
    Threads: one, with its event loop.

    Attributes:
        report: the results so far.
    """

    def __init__(self, load: Load) -> None:
        """Prepare the test; nothing is sent yet.

        Args:
            load: the parameters.

        Raises:
            SendError: the URL is no HTTP URL.
        """
        self.report = Report(load.connections)
        self._load = load
        connection, target = open_connection(load.url)
        self._host, self._port = connection.host, connection.port
        self._tls = ssl.create_default_context() if load.url.lower().startswith("https:") else None
        host = f"[{self._host}]" if ":" in self._host else self._host
        self._head = (
            f"POST {target} HTTP/1.1\r\nHost: {host}:{self._port}\r\n"
            f"User-Agent: incm-webhook/{__version__}\r\nContent-Type: application/json\r\n"
        ).encode()
        self._alerts = Alerts(load.wire, load.secret)
        self._idle: deque[_Exchange] = deque()  # with a fixed rate: they wait for a due alert
        self._busy: set[_Exchange] = set()
        self._begin = 0.0
        self._end = 0.0
        self._sent = 0
        self._starved = False
        self._timer: asyncio.TimerHandle | None = None

    def try_one(self) -> None:
        """Post one alert that is not counted.

        Raises:
            SendError: the answer was not 200; the message has its status and text.
        """
        body, signature = self._alerts.next()
        with Sender(self._load.url, timeout_s=self._load.timeout_s) as sender:
            answer = sender.post(body, signature)
        if answer.status != _OK:
            text = printable(answer.body.decode(errors="replace").strip())
            raise SendError(
                f"{printable(self._load.url)} answered the first alert with {answer.status}"
                f" {text or printable(answer.reason)}"
                + (_HINT if answer.status == _UNAUTHORIZED else "")
            )

    async def run(self) -> None:
        """Send until the time is over, then wait for the outstanding answers."""
        self._begin = time.perf_counter()
        self._end = self._begin + self._load.duration_s
        workers = [asyncio.create_task(self._keep_open()) for _ in range(self._load.connections)]
        ending = asyncio.get_running_loop().call_later(self._load.duration_s, self.stop)
        watching = asyncio.create_task(self._watch())
        try:
            await asyncio.gather(*workers)
        finally:
            ending.cancel()
            watching.cancel()
            for worker in workers:
                worker.cancel()

    def stop(self) -> None:
        """Stop sending."""
        self._end = min(self._end, time.perf_counter())
        if self._timer is not None:
            self._timer.cancel()
        while self._idle:
            self._idle.pop().close()

    def _is_over(self) -> bool:
        return time.perf_counter() >= self._end

    async def _keep_open(self) -> None:
        """Keep one connection open until the end."""
        loop = asyncio.get_running_loop()
        while not self._is_over():
            try:
                connecting = loop.create_connection(
                    lambda: _Exchange(self), self._host, self._port, ssl=self._tls
                )
                _, exchange = await asyncio.wait_for(connecting, self._load.timeout_s)
            except OSError as error:  # also what ssl and wait_for raise
                self.report.errors[str(explained(self._load.url, error))] += 1
                await asyncio.sleep(_RECONNECT_S)
                continue
            await exchange.ended

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            overdue = time.perf_counter() - self._load.timeout_s
            for exchange in [one for one in self._busy if one.sent_at < overdue]:
                exchange.fail("no answer in time")

    # An exchange calls these.

    def is_free(self, exchange: "_Exchange") -> None:
        """Use a connection that is free for the next alert."""
        now = time.perf_counter()
        if now >= self._end:
            exchange.close()
        elif self._load.rate is None:
            self._post(exchange, now)
        else:
            self._idle.append(exchange)
            self._post_due()

    def has_sent(self, exchange: "_Exchange") -> None:
        """Note a connection that waits for an answer."""
        self._busy.add(exchange)

    def has_ended(self, exchange: "_Exchange") -> None:
        """Note a connection that no longer waits for an answer."""
        self._busy.discard(exchange)

    def has_closed(self, exchange: "_Exchange") -> None:
        """Forget a connection that is closed."""
        if exchange in self._idle:
            self._idle.remove(exchange)

    def was_answered(self, status: int, seconds: float, *, duplicate: bool) -> None:
        """Count a complete answer."""
        self.report.answered(status, seconds, duplicate=duplicate)
        self.report.seconds = time.perf_counter() - self._begin

    def _post(self, exchange: "_Exchange", sent_at: float) -> None:
        body, signature = self._alerts.next()
        signed = f"X-Signature: {signature}\r\n" if signature is not None else ""
        head = b"%b%bContent-Length: %d\r\n\r\n" % (self._head, signed.encode(), len(body))
        self._sent += 1
        exchange.post(head + body, sent_at)

    def _post_due(self) -> None:
        """Post the alerts that are due by the fixed rate, and set the timer for the next one."""
        rate = self._load.rate or math.inf
        while self._idle and not self._is_over():
            now = time.perf_counter()
            due = self._begin + self._sent / rate
            if due > now:
                self._starved = False
                if self._timer is not None:
                    self._timer.cancel()
                loop = asyncio.get_running_loop()
                self._timer = loop.call_later(due - now, self._post_due)
                return
            self._post(self._idle.popleft(), due if self._starved else now)
        self._starved = not self._idle


class _Exchange(asyncio.Protocol):
    """One connection, and the alert that is on its way.

    Attributes:
        ended: done when the connection is closed.
        sent_at: when the alert was sent, or when it was due.
    """

    _transport: asyncio.Transport  # from connection_made on

    def __init__(self, test: LoadTest) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.sent_at = 0.0
        self._test = test
        self._waits = False
        self._got = b""

    def post(self, request: bytes, sent_at: float) -> None:
        """Send a request. The test gets its answer through `was_answered`."""
        self.sent_at, self._waits = sent_at, True
        self._test.has_sent(self)
        self._transport.write(request)

    def close(self) -> None:
        """End the connection."""
        self._transport.close()

    def fail(self, what: str) -> None:
        """Give the answer up, and end the connection."""
        self._failed(what)
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._test.is_free(self)

    def data_received(self, data: bytes) -> None:
        self._got += data
        if not self._waits:
            return self.close()  # no request was sent
        head, end, body = self._got.partition(_HEAD_END)
        if end and _is_whole(head + b"\r\n", body):
            return self._answered(head, body)
        if len(self._got) > _MAX_ANSWER:
            self.fail("an answer longer than 64 KiB")
        return None

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        if self._waits:
            head, end, body = self._got.partition(_HEAD_END)
            if end and not _LENGTH.search(head + b"\r\n") and not _CHUNKED.search(head):
                self._answered(head, body)  # its end is the end of the connection
            else:
                self._failed("the connection was closed before the answer")
        self._test.has_closed(self)
        if not self.ended.done():
            self.ended.set_result(None)

    def _failed(self, what: str) -> None:
        self._waits = False
        self._test.has_ended(self)
        self._test.report.errors[what] += 1

    def _answered(self, head: bytes, body: bytes) -> None:
        self._waits, self._got = False, b""
        self._test.has_ended(self)
        status = head[9:12]
        if not head.startswith(b"HTTP/1.") or not status.isdigit():
            self._test.report.errors["an answer that is no HTTP"] += 1
            return self.close()
        seconds = time.perf_counter() - self.sent_at
        self._test.was_answered(int(status), seconds, duplicate=b'"duplicate"' in body)
        if _CLOSE.search(head) or self._transport.is_closing():
            return self.close()
        return self._test.is_free(self)


def _is_whole(head: bytes, body: bytes) -> bool:
    """Whether a body is complete, if its head states where it ends."""
    length = _LENGTH.search(head)
    if length is not None:
        return len(body) >= int(length[1])
    return _CHUNKED.search(head) is not None and body.endswith(_LAST_CHUNK)
