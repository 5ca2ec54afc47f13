"""What is sent to a collector, and what its answers may cost."""

import logging
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import pytest

from incm_webhook import ConfigError
from incm_webhook.config.trace import Tracing
from incm_webhook.tracing import sending
from incm_webhook.tracing.attempts import AttemptSpan
from incm_webhook.tracing.otlp import Collector

TRACE, REQUEST = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
Answer = Callable[[BaseHTTPRequestHandler, threading.Event], None]


class Server:
    """Answers each request with `answer`, which gets an event that is set at the end."""

    def __init__(self, answer: Answer) -> None:
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.asked = threading.Event()
        self._ends = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                server.requests.append((self.path, headers))
                server.asked.set()
                answer(self, server._ends)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1/traces"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def status(number: int, **headers: str) -> Answer:
    def answer(request: BaseHTTPRequestHandler, _ends: threading.Event) -> None:
        request.send_response(number)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", "0")
        request.end_headers()

    return answer


def drip(request: BaseHTTPRequestHandler, ends: threading.Event) -> None:
    """Send a byte now and then, as long as somebody reads."""
    request.send_response(200)
    request.end_headers()
    try:
        while not ends.wait(0.05):
            request.wfile.write(b"x")
    except OSError:
        pass


def flood(request: BaseHTTPRequestHandler, ends: threading.Event) -> None:
    """Send without end, as long as somebody reads."""
    request.send_response(200)
    request.end_headers()
    try:
        while not ends.is_set():
            request.wfile.write(b"x" * 65536)
    except OSError:
        pass


def tracing(url: str | None = None, **changed: Any) -> Tracing:
    wanted = url is not None
    known = Tracing(url, None, True, 1.0, {}, 5.0, is_wanted=wanted)
    return Tracing(**{**{name: getattr(known, name) for name in known.__slots__}, **changed})


def span(tracestate: str = "") -> AttemptSpan:
    return AttemptSpan(
        *("pager", 1, "reboot", "/webhook", "k-1", 1, 1, TRACE, REQUEST, "0" * 15 + "1"),
        *(tracestate, 1, 2, "delivered", "", ""),
    )


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    level = logging.getLogger("opentelemetry").level
    for name in ("HEADERS", "TIMEOUT", "ENDPOINT", "TRACES_ENDPOINT"):
        monkeypatch.delenv(f"OTEL_EXPORTER_OTLP_{name}", raising=False)
    yield
    logging.getLogger("opentelemetry").setLevel(level)


@pytest.mark.parametrize("answer", [drip, flood])
def test_an_answer_without_an_end_holds_nothing_up(answer: Answer) -> None:
    with Server(answer) as server:
        collector = Collector(tracing(server.url, timeout=0.5))
        assert collector.send([], [span()]) == "", "its status says that it took the spans"
        collector.close()


@pytest.mark.parametrize("number", [204, 302, 304, 307, 400, 404, 501])
def test_only_a_status_of_success_means_that_spans_are_taken(number: int) -> None:
    with Server(status(number, Location="/elsewhere")) as server:
        collector = Collector(tracing(server.url))
        why = collector.send([], [span()])
        collector.close()
        assert {path for path, _ in server.requests} == {"/v1/traces"}, "it follows nothing"
    assert (why == "") == (number == 204)
    assert number == 204 or f"answered {number}" in why


def test_headers_of_variables_go_nowhere_when_the_table_has_headers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-other=of-the-variable")
    seen = []
    for headers in ({"X-Token": "of-the-table"}, {}):
        with Server(status(200)) as server:
            collector = Collector(tracing(server.url, headers=headers))
            assert collector.send([], [span()]) == ""
            collector.close()
            seen.append(server.requests[0][1])
    assert seen[0]["x-token"] == "of-the-table"
    assert "x-other" not in seen[0]
    assert seen[0]["content-type"] == "application/x-protobuf"
    assert seen[1]["x-other"] == "of-the-variable"


def test_no_library_logs_headers_of_variables_or_of_senders(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "Authorization: Bearer hunter2")
    with Server(status(200)) as server:
        collector = Collector(tracing(server.url))
        for tracestate in ("hunter2", "A=hunter2", "a=hunter2,a=2", "a=1"):
            assert collector.send([], [span(tracestate)]) == ""
        collector.close()
    assert "hunter2" not in caplog.text


def test_a_span_that_cannot_be_made_is_a_reason_and_no_exception() -> None:
    with Server(status(200)) as server:
        collector = Collector(tracing(server.url))
        assert "ValueError" in collector.send([], [span()._replace(trace_id="no number")])
        collector.close()


def test_a_request_that_cannot_be_made_has_a_reason() -> None:
    collector = Collector(tracing("http://127.0.0.1:9/v1/traces", headers={"a": "x\ny"}))
    assert "InvalidHeader" in collector.send([], [span()])
    collector.close()


def test_hurry_ends_the_pause_before_another_try() -> None:
    with Server(status(503, **{"Retry-After": "60"})) as server:
        collector = Collector(tracing(server.url, timeout=300.0))
        found: list[str] = []
        thread = threading.Thread(target=lambda: found.append(collector.send([], [span()])))
        thread.start()
        assert server.asked.wait(30)
        collector.hurry()
        thread.join(30)
        assert "answered 503" in found[0]
        assert "answered 503" in collector.send([], [span()])
        assert len(server.requests) == 2, "each is tried once"
        collector.close()


def test_variables_count_more_than_what_the_server_knows_of_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "host.name=noc1,service.version=blue")
    found = Collector(tracing("http://127.0.0.1:9"))._resource.attributes
    assert (found["host.name"], found["service.version"]) == ("noc1", "blue")
    assert found["service.name"] == "incm-webhook"


@pytest.mark.parametrize("wanted", [True, False])
def test_variables_that_a_library_refuses_are_an_error_or_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, wanted: bool
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ValueError("invalid literal for int(): '10s'")  # as the exporter 1.30 does

    monkeypatch.setattr("incm_webhook.tracing.otlp.OTLPSpanExporter", refuse)
    asked = tracing("http://127.0.0.1:9" if wanted else None)
    if wanted:
        with pytest.raises(ConfigError, match="endpoint: OpenTelemetry cannot be used: ValueError"):
            sending.prepare(asked, lambda _follows, _share: pytest.fail("nothing is recorded"))
    else:
        sender = sending.prepare(asked, lambda _follows, _share: pytest.fail("nothing is recorded"))
        assert sender.requests is None
        assert "'10s': look at the OTEL_* variables" in caplog.text
