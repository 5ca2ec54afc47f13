"""Takes 10 ms for each alert, like a plugin that asks a service nearby."""

import time

from incm_webhook import Alert, Context


def on_alert(_alert: Alert, _ctx: Context) -> None:
    """Wait."""
    time.sleep(0.01)
