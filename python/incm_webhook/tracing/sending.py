"""Sends the spans of this process from a thread of its own, and waits for nobody else."""

from __future__ import annotations

import importlib.util
import logging
import threading
import time
from typing import TYPE_CHECKING

from incm_webhook.errors import ConfigError
from incm_webhook.text.failure_log import FailureLog
from incm_webhook.text.failures import Account, describe
from incm_webhook.text.redaction import redacted
from incm_webhook.tracing.attempts import AttemptSpans, applied

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from incm_webhook._core import RequestSpan, RequestSpans
    from incm_webhook.config.trace import Tracing
    from incm_webhook.tracing.attempts import AttemptSpan
    from incm_webhook.tracing.otlp import Collector

__all__ = ["SpanSender", "new_collector", "prepare", "stop"]

_EVERY_S = 1.0
_MOST_AT_ONCE = 512
_MODULES = ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http")
_NEEDED = 'the library OpenTelemetry is missing: pip install "incm-webhook[otel]"'

_log = logging.getLogger("incm_webhook.tracing")


def new_collector(tracing: Tracing) -> Collector:
    """Prepare to send spans; no connection is opened yet.

    Raises:
        ConfigError: the extra `otel` is missing, or its libraries cannot use the OTEL_* variables.
    """
    if not _is_installed():
        raise ConfigError(_NEEDED)
    try:
        from incm_webhook.tracing.otlp import Collector

        return Collector(tracing)
    except Exception as error:  # which ones depends on the versions of the libraries
        why = redacted(f"{type(error).__name__}: {error}")
        raise ConfigError(
            f"OpenTelemetry cannot be used: {why}: look at the OTEL_* variables"
        ) from error


def _is_installed() -> bool:
    try:
        return all(importlib.util.find_spec(name) is not None for name in _MODULES)
    except ImportError:  # the package around one of them is missing
        return False


def prepare(tracing: Tracing | None, requests: Callable[[bool, float], RequestSpans]) -> SpanSender:
    """Prepare to record and to send spans; without traces, nothing is recorded and sent.

    Args:
        tracing: how; None when there are no traces.
        requests: makes what records the spans of requests, of `follows` and `share`.

    Raises:
        ConfigError: the configuration file wants traces, and `new_collector` fails. When only a
            variable wants them, that is a warning, because it may be meant for other programs.
    """
    global _current
    _current = _prepared(tracing, requests)
    return _current


def stop(deadline: float) -> None:
    """Send the last spans by `deadline` (monotonic seconds), if anything was prepared."""
    if _current is not None:
        _current.stop(deadline)


def _prepared(
    tracing: Tracing | None, requests: Callable[[bool, float], RequestSpans]
) -> SpanSender:
    applied(None)
    if tracing is None:
        return SpanSender(None, None, None)
    try:
        collector = new_collector(tracing)
    except ConfigError as error:
        if tracing.is_wanted:
            raise ConfigError(f"[trace] endpoint: {error}") from error
        _log.warning("there are no traces, which OTEL_* variables ask for: %s", error)
        return SpanSender(None, None, None)
    spans = applied(AttemptSpans())
    return SpanSender(collector, requests(tracing.follows, tracing.share), spans)


class SpanSender:
    """Sends spans once a second; what a slow collector leaves no room for is dropped and counted.

    Threads: call start() and stop() from one thread.
    """

    def __init__(
        self,
        collector: Collector | None,
        requests: RequestSpans | None,
        attempts: AttemptSpans | None,
    ) -> None:
        self.requests = requests
        self._attempts = attempts
        self._collector = collector
        self._count: Callable[[int, int], None] = lambda _sent, _dropped: None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="traces", daemon=True)
        self._failures = FailureLog("traces", _log, time.monotonic)

    def start(self, count: Callable[[int, int], None]) -> None:
        """Begin to send; `count` gets how many spans were sent and dropped."""
        self._count = count
        if self._collector is not None:
            self._thread.start()

    def stop(self, deadline: float) -> None:
        """Send what waits, by `deadline` (monotonic seconds); drop and log the rest.

        What the collector does not take at once is not tried again.
        """
        if self._collector is None or not self._thread.is_alive():
            return
        self._stopping.set()
        self._collector.hurry()
        self._thread.join(max(0.0, deadline - time.monotonic()))
        if self._thread.is_alive():
            _log.warning("traces: the collector is too slow for the stop; the last spans are lost")
        self._failures.log_due(everything=True)

    def _run(self) -> None:
        last = False
        while not last:
            last = self._stopping.wait(_EVERY_S)
            try:
                self._send_all()
                self._failures.log_due()
            except Exception as error:  # the next spans may fare better
                _log.critical("traces: sending spans failed: %s", describe(error))
        if self._collector is not None:
            self._collector.close()

    def _send_all(self) -> None:
        assert self.requests is not None  # noqa: S101 - there is a collector
        assert self._attempts is not None  # noqa: S101
        requests, lost_requests = self.requests.take()
        attempts, lost_attempts = self._attempts.take()
        if lost := lost_requests + lost_attempts:
            self._drop(lost, "they came faster than they could be sent")
        for begin in range(0, max(len(requests), len(attempts)), _MOST_AT_ONCE):
            end = begin + _MOST_AT_ONCE
            self._send(requests[begin:end], attempts[begin:end])

    def _send(self, requests: Sequence[RequestSpan], attempts: Sequence[AttemptSpan]) -> None:
        assert self._collector is not None  # noqa: S101
        count = len(requests) + len(attempts)
        why = self._collector.send(requests, attempts)
        if why:
            self._drop(count, why)
        else:
            self._count(count, 0)

    def _drop(self, count: int, why: str) -> None:
        self._count(0, count)
        line = redacted(f"{count} spans are dropped: {why}")
        self._failures.note(logging.WARNING, f"traces: {line}", Account(line, "spans are dropped"))


_current: SpanSender | None = None
