"""The command `status`: what it shows of a server, and its exit status."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from e2e.conftest import DEADLINE_S, Command, admin
from incm_webhook.testing import Receiver, make_alert

Serve = Callable[..., Receiver]
FAILS = "def on_alert(alert): raise ConnectionError('the pager is down')\n"


def failing(folder: Path, code: str = FAILS, **settings: object) -> dict[str, object]:
    (folder / "pager.py").write_text(code)
    retry = {"first": "1h", "max": "2h"}
    return {"name": "pager", "use": "./pager.py", "breaker": 1, "retry": retry, **settings}


def ask(command: Command, receiver: Receiver) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(command("status", "--json", *admin(receiver))[1])
    return facts


def wait_for(
    command: Command, receiver: Receiver, condition: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    deadline = time.monotonic() + DEADLINE_S
    while not condition(facts := ask(command, receiver)):
        assert time.monotonic() < deadline, facts
        time.sleep(0.05)
    return facts


def texts_of(findings: list[dict[str, Any]]) -> list[str]:
    return [one["text"] for one in findings]


def test_a_server_that_works_is_healthy(serve: Serve, command: Command) -> None:
    receiver = serve("log", folder="served")
    alert = make_alert("reboot")
    assert [receiver.send(alert)[0] for _ in range(2)] == [200, 200]
    assert receiver.send(make_alert(), signature="wrong")[0] == 401
    facts = wait_for(
        command,
        receiver,
        lambda now: now["inbox"]["open"] == 0 and now["plugins"][0]["status"]["state"] == "ready",
    )
    assert (facts["healthy"], facts["ready"], facts["problems"]) == (True, True, [])
    assert facts["last_minute"]["accepted"] == facts["last_minute"]["duplicates"] == 1
    assert facts["last_minute"]["answer_ms"]["count"] == 3
    assert 0 < facts["last_minute"]["answer_ms"]["p50"] <= facts["last_minute"]["answer_ms"]["p99"]
    assert facts["requests"] == {
        "accepted": 1,
        "duplicates": 1,
        "refused": {"wrong-signature": 1},
    }
    assert facts["server"]["admin"] == urlsplit(receiver.admin_url).netloc
    assert facts["plugins"][0]["attempts"]["delivered"] == 1
    status, out, err = command("status", *admin(receiver))
    assert (status, err) == (0, "")
    assert re.match(r"incm-webhook \S+: healthy at \d{4}-", out)
    for part in ("accepted, ", "half within ", "99 % within ", "1 wrong-signature", "127.0.0.1:"):
        assert part in out, out
    assert re.search(r"^/webhook +[\d:]+ +1 +1$", out, re.MULTILINE), out
    assert re.search(r"^log +ready +[\d:]+ +0 +0 +0 +-$", out, re.MULTILINE), out
    assert "PROBLEMS" not in out


def test_a_plugin_with_an_open_breaker_is_a_problem(
    serve: Serve, command: Command, tmp_path: Path
) -> None:
    receiver = serve(failing(tmp_path))
    assert receiver.send(make_alert())[0] == 200
    facts = wait_for(command, receiver, lambda now: bool(now["problems"]))
    assert not facts["healthy"]
    assert facts["plugins"][0]["breaker_open"]
    status, out, _ = command("status", *admin(receiver))
    assert status == 1
    assert "NOT HEALTHY" in out
    problem = r"^  plugin pager: failing since [\d:]+: .*ConnectionError: the pager is down"
    assert re.search(r"^PROBLEMS$", out, re.MULTILINE)
    assert re.search(problem, out, re.MULTILINE), out


def test_a_dead_letter_is_a_warning(serve: Serve, command: Command, tmp_path: Path) -> None:
    code = "from incm_webhook import Reject\ndef on_alert(alert): raise Reject('no')\n"
    receiver = serve(failing(tmp_path, code))
    assert receiver.send(make_alert())[0] == 200
    facts = wait_for(command, receiver, lambda now: texts_of(now["warnings"]) == ["1 dead letter"])
    assert facts["healthy"]
    status, out, _ = command("status", *admin(receiver))
    assert status == 0
    assert "\nWARNINGS\n  plugin pager: 1 dead letter\n" in out


def test_calls_that_hang_and_a_set_up_that_fails_are_problems(
    serve: Serve, command: Command, tmp_path: Path
) -> None:
    hang = "import time\ndef on_alert(alert): time.sleep(3600)\n"
    (tmp_path / "broken.py").write_text(
        "class P:\n    def setup(self): raise RuntimeError('no database')\n"
        "    def handle(self, alert): pass\n"
    )
    receiver = serve(
        failing(tmp_path, hang, breaker=0, timeout="200ms", concurrency=1),
        {"name": "broken", "use": "./broken.py"},
    )
    for _ in range(2):
        assert receiver.send(make_alert())[0] == 200
    facts = wait_for(command, receiver, lambda now: len(now["problems"]) == 2)
    assert {one["subject"]: one["text"] for one in facts["problems"]} == {
        "plugin pager": "hanging",
        "plugin broken": "setup-failed",
    }
    assert all(one["since"] for one in facts["problems"])


def test_no_server_is_an_answer_too(command: Command, tmp_path: Path) -> None:
    status, out, err = command("status", "--admin", "127.0.0.1:1")
    assert (status, out) == (1, "")
    assert "nothing answers at 127.0.0.1:1: no server runs, or --admin HOST:PORT names an" in err
    (tmp_path / "incm-webhook.toml").write_text('[server]\nadmin = "off"\n')
    status, _, err = command("status")
    assert status in (1, 2)
    assert "admin" in err


def test_the_alert_listener_is_no_admin_listener(serve: Serve, command: Command) -> None:
    receiver = serve("log")
    status, _, err = command("status", "--admin", urlsplit(receiver.url).netloc)
    assert status == 1
    assert "is no admin listener of this version" in err


def test_watching_refreshes_the_screen_until_ctrl_c(serve: Serve) -> None:
    receiver = serve("log")
    ours, theirs = pty.openpty()
    code = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    code += "from incm_webhook.cli import main; sys.exit(main(sys.argv[1:]))"
    words = ["status", "--watch", *admin(receiver)]
    with subprocess.Popen(
        [sys.executable, "-c", code, *words],
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
    ) as watching:
        os.close(theirs)
        shown = b""
        while shown.count(b"\x1b[2J") < 2:
            shown += os.read(ours, 65536)
        watching.send_signal(signal.SIGINT)
        assert watching.wait(DEADLINE_S) == 0
    os.close(ours)
    assert shown.count(b": healthy at ") >= 2
    assert b"Traceback" not in shown
