"""Helpers to test a plugin: make alerts, run a plugin without a server, or start a server.

This module does not need pytest. When pytest is installed, the module also defines the fixture
`incm_receiver`, which pytest finds by itself.
"""

import asyncio
import inspect
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, Self

from incm_webhook import Alert, Context, Reject, Retry
from incm_webhook._core import alert_fields
from incm_webhook.sender import samples
from incm_webhook.sender.client import Sender, signature_of
from incm_webhook.text.toml import toml_tables

if TYPE_CHECKING:
    from incm_webhook.hosting.loaded_plugin import LoadedPlugin

__all__ = ["Receiver", "make_alert", "run_plugin"]

Outcome = str | Exception
Body = Alert | bytes | Mapping[str, Any]

READY_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 20.0


def make_alert(type: str = samples.DEFAULT_TYPE, **fields: Any) -> Alert:  # noqa: A002
    """Make an alert for a test.

    Args:
        type: the alert type, a documented one or any other.
        fields: values by attribute name (`serial_number="EF1"`) or by the name in the JSON text
            (`deviceId="1"`); other names are used unchanged. A datetime becomes text as the
            platform writes it, and None leaves the field out.

    Returns:
        An alert as if it had been received, with an id of its own.
    """
    body = samples.sample(type)
    for key, value in sorted(fields.items(), key=lambda item: item[0] != "data"):
        *tables, name = alert_fields.get(key, (key,))
        table = body
        for one in tables:
            table = table.setdefault(one, {})
        if value is None:
            table.pop(name, None)
        elif isinstance(value, datetime):
            table[name] = f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        else:
            table[name] = value
    return Alert.from_json(samples.spell(body))


def run_plugin(
    plugin: object,
    *alerts: Alert,
    config: Mapping[str, Any] | None = None,
    attempt: int = 1,
    key: str = "test",
    endpoint: str = "/webhook",
) -> list[Outcome]:
    """Run a plugin as the service does, without a server.

    Args:
        plugin: a function, a class, a module, or a value of the key `use`: a name, a path,
            "package.module:object".
        alerts: the alerts to deliver, each once; a batch plugin gets all of them in one batch.
        config: the plugin's `config` table; the plugin's model validates it.
        attempt: the value of `ctx.attempt`; 2 is the first repetition.
        key: the prefix of the delivery keys, which are `key-1`, `key-2` and so on, one for each
            alert. Two runs with the same key have the same delivery keys: the second run shows
            what the plugin does with a repetition.
        endpoint: the value of `ctx.endpoint`, the path on which the alerts arrived.

    Returns:
        For each alert "delivered", or the exception that the handler raised (`Retry`, `Reject`,
        or any other Exception).

    Raises:
        PluginError: the plugin cannot be loaded, or its config is wrong.
        ValueError: attempt, key or endpoint has a value that a server never passes.
        Exception: whatever setup or close raises.

    Threads: runs the plugin in the calling thread; not from within a running event loop.

    Filters, retries and time-outs belong to the service and are not applied.
    """
    if attempt < 1:
        raise ValueError(f"attempt counts from 1, not {attempt}")
    if not key:
        raise ValueError("key is empty: a delivery always has one")
    if not endpoint.startswith("/"):
        raise ValueError(f'endpoint is the path of a URL, such as "/webhook", not {endpoint!r}')
    loaded = _load(plugin, dict(config or {}))
    now = datetime.now(UTC)
    deliveries = [
        Context(
            attempt=attempt,
            delivery_key=f"{key}-{number}",
            alert_id=number,
            endpoint=endpoint,
            received_at=now,
        )
        for number in range(1, len(alerts) + 1)
    ]
    return asyncio.run(_run(loaded, alerts, deliveries))


def _load(plugin: object, config: dict[str, Any]) -> "LoadedPlugin":
    from incm_webhook.config.settings import PluginSettings
    from incm_webhook.hosting import registry

    if isinstance(plugin, (str, Path)):
        return registry.load(PluginSettings(use=str(plugin), config=config), Path.cwd())
    name = getattr(plugin, "__name__", "").rpartition(".")[2] or "plugin"
    if not isinstance(plugin, (ModuleType, type)) and not callable(plugin):
        raise TypeError(f"run_plugin needs a function, class, module, path or name, not {plugin!r}")
    return registry.load_object(plugin, PluginSettings(use=name, name=name, config=config))


