"""Wait until a server is ready, send it a sample alert, wait until its plugins have handled it.

Usage: first_alert.py READY_FILE SERVER_PID [once]. `./dev run` calls it.
"""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

DEADLINE_S = 60.0
PROGRAM = f"{sys.prefix}/bin/incm-webhook"
OPEN_DELIVERIES = 'incm_webhook_inbox_deliveries{state="open"}'


def wait_for(condition: Callable[[], bool], server: int) -> None:
    """Wait until the condition holds; exit with a sentence if the server ends or time is over."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > deadline:
            sys.exit("./dev: the server did not answer within a minute")
        try:
            os.kill(server, 0)
        except ProcessLookupError:
            sys.exit("./dev: the server stopped, see its message above")
        time.sleep(0.02)


def main(ready_file: Path, server: int, *, once: bool) -> None:
    """Send the alert, and print how to send the next one."""
    wait_for(ready_file.exists, server)
    ready = json.loads(ready_file.read_text())
    send = ["send", ready["url"], "--secret-file", "var/secret", "--type", "disconnected"]
    subprocess.run([PROGRAM, *send], check=True)

    def handled() -> bool:
        with urllib.request.urlopen(ready["admin_url"] + "/metrics") as page:
            return f"{OPEN_DELIVERIES} 0" in page.read().decode().splitlines()

    wait_for(handled, server)
    print("\nThe alert is in var/inbox.db and var/alerts.jsonl.", end=" ")
    print("Start `./dev run`, then send:" if once else "Send the next one from another terminal:")
    url = "http://127.0.0.1:8080/webhook" if once else ready["url"]
    print(f"\n  .venv/bin/incm-webhook send {url} --secret-file var/secret --type reboot\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), once="once" in sys.argv[3:])
