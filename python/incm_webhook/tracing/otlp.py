"""Sends spans to a collector by OTLP/HTTP; needs the extra `otel`."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
import urllib3
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

import incm_webhook

if TYPE_CHECKING:
    from incm_webhook._core import RequestSpan
    from incm_webhook.config.trace import Tracing
    from incm_webhook.tracing.attempts import AttemptSpan

_UNKNOWN = "unknown_service"  # how the SDK begins the name of a service that nobody named
_DEFAULT_NAME = "incm-webhook"
_SERVER_ERROR = 500
_SUCCESS = range(200, 300)
_LIBRARIES = "opentelemetry"
_MOST_OF_ANSWER = 4096  # bytes; an answer is empty, or a sentence
_OF_THE_REQUEST = {
    *("accept", "accept-encoding", "connection", "content-encoding", "content-length"),
    *("content-type", "host", "transfer-encoding", "user-agent"),
}  # headers that a request needs, whoever else names headers

Attributes = Mapping[str, str | int | bool]


class Collector:
    """The collector of the spans.

    Threads: one calls send(); hurry() and close() may be called meanwhile.
    """

    def __init__(self, tracing: Tracing) -> None:
        """Prepare to send; no connection is opened yet.

        Raises:
            Exception: a library cannot use the OTEL_* variables.
        """
        # They would log each failed request, and headers of variables and of senders with them.
        logging.getLogger(_LIBRARIES).setLevel(logging.CRITICAL)
        self._tracing = tracing
        self._session = _Session(tracing.headers)
        self._resource = _resource_of(tracing)
        self._scope = InstrumentationScope("incm_webhook", incm_webhook.__version__)
        self._exporter = self._new_exporter()

    def send(self, requests: Sequence[RequestSpan], attempts: Sequence[AttemptSpan]) -> str:
        """Send spans, and wait until they are taken or given up.

        Returns:
            Why the collector did not take them; "" when it did.
        """
        self._session.fault = ""
        try:
            spans = [*map(self._of_request, requests), *map(self._of_attempt, attempts)]
            result = self._exporter.export(spans)
        except Exception as error:  # one of its libraries: the next spans may fare better
            return self._session.fault or f"{type(error).__name__}: {error}"
        if result is SpanExportResult.SUCCESS:
            return self._session.fault  # a redirection counts as a success there
        return self._session.fault or "no reason is known"

    def hurry(self) -> None:
        """End the pause before another try; from now on each request is tried only once."""
        self._session.tries_once = True
        waiting, self._exporter = self._exporter, self._new_exporter()
        waiting.shutdown()

    def close(self) -> None:
        """Close the connections; further requests fail."""
        self._exporter.shutdown()

    def _new_exporter(self) -> SpanExporter:
        return OTLPSpanExporter(
            endpoint=self._tracing.url,
            headers=dict(self._tracing.headers) or None,
            timeout=self._tracing.timeout,
            session=self._session,
        )

    def _of_request(self, span: RequestSpan) -> ReadableSpan:
        attributes: dict[str, str | int | bool] = {
            "http.request.method": "POST",
            "http.response.status_code": span.status,
            "http.route": span.endpoint,
            "url.path": span.path,
            "client.address": span.client,
            "incm.endpoint": span.endpoint,
            "incm.alert.type": span.type,
            "incm.alert.duplicate": span.duplicate,
        }
        if span.alert_id:
            attributes["incm.alert.id"] = span.alert_id
        failed = span.status >= _SERVER_ERROR
        if failed:
            attributes["error.type"] = str(span.status)
        return ReadableSpan(
            name=f"POST {span.endpoint}",
            context=_context(span.trace_id, span.span_id, span.tracestate),
            parent=_parent(span.trace_id, span.parent_id),
            resource=self._resource,
            attributes=attributes,
            kind=SpanKind.SERVER,
            status=Status(StatusCode.ERROR if failed else StatusCode.UNSET),
            start_time=span.began_us * 1000,
            end_time=span.ended_us * 1000,
            instrumentation_scope=self._scope,
        )

    def _of_attempt(self, span: AttemptSpan) -> ReadableSpan:
        attributes: dict[str, str | int | bool] = {
            "incm.plugin": span.plugin,
            "incm.alert.id": span.alert_id,
            "incm.alert.type": span.alert_type,
            "incm.endpoint": span.endpoint,
            "incm.delivery.key": span.delivery_key,
            "incm.delivery.attempt": span.attempt,
            "incm.delivery.outcome": span.outcome,
            "incm.call.alerts": span.alerts,
        }
        status = Status(StatusCode.UNSET)
        if span.error:
            attributes["error.type"] = span.error_type
            status = Status(StatusCode.ERROR, span.error)
        return ReadableSpan(
            name=f"deliver {span.plugin}",
            context=_context(span.trace_id, span.span_id, span.tracestate),
            parent=_parent(span.trace_id, span.parent_id),
            resource=self._resource,
            attributes=attributes,
            kind=SpanKind.CONSUMER,
            status=status,
            start_time=span.began_ns,
            end_time=span.ended_ns,
            instrumentation_scope=self._scope,
        )


class _Session(requests.Session):
    """Limits a request, and keeps why the last one failed, which the exporter does not tell.

    Threads: one; any may set `tries_once`.

    Attributes:
        fault: why the last request failed; "" when it did not.
        tries_once: whether a request that fails is given up, whatever the reason.
    """

    def __init__(self, headers: Mapping[str, str]) -> None:
        """Prepare to send.

        Args:
            headers: those of the configuration file. If there are any, those of variables, which
                the exporter adds to them, are not sent.
        """
        super().__init__()
        self.fault = ""
        self.tries_once = False
        self._wanted = {name.lower() for name in headers} | _OF_THE_REQUEST if headers else None

    def request(self, *arguments: Any, **options: Any) -> requests.Response:
        """Make a request and send it; the exporter calls this."""
        self.fault = ""
        try:
            answer = super().request(*arguments, **options)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            self.fault = f"{type(error).__name__}: {error}"
            if not self.tries_once:
                raise
        else:
            if answer.status_code in _SUCCESS:
                return answer
            place = urlsplit(answer.url).netloc
            self.fault = f"{place} answered {answer.status_code} {answer.reason}"
            if not self.tries_once:
                return answer
        raise requests.RequestException(self.fault)  # of no kind that the exporter tries again

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Send a request; read no more of the answer than may be needed."""
        for name in list(request.headers):
            if self._wanted is not None and name.lower() not in self._wanted:
                del request.headers[name]
        deadline = time.monotonic() + float(options.get("timeout") or 0)
        answer = super().send(request, **{**options, "stream": True})
        # The status says whether the spans are taken. The rest is read so that the connection can
        # be used again; a byte at a time, because a longer read waits for all of its bytes.
        body = bytearray()
        try:
            while len(body) < _MOST_OF_ANSWER and time.monotonic() < deadline:
                more = answer.raw.read(1, decode_content=False)
                if not more:
                    break
                body += more
        except (urllib3.exceptions.HTTPError, OSError):
            pass
        answer.close()
        answer._content, answer._content_consumed = bytes(body), True
        return answer

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002
        """Follow no redirection: its target may be no collector, and must not get the headers."""
        return None


def _resource_of(tracing: Tracing) -> Resource:
    ours = {"service.version": incm_webhook.__version__, "host.name": socket.gethostname()}
    found = Resource(ours).merge(Resource.create())  # with what variables say
    name = tracing.service_name
    if name is None and str(found.attributes["service.name"]).startswith(_UNKNOWN):
        name = _DEFAULT_NAME
    return found if name is None else found.merge(Resource({"service.name": name}))


def _context(trace_id: str, span_id: str, tracestate: str) -> SpanContext:
    return SpanContext(
        int(trace_id, 16),
        int(span_id, 16),
        is_remote=False,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
        trace_state=TraceState.from_header([tracestate]) if tracestate else None,
    )


def _parent(trace_id: str, span_id: str) -> SpanContext | None:
    if not span_id:
        return None
    flags = TraceFlags(TraceFlags.SAMPLED)
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=flags)
