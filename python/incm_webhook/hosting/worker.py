"""The process of one plugin whose isolation is "process": `python -m incm_webhook.hosting.worker`.

The receiver starts it. It loads the plugin, sets it up, and handles alerts, until the receiver asks
it to close or is gone.
"""

import ctypes
import inspect
import logging
import os
import queue
import resource
import signal
import socket
import sys
import threading
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, cast

from incm_webhook import Alert, Reject, Retry, Unavailable
from incm_webhook.errors import PluginError
from incm_webhook.hosting.attempt import failure_of
from incm_webhook.hosting.channel import Channel, GoneError, unpack_settings
from incm_webhook.hosting.event_loop import EventLoop
from incm_webhook.hosting.loaded_plugin import LoadedPlugin
from incm_webhook.hosting.registry import load
from incm_webhook.hosting.state_channel import RemoteStore
from incm_webhook.hosting.worker_protocol import read_facts, write_account
from incm_webhook.http import egress, plain_loop
from incm_webhook.http.own_connections import deny_own_connections
from incm_webhook.log import LogStyle, describe, set_up_as_ordered, set_up_logging
from incm_webhook.plugin import Context
from incm_webhook.process.stray_errors import catch_stray_errors
from incm_webhook.state import Room, StateKeeper, changes_of
from incm_webhook.text.failures import Account, account_of

_PR_SET_PDEATHSIG = 1
_log = logging.getLogger("incm_webhook.worker")
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


class Worker:
    """Runs one plugin, and answers the receiver on its channels.

    Shape: on the control channel, "loaded" answers the settings, "ready" answers the number of
    channels, and "closed" answers the last order. After "ready" the receiver passes that many
    sockets, each of which carries one call at a time. A failure is answered with an account. On the
    sockets, each call is answered with its outcome.
    Threads: call run() in the main thread; the worker starts a thread of its own for each socket.
    Source: docs/isolation.md, What keeps plugins apart.
    """

    def __init__(self, control: Channel) -> None:
        self._control = control
        self._sockets: queue.SimpleQueue[socket.socket] = queue.SimpleQueue()
        self._plugin: LoadedPlugin
        self._loop: EventLoop
        self._room = Room()

    def run(self) -> None:
        """Follow the receiver's orders until it asks to close; GoneError when it is gone."""
        order, _ = self._control.receive()
        memory = order["memory"]
        try:
            self._load(order)
        except PluginError as error:
            text = str(error)
            self._control.send(write_account(Account(text, text)))
            return
        self._control.send({"loaded": self._description()})
        order, _ = self._control.receive()
        try:
            self._finish(self._plugin.setup())
        except BaseException as error:  # the receiver reports whatever a plugin raises
            self._control.send(write_account(account_of(error, self._plugin.code)))
            return
        for _ in range(order["channels"]):
            threading.Thread(target=self._serve, name=self._plugin.name, daemon=True).start()
        limit_memory(memory)
        self._control.send({"ready": True})
        for _ in range(order["channels"]):
            self._sockets.put(self._control.receive_socket())
        self._control.receive()
        self._control.send(self._close())

    def _load(self, order: dict[str, Any]) -> None:
        set_up_as_ordered(order["log"])
        sys.path[:] = order["path"]
        egress.apply(egress.Egress.of(*order["egress"]))
        settings = unpack_settings(order["settings"])
        settings.hold(order["place"], order["lines"])
        deny_own_connections(settings.name)
        self._loop = EventLoop(settings.name)
        self._plugin = load(settings, Path(order["base"]))
        self._plugin.states = StateKeeper(RemoteStore(self._control), self._room)

    def _description(self) -> dict[str, Any]:
        origin = self._plugin.origin
        return {
            "batch": self._plugin.batch,
            "on_dead": self._plugin.wants_dead,
            "settings": self._plugin.settings.model_dump(
                exclude_unset=True, exclude={"config"}, by_alias=True
            ),
            "origin": [origin.text, origin.version, origin.summary],
            "warnings": list(self._plugin.warnings),
        }

    def _close(self) -> dict[str, Any]:
        try:
            self._finish(self._plugin.close())
        except BaseException as error:  # the receiver reports whatever a plugin raises
            return write_account(account_of(error, self._plugin.code))
        self._loop.stop()
        plain_loop.stop()
        return {"closed": True}

    def _serve(self) -> None:
        try:
            channel = Channel(self._sockets.get())
            while True:
                order, raw = channel.receive()
                outcome = self._outcome(order, raw, RemoteStore(channel))
                channel.send({"call": order["call"], **outcome})
        except GoneError:
            return  # the receiver has closed the channel, and decides when this process ends
        except BaseException as error:  # a channel that is out of step cannot be used any more
            _log.critical("plugin %s: %s", self._plugin.name, describe(error))
            os._exit(1)

    def _outcome(self, order: dict[str, Any], raw: bytes, store: RemoteStore) -> dict[str, Any]:
        facts = [read_facts(one["facts"]) for one in order["alerts"]]
        context = self._plugin.context(facts, StateKeeper(store, self._room))
        outcome = self._outcome_of_call(order, raw, context)
        changes = changes_of(context)  # also ends questions of threads that the handler left
        if changes and outcome["outcome"] not in ("failed", "exhausted"):
            outcome["changes"] = changes
        return outcome

    def _outcome_of_call(
        self, order: dict[str, Any], raw: bytes, context: Context
    ) -> dict[str, Any]:
        try:
            self._handle(order, raw, context)
        except MemoryError:
            return {"outcome": "exhausted"}
        except BaseException as error:  # the receiver reports whatever a plugin raises
            failure = failure_of(error, self._plugin.code)
            account = write_account(failure.account)
            if isinstance(error, Retry):
                return {"outcome": "retry", "after": failure.after, **account}
            return {"outcome": _name_of(error), **account}
        return {"outcome": "delivered"}

    def _handle(self, order: dict[str, Any], raw: bytes, context: Context) -> None:
        alerts, begin = [], 0
        for one in order["alerts"]:
            end = begin + one["size"]
            alerts.append(Alert.from_json(raw[begin:end]))
            begin = end
        if order["dead"] is not None:
            self._finish(self._plugin.on_dead(alerts[0], context, order["dead"]))
            return
        work = alerts if self._plugin.batch else alerts[0]
        self._finish(self._plugin.handle(work, context))

    def _finish(self, result: Awaitable[None] | None) -> None:
        if result is not None and inspect.isawaitable(result):
            self._loop.run(result, threading.TIMEOUT_MAX)  # the receiver enforces the time-out


