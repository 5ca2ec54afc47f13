"""Spans: one trace from the sender's request to each delivery; a broken collector costs nothing."""

import http.client
import re
import socket
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from e2e.collector import Collector, attributes_of
from e2e.conftest import Command, Reports, admin
from incm_webhook.testing import Receiver, make_alert

Serve = Callable[..., Receiver]

TRACE, SENDER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = """
def on_alert(alert, ctx):
    report(plugin="good", traceparent=ctx.traceparent, tracestate=ctx.tracestate)
"""
FLAKY = """
def on_alert(alert, ctx):
    if ctx.attempt == 1:
        raise ValueError("not yet")
    report(plugin="flaky", traceparent=ctx.traceparent, tracestate=ctx.tracestate)
"""
REJECTS_ONCE = """
def on_alert(alert, ctx):
    if ctx.attempt == 1:
        raise Reject("come back later")
    report(plugin="later", traceparent=ctx.traceparent)
"""
BATCH = """
class Batch:
    def handle_batch(self, alerts, ctx):
        report(each=[one.traceparent for one in ctx.each], whole=ctx.traceparent)
"""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as opened:
        yield opened


@pytest.fixture
def traced(serve: Serve, tmp_path: Path, collector: Collector) -> Callable[..., Receiver]:
    """Start a server whose spans go to the collector."""

    def start(*tables: str, trace: str = "", url: str = "") -> Receiver:
        (tmp_path / "incm-webhook.toml").write_text(
            f'[trace]\nendpoint = "{url or collector.url}"\n{trace}\n' + "\n".join(tables)
        )
        return serve(arguments=("--config", "incm-webhook.toml"))

    return start


def post(receiver: Receiver, number: int, **headers: str) -> int:
    """Post an unsigned or signed alert with further headers; return the status."""
    from incm_webhook import sign

    body = make_alert("reboot", id=f"a{number}").raw
    headers["X-Signature"] = sign(body, receiver.secret)
    url = urlsplit(receiver.url)
    connection = http.client.HTTPConnection(str(url.hostname), url.port, timeout=30)
    connection.request("POST", f"{url.path}?q=1", body, headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def metric(receiver: Receiver, result: str) -> int:
    with urllib.request.urlopen(f"{receiver.admin_url}/metrics") as page:
        text = page.read().decode()
    found = re.search(rf'trace_spans_total{{result="{result}"}} (\d+)', text)
    assert found
    return int(found[1])


def until(receiver: Receiver, result: str, least: int) -> None:
    """Wait until so many spans are counted; fails when the server ends first, or after 30 s."""
    deadline = time.monotonic() + 30  # only a test that fails waits so long
    while metric(receiver, result) < least:
        assert receiver.process.poll() is None, receiver.output()
        assert time.monotonic() < deadline, receiver.output()


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_one_trace_connects_the_sender_the_request_and_each_attempt(
    traced: Callable[..., Receiver],
    collector: Collector,
    reports: Reports,
    tmp_path: Path,
    isolation: str,
) -> None:
    reports.plugin(tmp_path / "good.py", GOOD)
    reports.plugin(tmp_path / "flaky.py", FLAKY)
    receiver = traced(
        f'[[plugin]]\nuse = "./good.py"\nisolation = "{isolation}"',
        f'[[plugin]]\nuse = "./flaky.py"\nisolation = "{isolation}"\nretry = {{ first = "10ms" }}',
        trace='service_name = "alerts"\nheaders = { X-Token = "t0ken-of-the-collector" }',
    )
    parent = f"00-{TRACE}-{SENDER}-01"
    assert post(receiver, 1, traceparent=parent, tracestate="vendor=1") == 200
    spans = collector.spans(4)
    by_name: dict[str, list[Span]] = {}
    for span in sorted(spans, key=lambda one: int(one.start_time_unix_nano)):
        assert span.trace_id.hex() == TRACE
        assert span.trace_state == "vendor=1"
        assert 0 < span.start_time_unix_nano <= span.end_time_unix_nano
        by_name.setdefault(span.name, []).append(span)
    assert {name: len(found) for name, found in by_name.items()} == {
        "POST /webhook": 1,
        "deliver good": 1,
        "deliver flaky": 2,
    }
    (request,) = by_name["POST /webhook"]
    assert request.kind == Span.SPAN_KIND_SERVER
    assert request.parent_span_id.hex() == SENDER
    assert attributes_of(request) == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "http.route": "/webhook",
        "url.path": "/webhook",
        "client.address": "127.0.0.1",
        "incm.endpoint": "/webhook",
        "incm.alert.type": "reboot",
        "incm.alert.duplicate": False,
        "incm.alert.id": 1,
    }
    for name in ("deliver good", "deliver flaky"):
        for span in by_name[name]:
            assert span.kind == Span.SPAN_KIND_CONSUMER
            assert span.parent_span_id == request.span_id
    failed, delivered = by_name["deliver flaky"]
    assert failed.status.code == Status.STATUS_CODE_ERROR
    assert "not yet" in failed.status.message
    facts = attributes_of(failed)
    assert (facts["incm.delivery.outcome"], facts["error.type"]) == ("retry", "ValueError")
    assert facts["incm.delivery.attempt"] == 1
    facts = attributes_of(delivered)
    assert (facts["incm.delivery.outcome"], facts["incm.delivery.attempt"]) == ("delivered", 2)
    assert delivered.status.code == Status.STATUS_CODE_UNSET
    seen = {one["plugin"]: one for one in (reports.next(), reports.next())}
    for plugin, span in (("good", by_name["deliver good"][0]), ("flaky", delivered)):
        assert seen[plugin]["traceparent"] == f"00-{TRACE}-{span.span_id.hex()}-01"
        assert seen[plugin]["tracestate"] == "vendor=1"
    assert collector.resource["service.name"] == "alerts"
    assert collector.headers["x-token"] == "t0ken-of-the-collector"
    until(receiver, "sent", 4)
    assert receiver.stop() == 0
    assert collector.none_waits()
    assert "t0ken" not in receiver.output()


