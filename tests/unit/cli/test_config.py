"""`config show`: the merged configuration, where each value comes from, and no secret."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from incm_webhook.cli.program import main

pytestmark = pytest.mark.slow

Run = Callable[..., tuple[int, str, str]]
Write = Callable[[str, str], Path]
FILE = """\
[server]
listen = "127.0.0.1:8081"
max_body = 2048

[[endpoint]]
path = "/a"
secret = ["inline-topsecret", { env = "OTHER" }, { file = "secret" }]

[[plugin]]
use = "slack"
name = "team"
timeout = 90
config = { url = "https://hooks.slack.com/services/T0/B0/long-topsecret" }
where = { "data.interface" = ["wan*"], priority = "<= 2" }
"""


@pytest.fixture
def run(workdir: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def run_command(*arguments: str) -> tuple[int, str, str]:
        status = main(["config", "show", *arguments])
        out, err = capsys.readouterr()
        assert "topsecret" not in out + err
        return status, out, err

    return run_command


def test_each_value_has_its_origin(run: Run, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("incm-webhook.toml", FILE)
    monkeypatch.setenv("INCM_WEBHOOK_ADMIN", "off")
    status, out, err = run("--origin", "--listen", "[::1]:80", "--path", "/b")
    assert (status, err) == (0, "")
    lines = {line.split("  #")[0].strip(): line.rpartition("# ")[2] for line in out.splitlines()}
    assert lines['listen = "[::1]:80"'] == "--listen"
    assert lines['admin = "off"'] == "INCM_WEBHOOK_ADMIN"
    assert lines['max_body = "2KiB"'] == f"{path}:3"
    assert lines['grace = "10s"'] == "default"
    assert lines['path = "/b"'] == "--path"
    assert lines['secret = ["***", { env = "OTHER" }, { file = "secret" }]'] == f"{path}:7"
    assert lines['timeout = "90s"'] == f"{path}:12"
    assert lines['config = { url = "***" }'] == f"{path}:13"
    assert "# rate is not set: no limit" in out


def test_a_file_is_not_needed(run: Run) -> None:
    status, out, _ = run("--origin", "--unsigned", "--plugin", "log")
    assert status == 0
    assert out.startswith("# no configuration file\n")
    assert "unsigned = true" in out
    assert out.count("# --plugin\n") >= 1


def test_what_it_prints_is_a_configuration_that_means_the_same(run: Run, write: Write) -> None:
    write("incm-webhook.toml", FILE.replace('"inline-topsecret", ', ""))
    _, out, _ = run()
    again = tomllib.loads(out)
    assert again["plugin"][0]["where"] == {"data.interface": "wan*", "priority": "<= 2"}
    write("again.toml", out)
    assert run("--config", "again.toml")[1].splitlines()[1:] == out.splitlines()[1:]


def test_json_has_the_values_and_their_origins(run: Run, write: Write) -> None:
    path = write("incm-webhook.toml", FILE)
    status, out, _ = run("--json", "--listen", "[::1]:80")
    found = json.loads(out)
    assert status == 0
    assert found["source"] == str(path)
    assert found["config"]["server"]["listen"] == "[::1]:80"
    assert found["config"]["plugin"][0]["config"] == {"url": "***"}
    assert found["config"]["server"]["tls"] is None
    assert found["origins"]["server.listen"] == {"from": "flag", "name": "--listen", "line": None}
    assert found["origins"]["plugin[0].name"] == {"from": "file", "name": str(path), "line": 11}
    assert found["origins"]["server.grace"] == {"from": "default", "name": None, "line": None}


def test_json_has_dates_as_the_file_has_them(run: Run, write: Write) -> None:
    write(
        "noc.py",
        "from datetime import date, datetime\n"
        "from incm_webhook import plugin\n"
        "from pydantic import BaseModel\n"
        "class Config(BaseModel):\n    since: date\n    until: list[datetime] = []\n"
        "@plugin('noc', config=Config)\n"
        "def on_alert(alert): pass\n",
    )
    write(
        "incm-webhook.toml",
        "[[endpoint]]\nunsigned = true\n"
        '[[plugin]]\nuse = "./noc.py"\n'
        "config = { since = 2026-01-02, until = [2026-01-02T03:04:05Z] }\n",
    )
    status, out, _ = run("--json")
    assert status == 0
    assert json.loads(out)["config"]["plugin"][0]["config"] == {
        "since": "2026-01-02",
        "until": ["2026-01-02T03:04:05+00:00"],
    }


def test_secrets_are_not_read(run: Run, write: Write) -> None:
    write("incm-webhook.toml", '[[endpoint]]\nsecret_file = "nowhere"\n')
    status, out, _ = run()
    assert status == 0
    assert 'secret_file = ["nowhere"]' in out


def test_no_text_of_a_plugin_without_a_model_is_shown(run: Run, write: Write) -> None:
    write("noc.py", "def on_alert(alert): pass\n")
    write(
        "incm-webhook.toml",
        "[[endpoint]]\nunsigned = true\n"
        '[[plugin]]\nuse = "./noc.py"\nconfig = { a = "topsecret", b = [1, { c = "topsecret" }], '
        'd = true, e = { env = "X" } }\n'
        '[[plugin]]\nuse = "./nowhere.py"\nconfig = { a = "topsecret" }\n',
    )
    status, out, _ = run()
    assert status == 0
    assert 'config = { a = "***", b = ["***", { c = "***" }], d = true, e = { env = "X" } }' in out


def test_a_wrong_configuration_is_explained(run: Run, write: Write) -> None:
    path = write("incm-webhook.toml", "[server]\nlisten = 1\n[[endpoint]]\nunsigned = true\n")
    status, out, err = run()
    assert (status, out) == (2, "")
    assert err.startswith(f"incm-webhook: {path}:2: [server] listen: wants a text")
