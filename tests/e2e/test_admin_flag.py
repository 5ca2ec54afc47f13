"""With --admin, a command that reads asks that server, and needs no configuration."""

from collections.abc import Callable
from pathlib import Path

import pytest

from incm_webhook import sign
from incm_webhook.testing import Receiver, make_alert

from .conftest import Command, admin

READING = {
    "inbox list": "reboot",
    "inbox show 1": "noc",
    "inbox stats": "noc",
    "dead list": "noc",
    "dead show 1": "noc",
    "quarantine list": "/webhook",
    "quarantine show 1": "/webhook",
    "plugins state --json": "",
    "plugins": "noc",
    "plugins --json": '"name": "noc"',
}


@pytest.fixture
def asked(
    serve: Callable[..., Receiver], tmp_path: Path, command: Command
) -> Callable[[str], tuple[int, str, str]]:
    """Run a command beside a broken configuration and a broken environment."""
    (tmp_path / "noc.py").write_text(
        "from incm_webhook import Reject\ndef on_alert(alert): raise Reject('no')\n"
    )
    receiver = serve(tmp_path / "noc.py", folder="server")
    body = make_alert("reboot").raw
    assert receiver.send(body)[0] == 200
    assert receiver.send(body, signature=sign(body, b"another"))[0] == 401
    receiver.wait_until_settled()
    (tmp_path / "incm-webhook.toml").write_text("this is no TOML")
    return lambda words: command(*words.split(), *admin(receiver))


@pytest.mark.parametrize(("words", "shown"), READING.items())
def test_no_configuration_is_read(
    asked: Callable[[str], tuple[int, str, str]], words: str, shown: str
) -> None:
    status, out, err = asked(words)
    assert (status, err) == (0, "")
    assert shown in out


def test_a_server_that_does_not_answer_is_no_empty_list(tmp_path: Path, command: Command) -> None:
    (tmp_path / "incm-webhook.toml").write_text('[inbox]\nurl = "sqlite:inbox.db"\n')
    status, out, err = command("plugins", "--admin", "127.0.0.1:1")
    assert status != 0
    assert out == ""
    assert "127.0.0.1:1" in err