def test_a_delivery_after_a_restart_belongs_to_the_same_request(
    traced: Callable[..., Receiver],
    collector: Collector,
    reports: Reports,
    tmp_path: Path,
    command: Command,
) -> None:
    reports.plugin(tmp_path / "later.py", REJECTS_ONCE)
    table = '[[plugin]]\nuse = "./later.py"'
    receiver = traced(table)
    assert post(receiver, 1) == 200
    spans = {one.name: one for one in collector.spans(2)}
    request, first = spans["POST /webhook"], spans["deliver later"]
    assert request.parent_span_id == b""
    assert first.parent_span_id == request.span_id
    assert receiver.stop() == 0
    again = traced(table)
    assert command("dead", "retry", "1", "--yes", *admin(again))[0] == 0
    (second,) = collector.spans(1)
    assert second.trace_id == request.trace_id
    assert second.parent_span_id == request.span_id
    assert second.span_id != first.span_id
    assert reports.next()["traceparent"].split("-")[2] == second.span_id.hex()
    shown = command("inbox", "show", "1", *admin(again))[1]
    assert f"00-{request.trace_id.hex()}-{request.span_id.hex()}-01" in shown


def test_each_delivery_of_a_batch_has_its_own_span(
    traced: Callable[..., Receiver], collector: Collector, reports: Reports, tmp_path: Path
) -> None:
    reports.plugin(tmp_path / "batch.py", BATCH)
    receiver = traced('[[plugin]]\nuse = "./batch.py:Batch"')
    for number in range(3):
        assert post(receiver, number) == 200
    spans = collector.spans(6)
    requests = {one.trace_id: one for one in spans if one.name.startswith("POST")}
    deliveries = {one.span_id.hex(): one for one in spans if one.name.startswith("deliver")}
    assert len(requests) == len(deliveries) == 3
    told: list[str] = []
    while len(told) < 3:
        call: dict[str, Any] = reports.next()
        assert call["whole"] == call["each"][0]
        told += call["each"]
    assert {one.split("-")[2] for one in told} == set(deliveries)
    for span in deliveries.values():
        assert span.parent_span_id == requests[span.trace_id].span_id


def test_a_trace_that_its_sender_does_not_record_is_passed_on_only(
    traced: Callable[..., Receiver], collector: Collector, reports: Reports, tmp_path: Path
) -> None:
    reports.plugin(tmp_path / "good.py", GOOD)
    receiver = traced('[[plugin]]\nuse = "./good.py"')
    assert post(receiver, 1, traceparent=f"00-{TRACE}-{SENDER}-00") == 200
    assert reports.next()["traceparent"] == f"00-{TRACE}-{SENDER}-00"
    assert post(receiver, 2) == 200
    spans = collector.spans(2)
    assert {one.name for one in spans} == {"POST /webhook", "deliver good"}
    assert receiver.stop() == 0
    assert collector.none_waits()


