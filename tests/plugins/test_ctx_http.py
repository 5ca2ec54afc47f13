"""`ctx.http` from plain and asynchronous handlers, against a server that fails on request."""

import asyncio
import gc
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from incm_webhook import Alert, Answer, Context, Reject, Retry, Unavailable, __version__, outcome_of
from incm_webhook.http import egress, transport
from incm_webhook.testing import HttpTarget, make_alert, run_plugin
from incm_webhook.text.redaction import redacted
from plugins.targets.http_faults import (
    DRIPS_BODY,
    DRIPS_HEAD,
    DROPS,
    DROPS_UNREAD,
    HANGS,
    RUBBISH,
    STOPS_WITHIN_BODY,
    Fault,
    SecureTarget,
    answers,
    sends_much,
)

Call = Callable[..., Answer | Exception]
SECRET_PATH = "/services/T0123/B0123456/xYz0123456789abc"


@pytest.fixture
def server() -> Iterator[HttpTarget]:
    with HttpTarget() as one:
        yield one


@pytest.fixture(params=["plain", "async"])
def post(request: pytest.FixtureRequest) -> Call:
    """Post from a handler, and return the answer, or the exception that was the outcome."""

    def call(url: Any, **options: Any) -> Answer | Exception:
        seen: list[Answer] = []

        def plain(alert: Alert, ctx: Context) -> None:
            seen.append(ctx.http.post(url, **options))

        async def asynchronous(alert: Alert, ctx: Context) -> None:
            seen.append(await ctx.http.post(url, **options))

        handler = plain if request.param == "plain" else asynchronous
        (outcome,) = run_plugin(handler, make_alert())
        return seen[0] if isinstance(outcome, str) else outcome

    return call


def test_a_request_and_its_answer(server: HttpTarget, post: Call) -> None:
    server.respond(201, "Grüße", headers={"Content-Type": "text/plain", "X-Id": "7"})
    answer = post(
        f"{server.url}/a?b=1", json={"n": "仓"}, params={"c": "d&e"}, headers={"X-A": "1"}
    )
    assert isinstance(answer, Answer)
    assert (answer.status, answer.text, answer.truncated) == (201, "Grüße", False)
    assert answer.headers["x-ID"] == "7"
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/a?b=1&c=d%26e")
    assert request.json() == {"n": "仓"}
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"] == f"incm-webhook/{__version__}"
    assert request.headers["x-a"] == "1"


@pytest.mark.parametrize(
    ("data", "kind", "body"),
    [
        (b"\x00\xff", "application/octet-stream", b"\x00\xff"),
        ("ü\ud800", "text/plain; charset=utf-8", b"\xc3\xbc?"),
        ({"a": "b c"}, "application/x-www-form-urlencoded", b"a=b+c"),
    ],
)
def test_bodies(server: HttpTarget, post: Call, data: Any, kind: str, body: bytes) -> None:
    post(server.url, data=data)
    assert server.requests[0].body == body
    assert server.requests[0].headers["content-type"] == kind


def test_every_method(server: HttpTarget) -> None:
    def handler(alert: Alert, ctx: Context) -> None:
        ctx.http.get(server.url)
        ctx.http.put(server.url, json=1)
        ctx.http.patch(server.url, json=1)
        ctx.http.delete(server.url)
        ctx.http.request("report", server.url)

    assert run_plugin(handler, make_alert()) == ["delivered"]
    methods = [one.method for one in server.requests]
    assert methods == ["GET", "PUT", "PATCH", "DELETE", "REPORT"]


