"""Sends spans to a collector by OTLP/HTTP; needs the extra `otel`."""

from __future__ import annotations

import logging
import socket
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
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
_EXPORTERS = "opentelemetry.exporter"

Attributes = Mapping[str, str | int | bool]


class Collector:
    """The collector of the spans.

    Threads: one calls send(); close() may be called meanwhile, and ends the pauses of its retries.
    """

    def __init__(self, tracing: Tracing) -> None:
        """Prepare to send; no connection is opened yet."""
        logging.getLogger(_EXPORTERS).setLevel(logging.CRITICAL)  # it would log each failed request
        self._session = _Session()
        self._resource = _resource_of(tracing)
        self._scope = InstrumentationScope("incm_webhook", incm_webhook.__version__)
        self._exporter: SpanExporter = OTLPSpanExporter(
            endpoint=tracing.url,
            headers=dict(tracing.headers) or None,
            timeout=tracing.timeout,
            session=self._session,
        )

    def send(self, requests: Sequence[RequestSpan], attempts: Sequence[AttemptSpan]) -> str:
        """Send spans, and wait until they are taken or given up.

        Returns:
            Why the collector did not take them; "" when it did.
        """
        self._session.fault = ""
        spans = [*map(self._of_request, requests), *map(self._of_attempt, attempts)]
        try:
            result = self._exporter.export(spans)
        except Exception as error:  # one of its libraries: the next spans may fare better
            return f"{type(error).__name__}: {error}"
        if result is SpanExportResult.SUCCESS:
            return ""
        return self._session.fault or "no reason is known"

    def close(self) -> None:
        """End the request that is under way as soon as possible; further ones fail."""
        self._exporter.shutdown()

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
    """Keeps why the last request failed, which the exporter does not tell. Threads: one."""

    fault = ""

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Send a request; the exporter calls this."""
        try:
            answer = super().send(request, **options)
        except requests.RequestException as error:
            self.fault = f"{type(error).__name__}: {error}"
            raise
        if not answer.ok:
            place = urlsplit(answer.url).netloc
            self.fault = f"{place} answered {answer.status_code} {answer.reason}"
        return answer


def _resource_of(tracing: Tracing) -> Resource:
    found = Resource.create(
        {"service.version": incm_webhook.__version__, "host.name": socket.gethostname()}
    )
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
