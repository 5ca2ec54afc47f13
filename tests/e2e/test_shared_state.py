"""What a plugin changes for the whole process is restored or logged; paths stay the same."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.conftest import DEADLINE_S, Reports
from incm_webhook.testing import Receiver, make_alert

Serve = Callable[..., Receiver]

DEEDS = {
    "os.chdir('elsewhere')": "a plugin changed the working directory of all plugins from",
    "os.umask(0o77)": "a plugin changed the umask of all plugins from",
    "sys.setswitchinterval(0.5)": "a plugin set the switch interval to 0.5 s",
    "os.close(2)": "a plugin closed standard error, where the log goes: opened again",
}


def wait_for_line(receiver: Receiver, words: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while words not in receiver.output():
        assert time.monotonic() < deadline, receiver.output()
        time.sleep(0.02)


@pytest.mark.parametrize("deed", DEEDS)
def test_what_a_plugin_changes_for_the_whole_process_is_logged(
    serve: Serve, tmp_path: Path, deed: str
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "wild.py").write_text(f"import os, sys\ndef on_alert(alert): {deed}\n")
    receiver = serve("./wild.py")
    assert receiver.send(make_alert("reboot"))[0] == 200
    wait_for_line(receiver, DEEDS[deed])
    assert receiver.stop() == 0


def test_a_changed_working_directory_moves_no_file_of_the_server(
    serve: Serve, reports: Reports, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "wanderer.py").write_text(
        f"import os\nos.chdir({str(tmp_path / 'elsewhere')!r})\ndef on_alert(alert): pass\n"
    )
    apart = reports.plugin(
        tmp_path / "apart.py",
        "def on_alert(alert: Alert) -> None:\n"
        "    report(folder=os.getcwd())\n"
        "    if alert.id == 'a1': os._exit(3)\n",
    )
    (tmp_path / "incm-webhook.toml").write_text(
        '[[plugin]]\nuse = "./wanderer.py"\n'
        '[[plugin]]\nuse = "jsonl"\nconfig = { path = "alerts.jsonl" }\n'
        f'[[plugin]]\nuse = "{apart}"\nisolation = "process"\nretry = {{ first = "10ms" }}\n'
    )
    receiver = serve(arguments=("--config", "incm-webhook.toml"))
    assert receiver.send(make_alert("reboot", id="a1"))[0] == 200
    assert reports.next() == {"folder": str(tmp_path)}
    assert receiver.send(make_alert("reboot", id="a2"))[0] == 200
    while reports.next() != {"folder": str(tmp_path)}:
        pass
    (tmp_path / "secret").write_text("another")
    receiver.process.send_signal(1)
    wait_for_line(receiver, "reloaded endpoints")
    assert receiver.send(make_alert("reboot", id="a3"))[0] == 401
    receiver.secret = "another"
    assert receiver.send(make_alert("reboot", id="a3"))[0] == 200
    assert receiver.stop() in (0, 1)
    lines = (tmp_path / "alerts.jsonl").read_text().splitlines()
    assert {json.loads(line)["alert"]["_id"] for line in lines} >= {"a1", "a2"}
    assert (tmp_path / "inbox.db").exists()
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_signal_that_an_import_takes_is_taken_back(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "greedy.py").write_text(
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "signal.set_wakeup_fd(-1)\ndef on_alert(alert): pass\n"
    )
    receiver = serve("./greedy.py")
    assert receiver.stop() == 0
    assert "plugin greedy replaced the handler of SIGTERM when it was imported" in receiver.output()
