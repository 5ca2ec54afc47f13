import json
import os
import select
import stat
from pathlib import Path
from typing import Any

import pytest

from incm_webhook import Reject, Unavailable
from incm_webhook.errors import PluginError
from incm_webhook.testing import Receiver, make_alert, run_plugin

PATIENCE_S = 20.0  # nothing here takes so long


@pytest.fixture
def program(tmp_path: Path) -> "Program":
    return Program(tmp_path)


class Program:
    """A shell script that the plugin runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "program"

    def write(self, script: str) -> str:
        self.path.write_text(f"#!/bin/sh\n{script}\n")
        self.path.chmod(0o755)
        return str(self.path)

    def run(self, script: str, *alerts: Any, **config: Any) -> list[Any]:
        config = {"command": [self.write(script)], "folder": str(self.folder), **config}
        return run_plugin("exec", *(alerts or (make_alert(),)), config=config)


def test_the_program_reads_the_alert_on_standard_input(program: Program) -> None:
    alert = make_alert("reboot", serial_number="EF1")
    assert program.run("cat > got", alert) == ["delivered"]
    assert (program.folder / "got").read_bytes() == alert.raw


def test_the_program_gets_its_arguments_unchanged(program: Program) -> None:
    path = program.write('for one; do printf "%s\\n" "$one"; done > got')
    command = [path, "$(id)", "a b", "*", "--x=;rm"]
    config = {"command": command, "folder": str(program.folder)}
    assert run_plugin("exec", make_alert(), config=config) == ["delivered"]
    assert (program.folder / "got").read_text().splitlines() == command[1:]


def test_the_environment_is_cleared_but_for_the_facts_of_the_delivery(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "leak")
    assert program.run("env > got", environment={"TEAM": "north"}) == ["delivered"]
    got = dict(one.split("=", 1) for one in (program.folder / "got").read_text().splitlines())
    for of_the_shell in ("PWD", "SHLVL", "_", "OLDPWD"):
        got.pop(of_the_shell, None)
    assert got.pop("INCM_RECEIVED_AT").endswith("Z")
    assert got == {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "TEAM": "north",
        "INCM_PLUGIN": "exec",
        "INCM_DELIVERY_KEY": "test-1",
        "INCM_ATTEMPT": "1",
        "INCM_ALERT_ID": "1",
        "INCM_ENDPOINT": "/webhook",
    }


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (1, RuntimeError),
        (65, Reject),
        (69, Unavailable),
        (75, RuntimeError),
        (126, Unavailable),
        (127, Unavailable),
    ],
)
def test_the_exit_status_is_the_outcome(
    program: Program, status: int, outcome: type[Exception]
) -> None:
    (got,) = program.run(f"echo the modem is gone; exit {status}")
    assert type(got) is outcome
    assert str(got) == f"program ended with exit status {status}: the modem is gone"


def test_a_program_that_a_signal_ends_is_tried_again(program: Program) -> None:
    (got,) = program.run("kill -SEGV $$")
    assert type(got) is RuntimeError
    assert str(got) == "program was ended by SIGSEGV"


def test_a_program_that_exceeds_its_time_is_killed_with_its_children(program: Program) -> None:
    (got,) = program.run("sleep 600 & echo $! > child; echo started; wait", time_limit="300ms")
    assert isinstance(got, TimeoutError)
    assert str(got).startswith("program was killed after 0.3 s")
    child = int((program.folder / "child").read_text())
    assert ends(child)


def test_a_child_that_the_program_leaves_behind_is_killed(program: Program) -> None:
    assert program.run("sleep 600 & echo $! > child") == ["delivered"]
    assert ends(int((program.folder / "child").read_text()))


def ends(pid: int) -> bool:
    """Whether a process ends; a killed one needs a moment, which is waited for."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    with os.fdopen(descriptor) as process:
        return bool(select.select([process], [], [], PATIENCE_S)[0])


def test_a_program_need_not_read_its_input(program: Program) -> None:
    alert = make_alert(content="x" * 1_000_000)
    assert program.run("exec 0<&-; true", alert) == ["delivered"]


def test_endless_output_is_read_and_dropped(program: Program) -> None:
    (got,) = program.run("head -c 50000000 /dev/zero | tr '\\0' x; exit 1")
    assert isinstance(got, RuntimeError)
    assert len(str(got)) < 400


def test_control_characters_of_the_output_do_not_reach_the_log(program: Program) -> None:
    (got,) = program.run("printf 'a\\033[31mb\\nc'; exit 1")
    assert str(got).isprintable()


@pytest.mark.parametrize("missing", ["/nowhere/program", "no-such-program-here", "./program"])
def test_a_program_that_cannot_be_found_is_named_before_the_first_alert(
    missing: str, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError, match="can be executed"):
        check(command=[missing])


def test_a_file_that_may_not_be_executed_is_named(tmp_path: Path) -> None:
    file = tmp_path / "program"
    file.write_text("#!/bin/sh\n")
    file.chmod(stat.S_IRUSR)
    with pytest.raises(FileNotFoundError, match="can be executed"):
        check(command=[str(file)])


def test_a_program_that_disappears_is_unavailable(program: Program) -> None:
    config = {"command": [str(program.path)], "folder": str(program.folder)}
    (got,) = run_plugin("exec", make_alert(), config=config)
    assert isinstance(got, Unavailable)
    assert "can be executed" in str(got)


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({}, "command"),
        ({"command": []}, "command"),
        ({"command": ["a\0b"]}, "NUL"),
        ({"command": ["true"], "environment": {"A=B": "1"}}, "environment"),
        ({"command": ["true"], "time_limit": "soon"}, "wants a duration"),
        ({"command": ["true"], "shell": True}, "shell"),
    ],
)
def test_a_wrong_configuration_is_described(config: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PluginError, match=sentence):
        run_plugin("exec", make_alert(), config=config)


def check(**config: Any) -> None:
    """Run the plugin's check alone."""
    from incm_webhook.config.settings import PluginSettings
    from incm_webhook.hosting.registry import load

    load(PluginSettings(use="exec", config=config), Path.cwd()).check()


def test_served_alerts_reach_the_program_once_each(program: Program, tmp_path: Path) -> None:
    folder = tmp_path / "server"
    folder.mkdir()
    path = program.write('cat > "$INCM_ALERT_ID.json"')
    plugin = {"use": "exec", "config": {"command": [path], "folder": str(program.folder)}}
    with Receiver(folder, plugins=[plugin]) as receiver:
        ids = [receiver.send(make_alert("reboot", serial_number=f"EF{n}"))[1]["id"] for n in "123"]
        receiver.wait_until_settled()
    got = {one.stem: json.loads(one.read_bytes()) for one in program.folder.glob("*.json")}
    assert sorted(got) == sorted(str(one) for one in ids)
    assert {one["data"]["serialNumber"] for one in got.values()} == {"EF1", "EF2", "EF3"}
