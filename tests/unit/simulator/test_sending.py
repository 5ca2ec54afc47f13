import json
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from typing import Any

import pytest

from incm_webhook import canonical_json, sign
from incm_webhook.errors import SendError, UnreachableError
from incm_webhook.sender.client import Sender, explained
from incm_webhook.simulator.sending import Manner, Simulation
from incm_webhook.simulator.traffic import Planned, Traffic
from incm_webhook.simulator.verdict import Verdict

pytestmark = pytest.mark.slow

DEADLINE_S = 60.0  # only a test that fails waits so long
SECRET = b"topsecret"
FAST = Traffic(seed=1, rate=1e6, limit=40, wire="mixed")


def run(url: str, plan: Any = FAST, **manner: Any) -> Verdict:
    manner = {"retry_delay_s": 0.001, **manner}
    simulation = Simulation(url, plan, secret=SECRET, manner=Manner(**manner))
    simulation.start()
    assert simulation.wait(DEADLINE_S)
    return simulation.tally.verdict()


@pytest.fixture
def refusing() -> Iterator[str]:
    """A URL where nothing listens: the port is bound, so nothing else can take it."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/webhook"


class Broken:
    """Reads each request and then resets the connection, or does not answer, for some requests."""

    def __init__(self) -> None:
        self.resets = 0
        self.silent = False
        self.closes = False  # after an answer, without announcing it
        self.closed = threading.Event()
        self.bodies: list[bytes] = []
        self.released = threading.Event()
        self._lock = threading.Lock()
        broken = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with broken._lock:
                    broken.bodies.append(body)
                    reset = len(broken.bodies) <= broken.resets
                if broken.silent:
                    broken.released.wait(DEADLINE_S)
                    self.close_connection = True
                elif reset:
                    linger = struct.pack("ii", 1, 0)
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    self.close_connection = True
                else:
                    self.send_response(200)
                    self.send_header("Content-Length", "2")
                    self.end_headers()
                    self.wfile.write(b"ok")
                    self.close_connection = broken.closes

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                pass  # the sender has gone

            def shutdown_request(self, request: Any) -> None:
                self.close_request(request)  # no FIN first, so that the reset is one
                broken.closed.set()

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/webhook"


@pytest.fixture
def broken() -> Iterator[Broken]:
    state = Broken()
    thread = threading.Thread(target=state.server.serve_forever, args=(0.01,))
    thread.start()
    yield state
    state.released.set()
    state.server.shutdown()
    state.server.server_close()
    thread.join()


def test_all_are_sent_signed_over_kept_connections(endpoint: Any) -> None:
    verdict = run(endpoint.url, connections=4)
    assert (verdict.sent, verdict.acknowledged, verdict.accepted) == (40, 40, 40)
    assert (verdict.unfinished, verdict.retried, verdict.errors) == (0, 0, [])
    assert len(verdict.times_s) == 40
    assert len(endpoint.connections) <= 4
    sent = {planned.alert["_id"]: planned.alert for planned in FAST}
    got = {alert["_id"]: alert for alert in (json.loads(body) for _, body in endpoint.requests)}
    assert got == sent
    for headers, body in endpoint.requests:
        assert headers["X-Signature"] == sign(canonical_json(body), SECRET)


def test_one_connection_keeps_the_order(endpoint: Any) -> None:
    run(endpoint.url, connections=1)
    got = [json.loads(body)["_id"] for _, body in endpoint.requests]
    assert got == [planned.alert["_id"] for planned in FAST]


def test_a_refused_alert_is_gone_for_good(refusing: str) -> None:
    verdict = run(refusing)
    assert (verdict.sent, verdict.refused, verdict.retried) == (40, 40, 0)
    assert verdict.errors[0].startswith("40 x nothing listens at http://127.0.0.1:")


def test_a_reset_is_retried_until_it_is_answered(broken: Broken) -> None:
    broken.resets = 4
    verdict = run(broken.url, islice(FAST, 1), retries=4)
    assert (verdict.sent, verdict.acknowledged, verdict.retried) == (1, 1, 4)
    assert len(broken.bodies) == 5
    assert len(set(broken.bodies)) == 1
    assert verdict.errors == [f"4 x {broken.url} closed the connection or did not answer with HTTP"]


def test_an_alert_is_given_up_after_its_retries(broken: Broken) -> None:
    broken.resets = 1000
    verdict = run(broken.url)
    assert (verdict.sent, verdict.given_up, verdict.retried) == (40, 40, 120)
    assert set(Counter(broken.bodies).values()) == {4}


def test_silence_is_a_time_out_and_retried(broken: Broken) -> None:
    broken.silent = True
    verdict = run(broken.url, islice(FAST, 2), timeout_s=0.05, retries=1)
    assert (verdict.sent, verdict.given_up, verdict.retried) == (2, 2, 2)
    assert verdict.errors == [f"4 x {broken.url} did not answer in time"]
    assert verdict.times_s == []


@pytest.mark.parametrize("status", [401, 503])
def test_another_status_is_an_answer(endpoint: Any, status: int) -> None:
    endpoint.status = status
    verdict = run(endpoint.url)
    assert verdict.other_statuses == {str(status): 40}
    assert (verdict.acknowledged, verdict.retried, len(endpoint.requests)) == (0, 0, 40)


def test_server_errors_are_retried_when_asked(endpoint: Any) -> None:
    endpoint.status = 503
    verdict = run(endpoint.url, retry_5xx=True, retries=2)
    assert verdict.other_statuses == {"503": 40}
    assert (verdict.given_up, verdict.retried, len(endpoint.requests)) == (0, 80, 120)
    endpoint.status = 401
    assert run(endpoint.url, retry_5xx=True).retried == 0


def test_an_answer_without_a_body_acknowledges_too(broken: Broken) -> None:
    verdict = run(broken.url)
    assert (verdict.acknowledged, verdict.accepted, verdict.duplicate) == (40, 0, 0)


def test_a_connection_that_ended_before_is_opened_again(endpoint: Any) -> None:
    endpoint.closes = True
    verdict = run(endpoint.url, retries=40)
    assert (verdict.sent, verdict.acknowledged) == (40, 40)


def test_a_waiting_retry_holds_no_other_alert(broken: Broken) -> None:
    broken.resets = 3
    plan = list(islice(FAST, 10))
    simulation = Simulation(
        broken.url, plan, secret=None, manner=Manner(connections=1, retry_delay_s=3600)
    )
    simulation.start()
    while simulation.tally.verdict().acknowledged < 7:
        assert not simulation.wait(0.001)
    simulation.stop()
    assert simulation.wait(DEADLINE_S)
    verdict = simulation.tally.verdict()
    assert (verdict.sent, verdict.acknowledged, verdict.unfinished) == (10, 7, 3)


def test_an_endless_plan_ends_when_stopped(endpoint: Any) -> None:
    simulation = Simulation(
        endpoint.url, Traffic(rate=1e6), secret=None, manner=Manner(connections=2)
    )
    simulation.start()
    while not endpoint.requests:
        assert not simulation.wait(0.001)
    simulation.stop()
    assert simulation.wait(DEADLINE_S)
    verdict = simulation.tally.verdict()
    assert verdict.sent == verdict.acknowledged == len(endpoint.requests)
    assert "X-Signature" not in endpoint.requests[0][0]


def test_an_error_of_the_plan_comes_out(endpoint: Any) -> None:
    def plan() -> Iterator[Planned]:
        yield from islice(FAST, 3)
        raise ValueError("no more ideas")

    simulation = Simulation(endpoint.url, plan(), secret=None, manner=Manner())
    simulation.start()
    with pytest.raises(ValueError, match="no more ideas"):
        simulation.wait(DEADLINE_S)


def test_a_url_that_is_none_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(SendError, match="is no URL of an HTTP service"):
        Simulation("ftp://h/", FAST, secret=None, manner=Manner())


def test_a_name_without_an_address_is_unreachable_as_well() -> None:
    error = explained("http://h/", socket.gaierror(-2, "Name or service not known"))
    assert isinstance(error, UnreachableError)
    assert str(error) == "the host of http://h/ has no address: Name or service not known"
    assert isinstance(explained("http://h/", OSError(113, "No route to host")), UnreachableError)
    assert not isinstance(explained("http://h/", TimeoutError()), UnreachableError)


def test_a_sender_sees_the_end_of_a_kept_connection_before_it_posts(broken: Broken) -> None:
    broken.closes = True
    with Sender(broken.url, reposts=False) as sender:
        for _ in range(10):
            broken.closed.clear()
            assert sender.post(b"{}").status == 200
            assert broken.closed.wait(DEADLINE_S)
    assert len(broken.bodies) == 10


def test_a_sender_that_does_not_repost_says_that_the_connection_broke(broken: Broken) -> None:
    with Sender(broken.url, reposts=False) as sender:
        assert sender.post(b"{}").status == 200
        broken.resets = 2
        with pytest.raises(SendError, match="closed the connection"):
            sender.post(b"{}")
        assert sender.post(b"{}").status == 200
    assert len(broken.bodies) == 3
