"""Refused requests: kept within limits, explained, taken after all, dropped."""

import json
import signal
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from e2e.conftest import Command, Reports, admin
from incm_webhook import sign
from incm_webhook.sender.client import Sender
from incm_webhook.testing import Receiver, make_alert

Serve = Callable[..., Receiver]
NOWHERE = ("--admin", "127.0.0.1:1")  # nothing listens there
BURST = 100

STORE = """
def on_alert(alert: Alert, ctx: Context) -> None:
    report(id=alert.id)
"""


def kept(command: Command, count: int, *arguments: str) -> list[dict[str, Any]]:
    """Wait until so many are kept: the answer is sent before they are written."""
    while True:
        status, out, _ = command("quarantine", "list", "--json", "--limit", "2000", *arguments)
        assert status == 0
        found = [json.loads(line) for line in out.splitlines()]
        if len(found) >= count:
            return found


def reload(receiver: Receiver) -> None:
    receiver.process.send_signal(signal.SIGHUP)
    while "reloaded endpoints" not in receiver.output():
        assert receiver.process.poll() is None


def metric(receiver: Receiver, name: str) -> int:
    with urllib.request.urlopen(receiver.admin_url + "/metrics") as page:
        lines = page.read().decode().splitlines()
    return next(int(line.split()[-1]) for line in lines if line.startswith(f"{name} "))


def config(folder: Path) -> tuple[str, str]:
    """Write the configuration of what the server of the tests serves."""
    (folder / "config.toml").write_text(
        '[inbox]\nurl = "sqlite:inbox.db"\n[[endpoint]]\nsecret_file = "./secret"\n'
        '[[endpoint]]\npath = "/other"\nsecret = "of the other"\n[[plugin]]\nuse = "./store.py"\n'
    )
    return "--config", "config.toml"


@pytest.fixture
def mistyped(serve: Serve, reports: Reports, tmp_path: Path) -> Receiver:
    """A server whose secret file has the wrong secret: it refused five alerts."""
    receiver = serve(reports.plugin(tmp_path / "store.py", STORE))
    receiver.secret = "the right one"
    for number in range(5):
        assert receiver.send(make_alert("reboot", priority=number))[0] == 401
    return receiver


def test_a_mistyped_secret_costs_nothing(
    command: Command, mistyped: Receiver, reports: Reports
) -> None:
    place = admin(mistyped)
    assert len(kept(command, 5, *place)) == 5
    status, out, _ = command("quarantine", "retry", "--all", *place)
    assert status == 1
    assert "1: refused again: X-Signature does not fit" in out
    assert out.splitlines()[-1] == "5 refused"
    (mistyped.folder / "secret").write_text("the right one\n")
    reload(mistyped)
    status, out, err = command("quarantine", "retry", "--all", *place)
    assert (status, err) == (0, "")
    assert "1: accepted as alert 1" in out
    assert out.splitlines()[-1] == "5 accepted"
    assert len({reports.next()["id"] for _ in range(5)}) == 5
    assert kept(command, 0, *place) == []
    for result in ("refused", "accepted"):
        sentence = f": 5 quarantined requests {result}, by the operator of this machine\n"
        assert mistyped.output().count(sentence) == 1
    assert "kept in the quarantine: incm-webhook quarantine list" in mistyped.output()
    for secret in ("the right one", mistyped.secret):
        assert secret not in mistyped.output()


def test_retry_without_a_server(
    command: Command, program: Command, mistyped: Receiver, reports: Reports, serve: Serve
) -> None:
    kept(command, 5, *admin(mistyped))
    mistyped.stop()
    place = (*config(mistyped.folder), *NOWHERE)
    (mistyped.folder / "secret").write_text("the right one")
    status, _, err = program("quarantine", "retry", "--all", *NOWHERE, "--inbox", "inbox.db")
    assert status == 2
    assert "secret" in err
    status, out, err = program("quarantine", "retry", "1", "2", "99", "--json", *place)
    assert status == 1, err
    results = {one["id"]: one["result"] for one in map(json.loads, out.splitlines())}
    assert results == {99: "gone", 1: "accepted", 2: "accepted"}
    status, out, _ = program("quarantine", "retry", "--endpoint", "/webhook", *place)
    assert (status, out.splitlines()[-1]) == (0, "3 accepted")
    serve(mistyped.folder / "store.py")
    assert len({reports.next()["id"] for _ in range(5)}) == 5


