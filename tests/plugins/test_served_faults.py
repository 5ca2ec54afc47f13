"""A server with many plugins whose targets fail for a while loses nothing and delays no plugin."""

import json
import threading
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from incm_webhook.testing import Receiver, make_alert
from plugins.http_plugins import HTTP_PLUGINS
from plugins.targets.http_faults import (
    Behaviour,
    Exchange,
    FaultServer,
    answers,
    drops,
    sends_rubbish,
    stops_within_body,
)

ALERTS = 12
FAULTS = [
    answers(503),
    answers(429, headers={"Retry-After": "0"}),
    answers(401),  # the target is unavailable: one probe at a time
    sends_rubbish(),
    answers(404),
    drops(),
    stops_within_body(),
    answers(500, "x" * 100_000),
]


class FailsAtFirst:
    """Each target, named by the first segment of the path, fails with each fault once."""

    def __init__(self, successes: dict[str, str]) -> None:
        self._successes = successes
        self._lock = threading.Lock()
        self._faults = {name: list(FAULTS) for name in successes}
        self.taken: dict[str, list[bytes]] = defaultdict(list)

    def behaviour(self) -> Behaviour:
        return Behaviour(self._run)

    def _run(self, exchange: Exchange) -> bool:
        assert exchange.request is not None
        name = exchange.request.path.split("/")[1]
        with self._lock:
            fault = self._faults[name].pop(0) if self._faults[name] else None
            if fault is None:
                self.taken[name].append(exchange.request.body)
        return (fault or answers(200, self._successes[name])).run(exchange)


def test_every_alert_reaches_every_target_after_its_faults(tmp_path: Path) -> None:
    targets = FailsAtFirst({one.name: one.success for one in HTTP_PLUGINS})
    with FaultServer() as server:
        server.behave(targets.behaviour())
        plugins: list[dict[str, Any]] = [
            {
                "use": one.use,
                "name": one.name,
                "config": one.config(f"{server.url}/{one.name}"),
                "retry": {"first": "10ms", "max": "50ms"},
                "order": "none",
            }
            for one in HTTP_PLUGINS
        ]
        plugins.append({"use": "jsonl", "config": {"path": str(tmp_path / "audit.jsonl")}})
        folder = tmp_path / "server"
        folder.mkdir()
        with Receiver(folder, plugins=plugins) as receiver:
            for number in range(ALERTS):
                status, _ = receiver.send(make_alert("reboot", serial_number=f"UNIT{number:02}"))
                assert status == 200
            receiver.wait_until_settled()
            assert receiver.stop() == 0
    lines = (tmp_path / "audit.jsonl").read_bytes().splitlines()
    assert len(lines) == ALERTS
    for one in HTTP_PLUGINS:
        got = Counter(_serial(body) for body in targets.taken[one.name])
        # Exactly once: no fault here comes after a success.
        assert got == Counter({f"UNIT{number:02}": 1 for number in range(ALERTS)}), one.name


def _serial(body: bytes) -> str:
    """The serial number that a message names."""
    text = json.dumps(json.loads(body), ensure_ascii=False)
    return text[text.index("UNIT") :][:6]
