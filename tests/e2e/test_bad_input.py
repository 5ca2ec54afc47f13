"""Every mistake gets a clear message and the right status; nothing stored is lost."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from incm_webhook import ConfigError, sign
from incm_webhook.service.ready_file import check_ready_file
from incm_webhook.testing import Receiver, make_alert

Serve = Callable[..., Receiver]


@pytest.fixture
def receiver(serve: Serve) -> Receiver:
    return serve("log")


PROBLEM = "urn:incm-webhook:problem:"


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (b"", 400, "not-json"),
        (b'{"a": ', 400, "not-json"),
        (b"not json", 400, "not-json"),
        (b"\xff\xfe{}", 400, "not-json"),
        (b"[" * 100_000 + b"]" * 99_999, 400, "not-json"),
        (b"x" * 5_000_000, 413, "body-too-large"),
    ],
    ids=["empty", "broken", "text", "utf-16", "deep", "5 MB"],
)
def test_an_authentic_body_that_is_no_alert(
    receiver: Receiver, body: bytes, status: int, kind: str
) -> None:
    answer = receiver.send(body, signature=sign(body, receiver.secret))
    assert answer[0] == status
    assert answer[1]["type"] == PROBLEM + kind
    assert receiver.send(make_alert("reboot")) == (200, {"status": "accepted", "id": 1})


def test_deep_nesting_that_is_json_is_stored(receiver: Receiver) -> None:
    body = b"[" * 100_000 + b"]" * 100_000
    assert receiver.send(body, signature=sign(body, receiver.secret))[0] == 200


@pytest.mark.parametrize(
    ("signature", "kind"),
    [
        ("", "missing-signature"),
        ("garbled", "wrong-signature"),
        ("A" * 43 + "=", "wrong-signature"),
    ],
)
def test_missing_garbled_and_wrong_signatures(
    receiver: Receiver, signature: str, kind: str
) -> None:
    alert = make_alert("reboot")
    status, problem = receiver.send(alert, signature=signature)
    assert (status, problem["type"]) == (401, PROBLEM + kind)
    right = sign(alert.raw, receiver.secret)
    assert right not in str(problem)
    receiver.stop()
    assert right not in receiver.output()
    assert receiver.secret not in receiver.output()
    assert "refused a request from 127.0.0.1" in receiver.output()


def run(*arguments: str, folder: Path, without_privilege: bool = False) -> tuple[int, str]:
    """Run `incm-webhook serve` to its end; without_privilege: file modes bind root, too."""
    command = [sys.executable, "-m", "incm_webhook", *arguments]
    if without_privilege and os.geteuid() == 0:
        drop = "-dac_override,-dac_read_search"
        command = ["setpriv", f"--bounding-set={drop}", f"--inh-caps={drop}", *command]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def serve_once(*arguments: str, folder: Path, without_privilege: bool = False) -> tuple[int, str]:
    (folder / "secret").write_text("s3cret-value")
    (folder / "secret").chmod(0o600)
    common = ("serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
    status, log = run(*common, *arguments, folder=folder, without_privilege=without_privilege)
    assert "s3cret-value" not in log
    return status, log


SIGNED = ("--secret-file", "./secret")


def test_neither_secret_nor_unsigned(tmp_path: Path) -> None:
    status, log = serve_once(folder=tmp_path)
    assert status == 2
    assert "--secret-file" in log
    assert "unsigned" in log


def test_an_unknown_key_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(
        '[server]\nlissen = "x"\n[[plugin]]\nuse = "log"\nretrys = 1\n'
    )
    status, log = serve_once("--config", "c.toml", *SIGNED, folder=tmp_path)
    assert status == 2
    assert '"lissen"' in log
    assert '"listen"' in log
    assert '"retrys"' in log
    assert '"retry"' in log


def test_an_unreadable_secret(tmp_path: Path) -> None:
    (tmp_path / "locked").write_text("x")
    (tmp_path / "locked").chmod(0)
    status, log = serve_once("--secret-file", "./locked", folder=tmp_path, without_privilege=True)
    assert status == 2
    assert "locked" in log
    assert "ermission denied" in log
    status, log = serve_once("--secret-file", "./missing", folder=tmp_path)
    assert status == 2
    assert "missing" in log


def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        status, log = serve_once("--listen", address, *SIGNED, folder=tmp_path)
        assert status == 3
        assert log.count(address) == 1
        assert "Address already in use" in log
        status, log = serve_once("--admin", address, *SIGNED, folder=tmp_path)
    assert status == 3
    assert "choose another address with --admin" in log


def test_a_ready_file_that_cannot_be_written(tmp_path: Path) -> None:
    for place in ("./nowhere/ready.json", "."):
        status, log = serve_once(*SIGNED, "--ready-file", place, folder=tmp_path)
        assert status == 2
        assert "--ready-file" in log
        assert not (tmp_path / "inbox.db").exists()


def test_a_ready_file_does_not_take_the_place_of_a_device_or_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="is a device or pipe: name a file"):
        check_ready_file(tmp_path / "pipe", "--ready-file")
    with pytest.raises(ConfigError, match="cannot contain a zero byte"):
        check_ready_file(tmp_path / "a\0b", "--ready-file")
    check_ready_file(tmp_path / "ready.json", "--ready-file")


def test_a_read_only_inbox_folder(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    inbox = ("--inbox", "sqlite:locked/inbox.db")
    status, log = serve_once(*SIGNED, *inbox, folder=tmp_path, without_privilege=True)
    assert status == 3
    assert "locked" in log
    assert list((tmp_path / "locked").iterdir()) == []


def test_a_foreign_inbox_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "inbox.db").write_text("my diary")
    status, log = serve_once(*SIGNED, "--inbox", "./inbox.db", folder=tmp_path)
    assert status == 3
    assert "inbox.db" in log
    assert (tmp_path / "inbox.db").read_text() == "my diary"


def test_a_second_server_on_the_same_inbox(serve: Serve) -> None:
    receiver = serve("log")
    status, log = serve_once(*SIGNED, "--inbox", "./inbox.db", folder=receiver.folder)
    assert status == 3
    assert str(receiver.process.pid) in log


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("def on_alert(alert, ctx)\n    pass\n", ["bad.py:1", "expected ':'"]),
        ("\nraise RuntimeError('no Slack today')\n", ["bad.py:2", "no Slack today"]),
        ("raise SystemExit(0)\n", ["bad.py"]),
        ("import no_such_module_at_all\n", ["bad.py:1", "no_such_module_at_all"]),
        ("x = 1\n", ["bad.py", "on_alert"]),
    ],
    ids=["syntax", "raises", "exits", "import", "no handler"],
)
def test_a_plugin_that_cannot_be_loaded(tmp_path: Path, code: str, words: list[str]) -> None:
    (tmp_path / "bad.py").write_text(code)
    status, log = serve_once(*SIGNED, "--plugin", "./bad.py", folder=tmp_path)
    assert status == 4
    for word in words:
        assert word in log
    assert not (tmp_path / "inbox.db").exists()


def test_an_unknown_plugin_names_the_nearest(tmp_path: Path) -> None:
    status, log = serve_once(*SIGNED, "--plugin", "jsonll", folder=tmp_path)
    assert status == 4
    assert "jsonl" in log


@pytest.mark.parametrize(
    "arguments",
    [["serve", "--no-such-flag"], ["no-such-command"], ["serve", "--listen", "nowhere"]],
)
def test_wrong_usage(tmp_path: Path, arguments: list[str]) -> None:
    status, log = run(*arguments, folder=tmp_path)
    assert status == 2
    assert log
