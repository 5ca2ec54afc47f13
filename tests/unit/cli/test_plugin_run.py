import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Endpoint
from incm_webhook.cli.program import main
from incm_webhook.testing import make_alert

Run = Callable[..., tuple[int, str, str]]
Write = Callable[[str, str], Path]
OUTCOMES = """\
from incm_webhook import Reject, Retry, Unavailable
def on_alert(alert, ctx):
    if alert.type == "reboot":
        raise ValueError("boom https://example.com/token")
    if alert.type == "sim_switch":
        raise Retry(after=3)
    if alert.type == "connected":
        raise Retry
    if alert.type == "license_expired":
        raise Reject("too late")
    if alert.type == "client_connected":
        raise Unavailable("the key is revoked")
    if alert.type == "firmware_upgrade":
        raise SystemExit(3)
"""


@pytest.fixture
def run(workdir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in an empty folder; give its status and what it wrote to both streams."""
    monkeypatch.setattr("incm_webhook.log.set_up_logging", lambda **_: None)

    def run_command(*arguments: str) -> tuple[int, str, str]:
        status = main(arguments)
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return status, out, err

    return run_command


@pytest.mark.parametrize(
    ("kind", "status", "message"),
    [
        ("disconnected", 0, "disconnected: delivered in "),
        ("sim_switch", 1, "retry in * ms: a server would try it again in 3 s"),
        ("connected", 1, "retry in * ms: a server would try it again by its retry settings"),
        ("license_expired", 1, "reject in * ms: too late; a server would keep it as a dead letter"),
        ("client_connected", 1, "unavailable in * ms: the key is revoked"),
        ("client_connected", 1, "; a server would keep the alert until a probe succeeds"),
        ("firmware_upgrade", 1, "failed in * ms: SystemExit: 3 (noc.py:14)"),
    ],
)
def test_each_outcome_is_printed(
    run: Run, write: Write, kind: str, status: int, message: str
) -> None:
    write("noc.py", OUTCOMES)
    code, out, _ = run("plugin", "run", "./noc.py", "--type", kind)
    assert code == status
    assert out.startswith("plugin noc: ")
    for part in message.split("*"):
        assert part in out


def test_a_failure_shows_the_traceback_of_the_authors_code(run: Run, write: Write) -> None:
    code = "async def helps(alert):\n    raise ValueError('https://example.com/token')\n"
    code += "async def on_alert(alert):\n    await helps(alert)\n"
    path = write("noc.py", code)
    status, out, _ = run("plugin", "run", "noc.py")
    assert status == 1
    trace = out[out.index("  Traceback") :].splitlines()
    assert trace == [
        "  Traceback (most recent call last):",
        f'    File "{path}", line 4, in on_alert',
        "      await helps(alert)",
        f'    File "{path}", line 2, in helps',
        "      raise ValueError('https://example.com/…')",
        "  ValueError: https://example.com/…",
    ]


def test_several_alerts_are_summed_up_and_a_traceback_is_shown_once(run: Run, write: Write) -> None:
    write("noc.py", OUTCOMES)
    status, out, _ = run("plugin", "run", "noc.py", "--type", "reboot", "--count", "30")
    assert status == 1
    assert out.count("Traceback") == 1
    assert out.count("reboot: failed") == 10
    assert "30 alerts in " in out
    assert ": 30 failed; " in out


def test_a_batch_plugin_gets_batches(run: Run, write: Write) -> None:
    code = "class Sink:\n def handle_batch(self, alerts, ctx):\n"
    code += "  print(len(alerts), len(set(ctx.delivery_keys)))\n"
    write("sink.py", code)
    status, out, _ = run("plugin", "run", "./sink.py", "--count", "70")
    assert status == 0
    assert "64 64\n" in out
    assert "6 6\n" in out
    assert "70 alerts in " in out


def test_the_life_of_a_class_and_its_failures(run: Run, write: Write) -> None:
    code = "class Sink:\n def setup(self):\n  print('open')\n def handle(self, alert):\n  pass\n"
    write("sink.py", f"{code} def close(self):\n  raise OSError('the wire is cut')\n")
    status, out, _ = run("plugin", "run", "./sink.py")
    assert status == 1
    assert "open\ndisconnected: delivered in " in out
    assert "close failed: OSError: the wire is cut (sink.py:7)\n" in out
    write(
        "sink.py", f"{code[: code.index('print')]}raise OSError('no wire')\n def handle(s, a): ..."
    )
    status, out, _ = run("plugin", "run", "./sink.py")
    assert (status, "setup failed: OSError: no wire (sink.py:3)\n" in out) == (1, True)


def test_a_file_is_given_as_it_is(run: Run, write: Write) -> None:
    write("noc.py", "def on_alert(alert):\n print(alert.entity_name)\n")
    write("alert.json", make_alert("reboot", entity_name="pump-7").raw.decode())
    status, out, _ = run("plugin", "run", "noc.py", "--file", "alert.json", "--count", "2")
    assert (status, out.count("pump-7\n")) == (0, 2)
    write("alert.json", "[no json")
    assert run("plugin", "run", "noc.py", "--file", "alert.json")[0] == 2
    status, _, err = run("plugin", "run", "noc.py", "--file", "missing.json")
    assert (status, err) == (
        2,
        "incm-webhook: cannot read missing.json: no such file or directory\n",
    )


def test_the_config_is_given_by_key(run: Run, write: Write) -> None:
    code = "from pydantic import BaseModel\nclass Inner(BaseModel):\n a: int = 0\n b: str = ''\n"
    code += "class Config(BaseModel):\n team: str\n port: int = 1\n inner: Inner = Inner()\n"
    code += "def on_alert(alert, ctx):\n print(ctx.config.model_dump_json())\n"
    write("noc.py", code)
    arguments = ("--config", "team=noc 1", "--config", "port=25", "--config", "inner.a = 3")
    status, out, _ = run("plugin", "run", "noc.py", *arguments, "--config", "inner.b=x")
    assert status == 0
    assert json.loads(out.splitlines()[1]) == {
        "team": "noc 1",
        "port": 25,
        "inner": {"a": 3, "b": "x"},
    }
    status, _, err = run("plugin", "run", "noc.py", "--config", "port=x")
    assert (status, err) == (
        4,
        'incm-webhook: plugin "noc": config team: is required; config port: wants a whole number\n',
    )


def test_a_plugin_of_a_configuration_file_is_run_as_it_is_configured(
    run: Run, write: Write
) -> None:
    write("noc.py", "def on_alert(alert, ctx):\n print(ctx.plugin, ctx.config)\n")
    table = '[[plugin]]\nuse = "./noc.py"\nname = "day"\nconfig = { team = "noc" }\n'
    write("my.toml", f"{table}types = ['reboot']\n")
    expected = "plugin day: {}/noc.py, wants types reboot\nday {{'team': 'noc'}}\n"
    for arguments in (("plugin", "run", "day"), ("send", "--plugin", "day")):
        status, out, _ = run(*arguments, "--config", "my.toml")
        assert status == 0
        assert out.startswith(expected.format(Path.cwd()))
        assert "its filters do not match" in out
    assert "filters" not in run(
        "send", "--plugin", "day", "--config", "my.toml", "--type", "reboot"
    )
    status, _, err = run("send", "--plugin", "dai", "--config", "my.toml")
    assert status == 2
    assert err.endswith('/my.toml has no plugin "dai"; did you mean "day"?\n')


def test_an_isolated_plugin_runs_in_its_own_process(run: Run, write: Write) -> None:
    write("noc.py", "import os\ndef on_alert(alert):\n os._exit(7)\n")
    write("my.toml", '[[plugin]]\nuse = "./noc.py"\nisolation = "process"\n')
    status, out, _ = run("plugin", "run", "noc", "--config", "my.toml")
    assert status == 1
    assert "disconnected: failed in " in out
    assert "exit" in out


def test_a_call_longer_than_the_time_out_is_noted(run: Run, write: Write) -> None:
    code = "import time\nfrom incm_webhook import plugin\n"
    code += "@plugin('slow', timeout='1ms')\ndef slow(alert):\n time.sleep(0.002)\n"
    write("slow.py", code)
    status, out, _ = run("plugin", "run", "./slow.py")
    assert status == 0
    assert "longer than its time-out of 0.001 s: a server would count it as failed\n" in out


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("plugin", "run", "./missing.py"), 4, "there is no file"),
        (("plugin", "run", "./broken.py"), 4, "broken.py:1"),
        (("plugin", "run", "./noc.py", "--type", "a", "--file", "b"), 2, "exclude each other"),
        (("plugin", "run", "./noc.py", "--type", "a\x1b"), 2, "control characters"),
        (("plugin", "run", "./noc.py", "--config", "a=1", "--config", "f"), 2, "takes one file"),
        (("plugin", "run", "./noc.py", "--config", "=1"), 2, "wants KEY=VALUE"),
        (("plugin", "run", "./noc.py", "--count", "0"), 2, "count"),
        (("plugin", "run", "noc", "--config", "missing.toml"), 2, "missing.toml"),
        (("send",), 2, "name the URL"),
        (("send", "http://x/", "--config", "f"), 2, "with --plugin"),
        (("send", "http://x/", "--plugin", "noc"), 2, "posts nothing"),
        (("send", "--plugin", "noc"), 2, "there is no configuration file"),
    ],
)
def test_bad_input_is_explained(
    run: Run, write: Write, arguments: tuple[str, ...], status: int, message: str
) -> None:
    write("noc.py", "def on_alert(alert):\n pass\n")
    write("broken.py", "def on_alert(alert:\n pass\n")
    code, _, err = run(*arguments)
    assert code == status
    assert message in err


def test_the_log_of_the_plugin_is_on_standard_error(write: Write) -> None:
    write("noc.py", "def on_alert(alert, ctx):\n ctx.log.debug('asks %s', 'why')\n")
    command = [sys.executable, "-m", "incm_webhook", "plugin", "run", "./noc.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "DEBUG plugin.noc: asks why\n" in done.stderr
    assert "asks" not in done.stdout


def test_requests_may_go_to_loopback(run: Run, write: Write, endpoint: Endpoint) -> None:
    """Requests of a plugin reach a target on loopback; the reason of an outcome is printed."""
    endpoint.status = 503
    write("noc.py", f"def on_alert(alert, ctx):\n    ctx.http.post({endpoint.url!r}, json=1)\n")
    _, out, _ = run("plugin", "run", "./noc.py")
    assert " answered 503 Service Unavailable: " in out
    assert "; a server would try it again by its retry settings" in out
    write("incm-webhook.toml", '[[plugin]]\nuse = "./noc.py"\n')
    _, out, _ = run("plugin", "run", "noc", "--config", "incm-webhook.toml")
    assert '[egress] allow = ["127.0.0.0/8"]' in out
