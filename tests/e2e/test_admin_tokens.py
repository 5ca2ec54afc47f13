"""The API of the admin listener wants a token, once one is configured."""

import http.client
import http.server
import json
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import pytest

from incm_webhook.testing import Receiver, make_alert

from .conftest import DEADLINE_S, Command
from .test_proxies import free_port

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


def delivered(receiver: Receiver) -> Any:
    """Wait until the first alert is delivered; give its deliveries."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        answer = json.loads(ask(receiver, "/api/v1/alerts/1", OPS)[2])
        if all(one["state"] == "delivered" for one in answer["deliveries"]):
            return answer["deliveries"]
        assert time.monotonic() < deadline, answer
        time.sleep(0.02)


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
    before = delivered(receiver)
    status, _, text = ask(receiver, "/api/v1/replay", VIEWER, {"plugins": ["log"]})
    assert status == 403
    assert 'role = "operate"' in json.loads(text)["detail"]
    assert delivered(receiver) == before
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


def test_the_reason_of_an_overdue_canary_is_shown_only_for_a_token(tmp_path: Path) -> None:
    write_token(tmp_path / "ops.token", OPS)
    canary = {"every": "1s", "timeout": "500ms", "overdue": "1500ms"}
    canary["url"] = f"http://127.0.0.1:{free_port()}/of-the-proxy"
    tables = {"canary": canary, "admin_token": [{"name": "ops", "file": "ops.token"}]}
    with Receiver(tmp_path, config=tables, admin_token=OPS) as receiver:
        deadline = time.monotonic() + DEADLINE_S
        while ask(receiver, "/readyz")[0] != 503:
            assert time.monotonic() < deadline, receiver.output()
            time.sleep(0.02)
        status, headers, text = ask(receiver, "/readyz")
        assert (status, headers["Retry-After"]) == (503, "10")
        assert json.loads(text)["type"] == "urn:incm-webhook:problem:canary-overdue"
        assert "no canary has come back" in json.loads(text)["detail"]
        assert "of-the-proxy" not in text
        assert "of-the-proxy" in json.loads(ask(receiver, "/readyz", OPS)[2])["detail"]
        receiver.wait_until_settled()


def test_a_test_without_the_token_is_told_to_pass_it(receiver: Receiver) -> None:
    with pytest.raises(RuntimeError, match="answered 401: pass admin_token"):
        receiver.wait_until_settled()


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


class Stranger:
    """A listener of somebody else, which notes what commands send to it."""

    def __init__(self) -> None:
        self.sent: list[str | None] = []
        stranger = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                stranger.sent.append(self.headers["Authorization"])
                self.send_error(404)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration with a token, which the environment names."""
    write_token(tmp_path / "ops.token", OPS)
    (tmp_path / "secret").write_text("secret")
    tokens = TOKENS.partition('[[admin_token]]\nname = "viewer"')[0]
    (tmp_path / "site.toml").write_text(tokens + '[[endpoint]]\nsecret_file = "secret"\n')
    monkeypatch.setenv("INCM_WEBHOOK_CONFIG", str(tmp_path / "site.toml"))


@pytest.mark.usefixtures("configured")
def test_a_token_is_not_sent_to_a_server_that_the_configuration_does_not_name(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Stranger() as stranger:
        at = ("--admin", stranger.address)
        for words in (("inbox", "stats"), ("status",), ("plugins",)):
            assert command(*words, *at)[0] == 1, words
        monkeypatch.setenv("INCM_WEBHOOK_ADMIN", stranger.address)
        assert command("inbox", "stats")[0] == 1
        assert command("plugins")[0] == 0
        assert command("plugins", "--config", "site.toml")[0] == 0
        assert len(stranger.sent) >= 6
        assert set(stranger.sent) == {None}


@pytest.mark.usefixtures("configured")
def test_a_token_is_sent_where_the_operator_says_so(command: Command) -> None:
    with Stranger() as stranger:
        at = ("--admin", stranger.address)
        for words in (("inbox", "stats"), ("plugins",), ("status",), ("reload",)):
            for how in (("--config", "site.toml"), ("--token-file", "ops.token")):
                command(*words, *at, *how)
        assert len(stranger.sent) >= 6
        assert set(stranger.sent) == {f"Bearer {OPS}"}


@pytest.mark.usefixtures("configured")
def test_plugins_asks_its_server_with_the_token_of_the_flag(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_token(tmp_path / "next.token", NEXT)
    with Stranger() as stranger:
        monkeypatch.setenv("INCM_WEBHOOK_ADMIN", stranger.address)
        assert command("plugins", "--token-file", "next.token")[0] == 0
        monkeypatch.setenv("INCM_WEBHOOK_ADMIN_TOKEN", VIEWER)
        assert command("plugins")[0] == 0
        assert stranger.sent == [f"Bearer {NEXT}", f"Bearer {VIEWER}"]


def test_a_reload_that_removes_the_last_token_is_logged(receiver: Receiver, tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text("")
    receiver.process.send_signal(signal.SIGHUP)
    wait_for(receiver, "no [[admin_token]] any more: whoever reaches the admin listener may")
    assert ask(receiver, "/api/v1/alerts")[0] == 200


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
