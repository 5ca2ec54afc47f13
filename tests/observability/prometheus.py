"""A real Prometheus on a free port of loopback, which scrapes servers twice a second."""

import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from plugins.targets.ports import free_port

DEADLINE_S = 60.0  # only a test that fails waits so long
JOB = "incm-webhook"


class Prometheus:
    """The server; its data are in a folder."""

    def __init__(self, folder: Path, admin_url: str, rules: Path) -> None:
        """Start it; it scrapes this admin listener, and evaluates these rules."""
        folder.mkdir()
        config = {
            "global": {"scrape_interval": "500ms", "evaluation_interval": "500ms"},
            "rule_files": [str(rules)],
            "scrape_configs": [
                {"job_name": JOB, "static_configs": [{"targets": [urlsplit(admin_url).netloc]}]}
            ],
        }
        (folder / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/api/v1"
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    "prometheus",
                    f"--config.file={folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{port}",
                ],
                stdout=log,
                stderr=log,
            )
        try:
            self._wait_until_ready(f"http://127.0.0.1:{port}/-/ready")
        except BaseException:
            self.stop()
            raise

    def _wait_until_ready(self, url: str) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while True:
            try:
                with urllib.request.urlopen(url, timeout=DEADLINE_S):
                    return
            except OSError:  # it does not listen yet, or answers 503
                assert self._process.poll() is None, self._log.read_text()
                assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.05)

    def ask(self, path: str, **parameters: str) -> Any:
        """Send a call to its API; the `data` of the answer."""
        url = f"{self.url}/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=DEADLINE_S) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path} {parameters}: {error.read().decode()}") from None

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples of an expression now."""
        found: list[dict[str, Any]] = self.ask("query", query=expression)["result"]
        return found

    def wait_for(self, expression: str) -> list[dict[str, Any]]:
        """Ask until the expression has samples, and give them."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            if found := self.query(expression):
                return found
            assert time.monotonic() < deadline, f"no data for {expression}"
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop it."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