def _name_of(error: BaseException) -> str:
    if isinstance(error, Reject):
        return "reject"
    return "unavailable" if isinstance(error, Unavailable) else "failed"


def limit_memory(size: int) -> None:
    """Limit the private memory of this process to `size` bytes more than it has now.

    RLIMIT_DATA counts private writable memory. RLIMIT_AS would also count memory that is only
    reserved, such as the 64 MiB that malloc sets aside for each thread.
    """
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123 - no Path for a pseudo file
        used = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData:"))
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    limit = used + size if hard == resource.RLIM_INFINITY else min(used + size, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _die_with(parent: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0 or os.getppid() != parent:
        os._exit(1)


def _leave_signals_to_the_receiver() -> None:
    """Ignore the stop signals that a service manager or terminal sends to the whole group.

    The receiver decides when this process ends. The handler is not SIG_IGN, because programs that
    the plugin starts would inherit that, and could not be terminated.
    """
    for number in _STOP_SIGNALS:
        signal.signal(number, lambda *_: None)
    os.register_at_fork(
        after_in_child=lambda: [signal.signal(one, signal.SIG_DFL) for one in _STOP_SIGNALS]
    )


def main() -> None:
    """Serve a receiver.

    The arguments: a descriptor, the receiver's process number, the style of the log.
    """
    descriptor, parent, style = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    _die_with(parent)
    _leave_signals_to_the_receiver()
    os.set_inheritable(descriptor, False)  # noqa: FBT003 - it takes no keyword
    sys.argv[1:] = []
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(line_buffering=True)  # so that a killed process loses no whole line
    set_up_logging(style=cast("LogStyle", style))
    catch_stray_errors()
    try:
        Worker(Channel(socket.socket(fileno=descriptor))).run()
    except GoneError:
        os._exit(1)
    except Exception as error:  # no traceback, which would block when nobody reads it
        _log.critical("%s", describe(error))
        os._exit(1)


if __name__ == "__main__":
    main()
