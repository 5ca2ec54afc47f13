"""No page, metric, log, command or traceback shows a secret, wherever one can be planted."""

import http.client
import json
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme

from incm_webhook import sign
from incm_webhook.testing import make_alert
from incm_webhook.testing.server_process import ServerProcess

from .conftest import DEADLINE_S

PLACES = (
    *("file", "inline", "variable", "second", "third"),  # of endpoints
    *("password", "path", "query", "header", "pluginvariable", "pluginfile"),  # of plugins
    *("nested", "plain", "raised", "printed", "mail", "environment"),
    *("collector", "collectorvariable"),
    *("operator", "viewer"),  # of the admin listener
)
SECRETS = {place: f"pLanted{place.title()}{number:03}xyzzy" for number, place in enumerate(PLACES)}
NOC = """\
from incm_webhook import Alert, Context, Reject
from pydantic import BaseModel, SecretStr
import logging, sys

class Inner(BaseModel):
    code: SecretStr

class Config(BaseModel):
    token: SecretStr
    other: SecretStr
    raised: SecretStr
    inner: Inner

class Noc:
    def __init__(self, config: Config):
        self.config = config
    def setup(self):
        logging.getLogger("requests").warning("GET with %s", self.config.token.get_secret_value())
    def handle(self, alert: Alert, ctx: Context):
        ctx.log.error("sends %s", self.config.other.get_secret_value())
        value = self.config.raised.get_secret_value()
        try:
            raise KeyError(self.config.inner.code.get_secret_value())
        except KeyError:
            raise Reject(f"the target says no to {value}")
"""
PLAIN = """\
def on_alert(alert, ctx):
    pass
"""
GETS = (
    *("/healthz", "/readyz", "/readyz?verbose", "/metrics", "/nowhere", "/api/v1/alerts"),
    *("/api/v1/alerts/1", "/api/v1/stats", "/api/v1/dead", "/api/v1/quarantine"),
    *("/api/v1/quarantine/1", "/api/v1/state", "/api/v1/backup/progress"),
)
ADMIN_COMMANDS = (
    *("inbox list", "inbox show 1", "inbox show 1 --json", "inbox stats", "dead list"),
    *("dead list --json", "dead show 1", "quarantine list", "quarantine show 1", "plugins state"),
)
COMMANDS = (
    *("config show", "config show --origin", "config show --json", "config schema", "check"),
    *("plugins", "plugins --json", "plugins noc", "plugins plain", "plugins http", "version"),
    "plugin run noc --config incm-webhook.toml --type reboot",
    "plugin run exec --config incm-webhook.toml --type reboot",
    "bench --report --duration 100ms",
    "bench --report --json --duration 100ms",
)


CONFIGURATION = f"""\
[server]
listen = "127.0.0.1:0"
admin = "127.0.0.1:0"
tls = {{ certificate_file = "tls.pem", private_key_file = "tls.pem" }}
[log]
level = "debug"
[trace]
endpoint = "http://127.0.0.1:9"
timeout = "1s"
headers = {{ X-Token = "{SECRETS["collector"]}", Authorization = {{ env = "PLANTED_TRACE" }} }}
[[admin_token]]
name = "operator"
file = "operator"
role = "operate"
[[admin_token]]
name = "viewer"
env = "PLANTED_VIEWER"
[egress]
allow = ["127.0.0.0/8"]
[[endpoint]]
secret_file = ["secret", "second"]
[[endpoint]]
path = "/inline"
secret = ["{SECRETS["inline"]}", {{ env = "PLANTED" }}, {{ file = "third" }}]
[[plugin]]
use = "./noc.py"
config.token = {{ env = "PLANTED_PLUGIN" }}
config.other = {{ file = "other" }}
config.raised = "{SECRETS["raised"]}"
config.inner = {{ code = "{SECRETS["nested"]}" }}
[[plugin]]
use = "./plain.py"
config = {{ a = "{SECRETS["plain"]}", b = [{{ c = "{SECRETS["plain"]}" }}] }}
[[plugin]]
use = "http"
retry.give_up = "1ms"
config.url = "http://me:{SECRETS["password"]}@127.0.0.1:9/a/{SECRETS["path"]}?k={SECRETS["query"]}"
config.headers = {{ X-Thing = "{SECRETS["header"]}" }}
[[plugin]]
use = "email"
config = {{ host = "127.0.0.1", from = "a@example.com", to = "b@example.com", \
username = "me", password = "{SECRETS["mail"]}" }}
[[plugin]]
use = "exec"
config.command = ["/bin/sh", "-c", 'echo "$THING"; exit 65']
config.environment = {{ THING = "{SECRETS["environment"]}" }}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a secret in every place."""
    for name, place in {
        "PLANTED": "variable",
        "PLANTED_PLUGIN": "pluginvariable",
        "PLANTED_TRACE": "collectorvariable",
        "PLANTED_VIEWER": "viewer",
        "INCM_WEBHOOK_ADMIN_TOKEN": "operator",
    }.items():
        monkeypatch.setenv(name, SECRETS[place])
    for name, place in {
        "secret": "file",
        "second": "second",
        "third": "third",
        "other": "pluginfile",
        "operator": "operator",
    }.items():
        (tmp_path / name).write_text(SECRETS[place])
        (tmp_path / name).chmod(0o644)  # so that there is a warning about it
    (tmp_path / "noc.py").write_text(NOC)
    (tmp_path / "plain.py").write_text(PLAIN)
    leaf = trustme.CA().issue_cert("localhost")
    leaf.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "tls.pem"))
    (tmp_path / "incm-webhook.toml").write_text(CONFIGURATION)
    return tmp_path


