"""The snippets of docs/proxies.md, with the real proxies."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from http.client import HTTPConnection
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import pytest

from conformance.corpus import BODY, SECRET
from incm_webhook import sign
from incm_webhook.testing import Receiver

from .conftest import DEADLINE_S

PAGE = Path(__file__).parents[2] / "docs" / "proxies.md"
LISTEN = re.compile(
    r"listen 443 ssl;|bind :443 ssl crt \S+|^alerts.example.com(?= \{)", re.MULTILINE
)
CERTIFICATES = re.compile(r"^ *ssl_certificate.*\n", re.MULTILINE)


def snippet(language: str) -> str:
    """Take the block of a language out of the page."""
    found = re.search(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found
    return found[1]


def free_port() -> int:
    """A free port, for programs that cannot report the port that they chose."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Proxy:
    """A proxy with the page's configuration, but for TLS, in front of a receiver."""

    def __init__(self, name: str, folder: Path, receiver: Receiver) -> None:
        self.port = free_port()
        listen = {
            "nginx": f"listen 127.0.0.1:{self.port};",
            "haproxy": f"bind 127.0.0.1:{self.port}",
            "caddy": f"http://127.0.0.1:{self.port}",
        }[name]
        text = LISTEN.sub(listen, CERTIFICATES.sub("", snippet(name)))
        text = text.replace("127.0.0.1:8080", str(urlsplit(receiver.url).netloc))
        if name == "nginx":
            temporary = "".join(
                f"{one}_temp_path {folder}/{one};"
                for one in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
            )
            text = f"events {{}} http {{ access_log off; {temporary} {text} }}"
        elif name == "caddy":
            text = f"{{\nadmin off\nauto_https off\nstorage file_system {folder}\n}}\n{text}"
        (folder / "proxy.conf").write_text(text)
        once = f"daemon off; master_process off; pid {folder}/pid; error_log stderr;"
        command = {
            "nginx": ["nginx", "-c", f"{folder}/proxy.conf", "-g", once],
            "haproxy": ["haproxy", "-db", "-f", f"{folder}/proxy.conf"],
            "caddy": ["caddy", "run", "--adapter", "caddyfile", "--config", f"{folder}/proxy.conf"],
        }[name]
        self._log = folder / "proxy.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, env={**os.environ, "HOME": str(folder)}
            )

    def connect(self) -> HTTPConnection:
        """Connect as soon as it listens."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            client = HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)
            with contextlib.suppress(ConnectionRefusedError):
                client.connect()
                return client
            assert self.process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, "the proxy does not listen"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()


@pytest.fixture(params=["nginx", "haproxy", "caddy"])
def proxy_name(request: pytest.FixtureRequest) -> str:
    """Each proxy of the page that is installed."""
    name = str(request.param)
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    return name


def receiver(folder: Path, settings: str = "") -> Receiver:
    """Start a receiver that knows the corpus's secret, with the page's setting and others."""
    (folder / "known").write_text(SECRET)
    trusted = 'trusted_proxies = ["127.0.0.1"]   # the proxy\'s address\n'
    assert trusted in PAGE.read_text()
    (folder / "proxies.toml").write_text(f"[server]\n{trusted}{settings}")
    return Receiver(folder, arguments=("--config", "proxies.toml", "--secret-file", "./known"))


def send(client: HTTPConnection) -> None:
    """Send an alert."""
    client.request("POST", "/webhook", BODY, {"X-Signature": sign(BODY, SECRET)})


def answer(client: HTTPConnection) -> int:
    """Wait for the answer, which gives no information about the proxy's own connection."""
    response = client.getresponse()
    response.read()
    assert response.headers["Keep-Alive"] is None
    return response.status


def connections(receiver: Receiver) -> int:
    """How many clients the receiver has."""
    with urllib.request.urlopen(f"{receiver.admin_url}/metrics", timeout=DEADLINE_S) as page:
        found = re.search(r"^incm_webhook_connections (\d+)$", page.read().decode(), re.MULTILINE)
    assert found
    return int(found[1])


def test_a_proxy_of_the_page_uses_its_connection_again(tmp_path: Path, proxy_name: str) -> None:
    with (
        receiver(tmp_path) as behind,
        Proxy(proxy_name, tmp_path, behind) as proxy,
        contextlib.closing(proxy.connect()) as client,
    ):
        for _ in range(3):
            send(client)
            assert answer(client) == 200
        assert connections(behind) == 1


# Not Caddy: as the page says, it can send a body again only by chance.
@pytest.mark.parametrize("proxy_name", ["nginx", "haproxy"], indirect=True)
def test_an_alert_that_meets_the_end_of_its_connection_is_sent_again(
    tmp_path: Path, proxy_name: str
) -> None:
    with (
        receiver(tmp_path, 'keep_alive = "2s"\n') as behind,
        Proxy(proxy_name, tmp_path, behind) as proxy,
        contextlib.closing(proxy.connect()) as client,
    ):
        send(client)
        assert answer(client) == 200
        proxy.process.send_signal(signal.SIGSTOP)
        send(client)  # it comes before the end of the connection, which is not read yet
        deadline = time.monotonic() + DEADLINE_S
        while connections(behind) > 0:
            assert time.monotonic() < deadline, "the receiver keeps a silent connection"
        proxy.process.send_signal(signal.SIGCONT)
        assert answer(client) == 200
