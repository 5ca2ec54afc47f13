import fcntl
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from incm_webhook import InboxError, ListenError, PluginError
from incm_webhook.cli.program import main
from incm_webhook.process import shutdown

pytestmark = pytest.mark.slow

Write = Callable[[str, str], Path]
SIGNED = '[[endpoint]]\nsecret_file = "secret"\n'


@pytest.fixture
def run(workdir: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command; give its status and what it wrote to both streams."""

    def run_command(*arguments: str) -> tuple[int, str, str]:
        status = main(arguments)
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return status, out, err

    return run_command


@pytest.fixture(autouse=True)
def _free_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test depend on what listens on this machine."""
    monkeypatch.setenv("INCM_WEBHOOK_LISTEN", "127.0.0.1:0")
    monkeypatch.setenv("INCM_WEBHOOK_ADMIN", "127.0.0.1:0")


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Stand in for the service: keep what `serve` hands it; an exception put first is raised."""
    calls: list[Any] = []

    def run_service(settings: Any, load: Any, signals: Any, *, dev: bool, watch: bool) -> int:
        if calls and isinstance(calls[0], BaseException):
            raise calls[0]
        calls.append((settings, load))
        return 0

    module = ModuleType("incm_webhook.service.run")
    module.__dict__["run"] = run_service
    monkeypatch.setitem(sys.modules, "incm_webhook.service.run", module)
    monkeypatch.setattr("incm_webhook.service.run", module, raising=False)
    monkeypatch.setattr("incm_webhook.log.set_up_logging", lambda **_: None)
    monkeypatch.setattr("incm_webhook.cli.program.set_up_logging", lambda **_: None)
    monkeypatch.setattr("incm_webhook.service.log_settings.set_up_logging", lambda **_: None)
    return calls


def test_serve_hands_over_its_settings(run: Any, served: list[Any], workdir: Path) -> None:
    status, _, _ = run(
        *("serve", "--listen", "127.0.0.1:0", "--admin", "off", "--path", "/x", "--inbox", "i.db"),
        *("--secret-file", "secret", "--plugin", "log", "--plugin", "jsonl", "--ready-file", "r"),
    )
    assert status == 0
    ((settings, load),) = served
    assert settings.server.listen == "127.0.0.1:0"
    assert settings.server.admin is None
    assert settings.endpoint[0].path == "/x"
    assert settings.inbox.path == workdir / "i.db"
    assert [one.name for one in settings.plugin] == ["log", "jsonl"]
    assert settings.server.ready_file == workdir / "r"
    assert load() == settings


def test_a_reload_reads_the_file_again(run: Any, served: list[Any], write: Write) -> None:
    write("incm-webhook.toml", SIGNED)
    assert run("serve")[0] == 0
    ((_, load),) = served
    write("incm-webhook.toml", SIGNED + '[[plugin]]\nuse = "log"\n')
    assert [one.name for one in load().plugin] == ["log"]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ListenError("the port is taken"), 3),
        (InboxError("the disk is read-only"), 3),
        (PluginError("broken"), 4),
        (RuntimeError("boom"), 1),
        (KeyboardInterrupt(), 1),
    ],
)
def test_how_serve_ends_when_it_fails(
    run: Any, served: list[Any], error: BaseException, status: int
) -> None:
    served.append(error)
    got, out, err = run("serve", "--unsigned")
    assert (got, out) == (status, "")
    assert err.lstrip().startswith("incm-webhook: ")  # after Ctrl-C on a line of its own
    assert str(error) in err


def test_debug_shows_the_traceback(
    served: list[Any],
    workdir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    served.append(RuntimeError("boom"))
    monkeypatch.setenv("INCM_WEBHOOK_DEBUG", "1")
    assert main(["serve", "--unsigned"]) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["serve", "--foo"],
        ["serve", "extra"],
        ["serve", "--listen"],
        ["nonsense"],
        ["--nonsense"],
        ["send"],
        ["send", "http://h/", "--count", "0"],
        ["send", "http://h/", "--count", "x"],
        ["send", "http://h/", "--wire", "morse"],
        ["send", "http://h/", "--file", "f", "--type", "reboot"],
        ["send", "http://h/", "--file", "nowhere"],
        ["send", "http://h/", "--type", "\udcff"],
        ["send", "http://a..b/"],
        ["simulate", "http://h/", "--rate", "nan"],
        ["simulate", "http://h/", "--rate", "inf"],
        ["simulate", "http://h/", "--rate", "1e-320"],
        ["simulate", "http://h/", "--timeout", "0s"],
        ["simulate", "http://h/", "--timeout", "99999999999d"],
        ["simulate", "http://h/", "--count", "1", "--verify-inbox", "http://a..b/"],
        ["bench", "http://127.0.0.1:1/", "--rate", "nan"],
        ["bench", "http://127.0.0.1:1/", "--duration", "0s"],
        ["inbox", "list", "--admin", "a..b:80"],
        ["inbox", "list", "--inbox", "\udcff.db"],
        ["serve", "--unsigned", "--listen", "a..b:80"],
        ["serve", "--unsigned", "--path", "/caf\u00e9"],
        ["send", "http://h/", "--secret-file", "nowhere"],
        ["sign"],
        ["verify", "--signature", "x"],
        ["verify", "--secret-file", "secret"],
        ["serve"],
        ["serve", "--secret-file", "nowhere"],
        ["serve", "--unsigned", "--secret-file", "secret"],
        ["serve", "--unsigned", "--listen", "x"],
        ["serve", "--config", "nowhere.toml"],
        ["check", "--config", "nowhere.toml"],
    ],
)
def test_wrong_usage_is_one_message_and_status_2(
    run: Any, served: list[Any], arguments: list[str]
) -> None:
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("incm-webhook: ")
    assert err.count("\n") == 1
    assert not served


def test_no_command_shows_the_help(run: Any) -> None:
    status, _, err = run()
    assert status == 2
    assert "\nAlerts:\n" in err
    status, out, _ = run("--help")
    assert status == 0
    for command in (
        *("serve", "send", "sign", "verify", "check", "plugins", "version"),
        *("simulate", "bench", "inbox", "dead", "replay"),
    ):
        assert f"  {command} " in out


@pytest.mark.parametrize("group", [[], ["inbox"], ["dead"], ["quarantine"]])
def test_each_summary_of_a_command_fits_on_its_line(run: Any, group: list[str]) -> None:
    _, out, _ = run(*group, "--help")
    summaries = out.partition("Commands:" if group else "\nRun:\n")[2].partition("\nExamples:")[0]
    assert summaries
    assert "..." not in summaries


def test_the_help_has_sections_an_example_and_the_exit_statuses(run: Any) -> None:
    _, out, _ = run("--help")
    for title in ("Run", "Alerts", "Plugins", "Set up", "Tools", "Examples", "Exit status"):
        assert f"\n{title}:\n" in out
    assert "\nOthers:\n" not in out  # cli/sections.py names each command
    assert "\n  incm-webhook init\n" in out
    assert "\n  4  a plugin could not be loaded\n" in out


def test_a_wrong_word_names_the_help_of_its_command(run: Any) -> None:
    status, _, err = run("inbox", "list", "--limit", "0")
    assert status == 2
    assert err.endswith("; see `incm-webhook inbox list --help`\n")


@pytest.mark.parametrize("command", [["serve", "--listen"], ["inbox", "list", "--limit"]])
def test_an_option_without_its_value_names_the_help_of_its_command(
    run: Any, command: list[str]
) -> None:
    status, _, err = run(*command)
    assert status == 2
    path = " ".join(command[:-1])
    assert err.endswith(
        f"option '{command[-1]}' requires an argument; see `incm-webhook {path} --help`\n"
    )


def test_help_names_the_variables(run: Any) -> None:
    _, out, _ = run("serve", "--help")
    for name in ("CONFIG", "LISTEN", "PATH", "SECRET_FILE", "INBOX", "PLUGIN", "ADMIN"):
        assert f"INCM_WEBHOOK_{name}" in out
    assert "INCM_WEBHOOK_UNSIGNED" in out
    assert "INCM_WEBHOOK_READY_FILE" in out


def test_version_names_program_python_core_and_libraries(run: Any) -> None:
    import platform

    import incm_webhook

    status, out, _ = run("version")
    assert status == 0
    assert f"Python {platform.python_version()}" in out
    assert f"core {incm_webhook.__version__}" in out
    libraries = [
        re.fullmatch(r"(\w+) \d+\.\d+\.\d+", one) for one in out.splitlines()[1].split(", ")
    ]
    assert [found and found[1] for found in libraries] == ["SQLite", "OpenSSL", "Poco", "simdjson"]


def test_check_shows_what_would_be_served(run: Any, write: Write) -> None:
    write(
        "incm-webhook.toml",
        SIGNED + '[[endpoint]]\npath = "/b"\nunsigned = true\n'
        '[[plugin]]\nuse = "log"\ntypes = ["reboot", "sim_switch"]\n[[plugin]]\nuse = "./noc.py"\n',
    )
    write("noc.py", "async def on_alert(alert): pass\n")
    status, out, err = run("check")
    assert (status, err) == (0, "")
    for part in (
        "incm-webhook.toml",
        "listens on 127.0.0.1:0, admin on 127.0.0.1:0",
        "inbox.db",
        "endpoint /webhook: 1 secret\n",
        "endpoint /b: unsigned\n",
        "plugin log: bundled",
        "types reboot, sim_switch",
        "plugin noc: ",
        "every alert",
        "all is well",
    ):
        assert part in out
    assert "topsecret" not in out


def test_check_takes_the_flags_of_serve(run: Any, write: Write) -> None:
    write("incm-webhook.toml", '[[plugin]]\nuse = "log"\n')
    status, out, err = run(
        *("check", "--secret-file", "secret", "--listen", "localhost:0", "--path", "/p"),
        *("--admin", "off", "--inbox", "other.db", "--plugin", "jsonl"),
    )
    assert (status, err) == (0, "")
    for part in (
        "listens on localhost:0, admin on nothing",
        "other.db",
        "endpoint /p: 1 secret\n",
        "plugin jsonl: bundled",
    ):
        assert part in out
    assert "endpoint /webhook: unsigned\n" in run("check", "--unsigned")[1]


def test_check_shows_which_addresses_may_send(run: Any, write: Write) -> None:
    write("incm-webhook.toml", SIGNED)
    assert "takes alerts" not in run("check")[1]
    write("incm-webhook.toml", '[server]\nallow = ["192.0.2.0/24", "::1"]\n' + SIGNED)
    assert "takes alerts from 192.0.2.0/24, ::1/128 only\n" in run("check")[1]


def test_check_shows_warnings(run: Any, write: Write) -> None:
    write("incm-webhook.toml", SIGNED)
    status, out, _ = run("check")
    assert status == 0
    assert "warning: no plugin is configured" in out


def test_check_finds_every_broken_plugin(run: Any, write: Write) -> None:
    write(
        "incm-webhook.toml",
        SIGNED + '[[plugin]]\nuse = "./a.py"\n[[plugin]]\nuse = "./b.py"\n'
        '[[plugin]]\nuse = "./c.py"\n[[plugin]]\nuse = "log"\n',
    )
    write("a.py", "def f(:\n")
    write("b.py", "1 / 0\n")
    write("c.py", "class A:\n    def handle(self, a): 0\n    async def check(self): 1 / 0\n")
    status, out, err = run("check")
    assert status == 4
    assert "plugin log: bundled" in out
    one, two, three = err.splitlines()
    assert one.startswith('incm-webhook: plugin "a": ')
    assert "a.py:1: invalid syntax" in one
    assert "b.py:1: ZeroDivisionError" in two
    assert 'plugin "c": its check failed: ZeroDivisionError: division by zero' in three


def test_check_looks_at_the_inbox(run: Any, write: Write, workdir: Path) -> None:
    write("incm-webhook.toml", SIGNED + '[inbox]\nurl = "sqlite:no/inbox.db"\n')
    status, _, err = run("check")
    assert status == 3
    assert f"the folder {workdir}/no of the inbox does not exist" in err
    (workdir / "no" / "inbox.db").mkdir(parents=True)
    status, _, err = run("check")
    assert status == 3
    assert "is not a file" in err
    write("incm-webhook.toml", SIGNED + '[inbox]\nurl = "sqlite:notes.txt"\n')
    (workdir / "notes.txt").write_text("not an inbox")
    status, _, err = run("check")
    assert status == 3
    assert "is not an inbox of this program" in err


def test_check_passes_while_the_server_runs(run: Any, write: Write, workdir: Path) -> None:
    write("incm-webhook.toml", SIGNED + '[inbox]\nurl = "sqlite:inbox.db"\n')
    with (workdir / "inbox.db.lock").open("w") as lock:
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        status, out, _ = run("check")
    assert status == 0
    assert f"inbox: another process has the inbox open (process {os.getpid()}," in out
    assert "; another server can start once that one is stopped\n" in out


def test_check_refuses_a_wrong_configuration(run: Any, write: Write) -> None:
    write("incm-webhook.toml", "servr = 1\n")
    status, _, err = run("check")
    assert status == 2
    assert 'did you mean "server"?' in err


def test_plugins_lists_bundled_and_configured_ones(run: Any, write: Write) -> None:
    status, out, _ = run("plugins")
    assert status == 0
    lines = out.splitlines()
    assert lines[0].split() == ["KIND", "NAME", "VERSION", "ORIGIN", "SUMMARY"]
    assert any("jsonl" in line and "Append each alert to a file" in line for line in lines)
    write("incm-webhook.toml", SIGNED + '[[plugin]]\nuse = "./noc.py"\nname = "night"\n')
    write("noc.py", '"""Tell the NOC."""\n__version__ = "7"\ndef on_alert(alert): pass\n')
    status, out, _ = run("plugins", "--json")
    assert status == 0
    rows = {row["name"]: row for row in json.loads(out)}
    assert rows["night"]["kind"] == "configured"
    assert rows["night"]["version"] == "7"
    assert rows["night"]["origin"].endswith("noc.py")
    assert rows["night"]["summary"] == "Tell the NOC."
    assert rows["log"]["kind"] == "available"


def test_plugins_asks_for_no_secret(run: Any, write: Write) -> None:
    write("incm-webhook.toml", "[[endpoint]]\nsecret_file = 'gone'\n[[plugin]]\nuse = 'log'\n")
    status, out, err = run("plugins")
    assert (status, err) == (0, "")
    assert "configured  log" in out


def test_plugins_lists_a_broken_one_with_its_error(run: Any, write: Write) -> None:
    write("incm-webhook.toml", SIGNED + '[[plugin]]\nuse = "./noc.py"\n')
    write("noc.py", "1 / 0\n")
    status, out, _ = run("plugins")
    assert status == 4
    assert "noc.py:1: ZeroDivisionError" in out


def started(*arguments: str, shell: str = 'exec "$@"', **environ: str) -> tuple[int, bytes, bytes]:
    """Run a command in a process of its own, below a shell that may change its streams."""
    command = ["sh", "-c", shell, "sh", sys.executable, "-m", "incm_webhook", *arguments]
    done = subprocess.run(
        command, check=False, capture_output=True, timeout=60, env={**os.environ, **environ}
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_end_no_command(workdir: Path, closed: str) -> None:
    for arguments in (["sign", "--secret-file", "secret"], ["plugins"]):
        status, _, err = started(*arguments, shell=f'exec "$@" {closed}')
        assert (status, err) == (0, b"")


def test_what_the_locale_cannot_spell_is_escaped(workdir: Path, write: Write) -> None:
    write("仓库.toml", SIGNED)
    status, out, _ = started("check", "--config", "仓库.toml", PYTHONIOENCODING="latin-1")
    assert status == 0
    assert b"\\u4ed3\\u5e93.toml" in out


def test_a_command_that_a_program_runs_does_not_end_the_program(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutdown, "_deadlines", [0.0])
    assert run("version")[0] == 0
    assert "end" not in [one.name for one in threading.enumerate()]