def secrets_of(folder: Path) -> dict[str, str]:
    key = (folder / "tls.pem").read_text().splitlines()
    return {**SECRETS, "tls": key[1]}


def assert_hidden(folder: Path, where: str, text: str) -> None:
    found = [place for place, secret in secrets_of(folder).items() if secret in text]
    assert not found, f"{where} shows {found}: {text}"


@pytest.fixture
def server(folder: Path) -> Iterator[dict[str, Any]]:
    """A server that has tried to deliver one alert, and has refused another request."""
    process = ServerProcess(
        folder,
        ["--config", "incm-webhook.toml"],
        environ={
            "PLANTED": SECRETS["variable"],
            "PLANTED_PLUGIN": SECRETS["pluginvariable"],
            "PLANTED_TRACE": SECRETS["collectorvariable"],
            "PLANTED_VIEWER": SECRETS["viewer"],
            "INCM_WEBHOOK_DEBUG": "1",
        },
    )
    try:
        facts = process.wait_until_ready(DEADLINE_S)
        alert = make_alert("reboot").raw
        assert post(facts, alert, sign(alert, SECRETS["second"].encode())) == 200
        assert post(facts, alert, sign(alert, b"another")) == 401
        while not all_tried(facts):
            assert process.process.poll() is None, process.output()
            time.sleep(0.02)
        yield {"facts": facts, "process": process}
    finally:
        process.process.kill()
        process.process.wait()


def post(facts: Mapping[str, Any], body: bytes, signature: str) -> int:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    address = urlsplit(str(facts["url"]))
    connection = http.client.HTTPSConnection(address.netloc, timeout=DEADLINE_S, context=context)
    connection.request("POST", "/webhook", body, {"X-Signature": signature})
    status = connection.getresponse().status
    connection.close()
    return status


def get(facts: Mapping[str, Any], path: str, token: str = SECRETS["operator"]) -> str:
    address = urlsplit(str(facts["admin_url"])).netloc
    connection = http.client.HTTPConnection(address, timeout=DEADLINE_S)
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    text = answer.read().decode() + str(answer.headers)
    connection.close()
    return text


def all_tried(facts: Mapping[str, Any]) -> bool:
    text = get(facts, "/api/v1/alerts/1").partition("\n")[0]
    deliveries = json.JSONDecoder().raw_decode(text)[0]["deliveries"]
    return all(one["state"] != "open" or one["error"] for one in deliveries)


def run(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "incm_webhook", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=4 * DEADLINE_S,
        check=False,
    )
    return done.stdout + done.stderr


def test_no_page_log_or_command_of_a_server_shows_a_secret(
    folder: Path, server: dict[str, Any]
) -> None:
    facts, process = server["facts"], server["process"]
    pages = {path: get(facts, path) for path in GETS}
    for name, token in {"a viewer": SECRETS["viewer"], "nobody": SECRETS["viewer"][:-1]}.items():
        pages[f"the list for {name}"] = get(facts, "/api/v1/alerts", token)
    dropped = get(facts, "/api/v1/state/drop", SECRETS["viewer"])
    pages["a change with the wrong method"] = dropped
    admin = ("--admin", urlsplit(str(facts["admin_url"])).netloc)
    for words in ADMIN_COMMANDS:
        pages[words] = run(folder, *words.split(), *admin)
    pages["the ready file"] = process.ready_file.read_text()
    process.process.terminate()
    process.process.wait(DEADLINE_S)
    pages["the log"] = process.output()
    for where, text in pages.items():
        assert_hidden(folder, where, text)
    # What is searched is what the plugins wrote, with the secrets taken out.
    assert "the target says no to ***" in pages["inbox show 1"]
    assert "sends ***" in pages["the log"]
    assert "GET with ***" in pages["the log"]
    assert "Traceback" in pages["the log"]


def test_no_command_without_a_server_shows_a_secret(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INCM_WEBHOOK_DEBUG", "1")
    for words in COMMANDS:
        assert_hidden(folder, words, run(folder, *words.split()))
    wrong = (folder / "incm-webhook.toml").read_text()
    for old, new in (
        ("[[endpoint]]", "[[endpoint]]\nunsigned = 1"),
        ("config.inner = {", "config.iner = {"),
        ('file = "operator"\n', 'file = "operator"\nenv = "PLANTED_VIEWER"\n'),
        ('env = "PLANTED_VIEWER"\n', 'file = "operator"\n'),
        ('role = "operate"', 'rôle = "operate"'),
        ("config.headers = {", "config.headers = 1 # {"),
        ("secret = [", "secret = [1, "),
        ('username = "me"', "username = 1"),
        ("http://me:", "me:"),
        ("config.raised = ", "config.raised = #"),
    ):
        assert old in wrong
        (folder / "incm-webhook.toml").write_text(wrong.replace(old, new))
        for words in ("check", "config show", "serve"):
            text = run(folder, *words.split())
            assert_hidden(folder, f"{words} with {new}", text)


def test_config_show_hides_each_secret_and_shows_the_rest(folder: Path) -> None:
    text = run(folder, "config", "show")
    assert 'secret = ["***", { env = "PLANTED" }, { file = "third" }]' in text
    assert 'raised = "***"' in text
    assert 'inner = { code = "***" }' in text
    assert 'headers = { X-Thing = "***" }' in text
    assert 'a = "***"' in text
    assert 'username = "me", password = "***"' in text
