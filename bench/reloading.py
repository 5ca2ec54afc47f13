"""Reloads a server every 2 s while the simulator sends, and prints what the senders saw.

    .venv/bin/python bench/reloading.py --seconds 300

Each reload replaces one of two plugins: its concurrency and its filter change, and so does its
file. The other one has to go on untouched. It exits with 1 when an alert was refused, lost, or
delivered twice.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from incm_webhook.testing import Receiver

EVERY_S = 2.0
PLUGIN = """
VERSION = {version}
class Sink:
    def handle(self, alert, ctx):
        with open({path!r}, "a") as file:
            print(ctx.alert_id, file=file)
"""


def write(folder: Path, number: int) -> None:
    """Write the configuration and the plugins as they are for the reload of this number."""
    for name, version in (("still", 0), ("changing", number)):
        text = PLUGIN.format(version=version, path=str(folder / f"{name}.txt"))
        (folder / f"{name}.py").write_text(text)
    tables = [
        '[[plugin]]\nuse = "./still.py"\n',
        f'[[plugin]]\nuse = "./changing.py"\norder = "device"\nconcurrency = {1 + number % 8}\n'
        f'not = {{ types = ["never-{number}"] }}\n',
    ]
    (folder / "site.toml").write_text("".join(tables))


def delivered(folder: Path, name: str) -> tuple[int, int]:
    """Return how many deliveries a plugin got, and of how many alerts."""
    lines = (folder / f"{name}.txt").read_text().splitlines()
    return len(lines), len(set(lines))


def measure(folder: Path, seconds: int, rate: int) -> dict[str, Any]:
    """Run the server, the simulator and the reloads in a folder."""
    write(folder, 0)
    arguments = ("--config", str(folder / "site.toml"))
    with Receiver(folder, plugins=(), arguments=arguments) as receiver:
        command = [sys.executable, "-m", "incm_webhook", "simulate", receiver.url, "--json"]
        command += ["--secret-file", str(folder / "secret"), "--rate", str(rate)]
        command += ["--duration", f"{seconds}s", "--verify-inbox", receiver.admin_url]
        reload = [sys.executable, "-m", "incm_webhook", "reload", "--admin"]
        reload.append(receiver.admin_url.removeprefix("http://"))
        reloads, failed, times = 0, 0, []
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as simulator:
            while simulator.poll() is None:
                began = time.monotonic()
                reloads += 1
                write(folder, reloads)
                done = subprocess.run(reload, capture_output=True, check=False)
                failed += done.returncode != 0
                times.append(time.monotonic() - began)
                time.sleep(max(0.0, EVERY_S - times[-1]))
            assert simulator.stdout is not None
            verdict: dict[str, Any] = json.loads(simulator.stdout.read())
        receiver.wait_until_settled()
    counts = {name: delivered(folder, name) for name in ("still", "changing")}
    return verdict | {
        "reloads": reloads,
        "failed_reloads": failed,
        "slowest_reload_s": round(max(times), 2),
        "deliveries": {name: made for name, (made, _) in counts.items()},
        "delivered_twice": sum(made - alerts for made, alerts in counts.values()),
    }


def main() -> int:
    """Measure, print a JSON object, and return the exit status."""
    parser = argparse.ArgumentParser(description="reload under load")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rate", type=int, default=50, help="alerts a second")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), given.seconds, given.rate)
    print(json.dumps(result, indent=1))
    wrong = ("refused", "given_up", "failed_reloads", "delivered_twice")
    return int(any(result[key] for key in wrong))


if __name__ == "__main__":
    raise SystemExit(main())
