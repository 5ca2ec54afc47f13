"""What plugins keep is listed and dropped, through the server and without one."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from e2e.conftest import Command, Reports, admin
from incm_webhook.testing import Receiver, make_alert

Serve = Callable[..., Receiver]
NOWHERE = ("--admin", "127.0.0.1:1")  # nothing listens there

KEEPER = """
def on_alert(alert: Alert, ctx: Context) -> None:
    seen = ctx.state.get("seen", 0)
    ctx.state.set("seen", seen + 1)
    ctx.state.set(f"alert/{ctx.alert_id}", {"type": alert.type, "note": "\\x1b[31m仓库"})
    report(seen=seen, keys=[key for key, _ in ctx.state.items()])
"""


def keys(command: Command, plugin: str, *arguments: str) -> list[dict[str, Any]]:
    status, out, err = command("plugins", "state", plugin, "--json", *arguments)
    assert status == 0, err
    return [json.loads(line) for line in out.splitlines()]


def send(receiver: Receiver, reports: Reports) -> dict[str, Any]:
    """Send an alert, and return what the plugin found."""
    assert receiver.send(make_alert("reboot"))[0] == 200
    return reports.next()


def settled(command: Command, plugin: str, count: int, *place: str) -> list[dict[str, Any]]:
    """Look until so many keys are on disk: no settlement waits for that."""
    while len(found := keys(command, plugin, *place)) < count:
        pass
    return found


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_the_next_call_sees_what_was_dropped(
    serve: Serve, reports: Reports, tmp_path: Path, command: Command, isolation: str
) -> None:
    path = str(reports.plugin(tmp_path / "keeper.py", KEEPER))
    receiver = serve({"use": path, "isolation": isolation, "concurrency": 1})
    place = admin(receiver)
    assert send(receiver, reports) == {"seen": 0, "keys": ["alert/1", "seen"]}
    assert send(receiver, reports)["seen"] == 1
    settled(command, "keeper", 3, *place)
    assert command("plugins", "state", "drop", "keeper", "seen", "--yes", *place) == (
        0,
        "1 key dropped\n",
        "",
    )
    assert send(receiver, reports) == {"seen": 0, "keys": ["alert/1", "alert/2", "alert/3", "seen"]}
    settled(command, "keeper", 4, *place)
    dropped = command("plugins", "state", "drop", "keeper", "--all", "--yes", *place)
    assert dropped == (0, "4 keys dropped\n", "")
    assert send(receiver, reports) == {"seen": 0, "keys": ["alert/4", "seen"]}
    line = "4 keys of plugin keeper dropped, by the operator of this machine\n"
    assert line in receiver.output()
    assert receiver.stop() == 0


@pytest.fixture
def kept(serve: Serve, reports: Reports, tmp_path: Path) -> Path:
    """An inbox that no server has open, in which the plugin keeper keeps three keys."""
    receiver = serve(str(reports.plugin(tmp_path / "keeper.py", KEEPER)), "log")
    send(receiver, reports)
    send(receiver, reports)
    assert receiver.stop() == 0
    return tmp_path / "inbox.db"


def test_the_file_is_used_when_no_server_runs(kept: Path, command: Command) -> None:
    place = ("--inbox", str(kept), *NOWHERE)
    status, out, err = command("plugins", "state", *place)
    assert status == 0
    assert err == f"incm-webhook: no server runs: using the inbox file {kept} itself\n"
    head, row = out.splitlines()
    assert head.split() == ["PLUGIN", "KEYS", "BYTES"]
    assert row.split()[:2] == ["keeper", "3"]
    totals = json.loads(command("plugins", "state", "--json", *place)[1])
    assert {**totals, "bytes": 0} == {
        "plugin": "keeper",
        "configured": None,
        "keys": 3,
        "bytes": 0,
    }
    found = keys(command, "keeper", *place)
    assert [one["key"] for one in found] == ["alert/1", "alert/2", "seen"]
    assert found[0]["value"] == {"type": "reboot", "note": "\x1b[31m仓库"}
    assert found[2] == {"key": "seen", "bytes": 5, "value": 2}
    assert [one["key"] for one in keys(command, "keeper", "--prefix", "s", *place)] == ["seen"]
    status, out, err = command("plugins", "state", "keeper", "--limit", "1", *place)
    assert (status, len(out.splitlines())) == (0, 2)
    assert "there are more: see --limit and --prefix" in err
    assert "\\u001b[31m仓库" in out
    assert command("plugins", "state", "log", *place)[2].endswith("plugin log keeps no key\n")
    before = ("plugins", "state", *place, "keeper", "--prefix", "seen")
    assert command(*before)[1].splitlines()[1].split() == ["seen", "5", "2"]
    dropped = command("plugins", "state", "drop", "keeper", "--prefix", "alert/", "--yes", *place)
    assert dropped[:2] == (0, "2 keys dropped\n")
    assert [one["key"] for one in keys(command, "keeper", *place)] == ["seen"]
    assert command("plugins", "state", "drop", "keeper", "--all", "--yes", "--json", *place)[1] == (
        '{"plugin": "keeper", "dropped": 1}\n'
    )
    assert command("plugins", "state", *place)[:2] == (0, "")


def test_nothing_is_dropped_by_mistake(kept: Path, command: Command) -> None:
    place = ("--inbox", str(kept), *NOWHERE)
    drop = ("plugins", "state", "drop")
    for arguments in ((), ("--all", "seen"), ("--all", "--prefix", "a"), ("--prefix", "")):
        status, _, err = command(*drop, "keeper", "--yes", *arguments, *place)
        assert status == 2
        assert "say which: keys, --prefix TEXT, or --all" in err
    status, _, err = command(*drop, "keeper", "--all", *place)
    assert status == 2
    assert "standard input is no terminal to ask on: add --yes to drop them" in err
    status, _, err = command(*drop, "keper", "--all", "--yes", *place)
    assert status == 2
    assert "the inbox knows no plugin keper; it knows keeper, log" in err
    status, out, err = command(*drop, "keeper", "sen", "nothing", "--yes", *place)
    assert (status, out) == (1, "0 keys dropped\n")
    assert "plugin keeper keeps none of these keys" in err
    status, _, err = command(*drop, "keeper", "\udcff", "--yes", *place)
    assert (status, "wants a text in UTF-8" in err) == (2, True)
    assert len(keys(command, "keeper", *place)) == 3


def test_the_state_of_a_plugin_that_is_gone_is_listed_and_dropped(
    kept: Path, serve: Serve, command: Command
) -> None:
    receiver = serve("log")
    place = admin(receiver)
    status, out, _ = command("plugins", "state", *place)
    assert status == 0
    assert "the plugin is not configured any more" in out
    many = [f"other {number}" for number in range(100)]
    dropped = command("plugins", "state", "drop", "keeper", *many, "seen", "--yes", *place)
    assert dropped == (0, "1 key dropped\n", "")
    command("plugins", "state", "drop", "keeper", "--all", "--yes", *place)
    assert command("plugins", "state", *place) == (0, "", "no plugin keeps a state\n")


def test_the_state_of_a_plugin_with_the_name_of_a_command_is_listed(
    serve: Serve, reports: Reports, tmp_path: Path, command: Command
) -> None:
    path = str(reports.plugin(tmp_path / "drop.py", KEEPER))
    receiver = serve({"use": path})
    send(receiver, reports)
    place = admin(receiver)
    while not (out := command("plugins", "state", "--json", *place, "--", "drop")[1]):
        pass
    assert [json.loads(line)["key"] for line in out.splitlines()] == ["alert/1", "seen"]
