"""An OpenTelemetry collector: takes spans by OTLP/HTTP, and fails as a test wants it to."""

import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

_DEADLINE_S = 30.0  # only a test that fails waits so long


class Collector:
    """The collector. `status` is what it answers; while `hangs` is set, it does not answer.

    Attributes:
        headers: those of the last request.
        resource: the attributes of the last resource.
    """

    def __init__(self) -> None:
        self.status = 200
        self.hangs = threading.Event()
        self.asked = threading.Event()
        self.headers: dict[str, str] = {}
        self.resource: dict[str, Any] = {}
        self._ends = threading.Event()
        self._spans: queue.Queue[Span] = queue.Queue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def spans(self, count: int) -> list[Span]:
        """Wait for so many spans."""
        return [self._spans.get(timeout=_DEADLINE_S) for _ in range(count)]

    def none_waits(self) -> bool:
        """Whether no further span has come."""
        return self._spans.empty()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                collector._take(self)

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def _take(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        self.headers = {name.lower(): value for name, value in request.headers.items()}
        self.asked.set()
        if self.hangs.is_set():
            self._ends.wait()
            return
        if self.status == 200 and request.path == "/v1/traces":
            for one in ExportTraceServiceRequest.FromString(body).resource_spans:
                self.resource = attributes_of(one.resource)
                for scope in one.scope_spans:
                    for span in scope.spans:
                        self._spans.put(span)
        request.send_response(self.status if request.path == "/v1/traces" else 404)
        request.end_headers()
        request.wfile.write(ExportTraceServiceResponse().SerializeToString())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def attributes_of(one: Any) -> dict[str, Any]:
    """Return the attributes of a span or of a resource."""
    return {
        pair.key: getattr(pair.value, str(pair.value.WhichOneof("value")))
        for pair in one.attributes
    }
