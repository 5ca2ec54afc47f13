import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from incm_webhook.cli.program import main
from incm_webhook.testing import make_alert, run_plugin

pytestmark = pytest.mark.slow

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(workdir: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in an empty folder; give its status and what it wrote to both streams."""

    def run_command(*arguments: str) -> tuple[int, str, str]:
        status = main(arguments)
        out, err = capsys.readouterr()
        return status, out, err

    return run_command


def tool(*arguments: str, cwd: str = ".") -> str:
    """Run a Python tool; return what it printed."""
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    environ.pop("PYTEST_CURRENT_TEST", None)
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=cwd,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_what_it_writes_is_formatted_typed_and_tested(run: Run) -> None:
    longest = "a-name-that-has-forty-characters-exactly"
    assert len(longest) == 40
    for name in ("noc", longest):
        status, out, _ = run("new-plugin", name)
        assert status == 0
    module = longest.replace("-", "_")
    assert f"wrote {module}.py\nwrote test_{module}.py\n" in out
    files = sorted(map(str, Path().glob("*.py")))
    assert len(files) == 4
    tool("ruff", "check", "--no-cache", "--isolated", "--select", "B,E4,E7,E9,F,I,UP,W", *files)
    tool("ruff", "format", "--no-cache", "--isolated", "--check", *files)
    tool("mypy", "--strict", "--cache-dir", ".cache", *files)
    assert " passed" in tool("pytest", "-q", "-p", "no:cacheprovider", "test_noc.py")


def test_a_package_is_formatted_typed_tested_and_found_by_its_name(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, out, _ = run("new-plugin", "sms-gateway", "--package")
    assert status == 0
    top = "incm-webhook-sms-gateway"
    project = tomllib.loads(Path(top, "pyproject.toml").read_text())["project"]
    points = project["entry-points"]["incm_webhook.plugins"]
    assert points == {"sms-gateway": "incm_webhook_sms_gateway.plugin"}
    tool("ruff", "check", "--no-cache", cwd=top)
    tool("ruff", "format", "--no-cache", "--check", cwd=top)
    install(Path(top), Path("site"), points)
    monkeypatch.setenv("PYTHONPATH", str(Path("site").absolute()))
    tool("mypy", "--cache-dir", "../.cache", cwd=top)
    assert " passed" in tool("pytest", "-q", "-p", "no:cacheprovider", cwd=top)
    assert out.splitlines()[-3:] == [
        f"  python -m pip install -e {top}'[dev]'",
        f"  python -m pytest {top}",
        "  incm-webhook plugin run sms-gateway --type disconnected",
    ]
    output = tool("incm_webhook", *out.splitlines()[-1].split()[1:])
    assert "disconnected: delivered in " in output


def install(top: Path, site: Path, points: dict[str, str]) -> None:
    """Do what `pip install -e` does, without a network."""
    module = next((top / "src").iterdir())
    info = site / f"{module.name}-0.1.0.dist-info"
    info.mkdir(parents=True)
    (site / module.name).symlink_to(module.absolute())
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {top.name}\nVersion: 0.1.0\n")
    lines = "".join(f"{name} = {value}\n" for name, value in points.items())
    (info / "entry_points.txt").write_text(f"[incm_webhook.plugins]\n{lines}")


def test_the_plugin_works_at_once_and_the_commands_are_printed(run: Run) -> None:
    Path("plugins here").mkdir()
    status, out, _ = run("new-plugin", "noc", "plugins here")
    assert status == 0
    assert out == (
        "wrote plugins here/noc.py\n"
        "wrote plugins here/test_noc.py\n"
        "next:\n"
        "  python -m pytest 'plugins here/test_noc.py'\n"
        "  incm-webhook plugin run 'plugins here/noc.py' --type disconnected\n"
        "  incm-webhook serve --secret-file ./secret --plugin 'plugins here/noc.py' --dev\n"
    )
    assert run_plugin("plugins here/noc.py", make_alert()) == ["delivered"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("Noc",), "lower-case letters, digits"),
        (("Noc",), "; try noc;"),
        (("9lives",), "begins with a letter"),
        (("a" * 41,), "at most 40 characters"),
        (("../noc",), "; try noc;"),
        (("a--b",), "; try a-b;"),
        (("\u00e9",), "such as noc"),
        (("json",), "json.py would hide Python's own json"),
        (("class",), "class.py would hide Python's own class"),
        (("pytest",), "pytest.py would hide"),
        (("test-noc",), "pytest takes test_noc.py for tests"),
        (("log", "--package"), '"log" is a bundled plugin, which would hide yours'),
        (("noc", "missing"), "there is no folder missing"),
        ((), "missing argument"),
    ],
)
def test_wrong_names_are_explained(run: Run, arguments: tuple[str, ...], expected: str) -> None:
    status, out, err = run("new-plugin", *arguments)
    assert (status, out) == (2, "")
    assert expected in err
    assert sorted(map(str, Path().iterdir())) == ["secret"]


def test_nothing_is_overwritten(run: Run) -> None:
    Path("test_noc.py").write_text("mine")
    status, _, err = run("new-plugin", "noc")
    assert (status, "test_noc.py is there already" in err) == (2, True)
    assert not Path("noc.py").exists()
    Path("incm-webhook-noc").mkdir()
    status, _, err = run("new-plugin", "noc", "--package")
    assert (status, "incm-webhook-noc is there already" in err) == (2, True)
    assert list(Path("incm-webhook-noc").iterdir()) == []


def test_a_folder_that_takes_no_file_is_reported(run: Run) -> None:
    Path("noc").write_text("")
    status, _, err = run("new-plugin", "noc", "noc")
    assert (status, "there is no folder noc" in err) == (2, True)
    status, _, err = run("new-plugin", "noc", "/proc/self")
    assert status == 1
    assert err.startswith("incm-webhook: cannot write /proc/self/noc.py: ")
