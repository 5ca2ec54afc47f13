"""Records every attempt in a file, and fails as often as its config asks."""

import hashlib
import json
import os
from pathlib import Path

from pydantic import BaseModel

from incm_webhook import Alert, Context, plugin


class RecordConfig(BaseModel):
    """Where the lines go, and the share of first and second attempts that fail."""

    path: Path
    failing: float = 0.0


@plugin("record", config=RecordConfig)
class Record:
    """Write one line for each attempt, by one write to a descriptor with O_APPEND."""

    def __init__(self, config: RecordConfig) -> None:
        self._config = config
        self._descriptor = -1

    def setup(self) -> None:
        self._descriptor = os.open(self._config.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        os.write(self._descriptor, b"\n")  # a kill may have cut the last line

    def handle(self, alert: Alert, ctx: Context) -> None:
        chance = hashlib.sha256(f"{ctx.delivery_key} {ctx.attempt}".encode()).digest()[0] / 256
        fails = ctx.attempt <= 2 and chance < self._config.failing
        facts = {
            "key": ctx.delivery_key,
            "id": alert.id,
            "number": ctx.alert_id,
            "attempt": ctx.attempt,
            "delivered": not fails,
        }
        os.write(self._descriptor, json.dumps(facts).encode() + b"\n")
        if fails:
            raise RuntimeError("made to fail")

    def close(self) -> None:
        os.close(self._descriptor)
