"""The command `new-plugin`: writes a plugin to begin with, and its tests."""

import keyword
import re
import shlex
import sys
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import click

from incm_webhook.errors import EXIT_FAILED

_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_.][a-z0-9]+)*")
_LONGEST = 40  # characters of a name


@dataclass(frozen=True, slots=True)
class _Names:
    """The forms of a plugin's name: as given, of its distribution, and of its module."""

    name: str
    distribution: str
    module: str


@click.command("new-plugin", short_help="Write a plugin to begin with, and its tests.")
@click.argument("name")
@click.argument("folder", metavar="[DIR]", default=".")
@click.option("--package", is_flag=True, help="Write a package that can be installed.")
def new_plugin(*, name: str, folder: str, package: bool) -> int:
    """Write a plugin that works, with a typed configuration and tests, into DIR (.).

    NAME becomes NAME.py and test_NAME.py. With --package it becomes a folder incm-webhook-NAME
    with a pyproject.toml, whose entry point makes it `use = "NAME"`, tests, and a workflow for CI.
    Nothing is overwritten.

    Example: incm-webhook new-plugin noc
    """
    names = _names_of(name, package=package)
    into = Path(folder)
    if not into.is_dir():
        raise click.UsageError(f"there is no folder {folder}: create it, or name another DIR")
    texts = _package(names) if package else _file(names)
    top = into / names.distribution if package else into
    there = [top / one for one in texts if (top / one).exists()] or [top] * (
        package and top.exists()
    )
    if there:
        raise click.UsageError(
            f"{there[0]} is there already, and nothing is overwritten: choose another NAME or DIR"
        )
    try:
        _write(top, texts)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        click.echo(f"incm-webhook: cannot write {error.filename}: {reason}", err=True)
        return EXIT_FAILED
    for one in texts:
        click.echo(f"wrote {top / one}")
    click.echo("next:")
    for line in _next(names, into, package=package):
        click.echo(f"  {line}")
    return 0


def _names_of(name: str, *, package: bool) -> _Names:
    from incm_webhook.hosting.registry import BUNDLED

    wants = 'a NAME has lower-case letters, digits and single "-", such as noc or sms-gateway'
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        near = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-0123456789")[:_LONGEST]
        hint = f"; try {near}" if _NAME.fullmatch(near) else ""
        raise click.UsageError(
            f"{wants}; it begins with a letter, and has at most {_LONGEST} characters{hint}"
        )
    if package and name in BUNDLED:
        raise click.UsageError(
            f'"{name}" is a bundled plugin, which would hide yours: choose another NAME'
        )
    module = re.sub(r"[-.]", "_", name)
    if package:
        distribution = f"incm-webhook-{re.sub('[_.]', '-', name)}"
        return _Names(name, distribution, f"incm_webhook_{module}")
    if keyword.iskeyword(module) or module in sys.stdlib_module_names or module == "pytest":
        raise click.UsageError(
            f"{module}.py would hide Python's own {module}: choose another NAME, such as my-{name}"
        )
    if module.startswith("test_"):
        raise click.UsageError(f"pytest takes {module}.py for tests: choose another NAME")
    return _Names(name, "", module)


def _template(file: str, names: _Names) -> str:
    text = (files("incm_webhook.cli") / "scaffold" / f"{file}.txt").read_text(encoding="utf-8")
    for token, value in (
        ("@name@", names.name),
        ("@distribution@", names.distribution),
        ("@module@", names.module),
    ):
        text = text.replace(token, value)
    return text


def _tests(names: _Names, *, package: bool) -> str:
    use = f'USE = "{names.name}"'
    path_import = ""
    if not package:
        path_import = "from pathlib import Path\n\n"
        use = f'USE = str(Path(__file__).with_name("{names.module}.py"))'
    text = _template("test_plugin.py", names)
    return text.replace("@path_import@\n", path_import).replace("@use@", use)


def _file(names: _Names) -> dict[str, str]:
    return {
        f"{names.module}.py": _template("plugin.py", names),
        f"test_{names.module}.py": _tests(names, package=False),
    }


def _package(names: _Names) -> dict[str, str]:
    plugin = _template("plugin.py", names)
    source = f"src/{names.module}"
    return {
        "pyproject.toml": _template("pyproject.toml", names),
        "README.md": _template("README.md", names),
        ".gitignore": _template("gitignore", names),
        ".github/workflows/ci.yml": _template("ci.yml", names),
        f"{source}/__init__.py": f'"""The plugin {names.name} of incm-webhook."""\n',
        f"{source}/py.typed": "",
        f"{source}/plugin.py": plugin,
        "tests/test_plugin.py": _tests(names, package=True),
    }


def _write(top: Path, texts: dict[str, str]) -> None:
    for name, text in texts.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)


def _next(names: _Names, into: Path, *, package: bool) -> list[str]:
    """List the three commands that lead from the new files to a server."""
    if package:
        place = shlex.quote(str(into / names.distribution))
        return [
            f"python -m pip install -e {place}'[dev]'",
            f"python -m pytest {place}",
            f"incm-webhook plugin run {names.name} --type disconnected",
        ]
    file = shlex.quote(str(into / f"{names.module}.py"))
    spec = file if "/" in file else f"./{file}"
    return [
        f"python -m pytest {shlex.quote(str(into / f'test_{names.module}.py'))}",
        f"incm-webhook plugin run {spec} --type disconnected",
        f"incm-webhook serve --secret-file ./secret --plugin {spec} --dev",
    ]
