"""A server under the simulator, and a Prometheus that scrapes it."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from incm_webhook.testing import Receiver, make_alert
from observability.dashboard import FOLDER
from observability.prometheus import Prometheus

PLUGIN = """
from incm_webhook import Reject, Retry
def on_alert(alert):
    if alert.type == "reboot": raise Reject("not wanted")
    if alert.priority == 3: raise Retry(after=3600)
"""


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """A server with a plugin that fails sometimes, to which a simulated fleet has sent alerts."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "sometimes.py").write_text(PLUGIN)
    receiver = Receiver(folder, plugins=["log", "./sometimes.py"])
    try:
        assert receiver.send(make_alert("reboot"))[0] == 200
        assert receiver.send(make_alert("connected", priority=3))[0] == 200
        yield receiver
    finally:
        receiver.stop()


@pytest.fixture(scope="session")
def simulated(served: Receiver) -> Iterator[None]:
    """A fleet that sends alerts to the server during the tests."""
    command = [sys.executable, "-m", "incm_webhook", "simulate", served.url]
    options = ["--secret-file", str(secret_of(served)), "--rate", "20", "--duration", "2m"]
    with subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL) as fleet:
        yield
        fleet.kill()


def secret_of(receiver: Receiver) -> Path:
    """The file with the secret of the server's endpoint."""
    return receiver.folder / "secret"


@pytest.fixture(scope="session")
def prometheus(
    served: Receiver, simulated: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """A Prometheus that has scraped the server while alerts came in."""
    folder = tmp_path_factory.mktemp("prometheus") / "prometheus"
    with Prometheus(folder, served.admin_url, FOLDER / "rules.yml") as started:
        started.wait_for("rate(incm_webhook_alerts_accepted_total[1m]) > 0")
        yield started
