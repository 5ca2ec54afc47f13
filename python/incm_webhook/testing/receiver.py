"""Starts a real server for a test."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from incm_webhook import Alert
from incm_webhook.http.egress import LOOPBACK
from incm_webhook.sender import samples
from incm_webhook.sender.client import Sender, signature_of
from incm_webhook.testing.server_process import ServerProcess
from incm_webhook.text.toml import toml_tables, toml_text

Body = Alert | bytes | Mapping[str, Any]
Plugins = Sequence[str | Path | Mapping[str, Any]]

READY_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 20.0
_POLL_S = 0.02


class Receiver:
    """A real `incm-webhook serve` in a process of its own, on a free port of loopback.

    Shape: use it in a `with` statement, or call `stop`.
    Errors: RuntimeError, with the output of the process, when it does not start to serve.
    Threads: one at a time.

    Attributes:
        url: where alerts are posted.
        admin_url: the URL of the admin listener.
        secret: the secret token.
        folder: holds the inbox, the secret file and the files that plugins write with relative
            paths.
        process: the process.
    """

    def __init__(
        self,
        folder: Path,
        *,
        plugins: Plugins = ("log",),
        config: Mapping[str, Any] | None = None,
        arguments: Sequence[str] = (),
        wrapper: Sequence[str] = (),
        admin_token: str = "",
    ) -> None:
        """Start the server and wait until it serves.

        Args:
            folder: an empty folder, such as pytest's tmp_path.
            plugins: for each plugin a value of `use`, or a whole `[[plugin]]` table such as
                {"use": "./noc.py", "config": {"url": "..."}, "retry": {"first": "10ms"}}.
            config: further tables of the configuration file, such as
                {"server": {"max_body": "1KiB"}}. Without an `egress` table in it, requests of
                plugins may go to loopback, where a test has its targets.
            arguments: further arguments for `serve`. A file that --config names, or the file
                incm-webhook.toml in the folder, is used as it is: plugins are then values of
                `use`, and there are no further tables.
            wrapper: a command that replaces itself with the server, such as `nice`.
            admin_token: a token that the configuration has in `[[admin_token]]`, with which
                `wait_until_settled` asks the server; "" for none.
        """
        self.folder = folder
        self._headers = {"Authorization": f"Bearer {admin_token}"} if admin_token else {}
        self.secret = os.urandom(16).hex()
        (folder / "secret").write_text(self.secret)
        (folder / "secret").chmod(0o600)
        settings = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]
        settings += ["--secret-file", "./secret", "--inbox", "./inbox.db", *arguments]
        settings += self._configured(plugins, config, arguments)
        self._server = ServerProcess(folder, settings, wrapper=wrapper)
        self.process = self._server.process
        try:
            facts = self._server.wait_until_ready(READY_TIMEOUT_S)
        except BaseException:
            self.stop()
            raise
        self.url = str(facts["url"])
        self.admin_url = str(facts["admin_url"])

    def send(self, alert: Body, *, signature: str | None = None) -> tuple[int, dict[str, Any]]:
        """Post an alert with its signature.

        Args:
            alert: an Alert (its raw bytes are sent), bytes, or a parsed body.
            signature: a signature to send instead of the right one; "" sends none.

        Returns:
            The status, and the answer's JSON ({} when it has none).

        Raises:
            SendError: the server does not answer.
        """
        if isinstance(alert, bytes):
            body = alert
        else:
            body = alert.raw if isinstance(alert, Alert) else samples.spell(dict(alert))
        if signature is None:
            signature = signature_of(body, self.secret.encode())
        with Sender(self.url) as sender:
            answer = sender.post(body, signature or None)
        try:
            parsed = json.loads(answer.body)
        except ValueError:
            parsed = {}
        return answer.status, parsed if isinstance(parsed, dict) else {}

    def wait_until_settled(self, timeout: float = READY_TIMEOUT_S) -> None:
        """Wait until no delivery is open: each is delivered, or a dead letter.

        Args:
            timeout: seconds. A delivery that is retried later is open until then.

        Raises:
            TimeoutError: some are still open; the text names them, with their last failure.
            RuntimeError: the server has ended, or has no admin listener.
        """
        deadline = time.monotonic() + timeout
        while self._ask("stats")["open"]:
            if time.monotonic() >= deadline:
                raise TimeoutError(f"after {timeout:g} s not settled: {self._open_deliveries()}")
            time.sleep(_POLL_S)

    def _open_deliveries(self) -> str:
        texts = []
        for alert in self._ask("alerts?state=open&limit=10")["alerts"]:
            for one in self._ask(f"alerts/{alert['id']}")["deliveries"]:
                if one["state"] == "open":
                    failed = f" ({one['error']})" if one["error"] else ""
                    texts.append(f"alert {alert['id']} for {one['plugin']}{failed}")
        return ", ".join(texts) or "one that has just been settled"

    def _ask(self, path: str) -> dict[str, Any]:
        """Call the admin API."""
        address = urlsplit(self.admin_url)
        if address.port is None:
            raise RuntimeError("the server has no admin listener to ask")
        connection = HTTPConnection(str(address.hostname), address.port, timeout=READY_TIMEOUT_S)
        try:
            connection.request("GET", f"/api/v1/{path}", headers=self._headers)
            response = connection.getresponse()
            text = response.read()
        except OSError as error:
            raise RuntimeError(f"the server is gone ({error}):\n{self.output()}") from None
        finally:
            connection.close()
        if response.status != HTTPStatus.OK:
            hint = ": pass admin_token" if response.status == HTTPStatus.UNAUTHORIZED else ""
            raise RuntimeError(f"the admin listener answered {response.status}{hint}: {text!r}")
        answer: dict[str, Any] = json.loads(text)
        return answer

    def stop(self) -> int:
        """Stop the server, by force after 20 s; return its exit status. May be called again."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait()

    def output(self) -> str:
        """Return what the process has written to standard output and error."""
        return self._server.output()

    def _configured(
        self, plugins: Plugins, config: Mapping[str, Any] | None, arguments: Sequence[str]
    ) -> list[str]:
        """Write the configuration file, and return the flag that names it."""
        path = self.folder / "plugins.toml"
        tables = [one if isinstance(one, Mapping) else {"use": str(one)} for one in plugins]
        has_file = "--config" in arguments or (self.folder / "incm-webhook.toml").exists()
        if has_file and config is None and not any(isinstance(one, Mapping) for one in plugins):
            return [part for one in plugins for part in ("--plugin", str(one))]
        config = {"egress": {"allow": LOOPBACK}, **(config or {})}
        path.write_text(f"{toml_text(config)}{toml_tables('plugin', tables)}", encoding="utf-8")
        return ["--config", str(path)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
