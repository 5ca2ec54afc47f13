import json
from collections.abc import Callable
from pathlib import Path

import pytest

from incm_webhook.cli.program import main

Run = Callable[..., tuple[int, str, str]]
Write = Callable[[str, str], Path]
MODEL = '''\
import enum
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal
from pydantic import BaseModel, Field, SecretStr
from incm_webhook import plugin

class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"

class Inner(BaseModel):
    port: int = 25

class Config(BaseModel):
    """What is set.

    Attributes:
        url: where to post,
            in full.
        tags: a list: any.

    Threads: any.
    """

    url: SecretStr
    token: SecretStr = SecretStr("hidden-token")
    tags: Sequence[str] = ("a", "b")
    mode: Literal["fast", "slow"] = "fast"
    colour: Colour = Colour.RED
    where: Path | None = None
    inner: Inner = Inner()
    extra: Mapping[str, int] = Field(default_factory=dict, description="Anything.")
    size: Annotated[float, Field(gt=0)] = 0.5
    either: int | str = 3
    other: Any = None
    from_: str = Field("me", alias="from")

@plugin("pager", config=Config, types=["reboot"], timeout="5s")
class Pager:
    """Page whoever is on call."""
    def __init__(self, config: Config) -> None: raise AssertionError
    def handle(self, alert): ...
    def close(self): ...
'''


@pytest.fixture
def run(workdir: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in an empty folder; give its status and what it wrote to both streams."""

    def run_command(*arguments: str) -> tuple[int, str, str]:
        status = main(arguments)
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return status, out, err

    return run_command


def test_a_plugin_is_described_by_its_model(run: Run, write: Write) -> None:
    path = write("pager.py", MODEL)
    status, out, _ = run("plugins", "./pager.py")
    assert status == 0
    assert out.splitlines() == [
        f"./pager.py: {path}",
        "Page whoever is on call.",
        "hooks: handle, close",
        'sets: types = ["reboot"], timeout = "5s"',
        "",
        "KEY         TYPE                  DEFAULT     MEANING",
        "url         secret text           required    where to post, in full.",
        'token       secret text           "***"',
        'tags        list of text          ["a", "b"]  a list: any.',
        'mode        "fast" or "slow"      "fast"',
        'colour      "red" or "blue"       "red"',
        "where       path                  -",
        "inner       table                 -",
        "inner.port  whole number          25",
        "extra       table                 {}          Anything.",
        "size        number                0.5",
        "either      whole number or text  3",
        "other       any value             -",
        'from        text                  "me"',
    ]


@pytest.mark.parametrize(
    "arguments", [("--json", "./pager.py"), ("./pager.py", "--json"), ("pager", "--json")]
)
def test_the_schema_is_printed(run: Run, write: Write, arguments: tuple[str, ...]) -> None:
    write("pager.py", MODEL)
    write("incm-webhook.toml", '[[plugin]]\nuse = "./pager.py"\nname = "pager"\n')
    status, out, _ = run("plugins", *arguments)
    assert status == 0
    schema = json.loads(out)
    assert schema["required"] == ["url"]
    assert schema["properties"]["inner"]["default"] == {"port": 25}


def test_plugins_without_a_model_or_with_nothing_to_set(run: Run, write: Write) -> None:
    write("noc.py", "def on_alert(alert): ...")
    status, out, _ = run("plugins", "./noc.py")
    assert status == 0
    assert out.endswith("\nhooks: handle\n\nconfig: any table, since it has no model\n")
    assert json.loads(run("plugins", "./noc.py", "--json")[1]) == {"type": "object"}
    assert run("plugins", "log")[1].endswith("\nconfig: nothing to set\n")


def test_a_broken_configuration_hides_no_plugin_that_is_not_in_it(run: Run, write: Write) -> None:
    write("noc.py", "def on_alert(alert): ...")
    write("incm-webhook.toml", "[[plugin]\n")
    assert run("plugins", "jsonl")[0] == 0
    assert run("plugins", "./noc.py")[0] == 0
    assert run("plugins", "noc")[0] == 2
    assert run("plugins", "jsonl", "--config", "incm-webhook.toml")[0] == 2


@pytest.mark.parametrize(
    ("arguments", "status", "expected"),
    [
        (("nix",), 4, 'there is no plugin "nix"'),
        (("./missing.py",), 4, "there is no file"),
        (("./broken.py",), 4, "broken.py:1"),
        (("jsonl", "--config", "missing.toml"), 2, "missing.toml"),
        (("jsonl", "log"), 2, "unexpected extra argument"),
    ],
)
def test_bad_input_is_explained(
    run: Run, write: Write, arguments: tuple[str, ...], status: int, expected: str
) -> None:
    write("broken.py", "def on_alert(alert:\n")
    code, _, err = run("plugins", *arguments)
    assert code == status
    assert expected in err


def test_all_are_listed_without_a_name(run: Run, write: Write) -> None:
    write("noc.py", "def on_alert(alert): ...")
    write("incm-webhook.toml", '[[plugin]]\nuse = "./noc.py"\n')
    status, out, _ = run("plugins", "--json")
    assert status == 0
    rows = {(row["kind"], row["name"]) for row in json.loads(out)}
    assert rows >= {("available", "jsonl"), ("available", "log"), ("configured", "noc")}


@pytest.mark.parametrize("name", ["state", "jsonl"])
def test_after_two_dashes_the_name_of_a_command_is_that_of_a_plugin(
    run: Run, write: Write, name: str
) -> None:
    write("state.py", 'def on_alert(alert):\n    """Keep the state of each device."""\n')
    write("incm-webhook.toml", '[[plugin]]\nuse = "./state.py"\n[[plugin]]\nuse = "jsonl"\n')
    status, out, err = run("plugins", "--", name)
    assert status == 0, err
    summary = "Keep the state of each device." if name == "state" else "Append each alert"
    assert summary in out
    status, out, _ = run("plugins", "--json", "--", name)
    assert (status, json.loads(out)["type"]) == (0, "object")


def test_without_them_the_command_is_run(run: Run, write: Write) -> None:
    write("state.py", "def on_alert(alert): ...")
    write("incm-webhook.toml", '[[plugin]]\nuse = "./state.py"\n')
    status, out, err = run("plugins", "state", "--help")
    assert status == 0
    assert "plugins state -- drop" in out
    status, out, err = run("plugins", "state", "drop", "--", "--all")
    assert status == 2
    assert "say which: keys, --prefix TEXT, or --all" in err
