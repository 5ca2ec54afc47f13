"""A target that is broken for longer than give_up costs no alert."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from e2e.conftest import DEADLINE_S, Command, Reports, admin
from incm_webhook.testing import Receiver, make_alert

Serve = Callable[..., Receiver]

# Fails as the file `fault` prescribes; without it, reports the alert.
PAGER = """
from pathlib import Path
from incm_webhook import Unavailable

FAULT = Path(%r)


def on_alert(alert, ctx):
    fault = FAULT.read_text() if FAULT.exists() else ""
    if fault:
        report(fault=fault, attempt=ctx.attempt)
        if fault == "refused" or (fault.startswith("refused, then ") and ctx.attempt == 1):
            raise ConnectionError("refused")
        raise Unavailable(fault.removeprefix("refused, then "))
    report(handled=alert.serial_number)
"""
GIVE_UP_S = 3.0  # more than a busy machine needs from an alert to the begin of the outage
RETRY = f'retry = {{ first = "20ms", max = "20ms", give_up = "{GIVE_UP_S:g}s" }}'


def set_fault(tmp_path: Path, text: str) -> None:
    (tmp_path / "next").write_text(text)
    (tmp_path / "next").rename(tmp_path / "fault")  # at once: the plugin sees no half


def start(serve: Serve, reports: Reports, tmp_path: Path, settings: str) -> Receiver:
    if not (tmp_path / "pager.py").exists():
        reports.plugin(tmp_path / "pager.py", PAGER % str(tmp_path / "fault"))
        (tmp_path / "incm-webhook.toml").write_text(
            f'[[plugin]]\nuse = "./pager.py"\n{RETRY}\n{settings}\n'
        )
    return serve(arguments=("--config", "incm-webhook.toml"))


def send(receiver: Receiver, *numbers: int) -> None:
    for number in numbers:
        alert = make_alert("disconnected", id=f"a{number}", serial_number=f"EF{number}")
        assert receiver.send(alert)[0] == 200


def wait_for_fault(reports: Reports, fault: str, count: int = 1) -> None:
    while count:
        count -= reports.next().get("fault") == fault


def handled(reports: Reports, count: int) -> list[str]:
    """The serial numbers of the next alerts that are handled, sorted."""
    found: list[str] = []
    while len(found) < count:
        report = reports.next()
        found += [report["handled"]] if "handled" in report else []
    return sorted(found)


def stats(receiver: Receiver) -> dict[str, Any]:
    with urlopen(receiver.admin_url + "/api/v1/stats", timeout=DEADLINE_S) as answer:
        (plugin,) = json.load(answer)["plugins"]
    return dict(plugin)


def outlast_give_up() -> None:
    """Let the time pass that would make dead letters of alerts that fail."""
    until = time.monotonic() + GIVE_UP_S + 0.5
    while time.monotonic() < until:
        time.sleep(0.05)


@pytest.mark.parametrize("settings", ["breaker = 0", "breaker = 5", 'isolation = "process"'])
def test_an_outage_longer_than_give_up_makes_no_dead_letter(
    serve: Serve, reports: Reports, tmp_path: Path, command: Command, settings: str
) -> None:
    fault = "refused, then 401: the key was revoked"
    set_fault(tmp_path, fault)
    receiver = start(serve, reports, tmp_path, settings)
    send(receiver, 1)
    wait_for_fault(reports, fault, count=2)  # this alert has failed before the outage
    set_fault(tmp_path, "401: the key was revoked")
    send(receiver, 2, 3)
    outlast_give_up()
    wait_for_fault(reports, "401: the key was revoked", count=2)
    set_fault(tmp_path, "refused")  # while the target is back but not well
    wait_for_fault(reports, "refused", count=2)
    (tmp_path / "fault").unlink()
    assert handled(reports, 3) == ["EF1", "EF2", "EF3"]
    assert stats(receiver)["dead"] == 0
    lines = receiver.output().splitlines()
    assert sum("its target is unavailable: 401: the key was revoked" in one for one in lines) == 1
    _, shown, _ = command("inbox", "show", "1", *admin(receiver))
    assert "unavailable" in shown
    assert "401: the key was revoked" in shown


def test_an_outage_lasts_over_a_restart(serve: Serve, reports: Reports, tmp_path: Path) -> None:
    set_fault(tmp_path, "404: the channel is gone")
    receiver = start(serve, reports, tmp_path, "breaker = 0")
    send(receiver, 1, 2)
    wait_for_fault(reports, "404: the channel is gone")
    receiver.stop()
    outlast_give_up()
    set_fault(tmp_path, "refused")
    receiver = start(serve, reports, tmp_path, "")
    wait_for_fault(reports, "refused", count=4)
    assert stats(receiver)["dead"] == 0
    (tmp_path / "fault").unlink()
    assert handled(reports, 2) == ["EF1", "EF2"]
    # The outage is over: the time counts again.
    set_fault(tmp_path, "refused")
    send(receiver, 3)
    deadline = time.monotonic() + DEADLINE_S
    while stats(receiver)["dead"] == 0:
        while not reports.none_waits():  # a report that is not read would block the plugin
            pass
        assert time.monotonic() < deadline
