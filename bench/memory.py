"""What large alerts cost of memory: while they are delivered, while they are listed, and after."""

import http.client
import json
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

from engine import NOOP
from service import SECRET, Server
from table import Row

from incm_webhook import sign

GATE = NOOP.with_name("gate.py")
PLUGINS = 10
ALERTS = 400
ALERT_BYTES = 1_000_000
LISTERS = 6
_SETTLE_S = 5.0
_PARTS = 20  # of an alert's text


def _send(server: Server) -> None:
    connection = http.client.HTTPConnection(server.address)
    for number in range(ALERTS):
        fields = {f"field{part}": "x" * (ALERT_BYTES // _PARTS) for part in range(_PARTS)}
        body = json.dumps({"_id": f"{number:024x}", "data": fields}).encode()
        headers = {"Content-Type": "application/json", "X-Signature": sign(body, SECRET)}
        connection.request("POST", "/webhook", body, headers)
        with connection.getresponse() as answer:
            answer.read()
            if answer.status != 200:
                raise RuntimeError(f"an alert was answered {answer.status}")
    connection.close()


def _list_all(admin_url: str) -> None:
    """Page through all alerts with their bodies."""
    connection = http.client.HTTPConnection(urlsplit(admin_url).netloc)
    after: int | None = 0
    while after is not None:
        connection.request("GET", f"/api/v1/alerts?limit=1000&body=1&order=asc&after={after}")
        with connection.getresponse() as answer:
            after = json.loads(answer.read())["next"]
    connection.close()


def _turn(folder: Path) -> tuple[float, ...]:
    """Idle, peak and settled of deliveries, peak and settled of lists, MiB; CPU ms a delivery."""
    plugins = "".join(f'[[plugin]]\nuse = "{GATE}"\nname = "p{n}"\n' for n in range(PLUGINS))
    with Server(folder, (), plugin_settings=plugins) as server:
        _send(server)
        time.sleep(_SETTLE_S)
        idle = server.memory_mib()
        server.forget_peak()
        (folder / "open").touch()
        began = server.cpu_s()
        server.wait_until_open(0)
        cpu_ms = (server.cpu_s() - began) / (PLUGINS * ALERTS) * 1e3
        peak = server.peak_mib()
        time.sleep(_SETTLE_S)
        settled = server.memory_mib()
        server.stop()
    lists = folder / "lists"
    lists.mkdir()
    with Server(lists, (), folder / "inbox.db") as server:
        server.forget_peak()
        threads = [
            threading.Thread(target=_list_all, args=(server.admin_url,)) for _ in range(LISTERS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        list_peak = server.peak_mib()
        time.sleep(_SETTLE_S)
        list_settled = server.memory_mib()
        server.stop()
    return idle, peak, settled, list_peak, list_settled, cpu_ms


def measure(place: Path, rounds: int) -> list[Row]:
    """Deliver a backlog of large alerts to plugins that do nothing, then list it all at once.

    Args:
        place: where the servers' folders are made.
        rounds: how many servers.

    Returns:
        Resident memory before, at its highest, and after, and the CPU of a delivery.
    """
    turns = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(dir=place) as folder:
            turns.append(_turn(Path(folder)))
    idle, peak, settled, list_peak, list_settled, cpu = zip(*turns, strict=True)
    what = f"{ALERTS} alerts of 1 MB to {PLUGINS} plugins"
    lists = f"{LISTERS} lists of them at once, with bodies"
    return [
        Row(f"{what}: memory before", idle, "MiB"),
        Row(f"{what}: highest", peak, "MiB"),
        Row(f"{what}: {_SETTLE_S:g} s after", settled, "MiB"),
        Row(f"{what}: CPU a delivery", cpu, "ms"),
        Row(f"{lists}: highest", list_peak, "MiB"),
        Row(f"{lists}: {_SETTLE_S:g} s after", list_settled, "MiB"),
    ]


def main() -> None:
    """Measure one round here."""
    for row in measure(Path.cwd(), 1):
        print(f"{row.name}: {row.median:.1f} {row.unit}")


if __name__ == "__main__":
    main()
