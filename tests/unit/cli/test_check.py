"""`check` tries what `serve` will do, prints all findings, and leaves nothing behind."""

import fcntl
import os
import resource
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from incm_webhook.check import listeners, mounts, plugins
from incm_webhook.check.port_holder import Holder, holders_of
from incm_webhook.cli.program import main
from incm_webhook.config.server import share_a_port

pytestmark = pytest.mark.slow

Write = Callable[[str, str], Path]
Run = Callable[..., tuple[int, str, str]]
SIGNED = '[[endpoint]]\nsecret_file = "secret"\n'
FREE = 'listen = "127.0.0.1:0"\nadmin = "127.0.0.1:0"\n'


@pytest.fixture
def check(workdir: Path, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run `check`; give its status and what it wrote to both streams."""

    def run_check(*arguments: str) -> tuple[int, str, str]:
        status = main(["check", *arguments])
        out, err = capfd.readouterr()
        assert "Traceback" not in err
        return status, out, err

    return run_check


@pytest.fixture
def configure(write: Write) -> Callable[..., None]:
    """Write a configuration that is right but for what the test adds."""

    def write_file(server: str = FREE, more: str = "", inbox: str = "") -> None:
        write("incm-webhook.toml", f"[server]\n{server}[inbox]\n{inbox}{SIGNED}{more}")

    return write_file


def taken() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("127.0.0.1:1", "127.0.0.1:1", True),
        ("127.0.0.1:1", "127.0.0.1:2", False),
        ("127.0.0.1:1", "127.0.0.2:1", False),
        ("127.0.0.1:0", "127.0.0.1:0", False),
        ("0.0.0.0:1", "127.0.0.1:1", True),
        ("127.0.0.1:1", "0.0.0.0:1", True),
        ("[::]:1", "127.0.0.1:1", True),
        ("[::]:1", "[::1]:1", True),
        ("0.0.0.0:1", "[::1]:1", False),
        ("localhost:1", "localhost:1", True),
        ("[::ffff:127.0.0.1]:1", "127.0.0.1:1", True),
        ("0.0.0.0:1", "[::ffff:127.0.0.1]:1", True),
        ("[0:0:0:0:0:0:0:1]:1", "[::1]:1", True),
        ("LOCALHOST:1", "localhost:1", True),
    ],
)
def test_which_listeners_are_in_each_others_way(one: str, other: str, shared: bool) -> None:
    assert share_a_port(one, other) is shared


def test_listen_equal_to_admin_is_a_fault_of_the_configuration(
    check: Run, configure: Callable[..., None], workdir: Path
) -> None:
    configure('listen = "127.0.0.1:9464"\n')
    status, _, err = check()
    assert status == 2
    assert err.startswith(f"incm-webhook: {workdir}/incm-webhook.toml:2: [server]: listen (127.")
    assert "want the same port: give each its own" in err
    assert main(["serve", "--unsigned", "--listen", "0.0.0.0:9464"]) == 2


def test_listen_and_admin_that_are_one_address_by_name_are_found(
    check: Run, configure: Callable[..., None], workdir: Path
) -> None:
    with taken() as one:
        port = one.getsockname()[1]
    configure(f'listen = "127.0.0.1:{port}"\nadmin = "localhost:{port}"\n')
    status, _, err = check()
    assert status == 2
    assert "[server] admin: is the place of listen, too: give each a port of its own" in err


def test_a_host_that_is_not_of_this_machine(check: Run, configure: Callable[..., None]) -> None:
    configure('listen = "192.0.2.1:0"\nadmin = "off"\n')
    status, _, err = check()
    assert status == 3
    assert "incm-webhook.toml:2: [server] listen: cannot listen on 192.0.2.1:0: " in err
    assert "not an address of this machine (`ip address` lists them)" in err


def test_a_host_that_cannot_be_resolved(
    check: Run, configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    configure('listen = "127.0.0.1:0"\nadmin = "off"\n')
    status, _, err = check("--listen", "nosuch.invalid:80")
    assert status == 3
    assert err.startswith(
        "incm-webhook: --listen: cannot listen on nosuch.invalid:80: the name nosuch.invalid "
        "cannot be resolved (Name or service not known): write an address of this machine"
    )


def test_a_port_that_another_program_has_names_the_program(
    check: Run, configure: Callable[..., None]
) -> None:
    with taken() as one:
        port = one.getsockname()[1]
        configure(f'listen = "127.0.0.1:0"\nadmin = "127.0.0.1:{port}"\n')
        status, _, err = check()
    assert status == 3
    assert f"[server] admin: cannot listen on 127.0.0.1:{port}: process {os.getpid()} has" in err
    assert "stop it, or choose another port" in err


def test_the_processes_that_listen_on_a_port_are_found() -> None:
    with taken() as one:
        found = holders_of(one.getsockname()[1])
        assert [holder.pid for holder in found] == [os.getpid()]
        assert "python" in found[0].command
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert holders_of(bound.getsockname()[1]) == []  # it does not listen


@pytest.mark.parametrize(
    ("holders", "words", "status"),
    [
        ([Holder(1, "/sbin/init")], "is held by systemd, for a socket unit", 0),
        ([], "a program of another user has the port", 3),
        ([Holder(77, "nginx: master")], "process 77 has the port (nginx: master)", 3),
    ],
)
def test_who_may_have_the_port(
    check: Run,
    configure: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    holders: list[Holder],
    words: str,
    status: int,
) -> None:
    monkeypatch.setattr(listeners, "holders_of", lambda _: holders)
    with taken() as one:
        configure(f'listen = "127.0.0.1:{one.getsockname()[1]}"\nadmin = "off"\n')
        got, out, err = check()
    assert got == status
    assert words in out + err


@pytest.mark.parametrize("who", ["server", "supervisor"])
def test_the_server_of_this_inbox_may_have_the_port(
    check: Run,
    configure: Callable[..., None],
    workdir: Path,
    monkeypatch: pytest.MonkeyPatch,
    who: str,
) -> None:
    holder = Holder(os.getpid() if who == "server" else os.getppid(), "python")
    monkeypatch.setattr(listeners, "holders_of", lambda _: [holder])
    with taken() as one, (workdir / "inbox.db.lock").open("w") as lock:
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        configure(f'listen = "127.0.0.1:{one.getsockname()[1]}"\nadmin = "off"\n')
        status, out, err = check()
    assert (status, err) == (0, "")
    assert f"is held by the server that has this inbox open (process {os.getpid()})" in out


@pytest.mark.parametrize("folder", ["/proc", "/sys", "/sys/kernel"])
def test_an_inbox_where_none_can_be(
    check: Run, configure: Callable[..., None], folder: str
) -> None:
    configure()
    status, _, err = check("--inbox", f"{folder}/inbox.db")
    assert status == 3
    assert err.startswith(f"incm-webhook: --inbox: the folder {folder} cannot hold an inbox")
    assert "name a folder on a local disk" in err


def test_an_inbox_that_is_a_link_to_itself(
    check: Run, configure: Callable[..., None], tmp_path: Path
) -> None:
    configure()
    loop = tmp_path / "loop.db"
    loop.symlink_to(loop)
    status, _, err = check("--inbox", str(loop))
    assert status == 3
    assert err == (
        f"incm-webhook: --inbox: cannot reach the inbox {loop}: Too many levels of symbolic links\n"
    )


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("nfs4", "is on a network file system (nfs4)"),
        ("tmpfs", "is in memory (tmpfs): all alerts are lost at the next restart"),
    ],
)
def test_a_file_system_that_is_no_good_for_an_inbox_is_warned_about(
    check: Run,
    configure: Callable[..., None],
    workdir: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    words: str,
) -> None:
    table = workdir / "mountinfo"
    table.write_text(
        "1 0 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n"
        f"2 1 8:2 / {workdir} rw shared:2 master:3 - {kind} none rw\n"
    )
    monkeypatch.setattr(mounts, "_TABLE", table)
    configure()
    status, out, _ = check()
    assert status == 0
    assert words in out
    assert "all is well, but for 2 warnings" in out


def test_an_inbox_file_that_is_mounted_alone_is_refused(
    check: Run, configure: Callable[..., None], workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from incm_webhook.check import storage

    (workdir / "with blank").mkdir()
    inbox = workdir / "with blank" / "inbox.db"
    inbox.touch()
    table = workdir / "mountinfo"
    escaped = str(inbox).replace(" ", "\\040")
    table.write_text(f"1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:2 /x {escaped} rw - ext4 x rw\n")
    monkeypatch.setattr(mounts, "_TABLE", table)
    monkeypatch.setattr(storage, "check_inbox", lambda _: None)
    configure()
    status, _, err = check("--inbox", str(inbox))
    assert status == 3
    assert f"{inbox} is mounted alone" in err
    assert f"mount the folder {inbox.parent}" in err


def test_a_disk_with_less_room_than_the_reserve(check: Run, configure: Callable[..., None]) -> None:
    configure(inbox='reserve = "1000000GiB"\n')
    status, _, err = check()
    assert status == 3
    assert "[inbox] reserve: 1000000GiB are kept free, and the disk of " in err
    assert "every alert would get 503; make room, or lower reserve" in err


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise RuntimeError('no database')", "its set-up failed: RuntimeError: no database ("),
        ("os._exit(3)", "in its set-up, its process ended with exit status 3"),
        ("sys.exit(3)", "its set-up failed: SystemExit: 3"),
        ("os.kill(os.getpid(), 9)", "in its set-up, its process was killed by signal 9 (SIGKILL)"),
        ("threading.Event().wait()", "its set-up does not end within 1 s"),
    ],
    ids=["raises", "ends", "exits", "dies", "hangs"],
)
def test_a_plugin_whose_set_up_fails(
    check: Run,
    configure: Callable[..., None],
    write: Write,
    monkeypatch: pytest.MonkeyPatch,
    body: str,
    words: str,
) -> None:
    monkeypatch.setitem(plugins.LIMITS_S, "setup", 1.0)
    write(
        "noc.py",
        f"import os, sys, threading\nclass Noc:\n    def setup(self):\n        {body}\n"
        "    def handle(self, alert): pass\n",
    )
    configure(more='[[plugin]]\nuse = "./noc.py"\n[[plugin]]\nuse = "log"\n')
    status, out, err = check()
    assert status == 4
    assert "plugin log: bundled" in out
    assert err.startswith(f'incm-webhook: plugin "noc": {words}')
    assert "serve would retry it again and again, and give it no alert until it succeeds" in err
    assert err.count("\n") == 1


def test_set_up_and_close_are_run_as_serve_does(
    check: Run, configure: Callable[..., None], write: Write, workdir: Path
) -> None:
    write(
        "noc.py",
        "import asyncio, pathlib\n"
        "def note(word):\n    with pathlib.Path('steps').open('a') as one: one.write(word + ' ')\n"
        "class Noc:\n"
        "    async def check(self): note('check')\n"
        "    async def setup(self):\n        self.loop = asyncio.get_running_loop()\n"
        "        note('setup')\n"
        "    async def close(self):\n        assert self.loop is asyncio.get_running_loop()\n"
        "        note('close')\n"
        "    def handle(self, alert): pass\n",
    )
    configure(more='[[plugin]]\nuse = "./noc.py"\n')
    status, _, err = check()
    assert (status, err) == (0, "")
    assert (workdir / "steps").read_text() == "check setup close "


def test_a_plugin_that_ends_the_process_when_it_is_loaded_ends_no_check(
    check: Run, configure: Callable[..., None], write: Write
) -> None:
    write("noc.py", "import os\nos._exit(0)\n")
    configure(more='[[plugin]]\nuse = "./noc.py"\n')
    status, out, err = check()
    assert status == 4
    assert 'plugin "noc": in loading, its process ended with exit status 0' in err
    assert "1 fault: it cannot serve like this" in out


def test_check_leaves_nothing_behind(
    check: Run, configure: Callable[..., None], workdir: Path
) -> None:
    configure(more='[[plugin]]\nuse = "jsonl"\n')
    before = sorted(workdir.rglob("*"))
    assert check()[0] == 0
    assert sorted(workdir.rglob("*")) == before


def test_all_findings_are_printed_at_once(
    check: Run, configure: Callable[..., None], write: Write, workdir: Path
) -> None:
    (workdir / "secret").unlink()
    write("noc.py", "1 / 0\n")
    with taken() as one:
        configure(
            f'listen = "127.0.0.1:{one.getsockname()[1]}"\nadmin = "192.0.2.1:0"\n'
            "tls = { certificate_file = 'no.pem', private_key_file = 'no.key' }\n"
            "ready_file = 'no/ready'\n",
            more='[[plugin]]\nuse = "./noc.py"\n',
            inbox='reserve = "1000000GiB"\n',
        )
        status, out, err = check()
    assert status == 2
    for words in (
        "cannot read the secret file",
        "[server] tls: ",
        "[server] listen: cannot listen",
        "[server] admin: cannot listen",
        "[inbox] reserve: ",
        "[server] ready_file ",
        'plugin "noc": ',
    ):
        assert words in err, words
    assert err.count("incm-webhook: ") == 7
    assert "7 faults: it cannot serve like this" in out


def test_a_limit_of_descriptors_below_the_connections_is_warned_about(
    check: Run, configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(FREE + "max_connections = 5000\n")
    monkeypatch.setattr(resource, "getrlimit", lambda _: (100, 1024))
    status, out, _ = check()
    assert status == 0
    assert "[server] max_connections: 5,000 are wanted, and the limit of 1,024 open" in out
    assert "leaves room for 768" in out
    monkeypatch.setattr(resource, "getrlimit", lambda _: (100, resource.RLIM_INFINITY))
    assert "max_connections" not in check()[1]


def test_a_spoilt_secret_of_a_plugin_is_warned_about(
    check: Run, configure: Callable[..., None], write: Write, workdir: Path
) -> None:
    (workdir / "token").write_bytes(b"\xef\xbb\xbft0ken")
    (workdir / "token").chmod(0o600)
    write(
        "noc.py",
        "from pydantic import BaseModel\nclass Config(BaseModel):\n    token: str\n"
        "def on_alert(alert): pass\n",
    )
    configure(more='[[plugin]]\nuse = "./noc.py"\nconfig = { token = { file = "token" } }\n')
    status, out, err = check()
    assert (status, err) == (0, "")
    assert f"config.token: the secret file {workdir}/token begins with a byte order mark" in out
    assert "t0ken" not in out


def test_a_ready_file_that_cannot_be_written_is_named_where_it_stands(
    check: Run, configure: Callable[..., None], workdir: Path
) -> None:
    configure('listen = "127.0.0.1:0"\nadmin = "off"\nready_file = "nowhere/ready.json"\n')
    status, _, err = check()
    assert status == 2
    assert err == (
        f"incm-webhook: {workdir}/incm-webhook.toml:4: [server] ready_file "
        f"{workdir}/nowhere/ready.json: there is no folder {workdir}/nowhere: create it\n"
    )
