"""P1, P2, P7, P8: the server dies at, or is refused, the N-th system call of a kind."""

import contextlib
import random
import signal
from pathlib import Path
from typing import Any

import pytest

from crash.audit import Audit, audit
from crash.conftest import Figures
from crash.senders import Acknowledged, Answer, Connection, body_of, post
from crash.server import Server, recording
from crash.strace import calls_at_start, calls_of, delaying, injecting, watching

ALERTS = 20


def bodies(first: int = 0) -> list[dict[str, Any]]:
    """Return alerts that differ from each other."""
    return [body_of(random.Random(number)) for number in range(first, first + ALERTS)]


@pytest.fixture
def server(tmp_path: Path) -> Server:
    """A server that is not started, with an inbox."""
    made = Server(tmp_path, recording("plain", tmp_path))
    made.create_inbox()
    return made


@pytest.fixture
def deaf(tmp_path: Path) -> Server:
    """A server whose plugin wants no alert: its writer thread commits alerts and nothing else."""
    made = Server(tmp_path, recording("deaf", tmp_path, more='types = ["nothing"]'))
    made.create_inbox()
    return made


def recover(server: Server, sent: list[dict[str, Any]], acknowledged: list[Acknowledged]) -> Audit:
    """Start without faults, send everything again, let it be delivered, and audit."""
    server.start()
    again, others = post(server.url, sent, seed=1)
    assert len(again) == len(sent), others
    known = {one.id for one in acknowledged}
    assert all(one.status == "duplicate" for one in again if one.id in known)
    server.drain()
    server.kill()
    record = server.folder / "plain.log"
    records = {"plain": record} if record.exists() else None
    found = audit(server.inbox, [*acknowledged, *again], records)
    found.assert_clean()
    assert found.stored == len(sent)
    return found


