"""What a target answered: the value of every call of `ctx.http`."""

from __future__ import annotations

import re
from collections.abc import Coroutine, Generator, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from incm_webhook.http.call import Call

BODY_LIMIT = 65536  # bytes of a body that are kept
_CHARSET = re.compile(r"""charset=["']?([\w.:-]+)""", re.IGNORECASE | re.ASCII)


class Answer:
    """The answer of an HTTP target.

    Shape: in a plain handler `ctx.http.post(...)` returns it. In an `async def` handler the same
    call must be awaited: `answer = await ctx.http.post(...)`. Both have this type, so an Answer
    can be awaited; awaiting one that is complete returns itself.
    Errors: RuntimeError from each attribute while the answer has not been awaited.
    Threads: immutable.
    Source: plugins/README.md, Requests over HTTP.

    Attributes:
        status: the HTTP status, such as 204.
        headers: the header fields; looking one up ignores case.
        body: the bytes of the body, at most 65,536.
        truncated: whether the body was longer; the rest was not read.
    """

    __slots__ = ("_call", "body", "headers", "status", "truncated")

    def __init__(
        self,
        status: int,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        truncated: bool = False,
        call: Call | None = None,
    ) -> None:
        """Make an answer, for example for a test of a function that reads one.

        Args:
            status: the HTTP status.
            headers: the header fields, in lower case unless the mapping ignores case.
            body: the body.
            truncated: whether the body was longer.
            call: the request; only for `ctx.http`.
        """
        self.status = status
        self.headers: Mapping[str, str] = {} if headers is None else headers
        self.body = body
        self.truncated = truncated
        self._call = call

    @property
    def text(self) -> str:
        """The body as text in the charset of its Content-Type, else UTF-8; wrong bytes become U+FFFD."""  # noqa: E501 - one sentence
        found = _CHARSET.search(self.headers.get("content-type", ""))
        try:
            return self.body.decode(found[1] if found else "utf-8", "replace")
        except (LookupError, UnicodeError):  # no such charset, or one that is no text
            return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """Parse the body as JSON.

        Raises:
            ValueError: it is no JSON, or was cut off.
        """
        import json

        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise ValueError(f"the answer {self.status} is no JSON: {self.text[:200]!r}") from None

    def json_object(self) -> dict[str, Any]:
        """Parse the body as a JSON object, for a target that explains its answer in one.

        Returns:
            The object; an empty one when the body is something else, such as a page of a proxy.
        """
        try:
            value = self.json()
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    def __await__(self) -> Generator[Any, None, Answer]:
        yield from ()
        return self

    def __repr__(self) -> str:
        return f"<Answer {self.status}, {len(self.body)} bytes>"


class Pending(Answer):
    """The request of an `async def` handler until it is awaited; it is not sent before that."""

    __slots__ = ("_coroutine",)

    def __init__(self, coroutine: Coroutine[Any, Any, Answer], call: Call) -> None:
        self._call = call
        self._coroutine = coroutine
        begun = _begun.get()
        if begun is not None:
            begun.add(self)

    def __await__(self) -> Generator[Any, None, Answer]:
        begun = _begun.get()
        if begun is not None:
            begun.discard(self)
        return self._coroutine.__await__()

    def __getattr__(self, name: str) -> Any:
        """Explain what is missing, instead of an AttributeError for each slot that is not set."""
        if name in Answer.__slots__:
            raise RuntimeError(self.complaint())
        raise AttributeError(name)

    def __repr__(self) -> str:
        return "<Answer that has not been awaited>"

    def complaint(self) -> str:
        """Describe the mistake of an author who forgets the `await`."""
        return (
            f"{self._call} was not sent, because it was not awaited: write "
            "`answer = await ctx.http...` in an `async def` function"
        )

    def drop(self) -> None:
        """Give the request up without the warning that Python has for such coroutines."""
        self._coroutine.close()


# The requests of the running handler that have not been awaited.
_begun: ContextVar[set[Pending] | None] = ContextVar("begun", default=None)


async def all_awaited(handler: Coroutine[Any, Any, object] | Any) -> object:
    """Await a handler, and fail when it leaves a request of `ctx.http` without an `await`.

    Args:
        handler: the awaitable that the handler returned; it is awaited in the calling task, which
            must have no other handler.

    Returns:
        The handler's result.

    Raises:
        RuntimeError: a request was not awaited, so it was never sent.
        BaseException: whatever the handler raises.
    """
    begun: set[Pending] = set()
    _begun.set(begun)
    try:
        result = await handler
        if begun:
            raise RuntimeError(next(iter(begun)).complaint())
        return result
    finally:
        for one in begun:
            one.drop()
