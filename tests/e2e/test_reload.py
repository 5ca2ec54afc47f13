"""A running server applies a changed configuration, plugins included, or nothing of it."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from e2e.conftest import DEADLINE_S, Command, Reports, admin
from incm_webhook.testing import Receiver, make_alert

Serve = Callable[..., Receiver]
VERSIONED = """
class Sink:
    def setup(self): report(setup={version!r})
    def handle(self, alert, ctx): report(version={version!r}, id=alert.id, attempt=ctx.attempt)
    def close(self): report(close={version!r})
"""


class Site:
    """A configuration with plugin files that report, and the server that uses it."""

    def __init__(self, serve: Serve, folder: Path, reports: Reports) -> None:
        self.folder = folder
        self.config = folder / "site.toml"
        self._serve = serve
        self._reports = reports

    def plugin(self, name: str, version: Any, code: str = VERSIONED) -> None:
        self._reports.plugin(self.folder / f"{name}.py", code.format(version=version))

    def write(self, *plugins: str, more: str = "") -> None:
        tables = "".join(f"[[plugin]]\n{one}\n" for one in plugins)
        self.config.write_text(f"{more}\n{tables}")

    def start(self, *arguments: str) -> Receiver:
        return self._serve(arguments=("--config", str(self.config), *arguments))

    def see(self, *wanted: dict[str, Any]) -> None:
        """Wait for reports, in whatever order they come."""
        left = list(wanted)
        while left:
            left.remove(self._reports.next())


@pytest.fixture
def site(serve: Serve, tmp_path: Path, reports: Reports) -> Site:
    return Site(serve, tmp_path, reports)


def reload(receiver: Receiver, program: Command, *arguments: str) -> tuple[int, str, str]:
    return program("reload", *admin(receiver), *arguments)


def wait_for(receiver: Receiver, words: str, times: int = 1) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while receiver.output().count(words) < times:
        assert time.monotonic() < deadline, receiver.output()
        time.sleep(0.02)


def accept(receiver: Receiver, kind: str = "reboot") -> str:
    alert = make_alert(kind)
    assert receiver.send(alert)[0] == 200
    assert alert.id is not None
    return alert.id


def test_what_has_changed_is_replaced_and_the_rest_goes_on(
    site: Site, reports: Reports, program: Command
) -> None:
    for name in ("one", "two", "old"):
        site.plugin(name, name)
    site.write('use = "./one.py"', 'use = "./two.py"', 'use = "./old.py"')
    receiver = site.start()
    site.see({"setup": "one"}, {"setup": "two"}, {"setup": "old"})
    site.plugin("two", "two again")
    site.plugin("new", "new")
    site.write('use = "./one.py"', 'use = "./two.py"', 'use = "./new.py"')
    status, out, err = reload(receiver, program)
    assert (status, err) == (0, "")
    assert out == (
        "reloaded: endpoints, secrets, certificates\nplugins changed: two\nplugins added: new\n"
        "plugins removed: old\nplugins unchanged: one\n"
    )
    site.see({"close": "two"}, {"close": "old"}, {"setup": "two again"}, {"setup": "new"})
    number = accept(receiver)
    facts = {"id": number, "attempt": 1}
    site.see(*({"version": name, **facts} for name in ("one", "two again", "new")))
    assert "reloaded endpoints, secrets and certificates; plugins: two changed; new added" in (
        receiver.output()
    )
    status, out, _ = reload(receiver, program, "--json")
    answer = json.loads(out)
    assert (status, answer["reloaded"]) == (0, True)
    assert answer["unchanged"] == ["one", "two", "new"]
    assert answer["changed"] == answer["added"] == answer["removed"] == []
    assert reports.none_waits()


@pytest.mark.parametrize(
    ("keys", "kind", "gets"),
    [
        ('types = ["system_overheat"]', "reboot", False),
        ("concurrency = 1\nretry = { first = '10ms' }\nrate = '100/s'", "reboot", True),
        ('order = "device"', "reboot", True),
    ],
)
def test_a_changed_table_is_used_for_the_next_alert(
    site: Site, reports: Reports, program: Command, keys: str, kind: str, gets: bool
) -> None:
    site.plugin("sink", 1)
    site.write('use = "./sink.py"')
    receiver = site.start()
    site.see({"setup": 1})
    site.write(f'use = "./sink.py"\n{keys}')
    assert reload(receiver, program)[0] == 0
    site.see({"close": 1}, {"setup": 1})
    number = accept(receiver, kind)
    receiver.wait_until_settled()
    if gets:
        site.see({"version": 1, "id": number, "attempt": 1})
    assert reports.none_waits()


MISTAKES = {
    "toml": ("[[plugin", "site.toml:"),
    "key": ('[[plugin]]\nuse = "./sink.py"\nconcurency = 2\n', "concurency"),
    "no file": ('[[plugin]]\nuse = "./sink.py"\n[[plugin]]\nuse = "./none.py"\n', "none.py"),
    "no handler": ('[[plugin]]\nuse = "./sink.py"\n[[plugin]]\nuse = "./bad.py"\n', "no handler"),
    "config": ('[[plugin]]\nuse = "jsonl"\nconfig = { pth = "x" }\n', "pth"),
    "secret": (
        '[[plugin]]\nuse = "./sink.py"\n'
        '[[plugin]]\nuse = "slack"\nconfig = { url = { file = "./none" } }\n',
        "none",
    ),
    "isolated": ('[[plugin]]\nuse = "./bad.py"\nisolation = "process"\n', "no handler"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_changes_nothing(
    site: Site, reports: Reports, program: Command, mistake: str
) -> None:
    site.plugin("sink", 1)
    (site.folder / "bad.py").write_text("on = 1\n")
    site.write('use = "./sink.py"')
    receiver = site.start()
    site.see({"setup": 1})
    text, words = MISTAKES[mistake]
    site.plugin("sink", 2)
    site.config.write_text(text)
    status, out, err = reload(receiver, program)
    assert (status, out) == (1, "")
    assert err.startswith("incm-webhook: nothing was changed: ")
    assert words in err
    assert "Traceback" not in err
    number = accept(receiver)
    site.see({"version": 1, "id": number, "attempt": 1})
    assert reports.none_waits()
    assert receiver.output().count("reload failed, everything stays as it was: ") == 1
    site.write('use = "./sink.py"')
    assert reload(receiver, program)[0] == 0
    site.see({"close": 1}, {"setup": 2})


def test_what_takes_effect_later_is_named_key_by_key(site: Site, program: Command) -> None:
    site.write('use = "log"')
    receiver = site.start()
    site.write('use = "log"', more='[server]\ngrace = "3s"\n[log]\naccess = true\nlevel = "debug"')
    status, out, _ = reload(receiver, program)
    assert status == 0
    assert "takes effect at the next start: [server] grace, [log] access\n" in out
    assert "[server] grace takes effect at the next start" in receiver.output()
    accept(receiver)
    wait_for(receiver, "DEBUG")


def test_an_isolated_plugin_gets_a_new_process_with_its_new_code(
    site: Site, program: Command
) -> None:
    site.plugin("sink", 1)
    site.write('use = "./sink.py"\nisolation = "process"')
    receiver = site.start()
    site.see({"setup": 1})
    site.plugin("sink", 2)
    assert reload(receiver, program)[0] == 0
    site.see({"close": 1}, {"setup": 2})
    number = accept(receiver)
    site.see({"version": 2, "id": number, "attempt": 1})


def test_without_a_server_reload_fails_and_says_so(program: Command) -> None:
    status, out, err = program("reload", "--admin", "127.0.0.1:1")
    assert (status, out) == (1, "")
    assert "nothing answers at 127.0.0.1:1" in err
    assert program("reload", "--nothing")[0] == 2


def test_watch_applies_new_secrets_and_plugins_and_a_mistake_changes_nothing(
    site: Site, tmp_path: Path
) -> None:
    site.plugin("sink", 1)
    site.write('use = "./sink.py"')
    receiver = site.start("--watch")
    site.see({"setup": 1})
    (receiver.folder / "secret").write_text("rotated")
    receiver.secret = "rotated"
    wait_for(receiver, "reloaded endpoints")
    number = accept(receiver)
    site.see({"version": 1, "id": number, "attempt": 1})
    (tmp_path / "sink.py").write_text("def on_alert(alert:\n")
    wait_for(receiver, "reload failed, everything stays as it was: ")
    number = accept(receiver)
    site.see({"version": 1, "id": number, "attempt": 1})
    site.plugin("next", 2)
    (tmp_path / "next.py").rename(tmp_path / "sink.py")
    site.see({"close": 1}, {"setup": 2})
    assert receiver.output().count("reload failed") == 1


def test_watch_waits_for_a_file_that_the_new_configuration_misses(
    site: Site, tmp_path: Path
) -> None:
    site.plugin("sink", 1)
    site.write('use = "./sink.py"')
    receiver = site.start("--watch")
    site.see({"setup": 1})
    site.write('use = "./sink.py"', 'use = "./later.py"')
    wait_for(receiver, "reload failed, everything stays as it was: ")
    site.plugin("later", 2)
    site.see({"setup": 2})


def test_a_stop_gives_a_reload_up_while_a_process_loads(site: Site) -> None:
    site.plugin("sink", 1)
    site.write('use = "./sink.py"')
    receiver = site.start()
    site.see({"setup": 1})
    site.plugin("slow", 2, "report(loads={version!r})\nimport time\ntime.sleep(600)\n")
    site.write('use = "./sink.py"', 'use = "./slow.py"\nisolation = "process"')
    receiver.process.send_signal(signal.SIGHUP)
    site.see({"loads": 2})
    assert receiver.stop() == 0
    site.see({"close": 1})
    assert "given up, because the server was asked to stop" in receiver.output()


def test_reloads_under_load_lose_nothing_and_make_nothing_twice(
    site: Site, reports: Reports, tmp_path: Path, program: Command
) -> None:
    """One plugin changes again and again; of each device it gets the alerts in order."""
    count = 400
    code = """
