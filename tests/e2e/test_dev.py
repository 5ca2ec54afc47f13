"""`serve --dev`: an author changes a plugin's file while the server runs."""

import time
from collections.abc import Callable
from pathlib import Path

from incm_webhook.testing import Receiver, make_alert

from .conftest import DEADLINE_S, Reports
from .test_supervise import send_until_answered

Serve = Callable[..., Receiver]
VERSIONED = """
class Sink:
    def setup(self): report(setup={version})
    def handle(self, alert): report(handled={version})
    def close(self): report(close={version})
"""


def wait_for(receiver: Receiver, text: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while text not in receiver.output():
        assert time.monotonic() < deadline, receiver.output()
        time.sleep(0.02)


def test_a_changed_file_is_loaded_beside_the_old_one_which_is_closed(
    serve: Serve, tmp_path: Path, reports: Reports
) -> None:
    file = reports.plugin(tmp_path / "sink.py", VERSIONED.format(version=1))
    receiver = serve(file, arguments=("--dev",))
    assert reports.next() == {"setup": 1}
    assert receiver.send(make_alert("reboot"))[0] == 200
    assert reports.next() == {"handled": 1}
    receiver.wait_until_settled()
    assert "DEBUG dispatcher: alert 1 to plugin sink: delivered in " in receiver.output()
    reports.plugin(file, VERSIONED.format(version=2))
    assert reports.next() == {"close": 1}
    assert reports.next() == {"setup": 2}
    send_until_answered(receiver)
    assert reports.next() == {"handled": 2}
    assert f"{file} has changed: a new server loads it" in receiver.output()


def test_a_mistake_keeps_the_old_one_and_says_where(
    serve: Serve, tmp_path: Path, reports: Reports
) -> None:
    file = reports.plugin(tmp_path / "sink.py", VERSIONED.format(version=1))
    receiver = serve(file, arguments=("--dev",))
    assert reports.next() == {"setup": 1}
    file.write_text("def on_alert(alert:\n    pass\n")
    wait_for(receiver, "nothing is changed")
    assert f'plugin "sink": {file}:1: ' in receiver.output()
    assert receiver.send(make_alert("reboot"))[0] == 200
    assert reports.next() == {"handled": 1}
    other = reports.plugin(tmp_path / "another name.py", VERSIONED.format(version=3))
    file.unlink()  # as editors do
    other.rename(file)
    assert reports.next() == {"close": 1}
    assert reports.next() == {"setup": 3}


def test_an_isolated_plugin_is_reloaded_too(serve: Serve, tmp_path: Path, reports: Reports) -> None:
    file = reports.plugin(tmp_path / "sink.py", VERSIONED.format(version=1))
    serve({"use": str(file), "isolation": "process"}, arguments=("--dev",))
    assert reports.next() == {"setup": 1}
    reports.plugin(file, VERSIONED.format(version=2))
    assert reports.next() == {"close": 1}
    assert reports.next() == {"setup": 2}


def test_every_failure_is_logged_with_its_traceback(
    serve: Serve, tmp_path: Path, reports: Reports
) -> None:
    code = "def on_alert(alert):\n    raise Reject('bah')\n"
    file = reports.plugin(tmp_path / "noc.py", code)
    receiver = serve(file, "log", arguments=("--dev",))
    for _ in range(3):
        assert receiver.send(make_alert("reboot"))[0] == 200
    receiver.wait_until_settled()
    wait_for(receiver, "alert 3 to plugin noc: dead letter, rejected: bah\n    Traceback")
    assert receiver.output().count("rejected: bah\n    Traceback") == 3


def test_an_address_that_is_not_loopback_is_warned_about(serve: Serve) -> None:
    receiver = serve("log", arguments=("--dev", "--listen", "0.0.0.0:0"))
    assert "0.0.0.0:0 is no address of loopback: use it on your own machine" in receiver.output()
    receiver = serve("log", arguments=("--dev",), folder="other")
    assert "loopback" not in receiver.output()
