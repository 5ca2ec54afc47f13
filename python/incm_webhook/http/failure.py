"""Which outcome of a delivery follows when a request gets no answer."""

import os
import ssl
from collections.abc import Iterator

import aiohttp

from incm_webhook.http.call import Call
from incm_webhook.http.egress import EgressError
from incm_webhook.http.outcome import EXCERPT, Outcome
from incm_webhook.plugin import Retry, Unavailable


def outcome_of_failure(error: Exception, call: Call) -> Outcome:
    """Choose the outcome of a request that failed.

    Args:
        error: the exception of the HTTP library.
        call: the request.

    Returns:
        Unavailable for an address that the egress rules refuse and for a certificate that is not
        trusted, else Retry.

    Source: plugins/README.md, Requests over HTTP.
    """
    if isinstance(error, TimeoutError):
        return Retry(reason=f"{call} got no whole answer within {max(call.seconds, 0.0):.3g} s")
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, EgressError):
            return Unavailable(f"{call} was not sent: {cause}")
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = getattr(cause, "verify_message", None) or getattr(cause, "certificate_error", "")
            return Unavailable(f"{call} failed: its certificate is not trusted: {_short(str(why))}")
    return Retry(reason=f"{call} failed: {call.without_secrets(_described(causes))}")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and those that it was made of."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = getattr(found, "os_error", None) or found.__cause__


def _described(causes: list[BaseException]) -> str:
    for cause in reversed(causes):
        if isinstance(cause, OSError) and cause.errno:
            return os.strerror(cause.errno) if cause.errno > 0 else str(cause.strerror)
    error = causes[0]
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the connection was closed before an answer"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the connection was closed within the answer"
    if isinstance(error, aiohttp.ClientResponseError):
        return f"what it answered is no HTTP: {_short(error.message)}"
    return f"{type(error).__name__}: {_short(str(error))}"


def _short(text: str) -> str:
    return " ".join(text.split())[:EXCERPT]
