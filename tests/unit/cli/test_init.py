import configparser
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from incm_webhook.cli.first_files import unit
from incm_webhook.cli.program import main

pytestmark = pytest.mark.slow

Run = Callable[..., tuple[int, str, str]]
FILES = ["example.py", "incm-webhook.service", "incm-webhook.toml", "secret"]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in an empty folder with these answers; give status and both streams."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INCM_WEBHOOK_ADMIN", "127.0.0.1:0")

    def run_command(*arguments: str, answers: str | None = None) -> tuple[int, str, str]:
        if answers is not None:
            text = io.TextIOWrapper(io.BytesIO(answers.encode()), encoding="utf-8")
            monkeypatch.setattr(sys, "stdin", text)
        status = main(arguments)
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return status, out, err

    return run_command


@pytest.fixture
def ending(tmp_path: Path) -> Iterator[list[subprocess.Popen[Any]]]:
    """Processes that are killed after the test."""
    started: list[subprocess.Popen[Any]] = []
    yield started
    for one in started:
        one.kill()
        one.communicate()


def listing() -> list[str]:
    return sorted(one.name for one in Path().iterdir())


def test_what_it_writes_is_checked_without_a_warning(run: Run) -> None:
    status, out, err = run("init", "--yes")
    assert (status, err) == (0, "")
    assert listing() == FILES
    assert "wrote secret (mode 0600)\n" in out
    status, out, err = run("check", "--listen", "127.0.0.1:0")
    assert (status, err) == (0, "")
    assert out.endswith("\nall is well\n")
    assert listing() == FILES


def test_the_secret_is_made_up_private_and_not_printed(run: Run) -> None:
    secrets = []
    for folder in ("one", "two"):
        _, out, _ = run("init", folder, "--yes")
        path = Path(folder, "secret")
        assert path.stat().st_mode & 0o777 == 0o600
        secrets.append(path.read_text().rstrip("\n"))
        assert len(secrets[-1]) >= 40
        assert secrets[-1] not in out
    assert secrets[0] != secrets[1]


@pytest.mark.parametrize("folder", [(), ("a folder/inner",)])
def test_the_printed_commands_work(
    run: Run, folder: tuple[str, ...], ending: list[subprocess.Popen[Any]]
) -> None:
    _, out, _ = run("init", *folder, "--yes", "--listen", "127.0.0.1:0")
    serve, send = (
        line.strip().replace("incm-webhook", f"{sys.executable} -m incm_webhook", 1)
        for line in out.splitlines()
        if line.startswith("  incm-webhook ")
    )
    server = subprocess.Popen(
        f"exec {serve}", shell=True, stderr=subprocess.PIPE, text=True, bufsize=1
    )
    ending.append(server)
    assert server.stderr is not None
    line = next(one for one in server.stderr if "listening on" in one)
    address = line.partition("http://")[2].partition("/")[0]
    sent = subprocess.run(
        send.replace("127.0.0.1:0", address), shell=True, capture_output=True, text=True
    )
    assert (sent.returncode, sent.stdout) == (0, '200 {"status": "accepted", "id": 1}\n')
    assert next(one for one in server.stderr if " plugin.example: " in one)


def test_it_asks_where_the_secret_and_which_plugin(run: Run) -> None:
    status, out, err = run("init", answers="0.0.0.0:8443\nmy own token\nlog\n")
    assert status == 0
    assert err.count("[") == 2  # a default is shown for all but the secret
    assert Path("secret").read_text() == "my own token\n"
    text = Path("incm-webhook.toml").read_text()
    assert 'listen = "0.0.0.0:8443"\n' in text
    assert 'use = "log"\n' in text
    assert "listens on 0.0.0.0:8443 without TLS" in out
    assert "http://127.0.0.1:8443/webhook" in out
    assert "example.py" not in listing()


def test_a_wrong_answer_is_explained_and_asked_again(run: Run) -> None:
    status, _, err = run("init", answers=f"nowhere\n[::1]:8080\n{'x' * 5000}\n\nslak\nlog\n")
    assert status == 0
    assert "wants HOST:PORT" in err
    assert "more than 4096" in err
    assert 'did you mean "slack"?' in err
    assert len(Path("secret").read_text()) < 100
    assert 'listen = "[::1]:8080"' in Path("incm-webhook.toml").read_text()


def test_answers_that_end_too_early_name_the_flag(run: Run) -> None:
    status, out, err = run("init", answers="\n")
    assert (status, out) == (2, "")
    assert "give --yes" in err
    assert listing() == []