@pytest.mark.parametrize(
    ("behaviour", "kind", "words"),
    [
        (answers(408), Retry, "408 Request Timeout"),
        (answers(425), Retry, "425"),
        (answers(429), Retry, "429 Too Many Requests"),
        (answers(500, "sorry\r\n  later"), Retry, "500 Internal Server Error: sorry later"),
        (answers(503), Retry, "503"),
        (answers(599), Retry, "599"),
        (answers(400, "bad field"), Reject, "400 Bad Request: bad field"),
        (answers(413), Reject, "413"),
        (answers(422), Reject, "422"),
        (answers(401), Unavailable, "401"),
        (answers(403), Unavailable, "403"),
        (answers(404), Unavailable, "404 Not Found"),
        (answers(410), Unavailable, "410"),
        (answers(304), Unavailable, "304"),
        (answers(302, Location="/elsewhere"), Unavailable, "302"),
        (answers(307, Location="/elsewhere"), Unavailable, "307"),
        (DROPS, Retry, "Connection reset by peer"),
        (DROPS_UNREAD, Retry, "Connection reset by peer"),
        (STOPS_WITHIN_BODY, Retry, "closed within the answer"),
        (RUBBISH, Retry, "is no HTTP"),
    ],
)
def test_each_fault_has_its_outcome(
    server: HttpTarget, post: Call, behaviour: Fault, kind: type[Exception], words: str
) -> None:
    server.respond(**behaviour)
    outcome = post(server.url + SECRET_PATH, json={})
    assert type(outcome) is kind
    text = str(outcome)
    assert text.startswith(f"POST {server.url}/services/… ")
    assert words in text
    assert len(server.requests) <= 1  # neither a redirect nor an error is followed by a request


@pytest.mark.parametrize("behaviour", [HANGS, DRIPS_HEAD, DRIPS_BODY])
def test_the_time_out_is_one_of_the_whole_request(
    server: HttpTarget, post: Call, behaviour: Fault
) -> None:
    server.respond(**behaviour)
    outcome = post(server.url + SECRET_PATH, json={}, timeout=0.5)
    assert isinstance(outcome, Retry)
    message = f"POST {server.url}/services/… got no whole answer within 0.5 s"
    assert str(outcome) == message
    assert all(one.abandoned.wait(20) for one in server.requests)


def test_a_target_that_does_not_listen(server: HttpTarget, post: Call) -> None:
    server.close()
    outcome = post(server.url, json={})
    assert isinstance(outcome, Retry)
    assert "Connection refused" in str(outcome)


def test_a_name_that_does_not_exist(post: Call) -> None:
    outcome = post("http://no-such-host.invalid/", json={})
    assert isinstance(outcome, Retry)
    assert str(outcome).startswith("POST http://no-such-host.invalid/ failed: ")


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [
        ("7", 7, 7),
        (formatdate(4e9, usegmt=True), 86400, 86400),  # far away: a day at most
        (formatdate(0, usegmt=True), 0, 0),
        ("soon", None, None),
    ],
)
def test_retry_after(
    server: HttpTarget, post: Call, value: str, least: float | None, most: float | None
) -> None:
    server.respond(503, headers={"Retry-After": value})
    outcome = post(server.url, json={})
    assert isinstance(outcome, Retry)
    if least is None or most is None:
        assert outcome.after is None
    else:
        assert outcome.after is not None
        assert least <= outcome.after <= most


def test_only_64_kib_of_an_answer_are_read(server: HttpTarget, post: Call) -> None:
    server.respond(**sends_much())
    answer = post(server.url, json={})
    assert isinstance(answer, Answer)
    assert (len(answer.body), answer.truncated) == (65536, True)
    assert server.requests[0].abandoned.wait(20)


def test_an_answer_of_exactly_64_kib_is_whole(server: HttpTarget, post: Call) -> None:
    server.respond(200, b"x" * 65536)
    answer = post(server.url, json={})
    assert isinstance(answer, Answer)
    assert (len(answer.body), answer.truncated) == (65536, False)


def test_an_answer_of_any_status_on_demand(server: HttpTarget, post: Call) -> None:
    server.respond(429, '{"retry_after": 2}', headers={"Retry-After": "9"})
    answer = post(server.url, json={}, raise_outcome=False)
    assert isinstance(answer, Answer)
    assert answer.json() == {"retry_after": 2}
    outcome = outcome_of(answer)
    assert isinstance(outcome, Retry)
    assert outcome.after == 9


