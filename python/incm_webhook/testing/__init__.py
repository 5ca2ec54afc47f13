"""Helpers to test a plugin: make alerts, run a plugin without a server, or start a server.

This module does not need pytest. When pytest is installed, the module also defines the fixtures
`incm_receiver` and `http_target`, which pytest finds by itself.
"""

from incm_webhook.testing.alerts import make_alert
from incm_webhook.testing.http_target import HttpTarget, RecordedRequest
from incm_webhook.testing.receiver import Receiver
from incm_webhook.testing.receiver_starter import ReceiverStarter
from incm_webhook.testing.run import run_plugin

__all__ = [
    "HttpTarget",
    "Receiver",
    "ReceiverStarter",
    "RecordedRequest",
    "make_alert",
    "run_plugin",
]

try:
    import pytest  # noqa: F401 - only whether it is there
except ImportError:
    pass
else:
    from incm_webhook.testing.fixtures import http_target, incm_receiver  # noqa: F401
