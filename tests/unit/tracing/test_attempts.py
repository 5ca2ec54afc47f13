import re
from typing import Any

from incm_webhook import Context
from incm_webhook.hosting.attempt import Failure
from incm_webhook.testing import make_alert
from incm_webhook.text.failures import Account
from incm_webhook.tracing.attempts import MOST_WAITING, AttemptSpans

TRACE, REQUEST = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
RECORDED = f"00-{TRACE}-{REQUEST}-01"


class Delivery:
    """What the spans read of the native delivery."""

    alert = make_alert("reboot")
    endpoint, delivery_key, attempt, tracestate = "/webhook", "k-1", 2, None

    def __init__(self, alert_id: int, traceparent: str | None) -> None:
        self.alert_id = alert_id
        self.traceparent = traceparent


def begin(spans: AttemptSpans, *traceparents: str | None) -> tuple[Any, Context]:
    """Begin a call with these deliveries; a batch when there are several."""
    each = tuple(Context(alert_id=n, traceparent=one) for n, one in enumerate(traceparents))
    context = Context(traceparent=traceparents[0], each=each if len(each) > 1 else ())
    deliveries: Any = [Delivery(n, one) for n, one in enumerate(traceparents)]
    return spans.begin(deliveries, context), context


def test_a_recorded_delivery_gets_a_span_below_its_request() -> None:
    spans = AttemptSpans()
    opened, context = begin(spans, RECORDED)
    assert context.traceparent is not None
    assert re.fullmatch(rf"00-{TRACE}-[0-9a-f]{{16}}-01", context.traceparent)
    assert context.traceparent != RECORDED
    spans.end(opened, "pager", 1.5, 1)
    ((span,), dropped) = spans.take()
    assert dropped == 0
    assert (span.trace_id, span.parent_id) == (TRACE, REQUEST)
    assert context.traceparent.split("-")[2] == span.span_id
    assert (span.plugin, span.alert_id, span.alert_type) == ("pager", 0, "reboot")
    assert (span.attempt, span.alerts, span.outcome, span.error) == (2, 1, "delivered", "")
    assert span.ended_ns - span.began_ns == 1_500_000_000
    assert spans.take() == ([], 0)


def test_what_is_not_recorded_keeps_the_trace_that_it_has() -> None:
    spans = AttemptSpans()
    for traceparent in (None, f"00-{TRACE}-{REQUEST}-00"):
        opened, context = begin(spans, traceparent)
        assert opened == ()
        assert context.traceparent == traceparent


def test_in_a_batch_each_recorded_delivery_has_its_own_span_and_outcome() -> None:
    spans = AttemptSpans()
    opened, context = begin(spans, RECORDED, None, RECORDED)
    first, second, third = context.each
    assert second.traceparent is None
    assert context.traceparent == first.traceparent != third.traceparent
    failure = Failure(ValueError(), Account("ValueError: no (a.py:1)", "ValueError (a.py:1)"), None)
    spans.end(opened, "pager", 0.0, 3, ["retry", "retry", "dead"], failure)
    taken, _ = spans.take()
    assert [(one.alert_id, one.outcome) for one in taken] == [(0, "retry"), (2, "dead")]
    assert {one.error_type for one in taken} == {"ValueError"}
    assert {one.error for one in taken} == {"ValueError: no (a.py:1)"}


def test_spans_that_nobody_takes_are_dropped_and_counted() -> None:
    spans = AttemptSpans()
    for _ in range(MOST_WAITING + 2):
        opened, _context = begin(spans, RECORDED)
        spans.end(opened, "pager", 0.0, 1)
    taken, dropped = spans.take()
    assert (len(taken), dropped) == (MOST_WAITING, 2)


def test_a_long_type_is_cut_before_a_whole_character() -> None:
    spans = AttemptSpans()
    opened, _ = begin(spans, RECORDED)
    opened[0].delivery.alert = make_alert("x" + "ä" * 1000)
    spans.end(opened, "pager", 0.1, 1)
    ((span,), _) = spans.take()
    assert span.alert_type == "x" + "ä" * 63