class Sink:
    def handle(self, alert, ctx):
        with open("{version}", "a") as file:
            print(alert.device_id or alert.serial_number, ctx.alert_id, file=file)
"""
    for name in ("still", "changing"):
        site.plugin(name, tmp_path / f"{name}.txt", code)
    site.write('use = "./still.py"', 'use = "./changing.py"\norder = "device"')
    receiver = site.start()
    command = [sys.executable, "-m", "incm_webhook", "simulate", receiver.url, "--json"]
    command += ["--secret-file", str(receiver.folder / "secret"), "--rate", "50"]
    command += ["--count", str(count), "--devices", "20", "--verify-inbox", receiver.admin_url]
    reloads = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as simulator:
        while simulator.poll() is None:
            reloads += 1
            site.write(
                'use = "./still.py"',
                f'use = "./changing.py"\norder = "device"\nconcurrency = {1 + reloads % 8}',
            )
            assert reload(receiver, program)[0] == 0
        assert simulator.stdout is not None
        verdict = json.loads(simulator.stdout.read())
    assert verdict["refused"] == verdict["given_up"] == 0
    receiver.wait_until_settled()
    assert reloads > 1
    still = (tmp_path / "still.txt").read_text().splitlines()
    changing = (tmp_path / "changing.txt").read_text().splitlines()
    assert len(still) == len(set(still)) == len(changing) == len(set(changing)) == count
    last: dict[str, int] = {}
    for device, number in (line.split() for line in changing):
        assert int(number) > last.get(device, 0)
        last[device] = int(number)
    assert receiver.stop() == 0


def test_sighup_does_the_same(site: Site) -> None:
    site.plugin("sink", 1)
    site.write('use = "./sink.py"')
    receiver = site.start()
    site.see({"setup": 1})
    site.plugin("sink", 2)
    receiver.process.send_signal(signal.SIGHUP)
    site.see({"close": 1}, {"setup": 2})
