"""`check` beside a server that runs: what that one holds is in nobody's way."""

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from incm_webhook.testing import Receiver

from .conftest import Command, admin


@pytest.mark.parametrize("arguments", [(), ("--supervise",)], ids=["alone", "supervised"])
def test_check_passes_beside_the_server_of_the_same_inbox(
    serve: Callable[..., Receiver], program: Command, arguments: tuple[str, ...]
) -> None:
    receiver = serve("log", arguments=arguments)
    where = ("--listen", urlsplit(receiver.url).netloc, *admin(receiver))
    inbox = ("--inbox", str(receiver.folder / "inbox.db"))
    status, out, err = program("check", "--unsigned", *where, *inbox)
    assert (status, err) == (0, "")
    assert out.count("is held by the server that has this inbox open (process ") == 2
    status, _, err = program("check", "--unsigned", *where, "--inbox", "other.db")
    assert status == 3
    assert err.count("has the port (") == 2
    assert "incm_webhook" in err


def test_check_tries_a_plugin_that_the_server_runs(
    serve: Callable[..., Receiver], program: Command
) -> None:
    receiver = serve("log")
    (receiver.folder / "bad.py").write_text(
        "class Bad:\n    def setup(self): raise OSError('port taken')\n"
        "    def handle(self, alert): pass\n"
    )
    inbox = ("--inbox", str(receiver.folder / "inbox.db"))
    status, _, err = program(
        *("check", "--unsigned", "--listen", "127.0.0.1:0", "--admin", "off", *inbox),
        *("--plugin", str(receiver.folder / "bad.py")),
    )
    assert status == 4
    assert "its set-up failed: OSError: port taken" in err
    assert "(or the server that runs has it)" in err
