import json
from datetime import UTC, datetime

from incm_webhook import Context
from incm_webhook.hosting.worker_protocol import call_order, read_facts
from incm_webhook.plugin import DELIVERY_FACTS


def test_the_fields_of_a_context_reach_another_process() -> None:
    sent = Context(
        attempt=3,
        delivery_key="k-7",
        alert_id=7,
        endpoint="/in",
        received_at=datetime(2026, 1, 1, 10, 20, 30, 405000, tzinfo=UTC),
        traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        tracestate="vendor=1",
    )
    silent = Context()
    assert all(getattr(sent, name) != getattr(silent, name) for name in DELIVERY_FACTS)
    order = json.loads(json.dumps(call_order([b"{}"], [sent])))
    assert read_facts(order["alerts"][0]["facts"]) == sent
