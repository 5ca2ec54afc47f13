"""Makes a span of each attempt at a delivery that belongs to a recorded trace."""

from __future__ import annotations

import secrets
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from incm_webhook._core import Delivery
    from incm_webhook.hosting.attempt import Failure
    from incm_webhook.plugin import Context

__all__ = ["AttemptSpan", "AttemptSpans", "OpenSpan", "applied", "current"]

MOST_WAITING = 4096  # spans that nobody takes; further ones are dropped
_LONGEST_TYPE = 128  # bytes; as in the span of the request, which the core makes
_SAMPLED = "-01"  # the end of the traceparent of a recorded trace, as the core stores it


class OpenSpan(NamedTuple):
    """The span of an attempt that has begun; `number` is its place in the call, from 0."""

    number: int
    delivery: Delivery
    trace_id: str
    parent_id: str
    span_id: str


class AttemptSpan(NamedTuple):
    """The span of an attempt that has ended.

    Shape: ids are hexadecimal digits. `outcome` is "delivered", "retry", "unavailable", "rejected"
    or "dead". `alert_type` is cut to 128 bytes. `error` and `error_type` are "" for a success.
    Units: began_ns, ended_ns: Unix nanoseconds. alerts: how many alerts the call had.
    """

    plugin: str
    alert_id: int
    alert_type: str
    endpoint: str
    delivery_key: str
    attempt: int
    alerts: int
    trace_id: str
    parent_id: str
    span_id: str
    tracestate: str
    began_ns: int
    ended_ns: int
    outcome: str
    error_type: str
    error: str


class AttemptSpans:
    """Keeps the spans of attempts until they are taken.

    Threads: any. Nothing but a short lock makes a caller wait. Beyond MOST_WAITING spans that wait,
    further ones are dropped and counted.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards what follows
        self._waiting: list[AttemptSpan] = []
        self._dropped = 0

    def begin(self, deliveries: Sequence[Delivery], context: Context) -> tuple[OpenSpan, ...]:
        """Begin a span for each delivery of a call whose trace is recorded.

        Args:
            deliveries: those of the call.
            context: of the call, before the handler sees it: its traceparent, and those of `each`,
                become those of the spans.
        """
        spans = []
        for number, delivery in enumerate(deliveries):
            parent = delivery.traceparent
            if parent is None or not parent.endswith(_SAMPLED):
                continue
            span_id = secrets.token_hex(8)
            _, trace_id, parent_id, _ = parent.split("-")
            own = f"00-{trace_id}-{span_id}{_SAMPLED}"
            if context.each:
                vars(context.each[number])["traceparent"] = own
            if number == 0:
                vars(context)["traceparent"] = own
            spans.append(OpenSpan(number, delivery, trace_id, parent_id, span_id))
        return tuple(spans)

    def end(
        self,
        spans: Sequence[OpenSpan],
        plugin: str,
        duration: float,
        alerts: int,
        outcomes: Sequence[str] = (),
        failure: Failure | None = None,
    ) -> None:
        """End the spans of a call.

        Args:
            spans: what `begin` returned.
            plugin: the name of the plugin.
            duration: of the call, in seconds.
            alerts: how many alerts the call had.
            outcomes: those of the deliveries of the call; none when it succeeded.
            failure: what the handler raised.
        """
        ended_ns = time.time_ns()
        began_ns = ended_ns - round(duration * 1e9)
        error_type, error = "", ""
        if failure is not None:
            error_type = failure.account.kind.partition(" ")[0].rstrip(":")
            error = failure.account.line
        self._add(
            [
                AttemptSpan(
                    plugin=plugin,
                    alert_id=one.delivery.alert_id,
                    alert_type=_beginning(one.delivery.alert.type or ""),
                    endpoint=one.delivery.endpoint,
                    delivery_key=one.delivery.delivery_key,
                    attempt=one.delivery.attempt,
                    alerts=alerts,
                    trace_id=one.trace_id,
                    parent_id=one.parent_id,
                    span_id=one.span_id,
                    tracestate=one.delivery.tracestate or "",
                    began_ns=began_ns,
                    ended_ns=ended_ns,
                    outcome=outcomes[one.number] if outcomes else "delivered",
                    error_type=error_type,
                    error=error,
                )
                for one in spans
            ]
        )

    def _add(self, spans: Sequence[AttemptSpan]) -> None:
        with self._lock:
            room = MOST_WAITING - len(self._waiting)
            self._waiting.extend(spans[:room])
            self._dropped += max(0, len(spans) - room)

    def take(self) -> tuple[list[AttemptSpan], int]:
        """Take the spans that wait, and how many were dropped since the last call."""
        with self._lock:
            taken, self._waiting = self._waiting, []
            dropped, self._dropped = self._dropped, 0
            return taken, dropped


def _beginning(text: str) -> str:
    # A type may have as many bytes as an alert, and thousands of spans may wait.
    return text[:_LONGEST_TYPE].encode(errors="ignore")[:_LONGEST_TYPE].decode(errors="ignore")


_current: AttemptSpans | None = None


def current() -> AttemptSpans | None:
    """Return where the attempts of this process are recorded; None when they are not."""
    return _current


def applied(spans: AttemptSpans | None) -> AttemptSpans | None:
    """Have the attempts of plugins that are started from now on recorded there; return it."""
    global _current
    _current = spans
    return spans
