"""A real Prometheus Alertmanager on a free port of loopback, and amtool."""

import json
import shutil
import socket
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any, Self

import pytest

_READY_S = 30
_CONFIG = "route:\n  receiver: nobody\nreceivers:\n- name: nobody\n"


class AlertmanagerServer:
    """The server, whose data are in a folder, so that it can be started again."""

    def __init__(self, folder: Path) -> None:
        """Start it and wait until it answers."""
        program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
        if program is None or shutil.which("amtool") is None:
            pytest.skip("no Alertmanager is installed (Debian's package prometheus-alertmanager)")
        folder.mkdir(exist_ok=True)
        (folder / "alertmanager.yml").write_text(_CONFIG)
        self._log = folder / "log"
        self._port = _free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    program,
                    f"--config.file={folder / 'alertmanager.yml'}",
                    f"--storage.path={folder}",
                    f"--web.listen-address=127.0.0.1:{self._port}",
                    "--cluster.listen-address=",
                ],
                stdout=log,
                stderr=log,
            )
        self._wait_until_ready()

    def alerts(self) -> list[dict[str, Any]]:
        """The alerts that fire now, as amtool prints them."""
        done = subprocess.run(
            ["amtool", "alert", "query", f"--alertmanager.url={self.url}", "-o", "json"],
            capture_output=True,
            check=True,
            timeout=_READY_S,
        )
        found: list[dict[str, Any]] = json.loads(done.stdout or b"[]") or []
        return found

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _READY_S
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5):
                    return
            except OSError:
                pass
            try:
                self.process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
            break
        self.stop()
        raise RuntimeError(f"Alertmanager does not serve:\n{self._log.read_text()}")

    def stop(self) -> None:
        """Stop the server."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _free_port() -> int:
    """A port that is free now: this server cannot choose one and report it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
