"""`check` finds what is wrong with the machine, where it is configured, and says a way out."""

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
FILE = """\
[server]
listen = "127.0.0.1:0"
admin = "off"
[inbox]
url = "sqlite:inbox/inbox.db"
[[endpoint]]
secret_file = "secret"
[[plugin]]
use = "{plugin}"
"""


class Environment(NamedTuple):
    """One broken environment.

    Attributes:
        name: what is wrong.
        spoil: makes it so, in the folder of the test.
        line: the key whose line is named; "" when there is none.
        says: what the message says is wrong.
        way_out: what it says to do.
        status: the exit status of `check`.
        plugin: the plugin.
    """

    name: str
    spoil: Callable[[Path], object]
    line: str
    says: str
    way_out: str
    status: int
    plugin: str = "log"


def database(change: str) -> Callable[[Path], None]:
    """An inbox of an old version, with a change."""

    def spoil(folder: Path) -> None:
        with closing(sqlite3.connect(folder / "inbox" / "inbox.db")) as one:
            one.executescript((ROOT / "tests/golden/inbox_v8.sql").read_text())
            one.executescript(change)

    return spoil


def replace(text: str, by: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = folder / "incm-webhook.toml"
        assert text in path.read_text()
        path.write_text(path.read_text().replace(text, by))

    return spoil


def hidden(package: str) -> Callable[[Path], None]:
    """A package that cannot be imported, as if its extra were not installed."""

    def spoil(folder: Path) -> None:
        (folder / "path").mkdir()
        (folder / "path" / f"{package}.py").write_text(
            f"raise ModuleNotFoundError(\"No module named '{package}'\", name='{package}')\n"
        )

    return spoil


def plugin_file(text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / "noc.py").write_text(text)


def file_in_place_of_the_folder(folder: Path) -> None:
    (folder / "inbox").rmdir()
    (folder / "inbox").touch()


def read_only_file(folder: Path) -> None:
    database("")(folder)
    (folder / "inbox" / "inbox.db").chmod(0o400)


ENVIRONMENTS = [
    Environment(
        "the folder is missing",
        lambda at: (at / "inbox").rmdir(),
        "url",
        "does not exist",
        "create it",
        3,
    ),
    Environment(
        "the folder is read-only",
        lambda at: (at / "inbox").chmod(0o500),
        "url",
        "is not writable",
        "give it write access",
        3,
    ),
    Environment(
        "the folder is a file",
        file_in_place_of_the_folder,
        "url",
        "does not exist",
        "create it",
        3,
    ),
    Environment(
        "the file is no database",
        lambda at: (at / "inbox" / "inbox.db").write_text("my diary" * 1000),
        "url",
        "is not an inbox of this program",
        "name another path, or move the file away",
        3,
    ),
    Environment(
        "the file is another program's",
        lambda at: sqlite3.connect(at / "inbox" / "inbox.db").executescript("CREATE TABLE x (y)"),
        "url",
        "is not an inbox of this program",
        "name another path, or move the file away",
        3,
    ),
    Environment(
        "a newer version wrote it",
        database("PRAGMA user_version = 99"),
        "url",
        "is of version 99",
        "use the newer program",
        3,
    ),
    Environment(
        "the file is a folder",
        lambda at: (at / "inbox" / "inbox.db").mkdir(),
        "url",
        "is not a file",
        "name a file for the inbox",
        3,
    ),
    Environment(
        "the file is read-only",
        read_only_file,
        "url",
        "is not writable",
        "give it write access",
        3,
    ),
    Environment(
        "the disk is full",
        replace('inbox/inbox.db"', 'inbox/inbox.db"\nreserve = "1000000GiB"'),
        "reserve",
        "are kept free",
        "make room, or lower reserve",
        3,
    ),
    Environment(
        "the secret may be read by others",
        lambda at: (at / "secret").chmod(0o644),
        "secret_file",
        "every user of this machine may read the secret file",
        "chmod o-r",
        0,
    ),
    Environment(
        "the secret may not be read",
        lambda at: (at / "secret").chmod(0),
        "secret_file",
        "permission denied",
        "let this user read it",
        2,
    ),
    Environment(
        "the secret is empty",
        lambda at: (at / "secret").write_text(""),
        "secret_file",
        "is empty",
        "put the webhook's secret token in it",
        2,
    ),
    Environment(
        "the secret has a byte order mark",
        lambda at: (at / "secret").write_bytes(b"\xef\xbb\xbftoken"),
        "secret_file",
        "begins with a byte order mark",
        "write the secret token alone",
        0,
    ),
    Environment(
        "the extra of a plugin is missing",
        hidden("paho"),
        "use",
        "paho",
        "incm-webhook[mqtt]",
        4,
        'mqtt"\nconfig = { host = "127.0.0.1" }\nname = "phones',
    ),
    Environment(
        "a plugin needs a package",
        plugin_file("import no_such_package\n"),
        "use",
        "noc.py:1",
        "no_such_package",
        4,
        "./noc.py",
    ),
    Environment(
        "the configuration may not be read",
        lambda at: (at / "incm-webhook.toml").chmod(0),
        "",
        "cannot read the configuration",
        "permission denied: let this user read it",
        2,
    ),
    Environment(
        "a folder for the ready file is missing",
        replace('admin = "off"', 'admin = "off"\nready_file = "nowhere/ready.json"'),
        "ready_file",
        "there is no folder",
        "create it",
        2,
    ),
]


def check(folder: Path) -> tuple[int, str]:
    """Run `check` in a process that file modes bind, also as root."""
    command = [sys.executable, "-m", "incm_webhook", "check"]
    if os.geteuid() == 0:
        drop = "-dac_override,-dac_read_search"
        command = ["setpriv", f"--bounding-set={drop}", f"--inh-caps={drop}", *command]
    path = os.pathsep.join([str(folder / "path"), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    output = done.stdout + done.stderr
    assert "Traceback" not in output
    return done.returncode, output


@pytest.fixture
def folder(workdir: Path) -> Path:
    (workdir / "inbox").mkdir()
    return workdir


@pytest.mark.skipif(not shutil.which("setpriv"), reason="setpriv is not installed")
@pytest.mark.parametrize("one", ENVIRONMENTS, ids=[one.name for one in ENVIRONMENTS])
def test_a_broken_environment_is_found_where_it_is_configured(
    folder: Path, one: Environment
) -> None:
    path = folder / "incm-webhook.toml"
    path.write_text(FILE.replace("{plugin}", one.plugin))
    one.spoil(folder)
    lines = [] if not one.line else path.read_text().split("\n")
    number = next((n for n, line in enumerate(lines, 1) if line.startswith(one.line)), None)
    status, output = check(folder)
    assert status == one.status
    named = [
        line
        for line in output.splitlines()
        if (number is None and str(path) in line)
        or f"{path}:{number}: " in line
        or f"{path}, line {number})" in line
    ]
    assert any(one.says in line and one.way_out in line for line in named), output


def test_a_port_that_another_program_has(folder: Path) -> None:
    path = folder / "incm-webhook.toml"
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        path.write_text(FILE.replace("127.0.0.1:0", f"127.0.0.1:{port}").format(plugin="log"))
        status, output = check(folder)
    assert status == 3
    assert f"{path}:2: [server] listen: cannot listen on 127.0.0.1:{port}: process " in output
    assert "stop it, or choose another port" in output


def test_a_misspelt_variable(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "incm-webhook.toml").write_text(FILE.format(plugin="log"))
    monkeypatch.setenv("INCM_WEBHOOK_LISTN", "127.0.0.1:0")
    status, output = check(folder)
    assert status == 0
    assert (
        'INCM_WEBHOOK_LISTN is not known and has no effect; did you mean "INCM_WEBHOOK_LIST'
        in output
    )
