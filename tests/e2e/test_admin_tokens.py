"""The API of the admin listener wants a token, once one is configured."""

import http.client
import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from incm_webhook.testing import Receiver, make_alert

from .conftest import DEADLINE_S, Command

Serve = Callable[..., Receiver]
OPS, VIEWER, NEXT = (f"{name}{'0123456789abcdef' * 2}" for name in ("ops", "viewer", "next"))
TOKENS = """\
[[admin_token]]
name = "ops"
file = "ops.token"
role = "operate"
[[admin_token]]
name = "viewer"
env = "VIEWER_TOKEN"
"""
OPEN_PAGES = ("/healthz", "/readyz", "/readyz?verbose", "/metrics")
SLOW = """\
def on_alert(alert, ctx):
    raise RuntimeError("the target says no")
"""


@pytest.fixture
def receiver(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Receiver:
    monkeypatch.setenv("VIEWER_TOKEN", VIEWER)
    write_token(tmp_path / "ops.token", OPS)
    (tmp_path / "site.toml").write_text(TOKENS)
    return serve("log", arguments=("--config", "site.toml"))


def write_token(path: Path, text: str) -> None:
    path.write_text(text + "\n")
    path.chmod(0o600)


def ask(
    receiver: Receiver, target: str, token: str = "", body: Any = None, scheme: str = "Bearer"
) -> tuple[int, dict[str, str], str]:
    """Send one request to the admin listener; give status, header fields and text."""
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"{scheme} {token}"
    connection = http.client.HTTPConnection(urlsplit(receiver.admin_url).netloc)
    try:
        method = "GET" if body is None else "POST"
        connection.request(method, target, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.headers), answer.read().decode()
    finally:
        connection.close()


def wait_for(receiver: Receiver, text: str) -> str:
    deadline = time.monotonic() + DEADLINE_S
    while text not in receiver.output():
        assert time.monotonic() < deadline, receiver.output()
        time.sleep(0.02)
    return receiver.output()


def test_a_call_without_a_token_is_told_to_send_one(receiver: Receiver) -> None:
    for target in ("/api/v1/alerts", "/api/v1/status", "/api/v1/nowhere", "/api/"):
        status, headers, text = ask(receiver, target)
        assert status == 401
        assert headers["WWW-Authenticate"] == 'Bearer realm="incm-webhook"'
        assert headers["Content-Type"] == "application/problem+json"
        assert json.loads(text)["type"] == "urn:incm-webhook:problem:missing-token"
    assert ask(receiver, "/api/v1/dead/retry", body={"all": True})[0] == 401


@pytest.mark.parametrize(
    "token", [OPS[:-1], OPS + "0", OPS.upper(), VIEWER + OPS, "x", f"{OPS},{OPS}"]
)
def test_a_token_that_differs_a_little_is_refused(receiver: Receiver, token: str) -> None:
    status, headers, text = ask(receiver, "/api/v1/alerts", token)
    assert status == 401
    assert headers["WWW-Authenticate"].endswith('error="invalid_token"')
    assert json.loads(text)["type"] == "urn:incm-webhook:problem:wrong-token"


def test_another_scheme_is_no_token(receiver: Receiver) -> None:
    assert ask(receiver, "/api/v1/alerts", OPS, scheme="Basic")[0] == 401
    assert ask(receiver, "/api/v1/alerts", OPS, scheme="bearer")[0] == 200


def test_a_token_that_reads_changes_nothing(receiver: Receiver) -> None:
    assert receiver.send(make_alert("reboot"))[0] == 200
    assert ask(receiver, "/api/v1/alerts", VIEWER)[0] == 200
    assert ask(receiver, "/api/v1/status", VIEWER)[0] == 200
    status, _, text = ask(receiver, "/api/v1/replay", VIEWER, {"plugins": ["log"]})
    assert status == 403
    assert 'role = "operate"' in json.loads(text)["detail"]
    assert "replayed" not in receiver.output()
    assert "by token viewer from 127.0.0.1 with 403" in receiver.output()


def test_the_log_says_who_made_a_change(receiver: Receiver) -> None:
    assert receiver.send(make_alert("reboot"))[0] == 200
    status, _, text = ask(receiver, "/api/v1/state/drop", OPS, {"plugin": "log", "all": True})
    assert status == 200, text
    assert ", by token ops from 127.0.0.1\n" in wait_for(receiver, "changed through the admin API")


def test_health_and_metrics_need_no_token_and_show_no_reasons(serve: Serve, tmp_path: Path) -> None:
    write_token(tmp_path / "ops.token", OPS)
    (tmp_path / "site.toml").write_text(TOKENS.partition('[[admin_token]]\nname = "viewer"')[0])
    (tmp_path / "pager.py").write_text(SLOW)
    receiver = serve(tmp_path / "pager.py", arguments=("--config", "site.toml"))
    for number in range(6):
        receiver.send(make_alert("reboot", priority=number))
    wait_for(receiver, "the target says no")
    for target in OPEN_PAGES:
        assert ask(receiver, target)[0] == 200, target
        assert ask(receiver, target, "of-another-server")[0] == 200, target
    deadline = time.monotonic() + DEADLINE_S
    while "the target says no" not in ask(receiver, "/readyz", OPS)[2]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    for target in OPEN_PAGES:
        assert "the target says no" not in ask(receiver, target)[2], target


def test_refusals_are_counted_in_one_line_and_no_token_is_shown(receiver: Receiver) -> None:
    for _ in range(20):
        assert ask(receiver, "/api/v1/alerts", "guess" + OPS)[0] == 401
        assert ask(receiver, "/api/v1/alerts")[0] == 401
    output = receiver.output()
    assert output.count("refused a call of the admin API from 127.0.0.1 with 401") == 2
    assert "it has no token" in output
    assert "its token is none of the configured ones" in output
    assert OPS not in output


def test_tokens_are_replaced_while_the_server_runs(receiver: Receiver, tmp_path: Path) -> None:
    reload = receiver.process.send_signal
    write_token(tmp_path / "next.token", NEXT)
    both = TOKENS + '[[admin_token]]\nname = "ops"\nfile = "next.token"\nrole = "operate"\n'
    (tmp_path / "site.toml").write_text(both)
    reload(signal.SIGHUP)
    wait_for(receiver, "reloaded")
    assert ask(receiver, "/api/v1/alerts", OPS)[0] == 200
    assert ask(receiver, "/api/v1/alerts", NEXT)[0] == 200
    (tmp_path / "site.toml").write_text(both.replace("ops.token", "missing.token"))
    reload(signal.SIGHUP)
    wait_for(receiver, "reload failed")
    assert ask(receiver, "/api/v1/alerts", OPS)[0] == 200
    write_token(tmp_path / "ops.token", NEXT)
    (tmp_path / "site.toml").write_text(TOKENS)
    reload(signal.SIGHUP)
    deadline = time.monotonic() + DEADLINE_S
    while ask(receiver, "/api/v1/alerts", OPS)[0] != 401:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert ask(receiver, "/api/v1/alerts", NEXT)[0] == 200


def test_commands_send_a_token(
    receiver: Receiver, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VIEWER_TOKEN")
    place = urlsplit(receiver.admin_url).netloc
    at = ("--admin", place)
    status, out, err = command("inbox", "stats", *at)
    assert (status, out) == (1, "")
    assert f"the server at {place} wants a token: --token-file FILE or" in err
    assert command("status", *at)[0] == 1
    assert command("inbox", "stats", *at, "--token-file", "ops.token")[0] == 0
    assert command("status", *at, "--token-file", "ops.token")[0] == 0
    assert command("plugins", *at, "--token-file", "ops.token")[0] == 0
    assert command("plugins", "state", *at, "--token-file", "ops.token")[0] == 0
    assert command("inbox", "stats", *at, "--config", "site.toml")[0] == 0
    simulation = (
        *("simulate", receiver.url, "--count", "1", "--rate", "100"),
        *("--secret-file", "secret", "--verify-inbox", receiver.admin_url),
    )
    status, _, err = command(*simulation)
    assert status != 0
    assert "it wants a token" in err
    assert command(*simulation, "--token-file", "ops.token")[0] == 0
    monkeypatch.setenv("INCM_WEBHOOK_ADMIN_TOKEN", VIEWER)
    assert command("inbox", "stats", *at)[0] == 0
    status, _, err = command("replay", "--since", "1h", *at)
    assert status == 1
    assert "the token viewer only reads" in err
    monkeypatch.setenv("INCM_WEBHOOK_ADMIN_TOKEN", NEXT)
    status, _, err = command("inbox", "stats", *at)
    assert status == 1
    assert "does not accept the variable INCM_WEBHOOK_ADMIN_TOKEN" in err
    for wrong, sentence in (("short", "5 characters"), ("with a space in it\n", "characters that")):
        (tmp_path / "wrong").write_text(wrong)
        status, _, err = command("inbox", "stats", *at, "--token-file", "wrong")
        assert status == 2
        assert sentence in err
        assert wrong.strip() not in err


def test_a_token_that_cannot_be_read_is_named_only_when_it_is_needed(
    receiver: Receiver, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VIEWER_TOKEN")
    (tmp_path / "ops.token").unlink()
    at = ("--admin", urlsplit(receiver.admin_url).netloc)
    status, _, err = command("inbox", "stats", *at, "--config", "site.toml")
    assert status == 1
    assert "cannot read the secret file" in err
    assert "ops.token" in err


def test_without_tokens_a_change_is_by_the_operator_of_this_machine(serve: Serve) -> None:
    receiver = serve("log")
    assert ask(receiver, "/api/v1/alerts", "not-configured")[0] == 200
    assert ask(receiver, "/api/v1/state/drop", body={"plugin": "log", "all": True})[0] == 200
    wait_for(receiver, ", by the operator of this machine\n")
