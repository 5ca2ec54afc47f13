"""Upgrades or reloads a server again and again while the simulator posts to it.

.venv/bin/python bench/turnover.py --what upgrade --seconds 300 --every 2

upgrade: SIGHUP of `serve --supervise`, which starts another process with the code that is installed
by then, and lets it take over. reload: SIGHUP of `serve` alone.

Prints a JSON object. Exit status: 1 when an alert was refused, given up, lost or stored twice, else
2 when p99 is above its target, else 0.
"""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from incm_webhook.testing import Receiver

P99_TARGET_MS = 150.0
DONE = {"upgrade": "has taken over", "reload": "reloaded"}  # what the log says of each


def turn_over(what: str, seconds: int, every_s: float, rate: float) -> dict[str, Any]:
    """Run one server, and give the simulator's verdict with the number of turnovers.

    Args:
        what: "upgrade" or "reload".
        seconds: how long alerts are sent.
        every_s: seconds from one turnover to the next; one that is under way is not waited for.
        rate: alerts a second.
    """
    arguments = ("--supervise",) if what == "upgrade" else ()
    with (
        tempfile.TemporaryDirectory(dir=Path.cwd()) as folder,
        Receiver(Path(folder), plugins=("log",), arguments=arguments) as receiver,
    ):
        command = [sys.executable, "-m", "incm_webhook", "simulate", receiver.url, "--json"]
        command += ["--secret-file", str(receiver.folder / "secret"), "--rate", str(rate)]
        command += ["--duration", f"{seconds}s", "--verify-inbox", receiver.admin_url]
        asked = 0
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as simulator:
            end = time.monotonic() + seconds - every_s  # the inbox is read after the last one
            while simulator.poll() is None and time.monotonic() < end:
                time.sleep(every_s)
                receiver.process.send_signal(signal.SIGHUP)
                asked += 1
            assert simulator.stdout is not None
            verdict: dict[str, Any] = json.loads(simulator.stdout.read())
        receiver.stop()
        return {
            "what": what,
            "asked": asked,
            "done": receiver.output().count(DONE[what]),
            **verdict,
        }


def main() -> int:
    """Run it, print the verdict, and give the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--what", choices=sorted(DONE), default="upgrade")
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--every", type=float, default=2.0, help="seconds between two")
    parser.add_argument("--rate", type=float, default=50.0, help="alerts a second")
    given = parser.parse_args()
    verdict = turn_over(given.what, given.seconds, given.every, given.rate)
    print(json.dumps(verdict, indent=2))
    if not verdict["ok"] or verdict["other_statuses"] or not verdict["done"]:
        return 1
    return 2 if verdict["p99_ms"] > P99_TARGET_MS else 0


if __name__ == "__main__":
    sys.exit(main())
