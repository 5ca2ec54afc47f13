"""The architecture, read off the sources: layers, owners of third-party headers, sizes."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = ROOT / "cpp" / "incm"
# What a folder may include besides itself. `http` is an HTTP server and knows nothing of alerts;
# only `receiver` knows which storage backends there are.
MAY_INCLUDE = {
    "receiver": {
        "admin",
        "http",
        "ingest",
        "net",
        "inbox/sqlite",
        "inbox",
        "auth",
        "model",
        "json",
        "base",
    },
    "admin": {"http", "ingest", "net", "inbox", "auth", "model", "json", "base"},
    "http": {"net", "base"},
    "ingest": {"inbox", "net", "auth", "model", "json", "base"},
    "inbox/sqlite": {"inbox", "base"},
    "inbox": {"base"},
    "net": {"base"},
    "auth": {"json", "base"},
    "model": {"json", "base"},
    "json": {"base"},
    "base": set(),
}
OWNERS = {
    "Poco/Net/": "http",
    "openssl/ssl.h": "net",
    "openssl/err.h": "net",
    "openssl/evp.h": "auth",
    "openssl/sha.h": "auth",
    "openssl/crypto.h": "auth",
    "simdjson": "model",
    "sqlite3": "inbox/sqlite",
    "pybind11/": "bindings",
}
INCLUDE = re.compile(r'^#include ["<]([^">]+)[">]', re.MULTILINE)

cpp_files = sorted([*CORE.rglob("*.h"), *CORE.rglob("*.cpp")])
binding_files = sorted((ROOT / "cpp" / "bindings").iterdir())
python_files = sorted([*(ROOT / "python").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")])


def folder_of(path: Path) -> str:
    """The folder of a file of the core, such as `inbox/sqlite`; of a binding `bindings`."""
    return str(path.parent.relative_to(CORE)) if CORE in path.parents else path.parent.name


def included_by(path: Path) -> set[str]:
    """The headers of the core that a file includes, such as `inbox/records.h`."""
    found = INCLUDE.findall(path.read_text())
    return {one.removeprefix("incm/") for one in found if one.startswith("incm/")}


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def test_there_is_something_to_read() -> None:
    assert len(cpp_files) > 30
    assert {folder_of(path) for path in cpp_files} == set(MAY_INCLUDE)
    assert len(python_files) > 10


def test_includes_point_down() -> None:
    upwards = [
        f"{path} includes {included}"
        for path in cpp_files
        for included in included_by(path)
        if str(Path(included).parent) not in {folder_of(path), *MAY_INCLUDE[folder_of(path)]}
    ]
    assert not upwards


def test_no_units_include_each_other_in_a_circle() -> None:
    """A unit is a header with the source file of its name."""
    needs: dict[str, set[str]] = {}
    for path in cpp_files:
        unit = str(path.relative_to(CORE).with_suffix(""))
        others = {str(Path(one).with_suffix("")) for one in included_by(path)} - {unit}
        needs.setdefault(unit, set()).update(others)
    while free := {unit for unit, others in needs.items() if not others & set(needs)}:
        for unit in free:
            del needs[unit]
    assert not needs, "these include each other, or what does"


def test_third_party_headers_have_one_owner() -> None:
    elsewhere = [
        f"{path} includes {included}"
        for path in cpp_files + binding_files
        for included in INCLUDE.findall(path.read_text())
        for prefix, owner in OWNERS.items()
        if included.startswith(prefix)
        and (folder_of(path) != owner or not (path.suffix == ".cpp" or owner == "bindings"))
    ]
    assert not elsewhere


def test_no_native_thread_takes_the_gil() -> None:
    for path in cpp_files + binding_files:
        assert "gil_scoped_acquire" not in path.read_text(), path


def test_only_the_edges_import_the_native_core() -> None:
    allowed = {"__init__.py", "certificate.py", "native.py", "errors.py", "offline.py"}
    allowed |= {"forked.py", "inbox_file.py", "log.py", "paths.py", "run.py", "signals.py"}
    allowed |= {
        "filters.py",
        "retry.py",
        "template_check.py",
        "alerts.py",
        "version.py",
        "machine.py",
    }
    for path in python_files:
        for node in parsed(path).body:
            if isinstance(node, ast.ImportFrom) and node.module == "incm_webhook._core":
                assert path.name in allowed, path


@pytest.mark.parametrize(
    "path",
    sorted((ROOT / "plugins").rglob("*.py")),
    ids=lambda path: str(path.relative_to(ROOT / "plugins")),
)
def test_bundled_plugins_use_public_names_only(path: Path) -> None:
    public = {"incm_webhook", "incm_webhook.fields", "incm_webhook.message"}
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("incm_webhook"):
            assert node.module in public, node.module


def test_files_have_one_subject() -> None:
    lines = {
        path: len(path.read_text().splitlines())
        for path in cpp_files + binding_files + python_files
    }
    assert not {
        path: count
        for path, count in lines.items()
        if count > (200 if path.suffix == ".h" else 350)
    }


def test_no_python_function_is_long() -> None:
    for path in python_files:
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                doc = ast.get_docstring(node, clean=False)
                lines = (node.end_lineno or 0) - node.lineno + 1
                lines -= len(doc.splitlines()) if doc else 0
                assert lines <= 60, f"{path}:{node.lineno} {node.name} has {lines} lines"
