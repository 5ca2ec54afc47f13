"""A plugin learns of its dead letters, and of nothing else."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.conftest import Command, Reports, admin
from incm_webhook.testing import Receiver, make_alert

PAGER = """
def on_alert(alert, ctx):
    if alert.type == "reboot":
        raise Reject("not mine")
    if alert.type == "connected":
        raise ValueError("boom")


def on_dead(alert, ctx, reason):
    report(type=alert.type, alert=ctx.alert_id, reason=reason)
    raise RuntimeError("on_dead fails, too")
"""


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_it_is_called_after_a_rejection_and_after_a_give_up(
    serve: Callable[..., Receiver],
    reports: Reports,
    tmp_path: Path,
    command: Command,
    isolation: str,
) -> None:
    reports.plugin(tmp_path / "pager.py", PAGER)
    (tmp_path / "incm-webhook.toml").write_text(
        f'[[plugin]]\nuse = "./pager.py"\nisolation = "{isolation}"\n'
        'retry = { first = "10ms", max = "10ms", give_up = "100ms" }\n'
    )
    receiver = serve(arguments=("--config", "incm-webhook.toml"))
    for kind in ("disconnected", "reboot", "connected"):
        assert receiver.send(make_alert(kind))[0] == 200
    calls = sorted((reports.next() for _ in range(2)), key=lambda one: int(one["alert"]))
    assert calls[0] == {"type": "reboot", "alert": 2, "reason": "not mine"}
    assert calls[1]["alert"] == 3
    assert calls[1]["reason"].startswith("ValueError: boom (")
    place = admin(receiver)
    assert command("dead", "drop", "2", "--yes", *place)[0] == 0
    assert command("dead", "list", *place)[0] == 0
    assert receiver.stop() == 0
    assert reports.none_waits()
    assert "on_dead for alert" in receiver.output()


HANGING = """
import signal, time


def setup(ctx):
    report(setup=True)


def on_alert(alert, ctx):
    report(attempt=ctx.attempt)
    time.sleep(3600)


def on_dead(alert, ctx, reason):
    report(dead=ctx.alert_id, type=alert.type, attempt=ctx.attempt, reason=reason)
    if not os.path.exists("called"):
        open("called", "w").close()
        os.kill(os.getppid() if {isolated} else os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_it_is_called_for_what_a_crash_made_a_dead_letter(
    serve: Callable[..., Receiver],
    reports: Reports,
    tmp_path: Path,
    command: Command,
    isolation: str,
) -> None:
    reports.plugin(
        tmp_path / "pager.py", HANGING.replace("{isolated}", str(isolation == "process"))
    )
    (tmp_path / "incm-webhook.toml").write_text(
        f'[[plugin]]\nuse = "./pager.py"\nisolation = "{isolation}"\ntimeout = "1h"\n'
        'retry = { first = "10ms", max = "10ms", give_up = "1ms" }\n'
    )

    def start() -> Receiver:
        receiver = serve(arguments=("--config", "incm-webhook.toml"))
        assert reports.next() == {"setup": True}
        return receiver

    receiver = start()
    assert receiver.send(make_alert("reboot"))[0] == 200
    for attempt in (1, 2):
        assert reports.next() == {"attempt": attempt}
        receiver.process.kill()
        receiver.process.wait()
        receiver = start()
    call = {
        "dead": 1,
        "type": "reboot",
        "attempt": 2,
        "reason": "the receiver ended before the plugin was done with the alert",
    }
    assert reports.next() == call
    receiver.process.wait()
    receiver = start()
    assert reports.next() == call, "the process ended before the call was stored"
    place = admin(receiver)
    while not (listed := command("dead", "list", "--json", *place)[1]):
        pass
    assert '"attempts": 2' in listed
    assert receiver.stop() == 0
    assert reports.none_waits()


BROKEN = """
import time


def setup(ctx):
    if os.path.exists("broken"):
        report(setup="failed")
        raise RuntimeError("no key")


def on_alert(alert, ctx):
    report(attempt=ctx.attempt)
    time.sleep(3600)


def on_dead(alert, ctx, reason):
    report(dead=ctx.alert_id)
"""


def test_what_a_crash_made_a_dead_letter_waits_for_the_set_up(
    serve: Callable[..., Receiver], reports: Reports, tmp_path: Path, command: Command
) -> None:
    reports.plugin(tmp_path / "pager.py", BROKEN)
    (tmp_path / "incm-webhook.toml").write_text(
        '[[plugin]]\nuse = "./pager.py"\ntimeout = "1h"\n'
        'retry = { first = "10ms", max = "10ms", give_up = "1ms" }\n'
    )
    receiver = serve(arguments=("--config", "incm-webhook.toml"))
    assert receiver.send(make_alert("reboot"))[0] == 200
    for attempt in (1, 2):
        assert reports.next() == {"attempt": attempt}
        receiver.process.kill()
        receiver.process.wait()
        if attempt == 2:
            (tmp_path / "broken").touch()
        receiver = serve(arguments=("--config", "incm-webhook.toml"))
    assert [reports.next() for _ in range(3)] == [{"setup": "failed"}] * 3
    place = admin(receiver)
    (plugin,) = json.loads(command("inbox", "stats", "--json", *place)[1])["plugins"]
    assert (plugin["open"], plugin["dead"]) == (1, 0)
    (tmp_path / "broken").unlink()
    while (report := reports.next()) == {"setup": "failed"}:
        pass
    assert report == {"dead": 1}
    assert receiver.stop() == 0