def places(request: pytest.FixtureRequest, short: tuple[int, ...]) -> tuple[int, ...]:
    """Return which calls are hit: a few, or with many cycles all of the first ones."""
    cycles: int = request.config.getoption("--crash-cycles")
    return short if cycles < 100 else tuple(range(1, cycles // 4))


@pytest.mark.parametrize(
    ("call", "short"),
    [("fdatasync", (1, 2, 7)), ("pwrite64", (1, 6, 11, 29)), ("sendto", (1, 2, 8))],
)
def test_a_kill_at_a_system_call_loses_nothing(
    request: pytest.FixtureRequest,
    server: Server,
    figures: Figures,
    call: str,
    short: tuple[int, ...],
) -> None:
    acknowledged: list[Acknowledged] = []
    sent: list[dict[str, Any]] = []
    killed = 0
    with server:
        for when in places(request, short):
            server.spawn(wrapper=injecting(call, "signal=KILL", when, server.folder / "strace.log"))
            got: list[Acknowledged] = []
            if server.becomes_ready():
                batch = bodies(len(sent))
                got, others = post(server.url, batch)
                assert others == []
                acknowledged += got
                sent += batch
            killed += len(got) < ALERTS
            server.kill()
        assert killed >= len(short)
        figures.add(f"killed at {call}", killed, recover(server, sent, acknowledged))


@pytest.mark.parametrize(
    ("call", "hit"), [("fdatasync", (1, 4, 9, 12)), ("pwrite64", (2, 20, 50)), ("rename", (1,))]
)
def test_a_kill_while_the_inbox_is_made_is_made_good_by_the_next_start(
    tmp_path: Path, call: str, hit: tuple[int, ...]
) -> None:
    with Server(tmp_path, recording("plain", tmp_path)) as server:
        for when in hit:
            server.spawn(wrapper=injecting(call, "signal=KILL", when, tmp_path / "strace.log"))
            assert not server.becomes_ready()
            assert not server.inbox.exists()
        recover(server, bodies(), [])


def fail_after_start(server: Server, call: str, error: str, when: int) -> int:
    """Start a server whose N-th call of a kind fails, not counting those of its start.

    Returns:
        The number of the call in its thread.
    """
    when += calls_at_start(server, call)
    server.start(wrapper=injecting(call, f"error={error}", when, server.folder / "strace.log"))
    return when


@pytest.mark.parametrize("when", [1, 5])
def test_after_a_failed_fsync_nothing_more_is_acknowledged(deaf: Server, when: int) -> None:
    with deaf:
        last = fail_after_start(deaf, "fdatasync", "EIO", when)
        acknowledged, others = post(deaf.url, bodies())
        assert len(acknowledged) < last
        assert others or deaf.ended()
        assert all(one.status == 503 for one in others)
        deaf.kill()
        recover(deaf, bodies(), acknowledged)


def test_after_a_failed_fsync_it_is_not_ready_and_ends(deaf: Server) -> None:
    with deaf:
        fail_after_start(deaf, "fdatasync", "EIO", 1)
        acknowledged, _ = post(deaf.url, bodies())
        assert len(acknowledged) < ALERTS
        with contextlib.suppress(OSError):  # it may have ended by now
            assert deaf.admin("/readyz")[0] == 503
        assert deaf.ended() == 1
        assert "Traceback" not in deaf.output()
        recover(deaf, bodies(), acknowledged)


def test_a_failed_fsync_at_the_start_ends_it_with_a_sentence(tmp_path: Path) -> None:
    with Server(tmp_path, recording("plain", tmp_path)) as server:
        for when in (1, 3, 9):
            server.spawn(wrapper=injecting("fdatasync", "error=EIO", when, tmp_path / "strace.log"))
            assert not server.becomes_ready()
            assert server.ended() == 3
            assert "see to the disk" in server.output()
        recover(server, bodies(), [])


@pytest.mark.parametrize("when", [1, 2, 9, 20])
def test_a_full_disk_is_503_and_passes_without_a_restart(deaf: Server, when: int) -> None:
    with deaf:
        fail_after_start(deaf, "pwrite64", "ENOSPC", when)
        acknowledged, others = post(deaf.url, bodies())
        assert [cannot_store(one) for one in others] == [True]
        assert len(acknowledged) == ALERTS - 1
        again, _ = post(deaf.url, bodies(), seed=1)
        assert sorted(one.status for one in again) == ["accepted"] + ["duplicate"] * (ALERTS - 1)
        deaf.kill()
        recover(deaf, bodies(), [*acknowledged, *again])


def test_a_full_disk_while_deliveries_are_settled_delivers_all(
    server: Server, request: pytest.FixtureRequest
) -> None:
    with server:
        for when in places(request, (3, 14, 37)):
            fail_after_start(server, "pwrite64", "ENOSPC", when)
            acknowledged, others = post(server.url, bodies(when * ALERTS))
            assert all(cannot_store(one) for one in others)
            assert len(acknowledged) + len(others) == ALERTS
            server.drain()
            server.kill()
            found = audit(server.inbox, acknowledged, {"plain": server.folder / "plain.log"})
            found.assert_clean(when)


def cannot_store(answer: Answer) -> bool:
    """Whether an answer asks the sender to send the alert again later."""
    return answer.status == 503 and int(answer.headers["Retry-After"]) > 0


def test_a_slow_disk_loses_no_wrongly_signed_request(deaf: Server) -> None:
    with deaf:
        deaf.start(wrapper=delaying("fdatasync", 0.3, deaf.folder / "strace.log"))
        with Connection(deaf.url) as connection:
            for number in range(100):
                answer = connection.post(b'{"number": %d}' % number, "wrong")
                assert answer is not None
                assert answer.status == 401
        assert deaf.until(lambda: deaf.metric('quarantined{reason="wrong-signature"}') == 100)
        assert deaf.metric('quarantine_dropped_total{reason="busy"}') == 0
        deaf.kill()


def test_a_stop_stores_the_outcomes_before_it_counts_what_is_open(server: Server) -> None:
    record = server.folder / "plain.log"
    with server:
        server.start(wrapper=delaying("fdatasync", 0.5, server.folder / "strace.log"))
        acknowledged, others = post(server.url, bodies()[:1])
        assert (len(acknowledged), others) == (1, [])
        assert server.until(lambda: record.exists() and b"delivered" in record.read_bytes())
        server.process.send_signal(signal.SIGTERM)
        assert server.ended() == 0
    assert "service: stopped\n" in server.output()
    audit(server.inbox, acknowledged, {"plain": record}).assert_clean()


def test_every_200_comes_after_the_sync_of_its_commit(deaf: Server) -> None:
    log = deaf.folder / "strace.log"
    with deaf:
        deaf.start(wrapper=watching("pwrite64,fdatasync,sendto,sendmsg,write,writev", log))
        acknowledged, others = post(deaf.url, bodies())
        assert (len(acknowledged), others) == (ALERTS, [])
        deaf.kill()
    calls = list(calls_of(log))
    answers = [one for one in calls if "HTTP/1.1 200" in one.rest]
    assert len(answers) == ALERTS
    of_log = [one for one in calls if one.file == f"{deaf.inbox}-wal"]
    since = 0
    for answer in answers:
        own = [one for one in of_log if since < one.begun < answer.begun]
        commit = [one for one in own if one.name == "pwrite64"]
        syncs = [one for one in own if one.name == "fdatasync" and one.rest.endswith("= 0")]
        assert commit, "an answer without a commit"
        assert any(commit[-1].ended < one.begun and one.ended < answer.begun for one in syncs), (
            "an answer before the sync of its commit"
        )
        since = answer.ended
