"""Builds the libraries of a wheel as static ones: `libraries.py PREFIX [WORK]`.

PREFIX gets them with their headers, in `share/incm-webhook/licenses` their licences, and in
`share/incm-webhook/sbom.json.in` the bill of materials, whose version CMake fills in. WORK (by
default PREFIX with `.work` behind it) keeps the archives and the folders of the builds. It takes
minutes the first time, and nothing when PREFIX is up to date.

It runs on Debian and Ubuntu, and in the containers of cibuildwheel.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from materials import bill_of_materials
from sources import SourceError, fetch, unpack

HERE = Path(__file__).parent
Build = Callable[[Path, Path], None]
POCO_PARTS_LEFT_OUT = (
    *("TESTS", "ENCODINGS", "XML", "MONGODB", "REDIS", "UTIL", "ZIP", "PROMETHEUS", "PDF"),
    *("DATA", "DATA_SQLITE", "DATA_MYSQL", "DATA_POSTGRESQL", "DATA_ODBC", "ACTIVERECORD"),
    *("ACTIVERECORD_COMPILER", "CRYPTO", "NETSSL", "JWT", "PAGECOMPILER"),
    *("PAGECOMPILER_FILE2PAGE", "APACHECONNECTOR"),
)
# Of the server's own database nobody loads extensions or shares a cache; double quotes are names.
SQLITE_OPTIONS = (
    *("-DSQLITE_THREADSAFE=1", "-DSQLITE_DQS=0", "-DSQLITE_DEFAULT_MEMSTATUS=0"),
    *("-DSQLITE_OMIT_LOAD_EXTENSION", "-DSQLITE_OMIT_SHARED_CACHE", "-DSQLITE_OMIT_DEPRECATED"),
    *("-DSQLITE_USE_ALLOCA", "-DHAVE_FDATASYNC=1", "-DHAVE_USLEEP=1"),
)
# No configuration file and no engine of the system's OpenSSL, which may be of another version.
OPENSSL_OPTIONS = (
    *("no-shared", "no-tests", "no-docs", "no-legacy", "no-engine", "no-dso", "no-module"),
    *("no-autoload-config", "no-ssl3", "no-comp", "no-psk", "no-srp", "no-uplink"),
    *("--libdir=lib", "--openssldir=/etc/ssl"),
)
FLAGS = "-O2 -fPIC -fvisibility=hidden"


def run(folder: Path, *command: object) -> None:
    """Run a command in a folder; its output goes to standard output."""
    subprocess.run([str(one) for one in command], cwd=folder, check=True, stdout=sys.stderr)


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0))


def with_cmake(source: Path, prefix: Path, *options: str) -> None:
    """Configure, build and install with CMake."""
    static = ("-DBUILD_SHARED_LIBS=OFF", "-DCMAKE_POSITION_INDEPENDENT_CODE=ON")
    places = (f"-DCMAKE_INSTALL_PREFIX={prefix}", "-DCMAKE_INSTALL_LIBDIR=lib")
    flags = ("-DCMAKE_BUILD_TYPE=Release", f"-DCMAKE_CXX_FLAGS={FLAGS}", f"-DCMAKE_C_FLAGS={FLAGS}")
    run(source, "cmake", "-S", ".", "-B", "_build", *static, *places, *flags, *options)
    build = ("cmake", "--build", "_build", "--parallel", processors())
    run(source, *build)
    run(source, "cmake", "--install", "_build")


def build_poco(source: Path, prefix: Path) -> None:
    """Only Foundation, Net and JSON."""
    with_cmake(source, prefix, *(f"-DENABLE_{one}=OFF" for one in POCO_PARTS_LEFT_OUT))


def build_simdjson(source: Path, prefix: Path) -> None:
    """It chooses its code by the processor, while it runs."""
    with_cmake(source, prefix, "-DSIMDJSON_DEVELOPER_MODE=OFF")


def build_sqlite(source: Path, prefix: Path) -> None:
    """Make the amalgamation, and a library of it."""
    run(source, "./configure", f"--prefix={prefix}")
    run(source, "make", "sqlite3.c", "sqlite3.h")
    launcher = [one for one in [os.environ.get("CMAKE_C_COMPILER_LAUNCHER")] if one]
    run(source, *launcher, "gcc", *FLAGS.split(), *SQLITE_OPTIONS, "-c", "sqlite3.c")
    run(source, "ar", "rcs", "libsqlite3.a", "sqlite3.o")
    run(source, "install", "-D", "-m", "644", "-t", prefix / "lib", "libsqlite3.a")
    run(source, "install", "-D", "-m", "644", "-t", prefix / "include", "sqlite3.h")


def build_openssl(source: Path, prefix: Path) -> None:
    """TLS and hashes, without programs and manual pages."""
    run(source, "./Configure", f"--prefix={prefix}", *OPENSSL_OPTIONS)
    run(source, "make", "-s", f"-j{processors()}", "build_libs")
    run(source, "make", "-s", "install_dev")


BUILDS: dict[str, Build] = {
    "poco": build_poco,
    "simdjson": build_simdjson,
    "sqlite": build_sqlite,
    "openssl": build_openssl,
}


def system_openssl() -> dict[str, Any] | None:
    """Describe Debian's static OpenSSL, which can be linked instead of one of our own."""
    asked = (
        subprocess.run(
            ["dpkg-query", "-W", "-f=${Version}", "libssl-dev"],
            capture_output=True,
            text=True,
            check=False,
        )
        if shutil.which("dpkg-query")
        else None
    )
    if asked is None or asked.returncode != 0:
        return None
    version = asked.stdout.partition("-")[0]
    return {
        "title": "OpenSSL",
        "version": version,
        "package": asked.stdout,
        "licence": "Apache-2.0",
        "cpe": f"cpe:2.3:a:openssl:openssl:{version}:*:*:*:*:*:*:*",
    }


