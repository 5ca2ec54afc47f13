"""P10: a mistake that SIGHUP meets leaves the supervised server as it was."""

import signal
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from incm_webhook.testing import Receiver

from .test_supervise import SUPERVISED, Serve, children_of, send_until_answered, wait_for


def refused(receiver: Receiver, message: str) -> None:
    """Reload; the new server must log why and end, and the old one goes on."""
    before = children_of(receiver)
    receiver.process.send_signal(signal.SIGHUP)
    wait_for(receiver, "ended with status")
    assert "nothing is changed" in receiver.output()
    assert message in receiver.output()
    assert "stopping" not in receiver.output()
    assert children_of(receiver) == before
    send_until_answered(receiver)
    assert receiver.stop() == 0


def test_a_key_that_does_not_fit_changes_nothing(serve: Serve, tmp_path: Path) -> None:
    for name in ("one", "two"):
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout")
        made = ("-out", f"{name}.pem", "-days", "90", "-subj", "/CN=server")
        command = ["openssl", "req", "-x509", *key, f"{name}.key", *made]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    settings = tmp_path / "site.toml"
    settings.write_text("")
    receiver = serve("log", arguments=(*SUPERVISED, "--config", str(settings)))
    settings.write_text(
        '[server]\ntls = { certificate_file = "./one.pem", private_key_file = "./two.key" }\n'
    )
    refused(receiver, "two.key")


def make_foreign(folder: Path) -> None:
    (folder / "inbox.db").write_text("a letter")


def make_newer(folder: Path) -> None:
    with sqlite3.connect(folder / "inbox.db") as database:
        database.execute(f"PRAGMA application_id={0x494E434D}")
        database.execute("PRAGMA user_version=999")
    database.close()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Path.rmdir, "does not exist"),
        (make_foreign, "is not an inbox of this program"),
        (make_newer, "is of version 999"),
    ],
)
def test_an_inbox_of_no_use_changes_nothing(
    serve: Serve, tmp_path: Path, make: Callable[[Path], None], message: str
) -> None:
    first, second, current = (tmp_path / name for name in ("first", "second", "current"))
    first.mkdir()
    second.mkdir()
    current.symlink_to(first)
    receiver = serve("log", arguments=(*SUPERVISED, "--inbox", "./current/inbox.db"))
    make(second)
    current.unlink()
    current.symlink_to(second)
    refused(receiver, message)


def test_an_inbox_of_another_server_changes_nothing(serve: Serve, tmp_path: Path) -> None:
    current = tmp_path / "current"
    (tmp_path / "first").mkdir()
    current.symlink_to(tmp_path / "first")
    other = serve("log", folder="second")
    receiver = serve("log", arguments=(*SUPERVISED, "--inbox", "./current/inbox.db"))
    current.unlink()
    current.symlink_to(other.folder)
    refused(receiver, f"process {other.process.pid}")
