"""Never comes back from its first alert."""

import time

from incm_webhook import Alert, Context


def on_alert(_alert: Alert, _ctx: Context) -> None:
    """Hang."""
    while True:
        time.sleep(1)
