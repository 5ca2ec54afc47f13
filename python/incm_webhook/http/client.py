"""`ctx.http`: sends requests from plain and from asynchronous handlers."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from functools import cache
from typing import Any, TypedDict, Unpack

from incm_webhook.http import plain_loop
from incm_webhook.http.answer import Answer, Pending
from incm_webhook.http.call import Call, Data, Params, Text


class Options(TypedDict, total=False):
    """The keywords of every request.

    Attributes:
        headers: header fields; each value is a text or a SecretStr.
        params: parameters that are added to the query of the URL.
        timeout: seconds for the whole request; None means 10. The time-out of the plugin ends a
            request, too.
        raise_outcome: False returns an answer of any status; the default is True.
    """

    headers: Mapping[str, Text] | None
    params: Params | None
    timeout: float | None
    raise_outcome: bool


class BodyOptions(Options, total=False):
    """The keywords of a request with a body.

    Attributes:
        json: a value to send as JSON; None sends none.
        data: bytes, a text, or the fields of a form to send instead.
    """

    json: Any
    data: Data | None


@cache  # an import statement, even of a loaded module, takes a microsecond
def _sender() -> Callable[..., Coroutine[Any, Any, Answer]]:
    from incm_webhook.http.transport import send  # it loads the HTTP library

    return send


class HttpClient:
    """Sends HTTP requests for one call of a plugin: `ctx.http`.

    Shape: in a plain handler every method waits for the Answer and returns it. In an `async def`
    handler it must be awaited: `answer = await ctx.http.post(...)`; several requests at once are
    `await asyncio.gather(ctx.http.post(a), ctx.http.post(b))`. What counts is whether the calling
    thread runs an event loop. A request that is not awaited is not sent, and fails the attempt.
    The whole request, from resolving the name to the last byte, has a time-out, which ends no later
    than that of the plugin. Redirects are not followed, proxies of the environment are not used,
    certificates are verified, and 64 KiB of an answer are read. Connections are kept for 2 s. The
    rules of `[egress]` limit where requests may go.
    Errors: an answer that is not 2xx raises what `outcome_of` chooses, unless `raise_outcome` is
    False. When there is no answer, every method raises: Unavailable when the egress rules refuse
    the address or the certificate is not trusted, else Retry. ValueError and TypeError: an argument
    is wrong, and nothing is sent.
    Threads: any.
    Source: plugins/README.md, Requests over HTTP.
    """

    __slots__ = ("_until",)

    def __init__(self, until: float | None = None) -> None:
        """Make a client.

        Args:
            until: when its requests have ended, in monotonic seconds; None leaves each its own
                time-out.
        """
        self._until = until

    def get(self, url: Text, **options: Unpack[Options]) -> Answer:
        """Send a GET request; see `request`."""
        return self.request("GET", url, **options)

    def post(self, url: Text, **options: Unpack[BodyOptions]) -> Answer:
        """Send a POST request; see `request`."""
        return self.request("POST", url, **options)

    def put(self, url: Text, **options: Unpack[BodyOptions]) -> Answer:
        """Send a PUT request; see `request`."""
        return self.request("PUT", url, **options)

    def patch(self, url: Text, **options: Unpack[BodyOptions]) -> Answer:
        """Send a PATCH request; see `request`."""
        return self.request("PATCH", url, **options)

    def delete(self, url: Text, **options: Unpack[BodyOptions]) -> Answer:
        """Send a DELETE request; see `request`."""
        return self.request("DELETE", url, **options)

    def request(
        self,
        method: str,
        url: Text,
        *,
        raise_outcome: bool = True,
        json: Any = None,
        data: Data | None = None,
        headers: Mapping[str, Text] | None = None,
        params: Params | None = None,
        timeout: float | None = None,
    ) -> Answer:
        """Send a request.

        Args:
            method: such as "POST".
            url: http or https, as a text or a pydantic SecretStr.
            raise_outcome: see Options, like headers, params and timeout.
            json: see BodyOptions, like data.
            data: the bytes, text or form to send.
            headers: header fields.
            params: parameters of the query.
            timeout: seconds.

        Returns:
            The answer, to be awaited in an `async def` handler.

        Raises:
            Retry, Reject, Unavailable, ValueError, TypeError: see the class.
        """
        call = Call(
            method,
            url,
            json=json,
            data=data,
            headers=headers,
            params=params,
            timeout=timeout,
            until=self._until,
        )
        sending = _sender()(call, raise_outcome=raise_outcome)
        if asyncio._get_running_loop() is not None:
            return Pending(sending, call)
        return plain_loop.run(sending)
