"""A server with many plugins whose targets fail for a while loses nothing and delays no plugin."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from incm_webhook.testing import HttpTarget, Receiver, make_alert
from plugins.http_plugins import HTTP_PLUGINS
from plugins.targets.http_faults import DROPS, RUBBISH, STOPS_WITHIN_BODY, answers

ALERTS = 12
FAULTS = [
    answers(503),
    answers(429, Retry_After="0"),
    answers(401),  # the target is unavailable: one probe at a time
    RUBBISH,
    answers(404),
    DROPS,
    STOPS_WITHIN_BODY,
    answers(500, "x" * 100_000),
]


def test_every_alert_reaches_every_target_after_its_faults(tmp_path: Path) -> None:
    with HttpTarget() as server:
        for one in HTTP_PLUGINS:
            for fault in FAULTS:
                server.respond(**fault, path=f"/{one.name}/", times=1)
            server.respond(200, one.success, path=f"/{one.name}/")
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
        own = [req for req in server.requests if req.path.startswith(f"/{one.name}/")]
        got = Counter(_serial(req.body) for req in own[len(FAULTS) :])
        # Exactly once: no fault here comes after a success.
        assert got == Counter({f"UNIT{number:02}": 1 for number in range(ALERTS)}), one.name


def _serial(body: bytes) -> str:
    """The serial number that a message names."""
    text = json.dumps(json.loads(body), ensure_ascii=False)
    return text[text.index("UNIT") :][:6]
