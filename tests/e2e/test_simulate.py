"""The simulator against a real server, as a process of its own."""

import json
import os
import pty
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from inbox_api import InboxApi, Row
from incm_webhook import alert_types
from incm_webhook.testing import Receiver

Serve = Callable[..., Receiver]
DEADLINE_S = 60.0  # only a test that fails waits so long


@pytest.fixture
def receiver(serve: Serve) -> Receiver:
    return serve("log")


def stored(receiver: Receiver) -> list[Row]:
    """Read the inbox beside the server: number, endpoint and body of each alert."""
    with sqlite3.connect(f"file:{receiver.folder}/inbox.db?mode=ro", uri=True) as database:
        rows = database.execute("SELECT id, endpoint, text FROM alert ORDER BY id").fetchall()
    database.close()
    return [(number, endpoint, bytes(text).decode()) for number, endpoint, text in rows]


@pytest.fixture
def api(receiver: Receiver) -> Iterator[InboxApi]:
    with InboxApi(lambda: stored(receiver)) as served:
        yield served


def run(*arguments: str) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "incm_webhook", "simulate", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


@contextmanager
def started(*arguments: str, stderr: int = subprocess.PIPE) -> Iterator[subprocess.Popen[bytes]]:
    """Run it meanwhile, with Ctrl-C as on a terminal also where the tests run in the background."""
    code = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    code += "from incm_webhook.cli import main; sys.exit(main(sys.argv[1:]))"
    with subprocess.Popen(
        [sys.executable, "-c", code, "simulate", *arguments],
        stdout=subprocess.PIPE,
        stderr=stderr,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def simulate(receiver: Receiver, *arguments: str) -> tuple[int, dict[str, Any]]:
    secret = str(receiver.folder / "secret")
    status, out, err = run(receiver.url, "--secret-file", secret, "--json", *arguments)
    assert err == ""
    facts: dict[str, Any] = json.loads(out)
    return status, facts


def test_all_types_are_stored_once(receiver: Receiver) -> None:
    status, facts = simulate(
        receiver,
        *("--seed", "1", "--rate", "2000", "--count", "1500", "--wire", "mixed"),
        *("--storm", "--flap", "--reorder", "--verify-inbox", receiver.admin_url),
    )
    assert status == 0
    assert facts["sent"] == facts["acknowledged"] == facts["accepted"] == 1500
    assert facts["inbox"] == {"checked": 1500, "lost": 0, "duplicated": 0, "problems": []}
    bodies = [json.loads(body) for _, _, body in stored(receiver)]
    assert len({body["_id"] for body in bodies}) == 1500
    assert {body["type"] for body in bodies} == {one.name for one in alert_types()}


def test_the_same_seed_again_gives_duplicates(receiver: Receiver) -> None:
    arguments = ("--seed", "2", "--rate", "2000", "--count", "200")
    assert simulate(receiver, *arguments, "--wire", "ascii")[1]["accepted"] == 200
    status, facts = simulate(receiver, *arguments, "--verify-inbox", receiver.admin_url)
    assert status == 0
    assert (facts["accepted"], facts["duplicate"]) == (0, 200)
    assert facts["inbox"]["checked"] == 200
    assert len(stored(receiver)) == 200


def test_something_acknowledged_is_missing(receiver: Receiver, api: InboxApi) -> None:
    api.rows = lambda: stored(receiver)[:-1]
    arguments = ("--rate", "2000", "--count", "50", "--verify-inbox", api.url)
    status, facts = simulate(receiver, *arguments)
    assert status == 1
    assert not facts["ok"]
    assert (facts["inbox"]["lost"], facts["inbox"]["duplicated"]) == (1, 0)


def test_something_is_stored_twice(receiver: Receiver, api: InboxApi) -> None:
    def rows() -> list[Row]:
        found = stored(receiver)
        return [*found, *((number + 1000, place, body) for number, place, body in found[-1:])]

    api.rows = rows
    secret = str(receiver.folder / "secret")
    status, out, _ = run(
        *(receiver.url, "--secret-file", secret, "--rate", "2000", "--count", "50"),
        *("--verify-inbox", api.url),
    )
    assert status == 1
    assert "\ninbox: of 50 acknowledged alerts 0 LOST; 1 STORED TWICE\n" in out


def test_the_verdict_is_printed_when_the_inbox_cannot_be_read(
    receiver: Receiver, api: InboxApi
) -> None:
    api.answers = [(200, b'{"alerts": [], "next": null}'), (500, b"")]
    secret = str(receiver.folder / "secret")
    status, out, err = run(
        *(receiver.url, "--secret-file", secret, "--rate", "2000", "--count", "50"),
        *("--verify-inbox", api.url),
    )
    assert status == 1
    assert out.startswith("sent 50, ")
    assert err.startswith(f"incm-webhook: {api.url}/api/v1/alerts answered 500")
    assert err.count("\n") == 1


def test_nothing_is_sent_when_there_is_no_inbox_to_look_into(receiver: Receiver) -> None:
    status, out, err = run(receiver.url, "--count", "1", "--verify-inbox", receiver.url)
    assert (status, out) == (1, "")
    assert "is it the admin listener of a receiver?" in err


def test_a_wrong_secret_is_reported_and_counted(receiver: Receiver, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("wrong")
    (tmp_path / "wrong").chmod(0o600)
    secret = str(tmp_path / "wrong")
    status, out, err = run(receiver.url, "--secret-file", secret, "--rate", "2000", "--count", "20")
    assert (status, err) == (1, "")
    assert "  answered 200          0  accepted 0, duplicate 0\n" in out
    assert "  answered 401         20  not acknowledged, not sent again\n" in out
    assert stored(receiver) == []


def test_without_a_secret_nothing_is_signed(receiver: Receiver) -> None:
    _, out, _ = run(receiver.url, "--count", "1", "--json")
    assert json.loads(out)["other_statuses"] == {"401": 1}


def test_a_refused_alert_is_not_sent_again() -> None:
    with socket.socket() as bound:  # bound but not listening: nothing else can take the port
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/webhook"
        status, out, err = run(url, "--rate", "2000", "--count", "20")
    assert (status, err) == (1, "")
    assert "  refused              20  nothing was there: gone for good\n" in out
    assert "retries" not in out


def test_a_server_that_closes_without_an_answer_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/webhook"
        arguments = ("--count", "1", "--retry-delay", "1ms", "--retries", "2", "--json")
        with started(url, *arguments) as process:
            listener.settimeout(DEADLINE_S)
            for _ in range(3):
                listener.accept()[0].close()
            out, _ = process.communicate(timeout=DEADLINE_S)
    facts = json.loads(out)
    assert process.returncode == 1
    assert (facts["sent"], facts["given_up"], facts["retried"]) == (1, 1, 2)


def test_a_server_that_does_not_answer_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/webhook"
        arguments = ("--count", "1", "--timeout", "50ms", "--retry-delay", "1ms", "--json")
        status, out, _ = run(url, *arguments)
    facts = json.loads(out)
    assert status == 1
    assert (facts["sent"], facts["given_up"], facts["retried"]) == (1, 1, 3)
    assert facts["errors"] == [f"4 x {url} did not answer in time"]


def test_ctrl_c_ends_it_with_the_verdict(endpoint: Any) -> None:
    endpoint.status = 503
    arguments = ("--duration", "1h", "--rate", "1000", "--retry-5xx", "--retry-delay", "1h")
    with started(endpoint.url, *arguments, "--json") as process:
        while not endpoint.requests:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=DEADLINE_S)
    facts = json.loads(out)
    assert process.returncode == 0
    assert facts["sent"] == facts["unfinished"] > 0
    assert err == b"ending: waiting for the answers that are due; Ctrl-C again quits\n"


def test_a_terminal_shows_how_it_goes(endpoint: Any) -> None:
    ours, theirs = pty.openpty()
    with (
        os.fdopen(ours, "rb", buffering=0) as terminal,
        started(endpoint.url, "--rate", "1000", "--count", "300", stderr=theirs) as process,
    ):
        os.close(theirs)
        shown = b""
        try:
            while part := terminal.read(65536):
                shown += part
        except OSError:
            pass  # the other end has closed: Linux returns EIO
        out, _ = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0
    assert out.startswith(b"sent 300, ")
    assert b"100%" in shown
    assert b"300 sent, 300 x 200" in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--rate", "0"), "--rate"),
        (("--count", "0"), "--count"),
        (("--devices", "0"), "--devices"),
        (("--duration", "soon"), "--duration wants a duration such as"),
        (("--timeout", "10"), "--timeout wants a duration such as"),
        (("--wire", "morse"), "--wire"),
        (("--secret-file", "nowhere"), "nowhere"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], words: str) -> None:
    status, out, err = run("http://127.0.0.1:1/", *arguments)
    assert (status, out) == (2, "")
    assert err.startswith("incm-webhook: ")
    assert words in err
    assert err.count("\n") == 1
