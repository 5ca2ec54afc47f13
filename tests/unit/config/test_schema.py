"""The JSON schema of the configuration file accepts what is right, and refuses what is not."""

import io
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from incm_webhook.cli.config import bundled_models
from incm_webhook.cli.program import main
from incm_webhook.config.reference import tables
from incm_webhook.config.schema import settings_schema

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
FENCE = re.compile(r"^```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TABLES = {"server", "inbox", "egress", "endpoint", "plugin"}


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = settings_schema(bundled_models())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def documents() -> Iterator[tuple[str, str]]:
    for page in sorted(
        [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("plugins/*.md")]
    ):
        for text in FENCE.findall(page.read_text(encoding="utf-8")):
            if tomllib.loads(text).keys() & TABLES:
                yield page.name, text


def test_there_are_documents() -> None:
    assert len(list(documents())) > 15


@pytest.mark.parametrize(("page", "text"), list(documents()))
def test_every_example_of_the_documents_is_valid(validator: Any, page: str, text: str) -> None:
    validator.validate(tomllib.loads(text))


@pytest.mark.parametrize("plugin", ["example", "slack", "exec"])
def test_what_init_writes_is_valid(
    validator: Any, plugin: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init", "--yes", "--plugin", plugin]) == 0
    validator.validate(tomllib.loads(Path("incm-webhook.toml").read_text()))


def test_every_example_of_a_key_is_valid(validator: Any) -> None:
    for heading, _, keys in tables():
        for key in keys:
            line = f"{key.name} = {key.example}"
            if heading == "[[plugin]]" and key.name != "use":
                line += '\nuse = "./noc.py"'
            if heading == "[[admin_token]]" and key.name != "name":
                line += '\nname = "ops"'
            if key.name.startswith("tls."):
                line += '\ntls.certificate_file = "c"' * (key.name != "tls.certificate_file")
                line += '\ntls.private_key_file = "k"' * (key.name != "tls.private_key_file")
            validator.validate(tomllib.loads(f"{heading}\n{line}\n"))


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("[servr]\n", ""),
        ("[server]\nlisten = 8080\n", "server.listen"),
        ("[server]\nlistn = 'x:1'\n", "server"),
        ("[server]\nworkers = 0\n", "server.workers"),
        ("[server]\ngrace = 'soon'\n", "server.grace"),
        ("[server]\ntls = { certificate_file = 'c' }\n", "server.tls"),
        ("[inbox]\nreserve = '1TB'\n", "inbox.reserve"),
        ("[[endpoint]]\nsecret = { vault = 'x' }\n", "endpoint.0.secret"),
        ("[[endpoint]]\nrate = '10'\n", "endpoint.0.rate"),
        ("[[plugin]]\nname = 'x'\n", "plugin.0"),
        ("[[plugin]]\nuse = 'log'\norder = 'random'\n", "plugin.0.order"),
        ("[[plugin]]\nuse = 'slack'\nconfig = { ulr = 'x' }\n", "plugin.0.config"),
        ("[[plugin]]\nuse = 'exec'\n", "plugin.0"),
    ],
)
def test_mistakes_are_found_where_they_are(validator: Any, text: str, path: str) -> None:
    found = [
        ".".join(map(str, one.absolute_path)) for one in validator.iter_errors(tomllib.loads(text))
    ]
    assert path in found


def test_a_plugins_text_may_come_from_a_variable_or_a_file(validator: Any) -> None:
    for source in ('{ env = "URL" }', '{ file = "slack-url" }'):
        validator.validate(
            tomllib.loads(f'[[plugin]]\nuse = "slack"\nconfig = {{ url = {source} }}\n')
        )


def test_every_key_of_the_schema_says_what_it_means() -> None:
    schema = settings_schema({})
    for name, definition in schema["$defs"].items():
        for key, one in definition.get("properties", {}).items():
            assert one.get("description"), f"{name}.{key}"
    assert schema["$defs"]["PluginSettings"]["properties"]["timeout"]["default"] == "30s"


def test_the_command_prints_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import json

    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    assert main(["config", "schema"]) == 0
    assert json.loads(out.getvalue())["$schema"].endswith("/draft/2020-12/schema")
