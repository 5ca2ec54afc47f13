"""Checks what is in a wheel, and what its compiled module shows: `check_wheel.py WHEEL...`.

It prints one line for each finding, and ends with status 1 if there is any.
"""

import json
import re
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT = Path(__file__).parents[1]
MOST_BYTES = 8_000_000
# What every system of the tag has; nothing else may be needed.
SYSTEM_LIBRARIES = re.compile(
    r"lib(?:c|m|gcc_s|stdc\+\+|pthread|dl|rt)\.so\.\d+|ld-linux[\w-]*\.so\.\d+"
)

# C++ names that may be seen: templates of the standard library, and types without a class of ours.
NOT_OURS = re.compile(r"_Z(?!.*(?:4incm|4Poco|8simdjson|8pybind11))")


def findings(wheel: Path) -> Iterator[str]:
    """Yield a sentence for everything that is wrong with a wheel."""
    if (size := wheel.stat().st_size) > MOST_BYTES:
        yield f"it has {size} bytes, more than {MOST_BYTES}"
    with zipfile.ZipFile(wheel) as files, tempfile.TemporaryDirectory() as folder:
        names = set(files.namelist())
        yield from missing_files(names)
        yield from wrong_bill(files)
        (core,) = (one for one in names if re.search(r"/_core[^/]*\.so$", one))
        yield from wrong_module(Path(files.extract(core, folder)))


def missing_files(names: set[str]) -> Iterator[str]:
    """Yield what a wheel lacks: plugins, licences."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for module in project["entry-points"]["incm_webhook.plugins"].values():
        path = module.replace(".", "/")
        if not {f"{path}.py", f"{path}/__init__.py"} & names:
            yield f"the plugin {module} is missing"
    info = next(one.partition("/")[0] for one in names if ".dist-info/" in one)
    libraries = tomllib.loads((ROOT / "packaging/libraries.toml").read_text())
    wanted = [f"bundled/{one}.txt" for one in libraries]
    wanted += [
        f"bundled/{name}-{part['title'].lower()}.txt"
        for name, library in libraries.items()
        for part in library.get("contains", ())
    ]
    for name in ("LICENSE", *wanted):
        if f"{info}/licenses/{name}" not in names:
            yield f"the licence {name} is missing"
    for name in ("incm_webhook/py.typed", "incm_webhook/_core.pyi"):
        if name not in names:
            yield f"{name} is missing"


def wrong_bill(files: zipfile.ZipFile) -> Iterator[str]:
    """Yield what is wrong with the bill of materials."""
    bills = [one for one in files.namelist() if one.endswith("/sboms/incm-webhook.cdx.json")]
    if not bills:
        yield "the bill of materials is missing"
        return
    text = files.read(bills[0]).decode()
    if (error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)) is not None:
        yield f"the bill of materials is no CycloneDX: {error}"
    bill = json.loads(text)
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    if bill["metadata"]["component"]["purl"] != f"pkg:pypi/incm-webhook@{version}":
        yield f"the bill of materials is of {bill['metadata']['component']['purl']}"


def wrong_module(core: Path) -> Iterator[str]:
    """Yield what a compiled module shows or needs, but should not."""
    symbols = output("nm", "--dynamic", "--defined-only", core).split("\n")
    shown = {one.split()[-1] for one in symbols if one} - {"PyInit__core"}
    shown = {one for one in shown if not NOT_OURS.match(one)}
    if shown:
        yield f"the module shows {len(shown)} symbols, such as {', '.join(sorted(shown)[:5])}"
    needed = re.findall(r"\(NEEDED\).*\[(.+)\]", output("readelf", "--dynamic", core))
    if other := [one for one in needed if not SYSTEM_LIBRARIES.fullmatch(one)]:
        yield f"the module needs {', '.join(other)}"
    if ".symtab" in output("readelf", "--sections", "--wide", core):
        yield "the module is not stripped"


def output(*command: str | Path) -> str:
    """Return what a program prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main(arguments: list[str]) -> int:
    """Check each wheel."""
    status = 0
    for one in map(Path, arguments):
        for finding in findings(one):
            status = 1
            print(f"{one.name}: {finding}")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
