"""The commands about stored alerts and dead letters, with a server and without one."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from conftest import Endpoint
from e2e.conftest import DEADLINE_S, Command, Reports, admin
from incm_webhook.cli import confirm
from incm_webhook.cli.view.times import zone_now
from incm_webhook.testing import Receiver, make_alert

Serve = Callable[..., Receiver]

# Rejects until the file `works` is there.
PAGER = """
@plugin("pager", types=["disconnected"])
def page(alert: Alert, ctx: Context) -> None:
    if not os.path.exists("works"):
        report(rejected=ctx.alert_id)
        raise Reject("the gateway \\x1b[31mrefused")
    report(id=alert.id, key=ctx.delivery_key, attempt=ctx.attempt)
"""
STORE = """
def on_alert(alert: Alert, ctx: Context) -> None:
    report(stored=ctx.alert_id, key=ctx.delivery_key, attempt=ctx.attempt)
"""
CONFIG = """
[inbox]
url = "sqlite:inbox.db"
[[endpoint]]
secret_file = "not-for-everybody"
[[plugin]]
use = "./pager.py"
[[plugin]]
use = "./store.py"
"""


NOWHERE = ("--admin", "127.0.0.1:1")  # nothing listens there


@pytest.fixture
def receiver(serve: Serve, reports: Reports, tmp_path: Path) -> Receiver:
    """A server with both plugins: alert 1 is dead at pager and stored, alert 2 is stored."""
    plugins = [reports.plugin(tmp_path / "pager.py", PAGER)]
    plugins.append(reports.plugin(tmp_path / "store.py", STORE))
    started = serve(*plugins)
    for alert in (
        make_alert("disconnected", entity_name="roof \x1b[31m仓库", serial_number="EF1"),
        make_alert("reboot", entity_name="cellar", serial_number="EF2"),
    ):
        assert started.send(alert)[0] == 200
    for _ in range(3):
        reports.next()
    return started


def settled(command: Command, *place: str) -> dict[str, Any]:
    """Wait until all is done: a plugin reports before its outcome is committed."""
    while True:
        status, out, _ = command("inbox", "stats", "--json", *place)
        assert status == 0
        stats: dict[str, Any] = json.loads(out)
        # The rows of a plugin are read shortly before the total is.
        if stats["open"] == 0 and not any(one["open"] for one in stats["plugins"]):
            return stats


def rows(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_list_shows_the_newest_first(command: Command, receiver: Receiver) -> None:
    settled(command, *admin(receiver))
    status, out, err = command("inbox", "list", *admin(receiver))
    assert (status, err) == (0, "")
    head, newest, oldest = out.splitlines()
    assert head.split() == [
        "ID",
        "RECEIVED",
        f"({zone_now()})",
        "STATE",
        "TYPE",
        "DEVICE",
        "CONTENT",
    ]
    assert newest.split()[3] == "delivered"
    assert oldest.split()[3] == "dead"
    assert newest.split()[0] == "2"
    assert "reboot" in newest
    assert "cellar" in newest
    assert "roof \\x1b[31m仓库" in oldest


def test_a_list_without_alerts_names_the_type_that_was_meant(
    command: Command, receiver: Receiver
) -> None:
    status, out, err = command("inbox", "list", "--type", "rebot", *admin(receiver))
    assert (status, out) == (0, "")
    assert err == (
        'no alerts\nincm-webhook: "rebot" is not a known alert type; did you mean "reboot"?\n'
    )


def test_list_prints_json_lines(command: Command, receiver: Receiver) -> None:
    place = admin(receiver)
    settled(command, *place)
    status, out, _ = command("inbox", "list", "--json", "--oldest-first", *place)
    assert status == 0
    assert [one["id"] for one in rows(out)] == [1, 2]
    assert set(rows(out)[0]) == {
        *("id", "received_at", "endpoint", "form", "type", "device", "state")
    }
    assert [one["state"] for one in rows(out)] == ["dead", "delivered"]
    out = command("inbox", "list", "--json", "--body", "--limit", "1", *place)[1]
    (only,) = rows(out)
    assert json.loads(only["body"])["entityName"] == "cellar"
    for arguments, found in (
        (("--type", "dis*"), [1]),
        (("--type", "dis*", "--type", "reboot"), [2, 1]),
        (("--device", "EF2"), [2]),
        (("--plugin", "pager", "--state", "dead"), [1]),
        (("--state", "delivered", "--plugin", "store"), [2, 1]),
        (("--since", "1h"), [2, 1]),
        (("--until", "2001-01-01"), []),
    ):
        out = command("inbox", "list", "--json", *arguments, *place)[1]
        assert [one["id"] for one in rows(out)] == found, arguments


def test_show_lists_what_every_plugin_did(command: Command, receiver: Receiver) -> None:
    place = admin(receiver)
    settled(command, *place)
    status, out, _ = command("inbox", "show", "1", *place)
    assert status == 0
    for part in (
        "alert 1  disconnected (Disconnect from Platform)",
        "on /webhook",
        "device    roof \\x1b[31m仓库, EF1, ",
        "✗ pager  dead letter after 1 attempt",
        "the gateway \\x1b[31mrefused",
        "→ incm-webhook dead retry 1 --plugin pager",
        "✓ store  delivered at ",
        '    "serialNumber": "EF1"',
    ):
        assert part in out
    out = command("inbox", "show", "2", *place)[1]
    assert "· pager  not wanted: its filter types does not match" in out
    status, out, err = command("inbox", "show", "3", *place)
    assert (status, out) == (1, "")
    assert err == "incm-webhook: no alert has the number 3, or it was pruned\n"


def test_stats_count_and_measure(command: Command, receiver: Receiver, tmp_path: Path) -> None:
    stats = settled(command, *admin(receiver))
    assert (stats["alerts"], stats["dead"]) == (2, 1)
    out = command("inbox", "stats", *admin(receiver))[1]
    assert f"inbox       {tmp_path}/inbox.db" in out
    assert "alerts      2 kept, received 20" in out
    assert "deliveries  0 open, 1 dead" in out


def test_a_dead_letter_is_retried_under_its_key(
    command: Command, receiver: Receiver, reports: Reports, tmp_path: Path
) -> None:
    place = admin(receiver)
    settled(command, *place)
    status, out, _ = command("dead", "list", *place)
    assert status == 0
    assert "the gateway \\x1b[31mrefused" in out.splitlines()[1]
    status, out, _ = command("dead", "show", "1", *place)
    assert status == 0
    assert "✗ pager  dead letter after 1 attempt" in out
    assert command("dead", "show", "2", *place)[0] == 1
    (tmp_path / "works").touch()
    assert command("dead", "retry", "1", *place)[:2] == (0, "1 delivery will be made again\n")
    report = reports.next()
    assert report["attempt"] == 2
    assert report["key"].split("-")[1] == "1"
    settled(command, *place)
    status, out, err = command("dead", "retry", "1", *place)
    assert (status, out) == (1, "0 deliveries will be made again\n")
    assert "no dead letter of alert 1" in err
    assert command("dead", "list", *place) == (0, "", "no dead letters\n")


def test_dropping_many_wants_a_yes(command: Command, receiver: Receiver) -> None:
    place = admin(receiver)
    settled(command, *place)
    status, _, err = command("dead", "drop", "--all", *place)
    assert status == 2
    assert "add --yes" in err
    assert command("dead", "drop", "1", "--plugin", "store", *place)[0] == 1
    assert command("dead", "drop", "--all", "--yes", *place)[:2] == (0, "1 delivery dropped\n")
    assert "✗ pager  dropped by hand after 1 attempt" in command("inbox", "show", "1", *place)[1]


@pytest.mark.parametrize(("answer", "status", "left"), [(b"n\n", 1, 1), (b"y\n", 0, 0)])
def test_dropping_many_asks_on_a_terminal(
    command: Command, receiver: Receiver, answer: bytes, status: int, left: int
) -> None:
    place = admin(receiver)
    settled(command, *place)
    ours, theirs = pty.openpty()
    os.write(ours, answer)
    done = subprocess.run(
        [sys.executable, "-m", "incm_webhook", "dead", "drop", "--plugin", "pager", *place],
        stdin=theirs,
        capture_output=True,
        check=False,
        timeout=DEADLINE_S,
    )
    os.close(ours)
    os.close(theirs)
    assert done.returncode == status
    assert b"Drop 1 delivery of plugin pager for good? [y/N]:" in done.stderr
    assert settled(command, *place)["dead"] == left


def test_replay_delivers_again_under_the_same_key(
    command: Command, receiver: Receiver, reports: Reports
) -> None:
    place = admin(receiver)
    settled(command, *place)
    dry = command("replay", "--since", "1h", "--dry-run", *place)
    assert dry == (0, "3 deliveries would be made again\n", "")
    assert settled(command, *place)["dead"] == 1
    status, out, _ = command(
        *("replay", "--since", "1h", "--type", "re*", "--plugin", "store", "--json", *place)
    )
    assert (status, json.loads(out)) == (0, {"replayed": 1, "dry_run": False})
    report = reports.next()
    assert (report["stored"], report["attempt"]) == (2, 2)
    assert report["key"].split("-")[1] == "2"
    settled(command, *place)
    assert command("replay", "1", "2", "--plugin", "store", *place)[0] == 0
    assert {reports.next()["stored"], reports.next()["stored"]} == {1, 2}
    status, _, err = command("replay", "2", "--plugin", "pager", *place)
    assert status == 1
    assert "`incm-webhook inbox show 2` shows why" in err


MANY_AGAIN = [
    (("replay", "--since", "1h"), "3 deliveries"),
    (("replay", "1", "2"), "3 deliveries"),
    (("dead", "retry", "--all"), "1 delivery"),
    (("dead", "retry", "--plugin", "pager"), "1 delivery"),
]


@pytest.mark.parametrize(("arguments", "count"), MANY_AGAIN)
def test_making_many_deliveries_again_wants_a_yes(
    command: Command,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    count: str,
) -> None:
    place = admin(receiver)
    before = settled(command, *place)
    monkeypatch.setattr(confirm, "MANY", 0)
    status, out, err = command(*arguments, *place)
    assert (status, out) == (2, "")
    assert f"standard input is no terminal to ask on: add --yes to make {count} again" in err
    assert err.count("\n") == 1
    assert settled(command, *place)["plugins"] == before["plugins"]
    status, out, _ = command(*arguments, "--yes", *place)
    assert (status, out) == (0, f"{count} will be made again\n")


@pytest.mark.parametrize(("answer", "status"), [("n", 1), ("y", 0)])
def test_making_many_deliveries_again_asks_on_a_terminal(
    command: Command,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    status: int,
) -> None:
    place = admin(receiver)
    settled(command, *place)
    monkeypatch.setattr(confirm, "MANY", 2)
    ours, theirs = pty.openpty()
    os.write(ours, f"{answer}\n".encode())
    with os.fdopen(theirs) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        got, out, err = command("replay", "--since", "1h", *place)
    os.close(ours)
    assert got == status
    assert "Make 3 deliveries again? [y/N]:" in err
    assert ("3 deliveries will be made again" in out) is (answer == "y")


def test_a_few_deliveries_are_made_again_without_a_question(
    command: Command, receiver: Receiver
) -> None:
    assert confirm.MANY == 1000
    settled(command, *admin(receiver))
    assert command("replay", "--since", "1h", *admin(receiver))[0] == 0


def test_a_plugin_that_came_later_gets_older_alerts_by_replay(
    command: Command, receiver: Receiver, serve: Serve, reports: Reports, tmp_path: Path
) -> None:
    receiver.stop()
    late = reports.plugin(tmp_path / "late.py", STORE)
    place = admin(serve(tmp_path / "pager.py", late))
    out = command("inbox", "show", "1", *place)[1]
    assert "late   did not exist yet when the alert came" in out
    assert "→ incm-webhook replay 1 --plugin late" in out
    assert "store  delivered at " in out
    assert command("replay", "1", "--plugin", "late", *place)[0] == 0
    assert reports.next()["key"].split("-")[1] == "1"
    assert "store  not" not in command("inbox", "stats", *place)[1]


@pytest.mark.parametrize(
    ("variables", "colored"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "dumb"}, False),
        ({"TERM": ""}, False),
        ({"TERM": None}, False),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
    ],
)
def test_colors_are_for_terminals_that_know_them(
    command: Command,
    receiver: Receiver,
    variables: dict[str, str | None],
    colored: bool,
) -> None:
    settled(command, *admin(receiver))
    environ = {key: value for key, value in os.environ.items() if key not in ("TERM", "NO_COLOR")}
    environ |= {key: value for key, value in variables.items() if value is not None}
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "incm_webhook", "dead", "show", "1", *admin(receiver)],
        stdout=theirs,
        env=environ,
        check=True,
        timeout=DEADLINE_S,
    )
    os.close(theirs)
    output = os.read(ours, 65536)
    os.close(ours)
    assert done.returncode == 0
    assert b"dead letter after 1 attempt" in output
    assert (b"\x1b[" in output) is colored


@pytest.mark.parametrize("zone", ["CET-1", "UTC0"])
def test_the_log_and_the_tables_have_the_same_times(
    serve: Serve, program: Command, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    monkeypatch.setenv("TZ", zone)
    started = serve("log")
    assert started.send(make_alert("reboot"))[0] == 200
    out = program("inbox", "list", *admin(started))[1]
    head, row = out.splitlines()
    started.stop()
    lines = [line for line in started.output().splitlines() if "listening on" in line]
    stamp = lines[0].split()[0]
    offset = "UTC" if stamp.endswith("Z") else f"UTC{stamp[-6:]}"
    assert f"RECEIVED ({offset})" in head
    received = datetime.fromisoformat(f"{row.split()[1]}T{row.split()[2]}")
    logged = datetime.fromisoformat(stamp).replace(tzinfo=None)
    assert abs(logged - received) < timedelta(minutes=10)


def test_without_a_server_the_file_itself_is_used(
    command: Command,
    program: Command,
    receiver: Receiver,
    serve: Serve,
    reports: Reports,
    tmp_path: Path,
) -> None:
    settled(command, *admin(receiver))
    receiver.stop()
    (tmp_path / "offline.toml").write_text(CONFIG)
    place = ("--config", "offline.toml", *NOWHERE)
    status, out, err = command("inbox", "list", "--json", *place)
    assert [one["id"] for one in rows(out)] == [2, 1]
    assert status == 0
    assert err == (
        f"incm-webhook: no server runs: using the inbox file {tmp_path}/inbox.db itself\n"
    )
    out = program("inbox", "show", "2", *place)[1]
    assert "· pager  not wanted: its filter types does not match" in out
    assert program("replay", "2", "--plugin", "store", *place)[0] == 0
    assert command("dead", "retry", "--all", *place)[1] == "1 delivery will be made again\n"
    status, _, err = command("inbox", "tail", *place)
    assert status == 1
    assert "no alert will come in" in err
    (tmp_path / "works").touch()
    serve(tmp_path / "pager.py", tmp_path / "store.py")
    report = [reports.next(), reports.next()]
    assert {one["key"].split("-")[1] for one in report} == {"1", "2"}
    assert [one["attempt"] for one in report] == [2, 2]


def test_without_a_configuration_an_inbox_can_be_looked_at(
    command: Command, receiver: Receiver
) -> None:
    settled(command, *admin(receiver))
    receiver.stop()
    place = ("--inbox", "inbox.db", *NOWHERE)
    assert "· pager  not wanted" in command("inbox", "show", "2", *place)[1]
    assert command("dead", "list", *place)[0] == 0
    status, _, err = command("replay", "--since", "1h", *place)
    assert status == 2
    assert "configuration" in err


def test_a_broken_plugin_does_not_hide_the_inbox(
    program: Command, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.stop()
    (tmp_path / "offline.toml").write_text(CONFIG)
    (tmp_path / "pager.py").write_text("1 / 0\n")
    status, out, err = program("inbox", "show", "2", "--config", "offline.toml", *NOWHERE)
    assert status == 0
    assert "alert 2" in out
    assert "ZeroDivisionError" in err
    assert "taken from the configuration alone" in err


def test_a_locked_inbox_without_an_answer_is_explained(
    command: Command, receiver: Receiver
) -> None:
    status, out, err = command("inbox", "list", "--inbox", "inbox.db", *NOWHERE)
    assert (status, out) == (3, "")
    assert "nothing answers at 127.0.0.1:1, and another process has the inbox open" in err
    assert f"process {receiver.process.pid}" in err
    assert "say where its admin listener is: --admin HOST:PORT" in err
    assert "stop it" not in err
    assert err.count("\n") == 1
    status, out, err = command("inbox", "list", "--inbox", "inbox.db", "--admin", "off")
    assert (status, out) == (3, "")
    assert "restart it with an admin listener, or stop it to read the file" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "content", ["[servr]\nlisten = 1\n", "not = [toml", "[server]\nadmin = 7\n"]
)
@pytest.mark.parametrize("named_by", ["flag", "variable"])
def test_a_broken_configuration_is_not_needed_to_ask_a_server_by_its_address(
    command: Command,
    receiver: Receiver,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: str,
    named_by: str,
) -> None:
    flag, address = admin(receiver)
    settled(command, flag, address)
    (tmp_path / "incm-webhook.toml").write_text(content)
    if named_by == "variable":
        monkeypatch.setenv("INCM_WEBHOOK_ADMIN", address)
    place = (flag, address) if named_by == "flag" else ()
    for arguments in (
        ("inbox", "list"),
        ("inbox", "show", "1"),
        ("inbox", "stats"),
        ("dead", "list"),
        ("dead", "show", "1"),
        ("quarantine", "list"),
        ("replay", "2", "--dry-run"),
    ):
        status, _, err = command(*arguments, *place)
        assert status == 0, (arguments, err)
        assert "incm-webhook.toml" not in err


def test_a_broken_configuration_says_how_to_do_without_it(command: Command, tmp_path: Path) -> None:
    (tmp_path / "incm-webhook.toml").write_text("not = [toml")
    status, _, err = command("inbox", "list")
    assert status == 2
    assert "incm-webhook.toml: is not TOML: " in err
    assert "(a running server can be asked without it: --admin HOST:PORT)" in err
    status, _, err = command("inbox", "list", *NOWHERE)
    assert status == 2
    assert err.startswith("incm-webhook: nothing answers at 127.0.0.1:1, and ")
    status, _, err = command("inbox", "list", "--admin", "nowhere")
    assert status == 2
    assert err.startswith('incm-webhook: --admin: wants HOST:PORT such as "127.0.0.1:8080"')


def test_the_server_of_another_configuration_is_not_touched(
    command: Command, receiver: Receiver, tmp_path: Path
) -> None:
    address = admin(receiver)[1]
    (tmp_path / "mine.toml").write_text(
        f'[server]\nadmin = "{address}"\n[inbox]\nurl = "sqlite:mine.db"\n'
    )
    for arguments in (("inbox", "list"), ("replay", "--since", "1h"), ("dead", "list")):
        status, out, err = command(*arguments, "--config", "mine.toml")
        assert (status, out) == (1, "")
        assert f"has the inbox {tmp_path}/inbox.db" in err
        assert f"names {tmp_path}/mine.db" in err
        assert err.count("\n") == 1
    assert not (tmp_path / "mine.db").exists()
    assert "changed through" not in receiver.output()


def test_a_replay_is_in_the_log_of_the_server(command: Command, receiver: Receiver) -> None:
    settled(command, *admin(receiver))
    assert command("replay", "--since", "1h", "--dry-run", *admin(receiver))[0] == 0
    assert "changed through" not in receiver.output()
    assert command("replay", "--since", "1h", *admin(receiver))[0] == 0
    assert (
        "changed through the admin API: 3 deliveries replayed, by the operator of this machine\n"
        in receiver.output()
    )


def test_a_named_inbox_that_the_server_does_not_have_is_opened(
    command: Command, receiver: Receiver, serve: Serve
) -> None:
    other = serve("log", folder="other")
    other.send(make_alert("sim_switch"))
    other.stop()
    place = ("--inbox", "other/inbox.db", *admin(receiver))
    _, out, err = command("inbox", "list", "--json", *place)
    assert [one["type"] for one in rows(out)] == ["sim_switch"]
    assert "has another inbox: using the inbox file" in err
    out = command("inbox", "list", "--json", "--inbox", "inbox.db", *admin(receiver))[1]
    assert len(rows(out)) == 2


def test_a_command_that_reads_creates_no_inbox(command: Command, tmp_path: Path) -> None:
    status, _, err = command("inbox", "list", "--inbox", "nowhere.db", *NOWHERE)
    assert status == 3
    assert f"there is no inbox {tmp_path}/nowhere.db" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("inbox", "list", "--since", "yesterday"), "wants a time such as"),
        (("inbox", "list", "--limit", "0"), "--limit"),
        (("inbox", "list", "--state", "asleep"), "--state"),
        (("inbox", "list", "--plugin", "nobody"), "it knows pager, store"),
        (("inbox", "show", "x"), "wants an alert number such as 12, not 'x'"),
        (("dead", "show", "0"), "wants an alert number such as 12, not '0'"),
        (("quarantine", "show", "-"), "wants a number such as 12, not '-'"),
        (("inbox", "show"), "ID"),
        (("inbox", "show", "99999999999999999999"), "wants an alert number such as 12"),
        (("dead", "retry"), "say which"),
        (("dead", "retry", "1", "--all"), "--all excludes"),
        (("dead", "retry", "--plugin", "nobody"), "it knows pager, store"),
        (("dead", "drop", "--yes"), "say which"),
        (("replay",), "say which alerts"),
        (("replay", "1", "--since", "1h"), "say which alerts"),
        (("replay", "--since", "1h", "--plugin", "nobody"), "no plugin nobody is configured"),
    ],
)
def test_wrong_usage_is_one_message_and_status_2(
    command: Command, receiver: Receiver, arguments: tuple[str, ...], part: str
) -> None:
    status, out, err = command(*arguments, *admin(receiver))
    assert (status, out) == (2, "")
    assert part in err
    assert err.count("\n") == 1


def test_another_server_is_not_taken_for_an_admin_listener(
    command: Command, endpoint: Endpoint
) -> None:
    status, _, err = command("inbox", "list", "--admin", urlsplit(endpoint.url).netloc)
    assert status == 1
    assert "is no admin listener" in err


def test_the_alert_listener_is_not_taken_for_an_admin_listener(
    command: Command, receiver: Receiver
) -> None:
    place = urlsplit(receiver.url).netloc
    status, _, err = command("inbox", "list", "--admin", place)
    assert status == 1
    assert f"what answers at {place} is no admin listener" in err
    assert "no endpoint" not in err


def test_tail_follows_until_ctrl_c(command: Command, receiver: Receiver) -> None:
    arguments = ["inbox", "tail", "--json", "--lines", "1", "--type", "re*", *admin(receiver)]
    # A shell without job control starts what runs in the background with SIGINT ignored.
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "incm_webhook", *arguments], stdout=subprocess.PIPE, text=True
        )
    finally:
        signal.signal(signal.SIGINT, before)
    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["id"] == 2
        receiver.send(make_alert("sim_switch"))
        receiver.send(make_alert("reboot"))
        assert json.loads(process.stdout.readline())["id"] == 4
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE_S) == 0
        assert process.stdout.read() == ""
    finally:
        process.kill()
        process.communicate()
