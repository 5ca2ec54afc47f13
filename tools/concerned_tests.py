"""Print the unit tests that the changed files concern, for `./dev check`.

Usage: concerned_tests.py CHANGED_FILE... in the repository's folder.

A test module is concerned if it imports a changed module, directly or through others, if it names a
changed file, or if it reads the repository. A slow one, whose `pytestmark` holds
`pytest.mark.slow`, must be about the change: it imports the changed module itself, or stands in the
folder of the changed package, or has its name.
"""

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from functools import cached_property
from pathlib import Path, PurePosixPath

UNIT = "tests/unit"
PACKAGE = "python/incm_webhook"
PLUGINS = "plugins"
REGISTRY = "incm_webhook.hosting.registry"  # imports the bundled plugins by their names
# A change of these concerns every test.
EVERYTHING = ("cpp/", "CMakeLists.txt", "pyproject.toml", f"{PACKAGE}/__init__.py")


def module_of(path: PurePosixPath) -> str:
    """The name under which a file is imported, such as incm_webhook.plugins.http."""
    for folder, name in ((PACKAGE, "incm_webhook"), (PLUGINS, "incm_webhook.plugins")):
        if path.is_relative_to(folder):
            parts = [name, *path.relative_to(folder).with_suffix("").parts]
            break
    else:
        parts = list(path.with_suffix("").parts)
        if parts[0] != "tests":  # bench and tools are folders of programs
            parts = parts[-1:]
    return ".".join(parts).removesuffix(".__init__")


class Source:
    """A Python file of the repository."""

    def __init__(self, path: PurePosixPath, text: str) -> None:
        self.path = path
        self.text = text
        self.module = module_of(path)

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed text."""
        return ast.parse(self.text)

    @property
    def is_slow(self) -> bool:
        """Whether the module as a whole is marked as slow."""
        return "mark.slow" in self.text and any(
            isinstance(node, ast.Assign)
            and any(isinstance(name, ast.Name) and name.id == "pytestmark" for name in node.targets)
            and any(isinstance(one, ast.Attribute) and one.attr == "slow" for one in ast.walk(node))
            for node in self.tree.body
        )

    def imports(self) -> Iterator[str]:
        """What it imports anywhere: each name could be a module or something in one."""
        package = self.module if self.path.stem == "__init__" else self.module.rpartition(".")[0]
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (one.name for one in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = node.module or ""
                if node.level:
                    parts = package.split(".")
                    base = ".".join([*parts[: len(parts) - node.level + 1], *filter(None, [base])])
                yield from (f"{base}.{one.name}" for one in node.names)


class Imports:
    """Which module of the repository imports which."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self._sources = {one.module: one for one in sources}
        self._origins = self._public_names()
        self._direct: dict[str, frozenset[str]] = {}

    def _public_names(self) -> Mapping[str, str]:
        """Where the names that the package itself exports come from."""
        package = self._sources.get("incm_webhook")
        names = list(package.imports()) if package else []
        return {f"incm_webhook.{one.rpartition('.')[2]}": one for one in names}

    def direct(self, source: Source) -> frozenset[str]:
        """The modules that a file imports itself."""
        known = self._direct.get(source.module)
        if known is None:
            names = [self._origins.get(name, name) for name in source.imports()]
            modules = {self._holder(name) for name in names} - {None, "incm_webhook"}
            if source.module == REGISTRY:
                modules |= {one for one in self._sources if one.startswith("incm_webhook.plugins.")}
            known = self._direct[source.module] = frozenset(filter(None, modules))
        return known

    def _holder(self, name: str) -> str | None:
        while name and name not in self._sources:
            name = name.rpartition(".")[0]
        return name or None

    def all(self, source: Source) -> AbstractSet[str]:
        """The modules that a file imports, directly or through others."""
        found: set[str] = set()
        left = set(self.direct(source))
        while left:
            one = left.pop()
            if one not in found:
                found.add(one)
                left |= self.direct(self._sources[one])
        return found


def is_about(test: Source, changed: PurePosixPath) -> bool:
    """Whether a test stands in the folder of a changed package, or has its name."""
    if not changed.is_relative_to(PACKAGE):
        return False
    inner = changed.relative_to(PACKAGE)
    folder = test.path.relative_to(UNIT).parent
    subject = test.path.stem.removeprefix("test_")
    in_folder = bool(folder.parts) and inner.is_relative_to(folder)
    return in_folder or subject in (inner.stem, *inner.parts[:-1])


def is_concerned(test: Source, imports: Imports, changed: Iterable[str]) -> bool:
    """Whether a test has to run after a change of these files."""
    reach = imports.direct(test) if test.is_slow else imports.all(test)
    reach = {*reach, test.module}
    return (not test.is_slow and ".parents[" in test.text) or any(
        one.startswith(EVERYTHING)
        or PurePosixPath(one).name in test.text
        or module_of(PurePosixPath(one)) in reach
        or is_about(test, PurePosixPath(one))
        or (one.endswith("conftest.py") and test.path.is_relative_to(PurePosixPath(one).parent))
        for one in changed
    )


def concerned(root: Path, changed: AbstractSet[str]) -> list[str]:
    """The tests below root that the changed files concern, all relative to root."""
    files = [
        file
        for folder in (PACKAGE, PLUGINS, UNIT, "bench", "tools")
        for file in sorted((root / folder).rglob("*.py"))
    ]
    sources = [
        Source(PurePosixPath(one.relative_to(root).as_posix()), one.read_text()) for one in files
    ]
    imports = Imports(sources)
    tests = [
        one
        for one in sources
        if one.path.is_relative_to(UNIT) and one.path.name.startswith("test_")
    ]
    return [str(one.path) for one in tests if is_concerned(one, imports, changed)]


if __name__ == "__main__":
    for name in concerned(Path(), set(sys.argv[1:])):
        print(name)