def test_a_configuration_is_never_overwritten(run: Run) -> None:
    Path("incm-webhook.toml").write_text("mine")
    status, _, err = run("init", "--yes")
    assert status == 2
    assert "incm-webhook.toml is there already" in err
    assert listing() == ["incm-webhook.toml"]
    assert Path("incm-webhook.toml").read_text() == "mine"


def test_a_secret_and_a_plugin_that_are_there_are_used(run: Run) -> None:
    Path("secret").write_text("mine")
    Path("secret").chmod(0o600)
    Path("example.py").write_text("def on_alert(alert): pass\n")
    Path("incm-webhook.service").write_text("mine")
    status, out, _ = run("init", answers="\n\n")  # the secret is not asked for
    assert status == 0
    for name in ("secret", "example.py", "incm-webhook.service"):
        assert f"kept {name}, which was there already\n" in out
    assert Path("secret").read_text() == Path("incm-webhook.service").read_text() == "mine"
    assert run("check", "--listen", "127.0.0.1:0")[0] == 0


def test_a_plugin_that_needs_more_is_left_to_the_operator(run: Run) -> None:
    status, out, _ = run("init", "--yes", "--plugin", "exec")
    assert status == 0
    assert "The plugin exec needs more (command: is required)" in out
    assert '# use = "exec"\n# config = { command = ... }\n' in Path("incm-webhook.toml").read_text()
    status, out, err = run("check", "--listen", "127.0.0.1:0")
    assert (status, err) == (0, "")
    assert out.endswith("\nall is well\n")


def test_a_plugin_file_is_named_as_the_configuration_reaches_it(run: Run) -> None:
    Path("plugins").mkdir()
    Path("plugins/noc.py").write_text("def on_alert(alert): pass\n")
    run("init", "--yes", "--plugin", "./plugins/noc.py")
    assert 'use = "./plugins/noc.py"\n' in Path("incm-webhook.toml").read_text()
    run("init", "other", "--yes", "--plugin", "plugins/noc.py:on_alert")
    text = Path("other/incm-webhook.toml").read_text()
    assert f'use = "{Path.cwd()}/plugins/noc.py:on_alert"\n' in text
    assert run("check", "--config", "other/incm-webhook.toml", "--listen", "127.0.0.1:0")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("--listen", "8080"), 2, "--listen: wants HOST:PORT"),
        (("--listen", "127.0.0.1:9464"), 2, "want the same port"),
        (("--plugin", "./nowhere.py"), 4, "nowhere.py"),
        (("secret-place",), 2, "secret-place is not a folder"),
        (("/proc/nowhere",), 1, "cannot write /proc/nowhere"),
    ],
)
def test_what_cannot_be_is_explained_and_nothing_written(
    run: Run, arguments: tuple[str, ...], status: int, words: str
) -> None:
    Path("secret-place").touch()
    found, out, err = run("init", "--yes", *arguments)
    assert (found, out) == (status, "")
    assert words in err
    assert listing() == ["secret-place"]


def test_the_unit_serves_that_folder(tmp_path: Path) -> None:
    found = configparser.ConfigParser(strict=False, allow_no_value=True, interpolation=None)
    found.optionxform = str  # type: ignore[assignment, method-assign]
    found.read_string(unit(Path("/srv/a folder/100%")))
    service = found["Service"]
    assert service["ExecStart"].endswith(
        'incm-webhook serve --config "/srv/a folder/100%%/incm-webhook.toml" '
        "--secret-file incm-secret"
    )
    assert service["LoadCredential"] == "incm-secret:/srv/a folder/100%%/secret"
    assert service["StateDirectory"] == "incm-webhook"
    assert service["StateDirectoryMode"] == "0750"
    assert "\nDynamicUser=yes\n" in unit(Path("/srv/incm"))
    home = unit(Path("/home/me/incm"))
    assert "ProtectHome=read-only\n" in home
    assert "DynamicUser" not in home
    assert "\nUser=" in home


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    path = tmp_path / "incm-webhook-example.service"
    text = unit(folder)
    program = next(one for one in text.splitlines() if one.startswith("ExecStart="))
    path.write_text(text.replace(program.split()[0], f"ExecStart={shutil.which('true')}"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(path)],
        capture_output=True,
        text=True,
        env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning"},
    )
    assert path.name not in done.stdout + done.stderr