def test_no_secret_is_revealed(server: HttpTarget, post: Call) -> None:
    """The target repeats the request, secrets and all, in its answer."""
    token, key = "tok-0123456789", "key=0123456789"
    server.respond(400, f"Cannot POST {SECRET_PATH}?{key} with Bearer {token}, {token}")
    url = f"{server.url}{SECRET_PATH}?{key}"
    texts = [
        str(post(SecretStr(url), json={}, headers={"Authorization": SecretStr(token)})),
        str(post(SecretStr(url.replace("://", "://me:passw0rd-1@")), json={})),
    ]
    assert server.requests[0].headers["authorization"] == token
    assert server.requests[1].headers["authorization"] == "Basic bWU6cGFzc3cwcmQtMQ=="
    texts[1] = texts[1].replace(token, "")  # this request did not have it
    for text in texts:
        for secret in (SECRET_PATH, "B0123456", "xYz0123456789abc", "123456", token, "passw0rd"):
            assert secret not in text
        assert text.startswith(
            f"POST {server.url}/services/…?… answered 400 Bad Request: Cannot POST "
        )
        assert len(text) < 400


@pytest.mark.parametrize(
    ("url", "options", "kind"),
    [
        ("ftp://host/", {}, ValueError),
        ("http:///path", {}, ValueError),
        ("https://host:99999/", {}, ValueError),
        ("http://host/a b", {}, ValueError),
        ("http://host/\n", {}, ValueError),
        ("http://host/", {"headers": {"X-A": "a\r\nB: c"}}, ValueError),
        ("http://host/", {"headers": {"X A": "a"}}, ValueError),
        ("http://me:pass@host/", {"headers": {"authorization": "a"}}, ValueError),
        ("http://host/", {"json": {}, "data": ""}, TypeError),
        ("http://host/", {"json": float("nan")}, ValueError),
        ("http://host/", {"data": 7}, TypeError),
        ("http://host/", {"timeout": 0}, ValueError),
        (7, {}, TypeError),
    ],
)
def test_wrong_arguments(post: Call, url: Any, options: Any, kind: type[Exception]) -> None:
    assert type(post(url, **options)) is kind


def test_a_certificate_that_is_not_trusted(tmp_path: Path, post: Call) -> None:
    with SecureTarget() as server:
        outcome = post(server.url, json={})
        assert isinstance(outcome, Unavailable)
        assert "its certificate is not trusted" in str(outcome)
        assert server.requests == []


def test_a_certificate_that_is_trusted(
    tmp_path: Path, post: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SecureTarget() as server, SecureTarget("other.invalid") as other:
        other.authority = server.authority
        monkeypatch.setenv("SSL_CERT_FILE", str(server.trust(tmp_path)))
        transport.trusted.cache_clear()
        try:
            assert isinstance(post(server.url, json={}), Answer)
            assert isinstance(post(other.url, json={}), Unavailable)  # another authority
        finally:
            transport.trusted.cache_clear()


def test_a_certificate_of_another_host(
    tmp_path: Path, post: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SecureTarget("other.invalid") as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.trust(tmp_path)))
        transport.trusted.cache_clear()
        try:
            outcome = post(server.url, json={})
        finally:
            transport.trusted.cache_clear()
        assert isinstance(outcome, Unavailable)
        assert "IP address mismatch" in str(outcome)


def test_a_target_without_tls_behind_https(server: HttpTarget, post: Call) -> None:
    assert isinstance(post(server.url.replace("http:", "https:"), json={}), Retry)


