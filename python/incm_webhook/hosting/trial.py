"""The process in which `check` loads one plugin, and sets it up as `serve` would."""

import ctypes
import inspect
import os
import signal
import socket
import sys
import threading
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from incm_webhook.config.filters import Pattern
from incm_webhook.config.settings import PluginSettings
from incm_webhook.errors import PluginError
from incm_webhook.hosting.channel import Channel, GoneError, unpack_settings
from incm_webhook.hosting.event_loop import EventLoop
from incm_webhook.hosting.loaded_plugin import LoadedPlugin
from incm_webhook.hosting.registry import hidden_by, load
from incm_webhook.hosting.template_check import template_findings
from incm_webhook.http import egress
from incm_webhook.http.own_connections import deny_own_connections
from incm_webhook.log import describe, set_up_logging

_PR_SET_PDEATHSIG = 1
_TEXT_LIMIT = 8000  # characters of a failure


class Trial:
    """Takes one plugin through its life without an alert.

    Shape: the first message has the settings, and its answer describes the plugin. Then "check",
    "setup", "connect" and "close" are each answered by an object, which has "failed" with a text
    when the step failed, and "connected" when the plugin has tried its target.
    """

    def __init__(self, control: Channel) -> None:
        self._control = control
        self._loop = EventLoop("trial")

    def run(self) -> None:
        """Follow the orders of `check`, until it closes the channel."""
        order, _ = self._control.receive()
        sys.path[:] = order["path"]
        egress.apply(egress.Egress.of(*order["egress"]))
        try:
            settings = unpack_settings(order["settings"])
            settings.hold(order["place"], order["lines"])
            if settings.isolation == "process":
                deny_own_connections(settings.name)
            plugin = load(settings, Path(order["base"]))
        except PluginError as error:
            self._control.send({"failed": str(error)[:_TEXT_LIMIT]})
            return
        hidden = hidden_by(settings.use)
        errors, doubts = template_findings(plugin.config, plugin.settings)
        warnings = [*plugin.warnings, *hidden, *doubts]
        self._control.send({"plugin": _summary(plugin), "warnings": warnings})
        steps = {
            "check": plugin.check,
            "setup": plugin.setup,
            "connect": plugin.connect,
            "close": plugin.close,
        }
        while True:
            order, _ = self._control.receive()
            if order["step"] == "check" and errors:
                self._control.send({"failed": "; ".join(errors)[:_TEXT_LIMIT]})
                continue
            answer: dict[str, Any] = {}
            try:
                self._finish(steps[order["step"]]())
                answer = {"connected": plugin.connects} if order["step"] == "connect" else {}
            except BaseException as error:  # `check` reports whatever a plugin raises
                answer = {"failed": describe(error, plugin.code)[:_TEXT_LIMIT]}
            self._control.send(answer)

    def _finish(self, result: Awaitable[None] | None) -> None:
        if result is not None and inspect.isawaitable(result):
            self._loop.run(result, threading.TIMEOUT_MAX)  # `check` enforces the time-out


def _summary(plugin: LoadedPlugin) -> str:
    version = f" {plugin.origin.version}" if plugin.origin.version else ""
    return f"{plugin.origin.text}{version}, {wanted_by(plugin.settings) or 'every alert'}"


def wanted_by(settings: PluginSettings) -> str:
    """Format the filters of a plugin: "types reboot, sim_switch; where priority <= 2"."""

    def shown(pattern: Pattern) -> str:
        return str(pattern).lower() if isinstance(pattern, bool) else str(pattern)

    return "; ".join(
        f"{key} {', '.join(map(shown, values))}"
        for key, values in settings.filters.items()
        if values
    )


def main() -> None:
    """Serve a `check` process; the two arguments are a descriptor and that process's number."""
    descriptor, parent = int(sys.argv[1]), int(sys.argv[2])
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
    sys.argv[1:] = []
    os.set_inheritable(descriptor, False)  # noqa: FBT003 - it takes no keyword
    set_up_logging()
    try:
        Trial(Channel(socket.socket(fileno=descriptor))).run()
    except GoneError:
        os._exit(0)


if __name__ == "__main__":
    main()
