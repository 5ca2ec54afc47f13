import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from http.client import BadStatusLine, HTTPConnection, HTTPResponse, HTTPSConnection, IncompleteRead
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme

from incm_webhook.testing import HttpTarget

Connect = Callable[[HttpTarget], HTTPConnection]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Open connections, which are closed after the test."""
    with contextlib.ExitStack() as stack:
        yield lambda target: stack.enter_context(
            contextlib.closing(HTTPConnection(urlsplit(target.url).netloc, timeout=30))
        )


def call(connection: HTTPConnection, method: str = "POST", **more: Any) -> HTTPResponse:
    connection.request(method, "/a?b=c", **more)
    return connection.getresponse()


def test_it_records_what_comes_and_answers_200(http_target: HttpTarget, connect: Connect) -> None:
    connection = connect(http_target)
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "REPORT"):
        answer = call(connection, method, body=b'{"a": 1}', headers={"X-Key": "1"})
        assert (answer.status, answer.read()) == (200, b"")
    recorded = http_target.requests
    assert [one.method for one in recorded] == [
        "GET",
        "POST",
        "PUT",
        "PATCH",
        "DELETE",
        "HEAD",
        "REPORT",
    ]
    assert {one.path for one in recorded} == {"/a?b=c"}
    assert recorded[1].headers["x-key"] == "1"
    assert (recorded[1].body, recorded[1].text, recorded[1].json()) == (
        b'{"a": 1}',
        '{"a": 1}',
        {"a": 1},
    )
    assert http_target.connections == 1


def test_it_reads_chunks(http_target: HttpTarget, connect: Connect) -> None:
    connection = connect(http_target)
    assert call(connection, body=iter([b"ab", b"c" * 300]), encode_chunked=True).read() == b""
    assert http_target.requests[0].body == b"ab" + b"c" * 300


def test_responses_are_used_up_in_order_and_then_the_usual_one(
    http_target: HttpTarget, connect: Connect
) -> None:
    http_target.respond(404, body="gone")
    http_target.respond(429, retry_after=7, times=2)
    http_target.respond(201, json={"ok": True}, headers={"X-A": "b"}, times=1)
    connection = connect(http_target)
    answers = []
    for _ in range(5):
        answer = call(connection, body=b"x")
        answers.append((answer.status, answer.headers, answer.read()))
    assert [status for status, _, _ in answers] == [429, 429, 201, 404, 404]
    assert answers[0][1]["Retry-After"] == "7"
    assert answers[2][1]["Content-Type"] == "application/json"
    assert (answers[2][1]["X-A"], json.loads(answers[2][2])) == ("b", {"ok": True})
    assert answers[4][2] == b"gone"
    with pytest.raises(ValueError, match="times counts from 1"):
        http_target.respond(times=0)


def test_answers_without_a_body_have_none(http_target: HttpTarget, connect: Connect) -> None:
    http_target.respond(204, body="never sent", times=1)
    http_target.respond(302, headers={"Location": "/elsewhere"})
    connection = connect(http_target)
    assert call(connection, body=b"").read() == b""
    answer = call(connection, "HEAD")
    assert (answer.status, answer.headers["Location"], answer.read()) == (302, "/elsewhere", b"")


def test_it_drops_and_sends_rubbish(http_target: HttpTarget, connect: Connect) -> None:
    http_target.respond(drop=True, times=1)
    http_target.respond(rubbish=True)
    with pytest.raises(ConnectionResetError):
        call(connect(http_target), body=b"1")
    with pytest.raises(BadStatusLine):
        call(connect(http_target), body=b"2")
    assert [one.body for one in http_target.wait(2)] == [b"1", b"2"]


def test_it_drops_a_connection_before_it_reads(http_target: HttpTarget, connect: Connect) -> None:
    http_target.respond(drop_unread=True, times=1)
    http_target.respond(201, times=1)
    with pytest.raises(ConnectionResetError):
        call(connect(http_target), body=b"1")
    assert call(connect(http_target), body=b"2").status == 201
    http_target.respond(drop_unread=True)
    with pytest.raises(ConnectionResetError):
        call(connect(http_target), body=b"3")
    assert [one.body for one in http_target.requests] == [b"2"]
    with pytest.raises(ValueError, match="for every path"):
        http_target.respond(drop_unread=True, path="/a")


@pytest.mark.parametrize(
    "answer",
    [{"hang": True}, {"drip": 0.001, "body": "x" * 10**6}, {"body": b"x" * 50_000_000}],
    ids=["hang", "drip", "large"],
)
def test_it_notices_a_client_that_does_not_wait_for_the_end(
    http_target: HttpTarget, answer: dict[str, Any]
) -> None:
    http_target.respond(**answer)
    with socket.create_connection(("127.0.0.1", http_target.port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        (request,) = http_target.wait(1)
        assert not request.abandoned.is_set()
    assert request.abandoned.wait(30)


def test_an_answer_waits_for_an_event(http_target: HttpTarget, connect: Connect) -> None:
    go = threading.Event()
    http_target.respond(202, delay=go, times=1)
    slow = connect(http_target)
    slow.request("POST", "/")
    http_target.wait(1)
    assert call(connect(http_target)).status == 200
    go.set()
    assert slow.getresponse().status == 202


def test_a_body_drips_after_its_head(http_target: HttpTarget, connect: Connect) -> None:
    http_target.respond(200, "abc", drip_body=0.0001)
    assert call(connect(http_target), body=b"").read() == b"abc"
    http_target.respond(200, "abc", drip_body=3600.0)
    answer = call(connect(http_target), body=b"")
    assert answer.status == 200  # the head came
    http_target.close()
    with pytest.raises((IncompleteRead, ConnectionError)):
        answer.read()


def test_a_path_has_answers_of_its_own(http_target: HttpTarget, connect: Connect) -> None:
    http_target.respond(404)
    http_target.respond(201, path="/hooks/", times=1)
    http_target.respond(202, path="/hooks/")
    http_target.respond(203, path="/hooks/b")
    connection = connect(http_target)
    statuses = []
    for path in ("/other", "/hooks/a", "/hooks/a?x=1", "/hooks/b", "/other"):
        connection.request("POST", path)
        answer = connection.getresponse()
        answer.read()
        statuses.append(answer.status)
    assert statuses == [404, 201, 202, 203, 404]


def test_it_talks_tls() -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    with HttpTarget(tls=context) as target:
        assert target.url == f"https://127.0.0.1:{target.port}"
        with contextlib.closing(HTTPSConnection("127.0.0.1", target.port, context=trust)) as one:
            assert call(one, body=b"1").read() == b""
        with (
            contextlib.closing(HTTPSConnection("127.0.0.1", target.port)) as one,
            pytest.raises(ssl.SSLCertVerificationError),
        ):
            call(one, body=b"2")
        # A client that has connected and says nothing does not hold the end.
        silent = socket.create_connection(("127.0.0.1", target.port))
        assert [one.body for one in target.requests] == [b"1"]
    with silent, contextlib.suppress(ConnectionError):
        assert silent.recv(1) == b""


def test_it_can_promise_more_than_it_sends(http_target: HttpTarget, connect: Connect) -> None:
    http_target.respond(body="ab", headers={"Content-Length": "3", "Connection": "close"})
    connection = connect(http_target)
    with pytest.raises(IncompleteRead):
        call(connection, body=b"").read()


def test_a_dripping_and_a_slow_answer_end_with_the_target() -> None:
    for how in ({"drip": 3600.0}, {"delay": 3600.0}):
        with HttpTarget() as target, contextlib.ExitStack() as stack:
            target.respond(body="x" * 100, **how)  # type: ignore[arg-type]
            address = ("127.0.0.1", urlsplit(target.url).port or 0)
            client = stack.enter_context(socket.create_connection(address))
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            target.wait(1)
            target.close()
            with contextlib.suppress(ConnectionError):
                assert client.recv(100) in {b"", b"H"}


def test_a_dripping_answer_arrives_whole(http_target: HttpTarget, connect: Connect) -> None:
    http_target.respond(body="abc", drip=0.0001)
    connection = connect(http_target)
    assert call(connection, body=b"").read() == b"abc"


def test_a_wait_that_times_out_counts_what_came(http_target: HttpTarget, connect: Connect) -> None:
    with pytest.raises(TimeoutError, match="0 of 1 requests"):
        http_target.wait(1, timeout=0.0)


def test_closing_ends_kept_connections(connect: Connect) -> None:
    with HttpTarget() as target:
        connection = connect(target)
        call(connection, body=b"").read()
        kept = connection.sock
        target.close()
        assert kept.recv(1) == b""
