"""When canaries are sent, and how long one may take."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from incm_webhook.config.loading import Settings, load_settings
from incm_webhook.errors import ClosedError, SendError
from incm_webhook.service.canary import Canary, post_canary

Write = Callable[[str, str], Path]


@pytest.fixture
def dripping() -> Iterator[int]:
    """The port of a server whose answer comes a byte at a time, and never ends."""
    is_over = threading.Event()

    def drip() -> None:
        client, _ = listener.accept()
        with client:
            client.recv(65536)
            client.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
            try:
                while not is_over.wait(0.01):
                    client.sendall(b"x")
            except OSError:  # it was closed
                return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip)
        thread.start()
        yield listener.getsockname()[1]
        is_over.set()
        thread.join()


def load(workdir: Path, write: Write, canary: str) -> Settings:
    write("incm-webhook.toml", f"[canary]\n{canary}\n[[endpoint]]\nunsigned = true\n")
    return load_settings({}, {}, workdir)


def test_an_answer_that_never_ends_is_given_up(workdir: Path, write: Write, dripping: int) -> None:
    url = f"http://127.0.0.1:{dripping}/webhook"
    settings = load(workdir, write, f'every = "1h"\nurl = "{url}"\ntimeout = "200ms"')
    with pytest.raises(SendError) as caught:
        post_canary(settings, "", "mark")
    assert str(caught.value) == f"{url} did not answer completely within 0.2s"


class Gone:
    """A server that has been stopped."""

    def watch_canary(self, mark: str, overdue_after: float) -> None:
        pass

    def canary_failed(self, why: str) -> None:
        raise ClosedError("the inbox is closed")


def test_a_canary_under_way_at_the_stop_ends_without_an_error(workdir: Path, write: Write) -> None:
    health: Any = Gone()
    canary = Canary(health, "127.0.0.1:0")
    canary._settings = load(workdir, write, 'every = "1h"\nurl = "http://127.0.0.1:1/"')
    canary._run()


def test_the_time_that_one_takes_does_not_delay_the_next(workdir: Path, write: Write) -> None:
    health: Any = Gone()
    canary = Canary(health, "127.0.0.1:0")
    settings = load(workdir, write, 'every = "1d"\nurl = "http://127.0.0.1:1/"')
    canary._settings = settings
    assert canary._next(settings, time.monotonic() - 86400) is settings
