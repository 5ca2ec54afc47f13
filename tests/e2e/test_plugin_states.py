"""A plugin that gets no alerts is shown as such, wherever a plugin is shown."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from e2e.conftest import DEADLINE_S, Command
from incm_webhook.testing import Receiver, make_alert

Serve = Callable[..., Receiver]

CASES: dict[str, tuple[str, str, str, str]] = {
    "setup-failed": (
        "class P:\n"
        "    def setup(self): raise RuntimeError('no database')\n"
        "    def handle(self, alert): pass\n",
        "",
        "its set-up has been failing since",
        "RuntimeError: no database",
    ),
    "starting": (
        "import time\n"
        "class P:\n"
        "    def setup(self): time.sleep(3600)\n"
        "    def handle(self, alert): pass\n",
        "",
        "its set-up has been running since",
        "",
    ),
    "failing": (
        "def on_alert(alert): raise ConnectionError('the pager is down')\n",
        "breaker = 1\nretry = { first = '1h', max = '2h' }",
        "its alerts have been failing since",
        "ConnectionError: the pager is down",
    ),
    "failing, without a breaker": (
        "def on_alert(alert): raise ConnectionError('the pager is down')\n",
        "breaker = 0\nretry = { first = '1h', max = '2h' }",
        "its alerts have been failing since",
        "ConnectionError: the pager is down (pager.py:1) (breaker = 0: each is tried)",
    ),
    "unavailable": (
        "from incm_webhook import Unavailable\n"
        "def on_alert(alert): raise Unavailable('401: the key was revoked')\n",
        "breaker = 0\nretry = { first = '1h', max = '2h', give_up = '1ms' }",
        "its target has been unavailable since",
        "401: the key was revoked",
    ),
    "hanging": (
        "import time\ndef on_alert(alert): time.sleep(3600)\n",
        "timeout = '200ms'\nconcurrency = 1\nretry = { first = '10ms' }\nbreaker = 0",
        "has been hanging since",
        "2 handlers hang; it gets no alerts until one returns",
    ),
    "rate-limited": (
        "def on_alert(alert): pass\n",
        "rate = '1/h'",
        "waits for its rate",
        "1/h at most",
    ),
    "replacing": (
        "import os\n"
        "class P:\n"
        "    def setup(self):\n"
        "        if os.path.exists('died'): os._exit(3)\n"
        "    def handle(self, alert):\n"
        "        open('died', 'w').close()\n"
        "        os._exit(5)\n",
        "isolation = 'process'\nbreaker = 0\nretry = { first = '10ms' }",
        "its process ended at",
        "its process ended with exit status 5",
    ),
}


def stats(receiver: Receiver) -> dict[str, Any]:
    with urlopen(receiver.admin_url + "/api/v1/stats", timeout=DEADLINE_S) as answer:
        facts: dict[str, Any] = json.load(answer)
    return facts


def wait_for_state(receiver: Receiver, state: str) -> dict[str, Any]:
    deadline = time.monotonic() + DEADLINE_S
    while True:
        (plugin,) = stats(receiver)["plugins"]
        if plugin["status"] is not None and plugin["status"]["state"] == state:
            status: dict[str, Any] = plugin["status"]
            return status
        assert time.monotonic() < deadline, plugin
        time.sleep(0.02)


@pytest.mark.parametrize("state", CASES)
def test_the_state_and_its_reason_are_shown_everywhere(
    serve: Serve, tmp_path: Path, command: Command, state: str
) -> None:
    code, settings, sentence, reason = CASES[state]
    state = state.partition(",")[0]
    (tmp_path / "pager.py").write_text(code)
    (tmp_path / "incm-webhook.toml").write_text(f'[[plugin]]\nuse = "./pager.py"\n{settings}\n')
    receiver = serve(arguments=("--config", "incm-webhook.toml"))
    for number in range(5):
        assert receiver.send(make_alert("reboot", id=f"a{number}"))[0] == 200
    status = wait_for_state(receiver, state)
    assert reason in (status["reason"] or "")
    admin = receiver.admin_url.removeprefix("http://")
    place = ("--admin", admin, "--inbox", str(tmp_path / "inbox.db"))
    code_of, shown, _ = command("inbox", "show", "2", *place)
    assert code_of == 0
    assert sentence in shown
    assert reason in " ".join(shown.split())
    assert "waits for its turn" not in shown
    assert sentence in command("inbox", "stats", *place)[1]
    with urlopen(receiver.admin_url + "/metrics", timeout=DEADLINE_S) as answer:
        metrics = answer.read().decode()
    assert f'incm_webhook_plugin_state{{plugin="pager",state="{state}"}} 1\n' in metrics
    assert 'incm_webhook_plugin_state{plugin="pager",state="ready"} 0\n' in metrics
    with urlopen(receiver.admin_url + "/readyz", timeout=DEADLINE_S) as answer:
        ready = answer.read().decode()
    assert (f"plugin pager: {state} since" in ready) == (state != "rate-limited")


def test_plugins_says_how_those_of_the_running_server_do(
    serve: Serve, tmp_path: Path, command: Command
) -> None:
    (tmp_path / "pager.py").write_text(CASES["setup-failed"][0])
    (tmp_path / "served.toml").write_text('[[plugin]]\nuse = "./pager.py"\n')
    receiver = serve(arguments=("--config", "served.toml"))
    wait_for_state(receiver, "setup-failed")
    admin = receiver.admin_url.removeprefix("http://")
    (tmp_path / "incm-webhook.toml").write_text(
        f'[server]\nadmin = "{admin}"\n[inbox]\nurl = "sqlite:inbox.db"\n'
        '[[endpoint]]\nunsigned = true\n[[plugin]]\nuse = "./pager.py"\n'
    )
    _, shown, _ = command("plugins")
    assert "its set-up has been failing since" in shown
    rows = json.loads(command("plugins", "--json")[1])
    assert [row["status"]["state"] for row in rows if row["name"] == "pager"] == ["setup-failed"]
    receiver.stop()
    _, shown, _ = command("plugins")
    assert "its set-up fails" not in shown


def test_a_plugin_that_does_well_again_is_shown_as_ready(
    serve: Serve, tmp_path: Path, command: Command
) -> None:
    (tmp_path / "pager.py").write_text(
        "import os\n"
        "class P:\n"
        "    def setup(self):\n"
        "        if not os.path.exists('database'): raise RuntimeError('no database')\n"
        "    def handle(self, alert): pass\n"
    )
    (tmp_path / "incm-webhook.toml").write_text(
        '[[plugin]]\nuse = "./pager.py"\nretry = { first = "10ms", max = "20ms" }\n'
    )
    receiver = serve(arguments=("--config", "incm-webhook.toml"))
    wait_for_state(receiver, "setup-failed")
    (tmp_path / "database").touch()
    assert wait_for_state(receiver, "ready")["reason"] is None
    with urlopen(receiver.admin_url + "/readyz", timeout=DEADLINE_S) as answer:
        assert answer.read() == b"ready\n"
