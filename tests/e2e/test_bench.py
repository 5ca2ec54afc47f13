"""The load test against a real server, as a process of its own: what it counts, never how fast."""

import json
import os
import pty
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from incm_webhook.testing import Receiver

Serve = Callable[..., Receiver]
DEADLINE_S = 60.0  # only a test that fails waits so long
WARNING = (
    "warning: these alerts are real ones to the receiver: its inbox keeps them, and its plugins"
    " get them\n"
)


@pytest.fixture
def receiver(serve: Serve) -> Receiver:
    return serve("log")


def stored(receiver: Receiver) -> int:
    with sqlite3.connect(f"file:{receiver.folder}/inbox.db?mode=ro", uri=True) as database:
        (count,) = database.execute("SELECT count(*) FROM alert").fetchone()
    database.close()
    return int(count)


def bench(url: str, *arguments: str) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "incm_webhook", "bench", url, *arguments]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("wire", ["python", "pretty"])
def test_every_answer_is_an_alert_in_the_inbox(receiver: Receiver, wire: str) -> None:
    secret = str(receiver.folder / "secret")
    options = ("--duration", "300ms", "--connections", "8", "--wire", wire, "--json")
    status, out, err = bench(receiver.url, "--secret-file", secret, *options)
    facts = json.loads(out)
    assert status == 0
    assert err == WARNING  # and no bar
    assert facts["accepted"] > 0
    assert (facts["duplicates"], facts["refused"], facts["errors"]) == (0, {}, {})
    assert stored(receiver) == facts["accepted"] + 1  # the one that goes first


def test_a_fixed_rate(receiver: Receiver) -> None:
    secret = str(receiver.folder / "secret")
    options = ("--duration", "500ms", "--rate", "100", "--json")
    status, out, _ = bench(receiver.url, "--secret-file", secret, *options)
    facts = json.loads(out)
    assert status == 0
    assert 1 <= facts["accepted"] <= 50
    assert stored(receiver) == facts["accepted"] + 1


def test_a_wrong_secret_sends_one_alert_only(receiver: Receiver, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("wrong")
    status, out, err = bench(receiver.url, "--secret-file", str(tmp_path / "wrong"))
    assert (status, out) == (1, "")
    assert "answered the first alert with 401" in err
    assert "--secret-file" in err
    assert stored(receiver) == 0


def test_another_machine_wants_a_yes() -> None:
    status, out, err = bench("http://receiver.invalid/webhook")
    assert (status, out) == (2, "")
    assert "receiver.invalid is another machine, and standard input is no terminal" in err
    assert "add --yes to load it" in err
    status, out, err = bench("http://receiver.invalid/webhook", "--yes")
    assert (status, out) == (1, "")
    assert "has no address" in err


def test_a_terminal_shows_a_bar_and_ctrl_c_ends_with_the_result(receiver: Receiver) -> None:
    ours, theirs = pty.openpty()
    secret = str(receiver.folder / "secret")
    arguments = ("--secret-file", secret, "--duration", "1h", "--rate", "50", "--json")
    command = [sys.executable, "-m", "incm_webhook", "bench", receiver.url, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs) as process:
        try:
            os.close(theirs)
            shown = b""
            while b"x 200" not in shown:
                shown += os.read(ours, 4096)
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=DEADLINE_S)
        finally:
            process.kill()
            os.close(ours)
    assert process.returncode == 0
    facts = json.loads(out)
    assert facts["accepted"] > 0
    assert stored(receiver) == facts["accepted"] + 1
