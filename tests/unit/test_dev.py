"""`./dev` and its parts: what help names, what usage refuses, what they choose."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEV = ROOT / "dev"
SCRIPTS = [DEV, *sorted((ROOT / ".ci").iterdir()), *sorted((ROOT / "tools").glob("*.sh"))]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CI = (ROOT / ".github/workflows/ci.yml").read_text()
COMMANDS = re.findall(r"^    ([a-z]+)(?: \| -h \| --help)?\) ", DEV.read_text(), re.MULTILINE)
PARTS = re.findall(
    r"^readonly test_parts=\((.+)\)$", (ROOT / "tools/test.sh").read_text(), re.MULTILINE
)[0].split()


def dev(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([DEV, *arguments], capture_output=True, text=True, check=False)


def shell(script: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run a script with the functions of tools/setup.sh."""
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"source tools/setup.sh\n{script}"],
        cwd=ROOT,
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_every_script_is_bash(path: Path) -> None:
    done = subprocess.run(["bash", "-n", path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_help_names_every_command_and_every_part_of_the_tests() -> None:
    done = dev("help")
    assert done.returncode == 0
    assert len(COMMANDS) > 8
    for command in COMMANDS:
        assert re.search(rf"^  {command}\b", done.stdout, re.MULTILINE), command
    for part in PARTS:
        assert re.search(rf"\b{part}\b", done.stdout), part


@pytest.mark.parametrize("wrong", [["walk"], ["test", "walk"], ["lint", "walk"], ["run", "--walk"]])
def test_what_does_not_exist_is_refused_with_the_usage(wrong: list[str]) -> None:
    refused = dev(*wrong)
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert "usage: ./dev COMMAND" in refused.stderr


def test_an_unknown_part_of_the_tests_is_named() -> None:
    refused = dev("test", "walk").stderr
    assert f"no part of the tests is called walk; the parts are: {' '.join(PARTS)}" in refused


def test_each_folder_of_tests_is_a_part() -> None:
    folders = PROJECT["tool"]["pytest"]["ini_options"]["testpaths"]
    assert {Path(one).name for one in folders} | {"cpp", "asan", "fuzz"} == set(PARTS)


@pytest.mark.parametrize(
    "name",
    [
        "CONTRIBUTING.md",
        "docs/release.md",
        ".pre-commit-config.yaml",
        ".github/pull_request_template.md",
        ".github/workflows/ci.yml",
        ".ci/run",
    ],
)
def test_every_dev_command_of_pages_and_workflows_exists(name: str) -> None:
    asked = re.findall(r"\./dev ([a-z]+)(?: ([a-z0-9-]+))?", (ROOT / name).read_text())
    assert asked
    for command, part in asked:
        assert command in COMMANDS
        if part and command == "test":
            assert part in PARTS
        if part and command == "lint":
            assert f"lint_{part.replace('-', '_')}()" in (ROOT / "tools/lint.sh").read_text()


def test_ci_runs_every_part_on_every_python_that_is_promised() -> None:
    matrix = {
        name: re.findall(r"[\w.-]+", values)
        for name, values in re.findall(r"^ {8}(\w+): \[(.+)\]$", CI, re.MULTILINE)
    }
    alone = re.findall(r"\./dev test ([a-z0-9]+)", CI)
    assert sorted([*matrix["part"], *alone]) == sorted(PARTS)
    promised = re.findall(r":: Python :: (3\.\d+)", " ".join(PROJECT["project"]["classifiers"]))
    assert matrix["python"] == promised
    wheels = PROJECT["tool"]["cibuildwheel"]["build"]
    assert wheels == [f"cp{one.replace('.', '')}-*" for one in promised]


def test_a_compilation_is_shown_in_tenths_and_logged_whole(tmp_path: Path) -> None:
    ninja = "configuring\n" + "".join(f"  [{n}/40] Building {n}.o\n" for n in range(1, 41))
    done = shell(f"show_progress {tmp_path}/log", ninja)
    assert done.returncode == 0
    assert done.stdout == ""
    assert done.stderr.splitlines() == [f"./dev: compiling, {n} of 40" for n in range(4, 41, 4)]
    assert (tmp_path / "log").read_text() == ninja


# A ./dev in whose tests the parts named in FAILING fail; each run is noted in the file `ran`.
FAKE_DEV = """\
#!/usr/bin/env bash
set -euo pipefail
source {root}/tools/setup.sh
source {root}/tools/test.sh
need_packages() {{ :; }}
need_fuzzer_runtime() {{ :; }}
setup() {{ :; }}
run_part() {{
    echo "$1" >>ran
    echo "said by $1"
    if [[ " $FAILING " == *" $1 "* ]]; then false; fi
    echo "end of $1"
}}
run_tests "${{@:2}}"
"""


def run_everything(folder: Path, failing: str) -> subprocess.CompletedProcess[str]:
    (folder / "dev").write_text(FAKE_DEV.format(root=ROOT))
    (folder / "dev").chmod(0o755)
    done = subprocess.run(
        ["./dev", "test"],
        cwd=folder,
        env={**os.environ, "FAILING": failing},
        capture_output=True,
        text=True,
        check=False,
    )
    assert sorted((folder / "ran").read_text().split()) == sorted(PARTS)
    return done


def test_everything_passes_if_each_part_does(tmp_path: Path) -> None:
    done = run_everything(tmp_path, failing="")
    assert done.returncode == 0
    assert done.stdout == ""
    for part in PARTS:
        assert re.search(rf"^\./dev: {part}: passed in \d+ s: end of {part}$", done.stderr, re.M)
        assert (tmp_path / "build/test" / f"{part}.log").read_text() == (
            f"said by {part}\nend of {part}\n"
        )


@pytest.mark.parametrize("part", ["unit", "asan", "cost"])
def test_a_part_that_fails_is_shown_and_fails_the_run(tmp_path: Path, part: str) -> None:
    done = run_everything(tmp_path, failing=part)
    assert done.returncode == 1
    assert re.search(rf"^\./dev: {part}: FAILED .*\nsaid by {part}$", done.stderr, re.M)
    assert f"end of {part}" not in done.stderr
    assert done.stderr.count("passed in") == len(PARTS) - 1
    assert done.stderr.endswith("./dev: some tests failed, see above\n")


SLOW = "import pytest\n{}\npytestmark = pytest.mark.slow\n"

TREE = {
    "python/incm_webhook/__init__.py": "from incm_webhook.template import Template\n",
    "python/incm_webhook/template.py": "from incm_webhook.text import lines\n",
    "python/incm_webhook/text/__init__.py": "",
    "python/incm_webhook/text/lines.py": "",
    "python/incm_webhook/hosting/worker.py": "def start():\n    import incm_webhook.text.lines\n",
    "python/incm_webhook/hosting/registry.py": "",
    "plugins/jsonl.py": "",
    "tests/unit/hosting/helpers.py": "from incm_webhook.hosting import worker\n",
    "tests/unit/hosting/test_one.py": "from .helpers import start\n",
    "tests/unit/hosting/test_isolated.py": SLOW.format("from . import helpers"),
    "tests/unit/hosting/test_bundled.py": "from incm_webhook.hosting.registry import load\n",
    "tests/unit/cli/test_check.py": SLOW.format("import incm_webhook.template"),
    "tests/unit/test_rendering.py": "from incm_webhook import Template\n",
    "tests/unit/test_page.py": "Path(__file__).parents[2]\n",
    "tests/unit/test_names.py": "# one of a slow one: pytest.mark.slow\n",
    "tests/unit/test_program.py": 'PROGRAM = "bench/load.py"\n',
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository with a few modules, and with tests that import them in several ways."""
    for name, text in TREE.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


ALL = [name for name in TREE if "/test_" in name]


@pytest.mark.parametrize(
    ("changed", "run"),
    [
        ("README.md", []),
        ("python/incm_webhook/text/lines.py", ["hosting/test_one", "test_rendering"]),
        ("python/incm_webhook/template.py", ["cli/test_check", "test_rendering"]),
        (
            "python/incm_webhook/hosting/worker.py",
            ["hosting/test_bundled", "hosting/test_isolated", "hosting/test_one"],
        ),
        ("python/incm_webhook/check/storage.py", ["cli/test_check"]),
        ("plugins/jsonl.py", ["hosting/test_bundled"]),
        ("tests/unit/hosting/helpers.py", ["hosting/test_isolated", "hosting/test_one"]),
        (
            "tests/unit/hosting/conftest.py",
            ["hosting/test_bundled", "hosting/test_isolated", "hosting/test_one"],
        ),
        ("tests/unit/test_names.py", ["test_names"]),
        ("bench/load.py", ["test_program"]),
        ("python/incm_webhook/__init__.py", None),
        ("cpp/incm/base/log.cpp", None),
    ],
)
def test_check_runs_the_tests_that_a_change_concerns(
    tree: Path, changed: str, run: list[str] | None
) -> None:
    expected = ALL if run is None else ["tests/unit/test_page.py"]
    expected = [*expected, *(f"tests/unit/{one}.py" for one in run or [])]
    done = subprocess.run(
        [sys.executable, ROOT / "tools/concerned_tests.py", changed],
        cwd=tree,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == sorted(expected)


@pytest.mark.parametrize(
    ("python", "ours"), [(".venv/bin/python", True), ("venv/bin/python3", False)]
)
def test_check_compiles_only_in_a_folder_that_was_made_for_its_python(
    tmp_path: Path, python: str, *, ours: bool
) -> None:
    """`pip install .` for another environment uses the same folder, and leaves its own paths."""
    cache = tmp_path / "build/wheel/CMakeCache.txt"
    cache.parent.mkdir(parents=True)
    cache.write_text(f"Python_EXECUTABLE:PATH={tmp_path}/{python}\n")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/project.stamp").write_text("key")
    script = f"""
        source {ROOT}/tools/setup.sh
        source {ROOT}/tools/check.sh
        native_core() {{ echo build/wheel/CMakeCache.txt; }}
        project_key() {{ printf key; }}
        core_is_ours
    """
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode == 0, done.stderr) == (ours, b"")
