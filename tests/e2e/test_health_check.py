"""The health check on the alert listener: whether alerts are accepted, and nothing else."""

import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from e2e.conftest import DEADLINE_S
from incm_webhook.config.loading import load_settings
from incm_webhook.errors import ConfigError
from incm_webhook.testing import Receiver

from .test_quarantine import metric

Serve = Callable[..., Receiver]


@pytest.fixture
def serve_with(serve: Serve, tmp_path: Path) -> Callable[[str], Receiver]:
    """Serve with settings of the test's own."""

    def start(settings: str) -> Receiver:
        (tmp_path / "health.toml").write_text(settings)
        return serve("log", arguments=("--config", "health.toml"))

    return start


def ask(
    receiver: Receiver, path: str, method: str = "GET", *, headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    place = urlsplit(receiver.url)
    request = urllib.request.Request(
        f"http://{place.netloc}{path}", method=method, headers=headers or {}
    )
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_a_load_balancer_can_ask_where_alerts_come_in(
    serve_with: Callable[[str], Receiver],
) -> None:
    receiver = serve_with("")
    assert ask(receiver, "/healthz") == (200, b"ok\n")
    assert ask(receiver, "/healthz", "HEAD") == (200, b"")
    assert ask(receiver, "/healthz?deep=1") == (200, b"ok\n")
    assert ask(receiver, "/%68ealth%7A") == (200, b"ok\n")
    assert ask(receiver, "/healthz", "POST")[0] in (404, 411)
    assert metric(receiver, "incm_webhook_health_checks_total") == 4
    assert receiver.output().count("refused") <= 1  # the POST alone


def test_it_says_503_and_no_more_when_alerts_are_not_taken(
    serve_with: Callable[[str], Receiver],
) -> None:
    receiver = serve_with('[inbox]\nreserve = "900000GiB"\n')
    while (answer := ask(receiver, "/healthz")) == (200, b"ok\n"):  # until the disk was looked at
        assert receiver.process.poll() is None
    assert answer == (503, b"not ready\n")


def test_its_path_can_be_changed_and_it_can_be_left_out(
    serve_with: Callable[[str], Receiver],
) -> None:
    receiver = serve_with('[server]\nhealth = "/up"\n')
    assert ask(receiver, "/up")[0] == 200
    assert ask(receiver, "/healthz")[0] == 404
    receiver.stop()
    assert ask(serve_with('[server]\nhealth = "off"\n'), "/healthz")[0] == 404


def test_a_proxy_may_ask_from_where_no_alert_may_come(
    serve_with: Callable[[str], Receiver],
) -> None:
    receiver = serve_with('[server]\nallow = ["192.0.2.0/24"]\ntrusted_proxies = ["127.0.0.1"]\n')
    assert ask(receiver, "/healthz")[0] == 200
    assert ask(receiver, "/webhook")[0] == 403


def test_it_is_no_endpoint(tmp_path: Path) -> None:
    for path in ("/healthz", "/health%7A", "/healthz/"):
        (tmp_path / "incm-webhook.toml").write_text(
            f'[[endpoint]]\npath = "{path}"\nunsigned = true\n'
        )
        with pytest.raises(ConfigError, match='health = "/healthz" is the path of an endpoint'):
            load_settings({}, {}, tmp_path)
