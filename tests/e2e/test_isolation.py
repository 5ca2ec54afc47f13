"""A plugin in a process of its own cannot harm the receiver, nor another plugin."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.conftest import Reports
from incm_webhook.testing import Receiver, make_alert

Serve = Callable[..., Receiver]

# What the plugin does with the alert whose content asks for it, at the first attempt.
HOSTILE = """
import ctypes, time
def on_alert(alert: Alert, ctx: Context) -> None:
    report(plugin="hostile", id=alert.id, attempt=ctx.attempt, pid=os.getpid())
    if ctx.attempt == 1:
        {deed}
"""
HARMLESS = """
def on_alert(alert: Alert, ctx: Context) -> None:
    report(plugin="harmless", id=alert.id, pid=os.getpid())
"""
DEEDS = {
    "hang": ("time.sleep(3600)", "no result within"),
    "spin": ("while True: pass", "no result within"),
    "exit": ("os._exit(3)", "exit status 3"),
    "segfault": ("ctypes.string_at(0)", "signal 11"),
    "eat": ("eaten = bytearray(1 << 30)", "memory"),
}


def configuration(folder: Path, hostile: Path, harmless: Path, more: str = "") -> tuple[str, str]:
    path = folder / "incm-webhook.toml"
    path.write_text(
        f"""
        [[plugin]]
        use = "{hostile}"
        isolation = "process"
        timeout = "2s"
        memory = "128MiB"
        retry = {{ first = "10ms" }}
        rate = "1000/s"
        {more}

        [[plugin]]
        use = "{harmless}"
        """
    )
    return "--config", str(path)


@pytest.mark.parametrize("deed", DEEDS)
def test_a_hostile_plugin_is_replaced_and_gets_the_alert_again(
    serve: Serve, reports: Reports, tmp_path: Path, deed: str
) -> None:
    code, message = DEEDS[deed]
    hostile = reports.plugin(tmp_path / "hostile.py", HOSTILE.format(deed=code))
    harmless = reports.plugin(tmp_path / "harmless.py", HARMLESS)
    receiver = serve(arguments=configuration(tmp_path, hostile, harmless))
    assert receiver.send(make_alert("reboot", id="a1"))[0] == 200
    seen = sorted((reports.next() for _ in range(3)), key=lambda one: one["plugin"])
    assert seen[0]["pid"] == receiver.process.pid
    first, second = seen[1:]
    assert (first["attempt"], second["attempt"]) == (1, 2)
    assert len({first["pid"], second["pid"], receiver.process.pid}) == 3
    assert receiver.send(make_alert("reboot", id="a2"))[0] == 200
    assert receiver.stop() in (0, 1)
    assert message in receiver.output()
    assert "Traceback" not in receiver.output()
    assert not Path(f"/proc/{second['pid']}").exists(), "a process outlived the receiver"


def test_order_and_batches_work_in_a_process(
    serve: Serve, reports: Reports, tmp_path: Path
) -> None:
    code = """
class Store:
    def setup(self) -> None:
        report(step="setup", pid=os.getpid())
    def handle_batch(self, alerts: list[Alert], ctx: Context) -> None:
        for alert, one in zip(alerts, ctx.each):
            report(id=alert.id, key=one.delivery_key)
    def close(self) -> None:
        report(step="close")
"""
    plugin = reports.plugin(tmp_path / "store.py", code)
    harmless = tmp_path / "quiet.py"
    harmless.write_text("def on_alert(alert, ctx): pass\n")
    receiver = serve(
        arguments=configuration(tmp_path, plugin, harmless, 'order = "device"\nconcurrency = 1')
    )
    assert reports.next()["pid"] != receiver.process.pid
    for number in range(5):
        receiver.send(make_alert("reboot", id=f"a{number}", device_id="A"))
    seen = [reports.next() for _ in range(5)]
    assert [one["id"] for one in seen] == [f"a{number}" for number in range(5)]
    assert len({one["key"] for one in seen}) == 5
    assert receiver.stop() == 0
    assert reports.next() == {"step": "close"}


def test_a_plugin_that_dies_when_it_is_loaded_is_exit_status_4(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("import os\nos._exit(7)\n")
    (tmp_path / "incm-webhook.toml").write_text(
        '[server]\nlisten = "127.0.0.1:0"\nadmin = "off"\n[[endpoint]]\nunsigned = true\n'
        '[[plugin]]\nuse = "./bad.py"\nisolation = "process"\n'
    )
    ended = subprocess.run(
        [sys.executable, "-m", "incm_webhook", "serve"],
        cwd=tmp_path,
        env={**os.environ, "INCM_WEBHOOK_CONFIG": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 4
    assert "exit status 7" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert json.dumps(ended.stdout) == '""'
