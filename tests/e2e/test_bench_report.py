"""`bench --report` against real servers: what it holds, what it leaves, what it refuses."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from incm_webhook.testing import Receiver

Serve = Callable[..., Receiver]
DEADLINE_S = 60.0  # only a test that fails waits so long
PROGRAM = (sys.executable, "-m", "incm_webhook", "bench")
SHORT = ("--duration", "200ms", "--connections", "4")


def started(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    environ = {key: one for key, one in os.environ.items() if not key.startswith("INCM_WEBHOOK_")}
    return subprocess.Popen(
        [*PROGRAM, *arguments],
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def report(folder: Path, *arguments: str) -> tuple[int, str, str]:
    with started(folder, *arguments) as process:
        out, err = process.communicate(timeout=DEADLINE_S)
    assert "Traceback" not in err
    return process.returncode, out, err


def wait_for(condition: Callable[[], Any]) -> Any:
    end = time.monotonic() + DEADLINE_S
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.01)
    return found


def pid_of_trial(folder: Path) -> int:
    """The server that a report has started in this folder, once it serves."""
    (ready,) = wait_for(lambda: list(folder.glob(".incm-webhook-bench-*/ready.json")))
    return int(json.loads(ready.read_text())["pid"])


def left_over(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def test_it_measures_a_receiver_of_its_own_and_leaves_nothing(tmp_path: Path) -> None:
    status, out, err = report(tmp_path, "--report", "--json", *SHORT)
    found = json.loads(out)
    assert (status, err) == (0, "")
    assert found["versions"]["Python"].endswith(sys.version.split()[0])
    assert found["machine"]["cpus_usable"] == len(os.sched_getaffinity(0))
    assert found["disk"]["fdatasync"]["count"] > 0
    assert found["disk"]["fdatasync"]["p50_ms"] <= found["disk"]["fdatasync"]["p99_ms"]
    load = found["load"]
    assert (load["receiver"], load["complete"]) == (None, True)
    assert [one["connections"] for one in load["parts"]] == [4, 1, 4]
    for part in load["parts"]:
        assert part["accepted"] > 0
        assert (part["refused"], part["errors"]) == ({}, {})
    assert load["cost"]["cpu_us"] > 0
    assert "configuration" not in found
    assert left_over(tmp_path) == []


def test_it_describes_inbox_server_and_configuration_but_loads_none_of_them(serve: Serve) -> None:
    receiver = serve("log")
    (receiver.folder / "config.toml").write_text(
        f'[server]\nadmin = "{receiver.admin_url.removeprefix("http://")}"\n'
        f'[inbox]\nurl = "sqlite:{receiver.folder}/inbox.db"\n'
        '[[endpoint]]\nsecret_file = "secret"\n'
    )
    before = left_over(receiver.folder)
    status, out, err = report(receiver.folder, "--report", "--config", "config.toml", *SHORT)
    assert (status, err) == (0, "")
    assert "\nfdatasync   p50 " in out
    assert "\n  as fast as it answers " in out
    assert "\n  alerts      0 kept\n" in out
    assert "\nITS SERVER\n" in out
    assert '\n  secret_file = ["secret"]' in out
    assert left_over(receiver.folder) == before


def test_a_url_on_this_machine_is_loaded_with_a_warning(serve: Serve) -> None:
    receiver = serve("log")
    options = ("--secret-file", "secret", "--report", "--json", *SHORT)
    status, out, err = report(receiver.folder, receiver.url, *options)
    load = json.loads(out)["load"]
    assert status == 0
    assert "these alerts are real ones to the receiver" in err
    assert load["receiver"] == receiver.url
    assert "cost" not in load
    # The value of --report may be left out in front of the URL, too.
    swapped = (*options[:2], *options[3:], "--report", receiver.url)
    assert report(receiver.folder, *swapped)[0] == 0


def test_another_machine_is_never_loaded(tmp_path: Path) -> None:
    for options in ((), ("--yes",)):
        status, out, err = report(tmp_path, "http://192.0.2.1/", "--report", "r.txt", *options)
        assert (status, out) == (2, "")
        assert "--report sends alerts only to this machine" in err
    assert left_over(tmp_path) == []


def test_a_file_is_written_once(tmp_path: Path) -> None:
    status, out, err = report(tmp_path, "--report", "r.txt", *SHORT)
    assert (status, out) == (0, "")
    assert "r.txt has no secrets, but paths, addresses and names" in err
    text = (tmp_path / "r.txt").read_text()
    assert text.startswith("incm-webhook bench --report, ")
    status, out, err = report(tmp_path, "--report", "r.txt", *SHORT)
    assert (status, out) == (2, "")
    assert "r.txt exists, and is not overwritten" in err
    assert (tmp_path / "r.txt").read_text() == text


@pytest.mark.parametrize(
    ("options", "status", "sentence"),
    [
        (("--duration", "61s"), 2, "--duration is at most 60s for each part"),
        (("--secret-file", "secret"), 2, "--secret-file belongs to a URL"),
        (("--config", "nowhere.toml"), 2, "nowhere.toml"),
        (("--inbox", "/nowhere/inbox.db"), 1, "the folder of the inbox, /nowhere, cannot be used"),
    ],
)
def test_a_report_that_fails_leaves_no_file(
    tmp_path: Path, options: tuple[str, ...], status: int, sentence: str
) -> None:
    found, out, err = report(tmp_path, "--report", "r.txt", *options)
    assert (found, out) == (status, "")
    assert sentence in err
    assert left_over(tmp_path) == []


def test_an_inbox_that_is_none_is_named_and_does_not_stop_the_report(tmp_path: Path) -> None:
    (tmp_path / "inbox.db").write_text("no inbox at all")
    status, out, _ = report(tmp_path, "--report", "--json", "--admin", "127.0.0.1:1", *SHORT)
    found = json.loads(out)
    assert status == 0
    assert "inbox.db" in found["inbox"]["error"]
    assert len(found["load"]["parts"]) == 3


def test_ctrl_c_ends_it_with_what_was_measured(tmp_path: Path) -> None:
    with started(tmp_path, "--report", "--json", "--duration", "60s") as process:
        pid_of_trial(tmp_path)
        (inbox,) = tmp_path.glob(".incm-webhook-bench-*/inbox.db-wal")
        size = inbox.stat().st_size
        wait_for(lambda: inbox.stat().st_size > size + 1_000_000)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=DEADLINE_S)
    load = json.loads(out)["load"]
    assert process.returncode == 0
    assert not load["complete"]
    assert [one["name"] for one in load["parts"]] == ["as fast as it answers"]
    assert left_over(tmp_path) == []


def test_sigterm_leaves_nothing(tmp_path: Path) -> None:
    with started(tmp_path, "--report", "r.txt", "--duration", "60s") as process:
        pid = pid_of_trial(tmp_path)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 128 + signal.SIGTERM
    assert not Path(f"/proc/{pid}").exists()
    assert left_over(tmp_path) == []


def test_after_sigkill_its_server_ends_and_the_next_report_removes_the_rest(tmp_path: Path) -> None:
    with started(tmp_path, "--report", "--duration", "60s") as process:
        pid = pid_of_trial(tmp_path)
        process.kill()
    wait_for(lambda: not Path(f"/proc/{pid}/exe").exists())  # a zombie has none
    assert len(left_over(tmp_path)) == 1
    assert report(tmp_path, "--report", *SHORT)[0] == 0
    assert left_over(tmp_path) == []
