"""Commands that only read work on an inbox in a folder without the right to write, as a backup."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.conftest import DEADLINE_S, Command
from incm_webhook.testing import Receiver, make_alert

# Also for root, which the rights of a folder do not stop.
_MOUNT = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"'
_ALONE = ("unshare", "--mount", "--map-root-user", "sh", "-c", _MOUNT, "sh")
_PROBE = (*_ALONE, "/tmp", "true")
_CANNOT_MOUNT = subprocess.run(_PROBE, check=False, capture_output=True).returncode != 0

pytestmark = pytest.mark.skipif(_CANNOT_MOUNT, reason="this user may not mount")


@pytest.fixture
def folder(serve: Callable[..., Receiver], tmp_path: Path) -> Path:
    """A folder with the closed inbox.db, and the crashed one killed.db with its log."""
    place = tmp_path / "copies"
    place.mkdir()
    for name, ends in (("inbox.db", Receiver.stop), ("killed.db", _kill)):
        receiver = serve("log", folder=name.removesuffix(".db"))
        for number in range(3):
            assert receiver.send(make_alert("reboot", id=f"a{number}"))[0] == 200
        ends(receiver)
        for file in receiver.folder.glob("inbox.db*"):
            if not file.name.endswith((".lock", "-shm")):
                file.rename(place / file.name.replace("inbox.db", name))
    return place


def _kill(receiver: Receiver) -> None:
    receiver.process.kill()
    receiver.process.wait()


@pytest.fixture
def look(folder: Path) -> Command:
    """Run a command for which the folder is read-only; all of it stays as it was."""

    def run(*arguments: str) -> tuple[int, str, str]:
        before = {one.name: one.read_bytes() for one in folder.iterdir()}
        done = subprocess.run(
            [*_ALONE, str(folder), sys.executable, "-m", "incm_webhook", *arguments],
            cwd=folder.parent,
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE_S,
        )
        assert {one.name: one.read_bytes() for one in folder.iterdir()} == before
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.mark.parametrize(
    "arguments",
    [("inbox", "list"), ("inbox", "show", "2"), ("inbox", "stats"), ("dead", "list"),
     ("dead", "show", "2"), ("quarantine", "list")],
    ids="-".join,
)  # fmt: skip
def test_reading_commands_work_in_a_read_only_folder(
    look: Command, folder: Path, arguments: tuple[str, ...]
) -> None:
    place = ("--inbox", str(folder / "inbox.db"), "--admin", "127.0.0.1:1")
    status, out, err = look(*arguments, "--json", *place)
    assert status == 0, err
    assert "Traceback" not in err
    if arguments == ("inbox", "list"):
        assert [json.loads(line)["id"] for line in out.splitlines()] == [3, 2, 1]
    if arguments == ("inbox", "stats"):
        assert json.loads(out)["alerts"] == 3


def test_a_log_that_cannot_be_read_there_is_reported(look: Command, folder: Path) -> None:
    place = ("--inbox", str(folder / "killed.db"), "--admin", "127.0.0.1:1")
    status, _, err = look("inbox", "list", "--json", *place)
    assert status == 0, err
    assert f"the log {folder}/killed.db-wal cannot be read" in err
    assert "Copy both into a folder that can be written to see everything" in err


def test_commands_that_change_something_say_why_they_cannot(look: Command, folder: Path) -> None:
    place = ("--inbox", str(folder / "inbox.db"), "--admin", "127.0.0.1:1")
    status, out, err = look("replay", "1", *place)
    assert (status, out) == (3, "")
    assert "Read-only file system" in err
    assert "Traceback" not in err
