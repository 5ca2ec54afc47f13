"""`check` finds each broken configuration, with the file, the line and a way out."""

import datetime
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from incm_webhook.cli.program import main

from .broken import CERTIFICATES, CONFIGURATIONS, FILES, Broken

pytestmark = pytest.mark.slow

Write = Callable[[str, str], Path]
Check = Callable[..., tuple[int, str, str]]
FREE = '[server]\nlisten = "127.0.0.1:0"\nadmin = "off"\n'
PLUGIN_FILES = {
    "good.py": "def on_alert(alert): pass\n",
    "syntax.py": "def on_alert(alert)\n    pass\n",
    "raises.py": "\nraise RuntimeError('no Slack today')\n",
    "extra.py": "import no_such_package\n",
    "empty.py": "x = 1\n",
    "exits.py": "raise SystemExit(0)\n",
    "setup.py": "class P:\n    def setup(self):\n        raise OSError('x')\n"
    "    def handle(self, alert): pass\n",
}


@pytest.fixture
def check(workdir: Path, capfd: pytest.CaptureFixture[str]) -> Check:
    """Run `check`; give its status and what it wrote to both streams."""

    def run_check(*arguments: str) -> tuple[int, str, str]:
        status = main(["check", *arguments])
        out, err = capfd.readouterr()
        assert "Traceback" not in out + err
        return status, out, err

    return run_check


def whole(text: str) -> str:
    """Add what the file does not have and what has to be there; at its end, to keep the lines."""
    if "[server]" not in text and "server =" not in text and "servr" not in text:
        text += FREE
    if "endpoint" not in text:
        text += "[[endpoint]]\nunsigned = true\n"
    return text


def test_there_are_many_and_no_two_have_one_name() -> None:
    names = [one.name for one in (*CONFIGURATIONS, *CERTIFICATES, *FILES)]
    assert len(set(names)) == len(names) >= 60


@pytest.mark.parametrize("broken", CONFIGURATIONS, ids=[one.name for one in CONFIGURATIONS])
def test_a_broken_configuration_is_found_where_it_is(
    check: Check, write: Write, broken: Broken
) -> None:
    write("empty", "")
    write("long", "x" * 5000)
    for name, text in PLUGIN_FILES.items():
        write(name, text)
    path = write("incm-webhook.toml", whole(broken.text))
    status, _, err = check()
    assert status == broken.status
    lines = broken.text.split("\n")
    number = next(number for number, line in enumerate(lines, 1) if "#!" in line)
    found = [
        one
        for one in err.splitlines()
        if f"{path}:{number}: " in one or f" of {path}, line {number})" in one
    ]
    assert found, err
    assert any(broken.says in one and broken.way_out in one for one in found), err


@pytest.mark.parametrize("broken", CERTIFICATES, ids=[one.name for one in CERTIFICATES])
def test_a_certificate_that_cannot_serve_is_found(
    check: Check, write: Write, workdir: Path, broken: Broken
) -> None:
    authority = trustme.CA()
    now = datetime.datetime.now(datetime.UTC)
    name = broken.text.removeprefix("tls ")
    own = authority.issue_cert("localhost")
    old = authority.issue_cert("localhost", not_after=now - datetime.timedelta(days=2))
    other = authority.issue_cert("localhost")
    write("text.pem", "my diary")
    for one, leaf in {"other": own, "expired": old}.items():
        leaf.cert_chain_pems[0].write_to_path(str(workdir / f"{one}.pem"))
    other.private_key_pem.write_to_path(str(workdir / "other.key"))
    for one, leaf in {"none": own, "text": own, "expired": old}.items():
        leaf.private_key_pem.write_to_path(str(workdir / f"{one}.key"))
    tls = f'tls = {{ certificate_file = "{name}.pem", private_key_file = "{name}.key" }}\n'
    path = write("incm-webhook.toml", whole(f"{FREE}{tls}"))
    status, _, err = check()
    assert status == 2
    assert f"{path}:4: [server] tls: " in err
    assert broken.says in err
    assert broken.way_out in err


@pytest.mark.parametrize("broken", FILES, ids=[one.name for one in FILES])
def test_a_file_that_is_no_configuration_is_found(
    check: Check, write: Write, broken: Broken
) -> None:
    path = write("incm-webhook.toml", broken.text)
    status, _, err = check()
    assert status == 2
    assert str(path) in err
    assert broken.says in err
    assert broken.way_out in err
