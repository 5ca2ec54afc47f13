"""Servers to flood, and floods that end with their test."""

import resource
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from incm_webhook.testing import Receiver

from .canary import DEADLINE_S

Serve = Callable[..., Receiver]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start a server with a configuration of the test's own; it is stopped after the test.

    files: how many descriptors it may have; by default as many as the test.
    """
    with ExitStack() as started:

        def start(configuration: str, files: int | None = None) -> Receiver:
            (tmp_path / "flood.toml").write_text(configuration)
            limited = ("sh", "-c", 'ulimit -n "$0" && exec "$@"', str(files)) if files else ()
            receiver = Receiver(tmp_path, arguments=("--config", "flood.toml"), wrapper=limited)
            return started.enter_context(receiver)

        yield start


@pytest.fixture
def many_files() -> Iterator[int]:
    """Allow the test as many descriptors as the hard limit does; give their number."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield before[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def connect(receiver: Receiver, source: str = "127.0.0.1", *, admin: bool = False) -> socket.socket:
    """Open a connection from an address of the loopback network."""
    url = receiver.admin_url if admin else receiver.url
    host, _, port = url.split("/")[2].rpartition(":")
    return socket.create_connection(
        (host, int(port)), timeout=DEADLINE_S, source_address=(source, 0)
    )


@contextmanager
def slowhttptest(receiver: Receiver, *mode: str, seconds: int = 5) -> Iterator[Callable[[], bool]]:
    """Run slowhttptest with 500 connections; give whether it still runs."""
    command = ["slowhttptest", "-c", "500", "-r", "500", "-l", str(seconds), "-i", "1", "-v", "1"]
    with subprocess.Popen(
        [*command, "-u", receiver.url, *mode], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            yield lambda: process.poll() is None
        finally:
            process.kill()
