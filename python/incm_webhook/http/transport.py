"""Sends requests with aiohttp: one session for each event loop. Imported by the first request."""

import asyncio
import contextlib
import io
import socket
import ssl
from collections.abc import AsyncGenerator
from functools import cache
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from incm_webhook import __version__
from incm_webhook.http.answer import BODY_LIMIT, Answer
from incm_webhook.http.call import Call
from incm_webhook.http.egress import EgressError, address_of, current, spelling_fault
from incm_webhook.http.failure import outcome_of_failure
from incm_webhook.http.outcome import outcome_of

_KEPT_S = 2.0  # a kept connection: a target that closes it a moment earlier makes a request fail
_LARGE = 65536  # bytes of a body
_HEADERS = {
    "User-Agent": f"incm-webhook/{__version__}",
    "Accept-Encoding": "identity",  # 64 KiB of a compressed body could be of any size
}

_Kept = tuple[AsyncGenerator[aiohttp.ClientSession, None], aiohttp.ClientSession]
# By event loop; an entry is removed when its loop shuts its asynchronous generators down.
_sessions: dict[asyncio.AbstractEventLoop, _Kept] = {}


class CheckingResolver(AbstractResolver):
    """Resolves a name once for each connection, to those of its addresses that are permitted."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Resolve a name; EgressError when none of its addresses is permitted."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        rules, results, refusals = current(), [], []
        for kind, _, proto, _, place in found:
            text = str(place[0])
            address = address_of(text)
            refusal = f"{text} is no address" if address is None else rules.refusal(address)
            if refusal:
                refusals.append(refusal)
                continue
            results.append(
                ResolveResult(
                    hostname=host,
                    host=text,
                    port=port,
                    family=kind,
                    proto=proto,
                    flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
                )
            )
        if not results:
            why = "; ".join(dict.fromkeys(refusals)) or "it has no address"
            raise EgressError(f"{host} may not be connected to: {why}")
        return results

    async def close(self) -> None:
        """Do nothing: it keeps nothing open."""


def open_socket(info: Any) -> socket.socket:
    """Make the socket of a connection, if its address is permitted.

    Every connection is made through this function, so that a host that reaches it in another way
    than through the resolver is checked as well.

    Args:
        info: an item of the result of `getaddrinfo`.

    Raises:
        EgressError: the address is refused, or is no address.
    """
    family, kind, proto, _, place = info
    address = address_of(place[0])
    refusal = "it is no address" if address is None else current().refusal(address)
    if refusal:
        raise EgressError(refusal)
    return socket.socket(family=family, type=kind, proto=proto)


@cache
def trusted() -> ssl.SSLContext:
    """Return the TLS settings of all sessions: the authorities of the system, or $SSL_CERT_FILE."""
    return ssl.create_default_context()


async def send(call: Call, *, raise_outcome: bool) -> Answer:
    """Send a request on the running loop, and read its answer.

    Args:
        call: the request.
        raise_outcome: whether to raise the outcome that follows from the answer.

    Returns:
        The answer.

    Raises:
        Retry, Reject, Unavailable: as `outcome_of` and `outcome_of_failure` choose.
        asyncio.CancelledError: the connection is closed.
    """
    try:
        async with asyncio.timeout(call.seconds):
            answer = await _exchange(call)
    except (aiohttp.ClientError, OSError) as error:
        raise outcome_of_failure(error, call) from None
    outcome = outcome_of(answer) if raise_outcome else None
    if outcome is not None:
        raise outcome
    return answer


async def _exchange(call: Call) -> Answer:
    fault = spelling_fault(call.url.host or "")
    if fault:
        raise EgressError(fault)
    kept = _sessions.get(asyncio.get_running_loop())
    session = kept[1] if kept else await _open()
    body: bytes | io.BytesIO | None = call.body
    if call.body is not None and len(call.body) > _LARGE:
        body = io.BytesIO(call.body)  # is written in parts, between which other requests go on
    async with session.request(
        call.method, call.url, headers=call.headers, data=body, allow_redirects=False
    ) as response:
        answer = await response.content.read(BODY_LIMIT)
        while not response.content.at_eof():
            if len(answer) > BODY_LIMIT:
                response.close()
                break
            answer += await response.content.read(BODY_LIMIT + 1 - len(answer))
        return Answer(
            response.status,
            response.headers,
            answer[:BODY_LIMIT],
            truncated=len(answer) > BODY_LIMIT,
            call=call,
        )


async def _open() -> aiohttp.ClientSession:
    """Make the session of the running loop, which closes it when it shuts down.

    `asyncio.run`, `asyncio.Runner` and the loops of this package all end by shutting down
    asynchronous generators.
    """
    generator = _session_of_loop()
    session = await anext(generator)
    _sessions[asyncio.get_running_loop()] = (generator, session)
    return session


async def _session_of_loop() -> AsyncGenerator[aiohttp.ClientSession, None]:
    connector = aiohttp.TCPConnector(
        resolver=CheckingResolver(),
        socket_factory=open_socket,
        use_dns_cache=False,
        ssl=trusted(),
        limit=0,  # each plugin limits its calls
        keepalive_timeout=_KEPT_S,
    )
    session = aiohttp.ClientSession(
        connector=connector,
        headers=_HEADERS,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(),  # send() limits the whole request
        trust_env=False,
        auto_decompress=False,
    )
    try:
        yield session
    finally:
        _sessions.pop(asyncio.get_running_loop(), None)
        with contextlib.suppress(asyncio.CancelledError):
            await session.close()
