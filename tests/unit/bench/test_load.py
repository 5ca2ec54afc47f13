"""The load test of `bench`: its alerts, its sums, and how it takes what servers answer."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable

import pytest

from incm_webhook import canonical_json, verify
from incm_webhook.bench.alerts import Alerts
from incm_webhook.bench.load import Load, LoadTest
from incm_webhook.bench.report import Histogram, Report
from incm_webhook.errors import SendError, UnreachableError
from incm_webhook.sender.samples import WIRES

pytestmark = pytest.mark.slow

SECRET = b"topsecret"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
ACCEPTED = b'{"status": "accepted", "id": 1}'
Write = Callable[[bytes], None]


@pytest.mark.parametrize("wire", WIRES)
def test_alerts_differ_and_are_signed_over_their_canonical_text(wire: str) -> None:
    alerts = Alerts(wire, SECRET)
    seen = set()
    for _ in range(1000):
        body, signature = alerts.next()
        assert verify(body, signature, [SECRET]).ok
        seen.add(canonical_json(body))
    assert len(seen) == 1000


def test_two_runs_send_different_alerts() -> None:
    first, second = ({alerts.next()[0] for _ in range(50)} for alerts in (alerts_of(), alerts_of()))
    assert not first & second


def alerts_of() -> Alerts:
    return Alerts("compact", None)


def test_the_platforms_types_come_in_turn() -> None:
    alerts = alerts_of()
    assert len({json.loads(alerts.next()[0])["type"] for _ in range(26)}) == 26


def test_without_a_secret_nothing_is_signed() -> None:
    assert alerts_of().next()[1] is None


def test_quantiles_are_right_within_a_hundredth() -> None:
    times = Histogram()
    for ms in range(1, 1001):
        times.add(ms / 1e3)
    assert times.quantile_s(0.5) == pytest.approx(0.5, rel=0.01)
    assert times.quantile_s(0.99) == pytest.approx(0.99, rel=0.01)
    assert times.quantile_s(1.0) == pytest.approx(1.0, rel=0.01)
    assert times.longest_s == 1.0


def test_quantiles_of_nothing_are_none() -> None:
    assert Histogram().quantile_s(0.5) is None


def test_the_report_says_what_came() -> None:
    report = Report(connections=4)
    for seconds in (0.001, 0.001, 0.002):
        report.answered(200, seconds, duplicate=False)
    report.answered(200, 0.002, duplicate=True)
    report.answered(503, 0.004, duplicate=False)
    report.errors["the connection was closed before the answer"] += 2
    report.seconds = 2.0
    assert not report.ok
    assert list(report.lines()) == [
        "rate        2 alerts/s: 4 answers of 200 in 2.0 s over 4 connections",
        "answers     p50 2.01 ms, p90 4 ms, p99 4 ms, max 4 ms",
        "duplicates  1",
        "refused     1 x 503",
        "errors      2 x the connection was closed before the answer",
    ]
    facts = report.as_dict()
    assert (facts["rate"], facts["accepted"], facts["duplicates"]) == (2.0, 3, 1)
    assert (facts["refused"], facts["max_ms"]) == ({"503": 1}, 4.0)


def test_a_report_of_nothing_is_not_ok() -> None:
    report = Report(connections=1)
    assert not report.ok
    assert report.as_dict()["p99_ms"] is None
    assert list(report.lines()) == [
        "rate        0 alerts/s: 0 answers of 200 in 0.0 s over 1 connections"
    ]


async def requests_of(reader: asyncio.StreamReader) -> bytes | None:
    """Read one request; None at the end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    return head + await reader.readexactly(length)


def load_against(
    answer: Callable[[int, asyncio.StreamWriter], Awaitable[None] | None],
    count: int,
    *,
    connections: int = 2,
    rate: float | None = None,
) -> LoadTest:
    """Load a server that answers the n-th request so, and stop after `count` of them."""

    async def run() -> LoadTest:
        seen = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal seen
            while not writer.is_closing() and await requests_of(reader) is not None:
                seen += 1
                if seen == count:
                    test.stop()
                answer(seen, writer)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        load = Load(
            url=f"http://127.0.0.1:{port}/webhook",
            secret=SECRET,
            connections=connections,
            duration_s=600.0,
            rate=rate,
        )
        test = LoadTest(load)
        await test.run()
        server.close()
        return test

    return asyncio.run(run())


def plain(_number: int, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % len(ACCEPTED) + ACCEPTED)


def test_connections_are_kept() -> None:
    peers = set()

    def answer(number: int, writer: asyncio.StreamWriter) -> None:
        peers.add(writer.get_extra_info("peername"))
        plain(number, writer)

    report = load_against(answer, 200, connections=3).report
    assert len(peers) == 3
    assert report.ok
    assert 200 <= report.accepted <= 202  # those that were on their way at the stop


def test_a_fixed_rate_sends_all_that_is_due() -> None:
    report = load_against(plain, 50, rate=1000.0).report
    assert report.ok
    assert 50 <= report.accepted <= 51
    assert report.seconds >= 0.048


def chunked(_number: int, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    writer.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(ACCEPTED), ACCEPTED))


def closing(number: int, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"Connection: close\r\n")
    writer.write(b"Content-Length: %d\r\n\r\n" % len(ACCEPTED) + ACCEPTED)
    writer.close()


def until_the_end(_number: int, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"\r\n" + ACCEPTED)
    writer.close()


@pytest.mark.parametrize("answer", [chunked, closing, until_the_end])
def test_every_kind_of_answer_counts(answer: Callable[..., None]) -> None:
    report = load_against(answer, 20).report
    assert report.ok
    assert 20 <= report.accepted <= 21


def test_other_answers_are_counted_by_kind() -> None:
    def answer(number: int, writer: asyncio.StreamWriter) -> None:
        if number == 3:
            writer.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
        elif number == 5:
            writer.transport.abort()
        elif number == 7:
            text = b'{"status": "duplicate", "id": 1}'
            writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % len(text) + text)
        elif number == 9:
            writer.write(b"nonsense\r\nContent-Length: 0\r\n\r\n")
        else:
            plain(number, writer)

    report = load_against(answer, 20).report
    assert report.refused == {503: 1}
    assert report.duplicates == 1
    assert report.errors == {
        "the connection was closed before the answer": 1,
        "an answer that is no HTTP": 1,
    }


def test_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    test = LoadTest(Load(url=f"http://127.0.0.1:{port}/", secret=None))
    with pytest.raises(UnreachableError, match="nothing listens"):
        test.try_one()


def test_a_url_that_is_none() -> None:
    with pytest.raises(SendError, match="no URL"):
        LoadTest(Load(url="ftp://127.0.0.1/", secret=None))
