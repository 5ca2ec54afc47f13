"""Print the slow unit tests that none of the changed files concerns.

Usage: slow_tests.py CHANGED_FILE... in the repository's folder. `./dev check` leaves out what this
prints. A test module is slow if its `pytestmark` holds `pytest.mark.slow`.
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path, PurePosixPath

UNIT = "tests/unit"
PACKAGE = "python/incm_webhook"
# A change of these concerns every test.
EVERYTHING = ("cpp/", "CMakeLists.txt", "pyproject.toml", f"{PACKAGE}/__init__.py")


def is_slow(tree: ast.Module) -> bool:
    """Whether the module as a whole is marked as slow."""
    return any(
        isinstance(node, ast.Assign)
        and any(isinstance(name, ast.Name) and name.id == "pytestmark" for name in node.targets)
        and any(isinstance(part, ast.Attribute) and part.attr == "slow" for part in ast.walk(node))
        for node in tree.body
    )


def imported(tree: ast.Module) -> Iterator[str]:
    """The modules of the package that a test names, without the package's own name.

    `from incm_webhook.a import b` names a and a.b, for b may be a module.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{one.name}" for one in node.names)]
        elif isinstance(node, ast.Import):
            names = [one.name for one in node.names]
        else:
            continue
        for name in names:
            if name.startswith("incm_webhook."):
                yield name.removeprefix("incm_webhook.")


def is_concerned(test: PurePosixPath, tree: ast.Module, changed: Iterable[str]) -> bool:
    """Whether a test is about one of the changed files.

    It is about itself, what it imports, the package in whose folder it stands, and the package or
    module of its own name.
    """
    folder = test.relative_to(UNIT).parent
    subject = test.stem.removeprefix("test_")
    modules = {f"{PACKAGE}/{name.replace('.', '/')}" for name in imported(tree)}
    for one in changed:
        path = PurePosixPath(one)
        if path == test or one.startswith(EVERYTHING) or path.name == "conftest.py":
            return True
        if not path.is_relative_to(PACKAGE):
            continue
        inner = path.relative_to(PACKAGE)
        if str(path.with_suffix("")) in modules or str(path.parent) in modules:
            return True
        if folder.parts and inner.is_relative_to(folder):
            return True
        if subject in (inner.stem, *inner.parts[:-1]):
            return True
    return False


def unconcerned(root: Path, changed: AbstractSet[str]) -> list[str]:
    """The slow tests below root that none of the changed files (relative to root) concerns."""
    found = []
    for path in sorted((root / UNIT).rglob("test_*.py")):
        text = path.read_text()
        if "mark.slow" not in text:
            continue
        tree = ast.parse(text)
        test = PurePosixPath(path.relative_to(root).as_posix())
        if is_slow(tree) and not is_concerned(test, tree, changed):
            found.append(str(test))
    return found


if __name__ == "__main__":
    for name in unconcerned(Path(), set(sys.argv[1:])):
        print(name)