def licence_of(part: dict[str, Any], source: Path) -> str:
    """Return the text of a licence: whole files, or what stands before the code of a header."""
    if "licence_comment" in part:
        text = (source / part["licence_comment"]).read_text(errors="replace")
        return re.split(r"^#(?:ifndef|ifdef|define|include|pragma)\b", text, flags=re.MULTILINE)[0]
    return "\n".join((source / one).read_text(errors="replace") for one in part["licence_files"])


def keep_licences(name: str, library: dict[str, Any], source: Path, prefix: Path) -> None:
    """Write the licences of a library and of what it contains."""
    folder = prefix / "share" / "incm-webhook" / "licenses"
    folder.mkdir(parents=True, exist_ok=True)
    for part in (library, *library.get("contains", ())):
        label = name if part is library else f"{name}-{part['title'].lower()}"
        (folder / f"{label}.txt").write_text(licence_of(part, source).strip() + "\n")


def build_all(prefix: Path, work: Path) -> None:
    """Build what is not there yet, and write licences and bill of materials."""
    table = tomllib.loads((HERE / "libraries.toml").read_text())
    ready = {"openssl": found} if (found := system_openssl()) else {}
    for name, library in table.items():
        if name in ready:
            continue
        print(f"building {library['title']} {library['version']}", file=sys.stderr)
        source = unpack(fetch(library, work / "archives"), work / name)
        BUILDS[name](source, prefix)
        keep_licences(name, library, source, prefix)
    if "openssl" in ready:
        text = Path("/usr/share/doc/libssl-dev/copyright").read_text()
        (prefix / "share/incm-webhook/licenses/openssl.txt").write_text(text)
    (prefix / "share/incm-webhook/sbom.json.in").write_text(bill_of_materials(table | ready))


def key_of_build() -> str:
    """What the libraries are built from and with."""
    files = (HERE / one for one in ("libraries.toml", "libraries.py", "materials.py"))
    seen = [one.read_bytes() for one in files]
    seen.append(subprocess.run(["gcc", "--version"], capture_output=True, check=True).stdout)
    seen.append(repr(system_openssl()).encode())
    return hashlib.sha256(b"\0".join(seen)).hexdigest()


def main(arguments: list[str]) -> int:
    """Build into the first argument."""
    if not 1 <= len(arguments) <= 2:
        print("usage: libraries.py PREFIX [WORK]", file=sys.stderr)
        return 2
    prefix = Path(arguments[0]).absolute()
    work = Path(arguments[1] if len(arguments) > 1 else f"{prefix}.work").absolute()
    stamp = prefix / "built"
    key = key_of_build()
    if stamp.exists() and stamp.read_text() == key:
        return 0
    shutil.rmtree(prefix, ignore_errors=True)
    try:
        build_all(prefix, work)
    except SourceError as error:
        print(f"libraries.py: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"libraries.py: `{' '.join(error.cmd)}` failed, see above", file=sys.stderr)
        return 1
    stamp.write_text(key)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
