"""Tries the configured plugins, each in a process of its own, which it may block or end."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from incm_webhook.check.findings import Report
from incm_webhook.config.settings import PluginSettings, Settings
from incm_webhook.errors import EXIT_PLUGIN, PluginError
from incm_webhook.hosting.channel import BrokenFrameError, Channel, GoneError, pack_settings
from incm_webhook.hosting.registry import BUNDLED
from incm_webhook.http.egress import Egress
from incm_webhook.process.ending import ending_of

LIMITS_S = {"load": 60.0, "check": 60.0, "setup": 60.0, "connect": 30.0, "close": 60.0}
_MESSAGE_LIMIT = 1024 * 1024  # bytes
_EXIT_S = 5.0  # from the end of the socket to the end of the process
_AT_ONCE = 8
_STEPS = {
    "load": "loading",
    "check": "its check",
    "setup": "its set-up",
    "connect": "its connection to the target",
    "close": "its close",
}
_CONNECT = {"email", "mqtt", "sql", "syslog"}  # without ctx.http, to the host of their config
_HARM = "; serve would retry it again and again, and give it no alert until it succeeds"


@dataclass(frozen=True, slots=True)
class _Outcome:
    description: str | None = None  # None when the plugin could not be loaded
    failure: str | None = None
    warnings: tuple[str, ...] = ()
    connected: bool = False


def check_plugins(
    settings: Settings, report: Report, *, is_served: bool, connect: bool = False
) -> None:
    """Load each plugin, and run its check, its set-up and its close, as `serve` would.

    Args:
        settings: the configuration, which names the plugins.
        report: gets the findings.
        is_served: whether a server runs, which may hold what a plugin needs.
        connect: whether each plugin also tries its target.
    """
    if not settings.plugin:
        return
    with ThreadPoolExecutor(min(_AT_ONCE, len(settings.plugin))) as pool:
        rules = settings.egress.rules
        outcomes = pool.map(
            lambda spec: _Trial(spec, settings.base, rules, connect=connect).outcome(),
            settings.plugin,
        )
        for spec, outcome in zip(settings.plugin, outcomes, strict=True):
            if outcome.description is not None:
                report.info(f"plugin {spec.name}: {outcome.description}")
            for warning in outcome.warnings:
                report.warn(f"plugin {spec.name}: {warning}")
            if outcome.connected:
                report.info(f"plugin {spec.name}: its target answers")
            elif connect and outcome.failure is None:
                report.info(f"plugin {spec.name}: it has no connect, so no target was tried")
            if outcome.failure is not None:
                hint = (
                    " (or the server that runs has it)" if is_served and outcome.description else ""
                )
                known = not spec.place or spec.place in outcome.failure
                where = "" if known else spec.place_at("use")
                report.error(f"{outcome.failure}{hint}{where}", EXIT_PLUGIN)
    _note_threads(settings, report)
    _note_denied_networks(settings, report)


def _note_threads(settings: Settings, report: Report) -> None:
    """Name the plugins in threads that are not bundled, as one of them could stop all plugins."""
    names = ", ".join(
        spec.name
        for spec in settings.plugin
        if spec.isolation == "thread" and spec.use not in BUNDLED
    )
    if names:
        report.info(
            f"note: in threads of the server: {names}; a call there that keeps Python's lock, such "
            'as a regular expression that never ends, stops all plugins; isolation = "process" '
            "gives a plugin a process of its own"
        )


def _note_denied_networks(settings: Settings, report: Report) -> None:
    """Name the plugins for whose connections `[egress] deny` does not hold."""
    if not settings.egress.deny:
        return
    threads = [one for one in settings.plugin if one.isolation == "thread"]
    names = ", ".join(one.name for one in threads if one.use in _CONNECT or one.use not in BUNDLED)
    if names:
        report.info(
            f"note: [egress] deny holds for ctx.http, and not for connections that {names} may "
            'open in another way; isolation = "process" makes it hold for those as well'
        )


class _Trial:
    """Runs one plugin in a process of its own.

    Threads: only the one that made it, because the kernel ends the process with that thread.
    """

    def __init__(self, spec: PluginSettings, base: Path, rules: Egress, *, connect: bool) -> None:
        self._spec = spec
        self._base = base
        self._rules = rules
        self._connect = connect

    def outcome(self) -> _Outcome:
        """Load, check, set up and close the plugin; then kill its process and all it started."""
        own, theirs = socket.socketpair()
        with contextlib.closing(Channel(own)) as control:
            try:
                order = {
                    "settings": pack_settings(self._spec),
                    "base": str(self._base),
                    "path": sys.path,
                    "place": self._spec.place,
                    "lines": dict(self._spec.lines),
                    "egress": self._rules.texts,
                }
            except PluginError as error:
                return _Outcome(failure=str(error))
            with theirs:
                process = _start(theirs)
            try:
                return self._steps(control, process, order)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _steps(
        self, control: Channel, process: subprocess.Popen[bytes], order: dict[str, Any]
    ) -> _Outcome:
        description = None
        warnings: tuple[str, ...] = ()
        connected = False
        for step, name in _STEPS.items():
            if step == "connect" and not self._connect:
                continue
            answer = self._ask(control, process, {**order, "step": step}, step)
            if "failed" in answer:
                text = answer["failed"]
                if description is not None and not answer.get("ended"):
                    text = f"{name} failed: {text}"
                text = self._named(text + (_HARM if step == "setup" else ""))
                return _Outcome(description, text, warnings)
            connected = connected or bool(answer.get("connected"))
            if description is None:
                description = str(answer.get("plugin"))
                warnings = tuple(map(str, answer.get("warnings", ())))
                order = {}
        return _Outcome(description, None, warnings, connected)

    def _named(self, text: str) -> str:
        return text if text.startswith("plugin ") else f'plugin "{self._spec.name}": {text}'

    def _ask(
        self,
        control: Channel,
        process: subprocess.Popen[bytes],
        order: dict[str, Any],
        step: str,
    ) -> dict[str, Any]:
        limit = LIMITS_S[step]
        try:
            return control.exchange(order, (), _MESSAGE_LIMIT, time.monotonic() + limit)
        except TimeoutError:
            text = f"{_STEPS[step]} does not end within {limit:g} s"
        except BrokenFrameError:
            text = f"{_STEPS[step]} writes nonsense where its answers are read"
        except GoneError:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_EXIT_S)
            ending = "is gone" if process.returncode is None else ending_of(process.returncode)
            text = f"in {_STEPS[step]}, its process {ending}"
        return {"failed": text, "ended": True}


def _start(theirs: socket.socket) -> subprocess.Popen[bytes]:
    descriptor = theirs.fileno()
    command: Sequence[str] = [sys.executable, "-P", "-m", "incm_webhook.hosting.trial"]
    return subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [*command, str(descriptor), str(os.getpid())],
        stdin=subprocess.DEVNULL,
        pass_fds=[descriptor],
        start_new_session=True,
    )