def test_proxies_of_the_environment_are_not_used(
    server: HttpTarget, post: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert isinstance(post(server.url, json={}), Answer)


def test_cookies_are_not_kept(server: HttpTarget) -> None:
    server.respond(headers={"Set-Cookie": "a=b"})

    def handler(alert: Alert, ctx: Context) -> None:
        ctx.http.post(server.url)

    run_plugin(handler, make_alert(), make_alert())
    assert ["cookie" in one.headers for one in server.requests] == [False, False]


def test_a_connection_is_kept(server: HttpTarget) -> None:
    def handler(alert: Alert, ctx: Context) -> None:
        ctx.http.post(server.url)

    assert run_plugin(handler, *[make_alert()] * 5) == ["delivered"] * 5
    assert server.connections == 1


def test_nothing_is_left_after_the_loop(server: HttpTarget) -> None:
    """A loop of the test's own closes the session, too, when it shuts down."""

    async def main() -> None:
        await Context().http.get(server.url)
        assert len(transport._sessions) == 1

    with egress.applied(egress.Egress.of(egress.LOOPBACK)):
        asyncio.run(main())
    assert transport._sessions == {}


@pytest.mark.parametrize("touches", [True, False])
def test_a_forgotten_await_fails_the_attempt(server: HttpTarget, touches: bool) -> None:
    async def handler(alert: Alert, ctx: Context) -> None:
        answer = ctx.http.post(server.url + SECRET_PATH, json={})
        if touches:
            assert answer.text

    (outcome,) = run_plugin(handler, make_alert())
    gc.collect()  # Python's own warning about such coroutines would be an error here
    assert isinstance(outcome, RuntimeError)
    assert str(outcome) == (
        f"POST {server.url}/services/… was not sent, because it was not awaited: write "
        "`answer = await ctx.http...` in an `async def` function"
    )
    assert server.requests == []


def test_several_at_once(server: HttpTarget) -> None:
    async def handler(alert: Alert, ctx: Context) -> None:
        first, second = await asyncio.gather(
            ctx.http.post(server.url, json=1), ctx.http.post(server.url, json=2)
        )
        assert (first.status, second.status) == (200, 200)

    assert run_plugin(handler, make_alert()) == ["delivered"]
    assert sorted(one.json() for one in server.requests) == [1, 2]


def test_a_helper_thread_of_an_async_handler_is_plain(server: HttpTarget) -> None:
    async def handler(alert: Alert, ctx: Context) -> None:
        answer = await asyncio.to_thread(ctx.http.post, server.url)
        assert answer.status == 200

    assert run_plugin(handler, make_alert()) == ["delivered"]


def test_many_plain_threads_share_one_loop(server: HttpTarget) -> None:
    def handler(alert: Alert, ctx: Context) -> None:
        threads = [threading.Thread(target=ctx.http.post, args=(server.url,)) for _ in range(20)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        names = [one.name for one in threading.enumerate() if one.name.endswith("-loop")]
        assert names == ["http-loop"]

    assert run_plugin(handler, make_alert()) == ["delivered"]
    assert len(server.requests) == 20
    assert "http-loop" not in {one.name for one in threading.enumerate()}
    assert transport._sessions == {}


def test_a_request_ends_with_the_time_of_the_plugin(server: HttpTarget) -> None:
    """Although its own time-out is longer."""
    from incm_webhook.config.settings import PluginSettings
    from incm_webhook.hosting.registry import load_object

    server.respond(**HANGS)

    def handler(alert: Alert, ctx: Context) -> None:
        ctx.http.post(server.url, timeout=60)

    with egress.applied(egress.Egress.of(egress.LOOPBACK)):
        loaded = load_object(handler, PluginSettings(use="x", name="x", timeout=1.0))
        context = loaded.context([Context(attempt=1)])
        with pytest.raises(Retry, match="no whole answer within"):
            loaded.handle(make_alert(), context)
        assert server.wait(1)[0].abandoned.wait(20)
        with pytest.raises(Retry, match="no whole answer within 0 s"):
            loaded.handle(make_alert(), context)  # its time is over
        assert len(server.requests) == 1


def test_importing_and_running_without_http_load_no_library() -> None:
    code = (
        "import sys, incm_webhook\n"
        "from incm_webhook.testing import make_alert, run_plugin\n"
        "assert run_plugin('log', make_alert()) == ['delivered']\n"
        "print([name for name in ('aiohttp', 'yarl', 'jinja2') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_removing_secrets_from_a_message_again_changes_nothing(
    server: HttpTarget, post: Call
) -> None:
    """Log and ledger remove secrets again, which must not eat what follows the URL."""
    server.respond(503, "later")
    for url in (server.url, server.url + "/", server.url + SECRET_PATH, server.url + "/a?b=c"):
        text = str(post(url))
        assert redacted(text) == text
        assert text.endswith(" answered 503 Service Unavailable: later")