async def _run(
    loaded: "LoadedPlugin", alerts: Sequence[Alert], deliveries: Sequence[Context]
) -> list[Outcome]:
    await _finish(loaded.setup())
    try:
        if loaded.batch:
            outcome = await _outcome(loaded, list(alerts), deliveries) if alerts else "delivered"
            return [outcome] * len(alerts)
        return [
            await _outcome(loaded, alert, [delivery])
            for alert, delivery in zip(alerts, deliveries, strict=True)
        ]
    finally:
        await _finish(loaded.close())


async def _outcome(loaded: "LoadedPlugin", work: Any, deliveries: Sequence[Context]) -> Outcome:
    try:
        await _finish(loaded.handle(work, loaded.context(deliveries)))
    except (Retry, Reject) as outcome:
        return outcome
    except Exception as error:
        return error
    return "delivered"


async def _finish(result: Any) -> None:
    if inspect.isawaitable(result):
        await result


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
        plugins: Sequence[str | Mapping[str, Any]] = ("log",),
        arguments: Sequence[str] = (),
        wrapper: Sequence[str] = (),
    ) -> None:
        """Start the server and wait until it serves.

        Args:
            folder: an empty folder, such as pytest's tmp_path.
            plugins: for each plugin a value of `use`, or a whole `[[plugin]]` table such as
                {"use": "./noc.py", "config": {"url": "..."}, "retry": {"first": "10ms"}}.
            arguments: further arguments for `serve`.
            wrapper: a command that replaces itself with the server, such as `nice`.
        """
        self.folder = folder
        self.secret = os.urandom(16).hex()
        (folder / "secret").write_text(self.secret)
        (folder / "secret").chmod(0o600)
        self._ready = folder / "ready.json"
        self._ready.unlink(missing_ok=True)  # an earlier server may have left it
        self._output = folder / "serve.log"
        command = [*wrapper, sys.executable, "-m", "incm_webhook", "serve"]
        command += ["--listen", "127.0.0.1:0"]
        command += ["--admin", "127.0.0.1:0", "--secret-file", "./secret", "--inbox", "./inbox.db"]
        command += ["--ready-file", str(self._ready), *arguments]
        command += self._plugin_arguments(plugins)
        environ = {
            key: one for key, one in os.environ.items() if not key.startswith("INCM_WEBHOOK_")
        }
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(  # noqa: S603 - this very program
                command,
                cwd=folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        try:
            facts = self._wait_until_ready()
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
        return self._output.read_text(errors="replace")

    def _plugin_arguments(self, plugins: Sequence[str | Mapping[str, Any]]) -> list[str]:
        if all(isinstance(one, str) for one in plugins):
            return [part for one in plugins for part in ("--plugin", str(one))]
        tables = [{"use": one} if isinstance(one, str) else one for one in plugins]
        path = self.folder / "plugins.toml"
        path.write_text(toml_tables("plugin", tables), encoding="utf-8")
        return ["--config", str(path)]

    def _wait_until_ready(self) -> dict[str, Any]:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not self._ready.exists():
            try:
                status = self.process.wait(0.02)  # ends the pause at once when the process ends
            except subprocess.TimeoutExpired:
                if time.monotonic() < deadline:
                    continue
                raise RuntimeError(
                    f"not ready after {READY_TIMEOUT_S} s:\n{self.output()}"
                ) from None
            raise RuntimeError(f"it ended with exit status {status}:\n{self.output()}")
        facts: dict[str, Any] = json.loads(self._ready.read_text())
        return facts

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


try:
    import pytest
except ImportError:
    pass
else:

    @pytest.fixture
    def incm_receiver(tmp_path: Path) -> Iterator[Receiver]:
        """A `Receiver` with the log plugin, stopped after the test."""
        with Receiver(tmp_path) as receiver:
            yield receiver