@pytest.mark.parametrize("fault", ["refuses", "down", "wrong place"])
def test_spans_that_the_collector_does_not_take_are_counted_and_logged(
    traced: Callable[..., Receiver],
    collector: Collector,
    reports: Reports,
    tmp_path: Path,
    fault: str,
) -> None:
    url = collector.url
    if fault == "refuses":
        collector.status = 400
    elif fault == "wrong place":
        url += "/elsewhere"
    else:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    reports.plugin(tmp_path / "good.py", GOOD)
    receiver = traced('[[plugin]]\nuse = "./good.py"', trace='timeout = "500ms"', url=url)
    assert post(receiver, 1) == 200
    assert reports.next()["plugin"] == "good"
    until(receiver, "dropped", 2)
    assert metric(receiver, "sent") == 0
    assert receiver.stop() == 0
    (line,) = [one for one in receiver.output().splitlines() if "spans are dropped" in one][:1]
    assert {"refuses": "400", "down": "refused", "wrong place": "404"}[fault] in line
    assert "Traceback" not in receiver.output()


def test_a_collector_that_hangs_delays_neither_a_delivery_nor_the_stop(
    traced: Callable[..., Receiver], collector: Collector, reports: Reports, tmp_path: Path
) -> None:
    collector.hangs.set()
    reports.plugin(tmp_path / "good.py", GOOD)
    receiver = traced('[[plugin]]\nuse = "./good.py"', trace='timeout = "5m"')
    assert post(receiver, 0) == 200
    assert collector.asked.wait(30)
    for number in range(1, 20):
        assert post(receiver, number) == 200
    assert [reports.next()["plugin"] for _ in range(20)] == ["good"] * 20
    assert receiver.stop() == 0
    assert "the last spans are lost" in receiver.output()


def test_check_connect_tries_the_collector(
    collector: Collector, tmp_path: Path, program: Command
) -> None:
    config = tmp_path / "incm-webhook.toml"
    table = f'[trace]\nendpoint = "{collector.url}"\n[[endpoint]]\nunsigned = true\n'
    config.write_text(table)
    status, out, _ = program("check", "--connect", "--listen", "127.0.0.1:0", "--admin", "off")
    assert status == 0
    assert "the collector answers" in out
    collector.status = 401
    status, out, _ = program("check", "--connect", "--listen", "127.0.0.1:0", "--admin", "off")
    assert status == 0, "alerts are taken and delivered all the same"
    assert "warning: the collector takes no spans: " in out
    assert "answered 401" in out
    assert collector.none_waits()


def test_the_variables_of_opentelemetry_are_enough(
    serve: Serve,
    collector: Collector,
    reports: Reports,
    tmp_path: Path,
) -> None:
    variables = (
        f"OTEL_EXPORTER_OTLP_ENDPOINT={collector.url}",
        "OTEL_EXPORTER_OTLP_HEADERS=x-token=from-the-variable",
        "OTEL_SERVICE_NAME=by-variable",
        "OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=test,host.name=noc1",
    )
    plugin = reports.plugin(tmp_path / "good.py", GOOD)
    receiver = serve(plugin, wrapper=("env", *variables))
    assert post(receiver, 1) == 200
    assert {one.name for one in collector.spans(2)} == {"POST /webhook", "deliver good"}
    assert collector.resource["service.name"] == "by-variable"
    assert collector.resource["deployment.environment.name"] == "test"
    assert collector.resource["host.name"] == "noc1"
    assert collector.headers["x-token"] == "from-the-variable"


def test_without_a_collector_the_trace_of_the_sender_is_passed_on(
    serve: Serve, reports: Reports, tmp_path: Path
) -> None:
    receiver = serve(reports.plugin(tmp_path / "good.py", GOOD))
    assert post(receiver, 1, traceparent=f"00-{TRACE}-{SENDER}-01", tracestate="a=1") == 200
    told = reports.next()
    assert told == {
        "plugin": "good",
        "traceparent": f"00-{TRACE}-{SENDER}-01",
        "tracestate": "a=1",
    }
    assert post(receiver, 2) == 200
    assert reports.next()["traceparent"] is None
