"""The servers that are compared: what each of them does, and how it is started."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import processes
from service import SECRET, Server

PEERS = Path(__file__).parent / "peers"
NOOP = Path(__file__).parent / "plugins/noop.py"
NGINX = "nginx, return 200"
POCO = "Poco HTTPServer"
ANSWER = "incm-webhook, answer only"
VERIFY = "incm-webhook, verify + parse"
GO = "Go net/http"
FASTAPI = "FastAPI, uvicorn"
SERVE = "incm-webhook, durable"
SERVE_NOOP = "incm-webhook, durable, Python plugin"
APPEND = "append + fdatasync and nothing else"
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"  # Debian's nginx is there

Does = Literal["answers", "verifies", "stores"]


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a server needs for TLS."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Running:
    """A server that takes requests.

    Attributes:
        address: HOST:PORT.
        leader: of the session of its processes.
        kept: counts the alerts that are on the disk; None when it stores nothing.
        settle: waits until what it does after its answers is done.
    """

    address: str
    leader: int
    kept: Callable[[], int] | None = None
    settle: Callable[[], object] = lambda: None


Start = Callable[[Path, Certificate | None], AbstractContextManager[Running]]


@dataclass(frozen=True, slots=True)
class Peer:
    """A server to be measured.

    Attributes:
        label: its name in table and plot.
        does: only answers; verifies the signature and parses; or also stores durably.
        start: runs it in an empty folder.
        variant: how it is set up, where several ways are tried.
        lacks: what is missing on this machine to run it; None when nothing is.
        hexadecimal: it understands only signatures in that form.
        ours: incm-webhook, or a part of it.
    """

    label: str
    does: Does
    start: Start
    variant: str = ""
    lacks: str | None = None
    hexadecimal: bool = False
    ours: bool = False


def program(name: str) -> str | None:
    """Where a program is; None when it is not installed."""
    return shutil.which(name, path=_PATH)


def _without(*programs: str) -> str | None:
    missing = [name for name in programs if program(name) is None]
    return f"{' and '.join(missing)} not installed" if missing else None


def _without_modules(*modules: str) -> str | None:
    missing = [name for name in modules if find_spec(name) is None]
    return f"{' and '.join(missing)} not installed" if missing else None


def _started(
    command: Callable[[Path, int, Certificate | None], list[str]], *, inbox: bool = False
) -> Start:
    """Start a server that gets its port as an argument."""

    @contextmanager
    def start(folder: Path, certificate: Certificate | None) -> Iterator[Running]:
        port = processes.free_port()
        database = folder / "peer.db"
        environment = {"PEER_SECRET": SECRET, "PYTHONPATH": str(PEERS)}
        environment |= {"PEER_INBOX": str(database)} if inbox else {}
        arguments = command(folder, port, certificate)
        with processes.running(arguments, folder, port, environment) as leader:
            kept = (lambda: _rows_of(database)) if inbox else None
            yield Running(f"127.0.0.1:{port}", leader, kept)

    return start


def _rows_of(database: Path) -> int:
    connection = sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)
    (rows,) = connection.execute("SELECT count(*) FROM alert").fetchone()
    connection.close()
    return int(rows)


def _printing(*command: str) -> Start:
    """Start one of our own programs, which prints its port and ends with its input."""

    @contextmanager
    def start(folder: Path, _certificate: Certificate | None) -> Iterator[Running]:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        with process.stdin, process.stdout:
            try:
                yield Running(f"127.0.0.1:{int(process.stdout.readline())}", process.pid)
            finally:
                processes.end(process)

    return start


def _serve(*plugins: str) -> Start:
    """Start the real `incm-webhook serve`."""

    @contextmanager
    def start(folder: Path, certificate: Certificate | None) -> Iterator[Running]:
        with Server(folder, plugins, server_settings=tls_settings(certificate)) as server:

            def kept() -> int:
                return server.accepted()

            yield Running(server.address, server.pid, kept, lambda: server.wait_until_open(0))

    return start


def tls_settings(certificate: Certificate | None) -> str:
    """The key of `[server]` for TLS; empty without a certificate."""
    if certificate is None:
        return ""
    return (
        f'tls = {{ certificate_file = "{certificate.certificate}",'
        f' private_key_file = "{certificate.key}" }}\n'
    )


def _nginx(folder: Path, port: int, certificate: Certificate | None) -> list[str]:
    listen = f"listen 127.0.0.1:{port}"
    if certificate is not None:
        # Debian's nginx would speak 1.2 only, whose resumption costs no key exchange.
        listen += " ssl; ssl_protocols TLSv1.2 TLSv1.3"
        listen += f"; ssl_certificate {certificate.certificate}"
        listen += f"; ssl_certificate_key {certificate.key}"
    text = (PEERS / "nginx.conf").read_text().replace("LISTEN", listen)
    (folder / "nginx.conf").write_text(text)
    return [str(program("nginx")), "-p", str(folder), "-c", "nginx.conf"]


def _go(place: Path) -> Start:
    binary = place / "go_net_http"

    def command(_folder: Path, port: int, _certificate: Certificate | None) -> list[str]:
        build = [str(program("go")), "build", "-o", str(binary), str(PEERS / "go_net_http.go")]
        subprocess.run(build, check=True, timeout=300)
        return [str(binary), f"127.0.0.1:{port}"]

    return _started(command)


def _adnanh(folder: Path, port: int, _certificate: Certificate | None) -> list[str]:
    text = (PEERS / "adnanh_hooks.json").read_text().replace("SECRET", SECRET)
    (folder / "hooks.json").write_text(text)
    # An empty prefix makes the hook's path /webhook.
    where = ["-ip", "127.0.0.1", "-port", str(port), "-urlprefix", ""]
    return [str(program("webhook")), "-hooks", "hooks.json", *where]


def _python(*arguments: str) -> Callable[[Path, int, Certificate | None], list[str]]:
    """A command of the virtual environment; PORT in it becomes the port."""

    def command(_folder: Path, port: int, _certificate: Certificate | None) -> list[str]:
        return [sys.executable, *(one.replace("PORT", str(port)) for one in arguments)]

    return command


def _gunicorn(*how: str) -> Callable[[Path, int, Certificate | None], list[str]]:
    command = ("-m", "gunicorn", "--bind", "127.0.0.1:PORT", "--workers", "2", *how)
    return _python(*command, "--log-level", "error", "flask_app:app")


def _uvicorn(workers: int) -> Callable[[Path, int, Certificate | None], list[str]]:
    quiet = ("--no-access-log", "--log-level", "error")
    how = ("--loop", "uvloop", "--http", "httptools", "--workers", str(workers))
    return _python("-m", "uvicorn", "fastapi_app:app", "--port", "PORT", *how, *quiet)


def _granian(workers: int) -> Callable[[Path, int, Certificate | None], list[str]]:
    how = ("--interface", "asgi", "--loop", "uvloop", "--workers", str(workers))
    where = ("--host", "127.0.0.1", "--port", "PORT", "--no-log")
    return _python("-m", "granian", *how, *where, "fastapi_app:app")


_PYTHON_PEERS = (
    ("Flask, gunicorn", "2 sync workers", _gunicorn(), ("flask", "gunicorn")),
    (
        "Flask, gunicorn",
        "2 gthread workers, 8 threads each",
        _gunicorn("--worker-class", "gthread", "--threads", "8"),
        ("flask", "gunicorn"),
    ),
    (FASTAPI, "1 worker", _uvicorn(1), ("fastapi", "uvicorn", "uvloop", "httptools")),
    (FASTAPI, "2 workers", _uvicorn(2), ("fastapi", "uvicorn", "uvloop", "httptools")),
    ("FastAPI, granian", "1 worker", _granian(1), ("fastapi", "granian", "uvloop")),
    ("FastAPI, granian", "2 workers", _granian(2), ("fastapi", "granian", "uvloop")),
    ("aiohttp", "", _python(str(PEERS / "aiohttp_app.py"), "PORT"), ("aiohttp", "uvloop")),
)


def every(binaries: Path, place: Path) -> list[Peer]:
    """The servers, those that are tried in several ways once for each.

    Args:
        binaries: where poco_plain and incm_plain are, built for release.
        place: where the Go program is built.
    """
    plain = str(binaries / "incm_plain")
    peers = [
        Peer(NGINX, "answers", _started(_nginx), lacks=_without("nginx")),
        Peer(POCO, "answers", _printing(str(binaries / "poco_plain"))),
        Peer(ANSWER, "answers", _printing(plain, "answer"), ours=True),
        Peer(
            VERIFY,
            "verifies",
            _printing(plain, "verify", SECRET),
            ours=True,
        ),
        Peer(SERVE, "stores", _serve(), ours=True),
        Peer(SERVE_NOOP, "stores", _serve(str(NOOP)), ours=True),
        Peer(GO, "verifies", _go(place), lacks=_without("go")),
        Peer(
            "adnanh/webhook",
            "verifies",
            _started(_adnanh),
            lacks=_without("webhook"),
            hexadecimal=True,
        ),
    ]
    for label, variant, command, modules in _PYTHON_PEERS:
        lacks = _without_modules(*modules)
        peers.append(Peer(label, "verifies", _started(command), variant, lacks))
        start = _started(command, inbox=True)
        peers.append(Peer(f"{label}, durable", "stores", start, variant, lacks))
    return peers


def append_only(binaries: Path) -> Peer:
    """The least that a server does whose answers wait for the disk.

    It is not one of `every`: beside those that store durably it would look like a receiver, and it
    verifies nothing.

    Args:
        binaries: where append_only is, built for release.
    """
    return Peer(APPEND, "stores", _printing(str(binaries / "append_only"), "requests"))


@contextmanager
def certificate() -> Iterator[Certificate]:
    """Make a certificate for 127.0.0.1 that no client has to trust; removed after the block."""
    with tempfile.TemporaryDirectory() as name:
        made = Certificate(Path(name) / "certificate.pem", Path(name) / "key.pem")
        command = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ]
        command += ["-nodes", "-days", "1", "-subj", "/CN=127.0.0.1"]
        command += ["-keyout", str(made.key), "-out", str(made.certificate)]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        yield made