def test_show_explains(command: Command, serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "store.py").write_text("def on_alert(alert, ctx): ...\n")
    receiver = serve("./store.py")
    place = (*admin(receiver), *config(tmp_path))
    body = make_alert("reboot").raw
    secret = receiver.secret
    cases = (
        (sign(body, "of the other"), body, "signed with secret 1 of /other"),
        (sign(body, secret + "\n"), body, "with a line end (LF) after it"),
        (sign(b"[1] x", secret), b"[1] x\n", "without the line end"),
        ("", body, "no X-Signature"),
        (sign(body, "unknown"), body, "fits none of the secrets"),
        ("nonsense", b"\xff\x00\x1b[31m", "not an HMAC-SHA256"),
    )
    for number, (signature, sent, cause) in enumerate(cases, 1):
        assert receiver.send(sent, signature=signature)[0] == 401
        kept(command, number, *place)
        status, out, err = command("quarantine", "show", str(number), *place)
        assert (status, err) == (0, "")
        assert cause in out
        assert "127.0.0.1" in out
        assert secret not in out
    assert "\\xff" in out
    status, out, _ = command("quarantine", "show", "1", "--json", *place)
    assert json.loads(out)["body"] == body.decode()
    assert "/other" in json.loads(out)["causes"][0]
    assert command("quarantine", "show", "77", *place)[0] == 1
    status, out, _ = command("quarantine", "show", "1", *admin(receiver))
    assert status == 0
    assert "why         not known: there is no secret to compare with\n" in out
    assert "what to do  incm-webhook quarantine show 1 --secret-file FILE\n" in out
    assert "unsigned" not in out


def test_a_flood_from_one_address_keeps_the_burst_and_nothing_authentic_goes(
    command: Command, serve: Serve
) -> None:
    receiver = serve("log")
    place = admin(receiver)
    assert receiver.send(b"no JSON")[0] == 400
    with Sender(receiver.url) as sender:
        for number in range(3 * BURST):
            assert sender.post(b"%d" % number, "wrong").status == 401
            if number + 1 in (BURST // 2, BURST):  # more than 64 would not wait for a slow disk
                kept(command, number + 2, *place)
    found = kept(command, BURST + 1, *place)
    wrong = [one for one in found if one["kind"] == "wrong-signature"]
    assert BURST <= len(wrong) < 2 * BURST  # one more each six seconds
    authentic = kept(command, 1, "--kind", "not-json", *place)
    assert [one["bytes"] for one in authentic] == [7]
    assert metric(receiver, 'incm_webhook_quarantine_dropped_total{reason="rate"}') > BURST
    assert metric(receiver, 'incm_webhook_quarantined{reason="not-json"}') == 1
    assert receiver.send(make_alert("reboot"))[0] == 200
    out = command("inbox", "stats", *place)[1]
    assert "1 not-json" in out
    status, out, _ = command("quarantine", "retry", "--kind", "not-json", *place)
    assert status == 1
    assert "JSON" in out


def test_large_bodies_and_repetitions_are_not_kept(command: Command, serve: Serve) -> None:
    receiver = serve("log")
    place = admin(receiver)
    assert receiver.send(b"x" * (256 * 1024 + 1), signature="wrong")[0] == 401
    for _ in range(3):
        assert receiver.send(b"again", signature="wrong")[0] == 401
    assert receiver.send(b"again", signature="")[0] == 401
    found = kept(command, 2, *place)
    assert [one["kind"] for one in found] == ["missing-signature", "wrong-signature"]
    assert metric(receiver, 'incm_webhook_quarantine_dropped_total{reason="size"}') == 1
    assert "not kept in the quarantine: the body is longer than 256 KiB" in receiver.output()


def test_drop_asks_or_wants_yes(command: Command, mistyped: Receiver) -> None:
    place = admin(mistyped)
    kept(command, 5, *place)
    status, _, err = command("quarantine", "drop", "--all", *place)
    assert status == 2
    assert "--yes" in err
    assert command("quarantine", "drop", "1", *place)[:2] == (0, "1 request dropped\n")
    assert command("quarantine", "drop", "1", *place)[0] == 1
    status, out, _ = command("quarantine", "drop", "--endpoint", "/webhook", "--yes", *place)
    assert (status, out) == (0, "4 requests dropped\n")
    assert kept(command, 0, *place) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("retry",), "say which"),
        (("retry", "1", "--all"), "say which"),
        (("drop", "--kind", "odd", "--yes"), "odd"),
        (("list", "--since", "soon"), "--since"),
    ],
)
def test_wrong_usage(command: Command, arguments: tuple[str, ...], message: str) -> None:
    status, _, err = command("quarantine", *arguments, *NOWHERE)
    assert status == 2
    assert message in err
