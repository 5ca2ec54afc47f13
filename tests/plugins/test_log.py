import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from incm_webhook import Alert
from incm_webhook.testing import make_alert, run_plugin

REBOOT = (Path(__file__).parents[1] / "golden" / "reboot.json").read_bytes()


@pytest.fixture(autouse=True)
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Puts the machine into a time zone, at first UTC."""

    def move(name: str) -> None:
        patch.setenv("TZ", name)
        time.tzset()

    with monkeypatch.context() as patch:
        move("UTC0")
        yield move
    time.tzset()


def test_times_are_those_of_the_machine(
    zone: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    zone("CET-1")
    run_plugin("log", Alert.from_json(REBOOT))
    assert capsys.readouterr().out.startswith("2025-01-06 11:01:38+01:00  Reboot  ")


def test_the_example_of_the_guide(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_plugin("log", Alert.from_json(REBOOT)) == ["delivered"]
    assert capsys.readouterr().out == (
        "2025-01-06 10:01:38Z  Reboot  EF605231726YKLU  (group 605, org inhand00356)  "
        "677baa025a34db68978609b8\n"
    )


def test_an_alert_without_any_field(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_plugin("log", Alert.from_json(b"{}")) == ["delivered"]
    assert capsys.readouterr().out.endswith("Z  alert without type\n")


def test_a_closed_alert_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    run_plugin("log", make_alert("disconnected", status="closed"))
    assert "  closed  " in capsys.readouterr().out


def test_p16_an_alert_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    run_plugin("log", make_alert("reboot", entity_name="a\nb\x1b[2J\u202e仓"))
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert "a\\nb\\x1b[2J\\u202e仓" in out


def test_a_line_is_bounded(capsys: pytest.CaptureFixture[str]) -> None:
    run_plugin("log", make_alert("reboot", entity_name="x" * 1_000_000))
    assert capsys.readouterr().out.endswith("xxx…\n")
    run_plugin("log", make_alert("reboot", entity_name="\x00" * 1_000_000))
    assert len(capsys.readouterr().out) < 10_000
