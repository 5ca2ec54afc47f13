"""Does nothing with each alert, from when the file `open` is in the current folder."""

import time
from pathlib import Path

from incm_webhook import Alert, Context, plugin


@plugin("gate")
class Gate:
    """The alerts wait in the inbox until it is set up."""

    def setup(self, _ctx: Context) -> None:
        """Wait for the file."""
        while not Path("open").exists():
            time.sleep(0.01)

    def handle(self, _alert: Alert, _ctx: Context) -> None:
        """Take it."""
