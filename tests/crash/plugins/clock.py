"""Records the time of the process and of the alert, and fails twice."""

import json
import os
import time

from pydantic import BaseModel

from incm_webhook import Alert, Context, plugin


class ClockConfig(BaseModel):
    """Where the lines go."""

    path: str


@plugin("clock", config=ClockConfig)
class Clock:
    """Write one line for each attempt."""

    def __init__(self, config: ClockConfig) -> None:
        self._path = config.path

    def handle(self, alert: Alert, ctx: Context) -> None:
        assert ctx.received_at
        facts = {
            "title": alert.title,
            "attempt": ctx.attempt,
            "now": time.time(),
            "received_at": ctx.received_at.timestamp(),
        }
        with open(self._path, "a") as file:  # noqa: PTH123 - one write at the close
            file.write(json.dumps(facts) + "\n")
            file.flush()
            os.fsync(file.fileno())
        if ctx.attempt <= 2:
            raise RuntimeError("made to fail")
