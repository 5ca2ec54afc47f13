"""The pytest fixtures. Importing this module needs pytest."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from incm_webhook.testing.http_target import HttpTarget
from incm_webhook.testing.receiver_starter import ReceiverStarter


@pytest.fixture
def incm_receiver(tmp_path: Path) -> Iterator[ReceiverStarter]:
    """A `Receiver` with the log plugin; `incm_receiver(plugins=[...])` starts another one.

    All are stopped after the test.
    """
    starter = ReceiverStarter(tmp_path)
    try:
        yield starter
    finally:
        starter.stop()


@pytest.fixture
def http_target() -> Iterator[HttpTarget]:
    """An `HttpTarget`, closed after the test."""
    with HttpTarget() as target:
        yield target
