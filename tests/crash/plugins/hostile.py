"""Does what a title asks for, as the worst plugins do."""

import os
import threading

from incm_webhook import Alert


def on_alert(alert: Alert) -> None:
    """Obey."""
    if alert.title == "hang":
        threading.Event().wait()
    if alert.title == "spin":
        while True:
            pass
    if alert.title == "exit":
        raise SystemExit(3)
    if alert.title == "interrupt":
        raise KeyboardInterrupt
    if alert.title == "end the process":
        os._exit(9)
