"""`check --connect` lets each plugin try its target."""

from collections.abc import Callable
from pathlib import Path

import pytest

from incm_webhook.check import plugins
from incm_webhook.cli.program import main
from incm_webhook.testing import HttpTarget

pytestmark = pytest.mark.slow

Write = Callable[[str, str], Path]
Run = Callable[..., tuple[int, str, str]]
SERVER = """\
[server]
listen = "127.0.0.1:0"
admin = "127.0.0.1:0"
[[endpoint]]
secret_file = "secret"
"""
PAGER = """\
import time
from incm_webhook import Alert, Context
class Pager:
    def __init__(self, config: dict) -> None: self.url = config["url"]
    def setup(self): print("set up")
    async def connect(self, ctx):
        print("connects")
        await ctx.http.get(self.url)
    def handle(self, alert): ...
    def close(self): print("closed")
"""


@pytest.fixture
def check(workdir: Path, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run `check`; give its status and what it and the plugins wrote to both streams."""

    def run_check(*arguments: str) -> tuple[int, str, str]:
        status = main(["check", *arguments])
        out, err = capfd.readouterr()
        assert "Traceback" not in err
        return status, out, err

    return run_check


@pytest.fixture
def configure(write: Write, http_target: HttpTarget) -> None:
    """Configure a plugin that has a target, and one that has none."""
    write("pager.py", PAGER)
    tables = f'[[plugin]]\nuse = "./pager.py"\nconfig = {{ url = "{http_target.url}" }}\n'
    tables += '[[plugin]]\nuse = "log"\n[egress]\nallow = ["127.0.0.0/8"]\n'
    write("incm-webhook.toml", SERVER + tables)


def test_a_target_that_answers_is_reported(
    check: Run, configure: None, http_target: HttpTarget
) -> None:
    status, out, err = check("--connect")
    assert (status, err) == (0, "")
    assert "plugin pager: its target answers\n" in out
    assert "plugin log: it has no connect, so no target was tried\n" in out
    assert "set up\nconnects\nclosed\n" in out
    assert len(http_target.requests) == 1


def test_without_the_flag_no_target_is_tried(
    check: Run, configure: None, http_target: HttpTarget
) -> None:
    status, out, _ = check()
    assert status == 0
    assert "target" not in out
    assert "connects" not in out
    assert http_target.requests == []


def test_a_target_that_refuses_is_a_fault(
    check: Run, configure: None, http_target: HttpTarget
) -> None:
    http_target.respond(403, body="no")
    status, out, err = check("--connect")
    assert status == 4
    assert err.startswith('incm-webhook: plugin "pager": its connection to the target failed: ')
    assert "403" in err
    assert "its target answers" not in out
    assert "plugin log: it has no connect" in out


def test_a_target_that_hangs_is_given_up(
    check: Run, configure: None, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(plugins.LIMITS_S, "connect", 1.0)
    write("pager.py", PAGER.replace("await ctx.http.get(self.url)", "time.sleep(3600)"))
    status, _, err = check("--connect")
    assert status == 4
    assert 'plugin "pager": its connection to the target does not end within 1 s' in err


def test_a_misspelt_connect_is_warned_about(check: Run, configure: None, write: Write) -> None:
    write("pager.py", PAGER.replace("def connect(", "def conect("))
    status, out, _ = check("--connect")
    assert status == 0
    assert "Pager.conect is never called; did you mean connect?" in out
