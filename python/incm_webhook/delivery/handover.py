"""Lets one plugin's runner end while the server goes on, and the next one begin after it."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from incm_webhook.delivery.ending import Ending
from incm_webhook.log import describe

if TYPE_CHECKING:
    from collections.abc import Callable

    from incm_webhook.delivery.runner import PluginRunner
    from incm_webhook.delivery.source import Deliveries
    from incm_webhook.hosting.loaded_plugin import LoadedPlugin

_PAUSE_S = 1.0  # before the inbox is asked again

_log = logging.getLogger("incm_webhook.dispatcher")


class Handover:
    """Ends the runner of a plugin in a thread of its own, then has its successor started.

    The successor starts only when no call of the old runner is unsettled: no delivery is made by
    both, and the deliveries of a device keep their order.
    Threads: start() and redirect() by one at a time; any may call join().

    Attributes:
        next: the plugin that is started afterwards; None when the plugin is removed.
    """

    def __init__(
        self,
        name: str,
        old: PluginRunner | None,
        following: LoadedPlugin | None,
        receiver: Deliveries,
        ended: Callable[[Handover, LoadedPlugin | None], bool],
    ) -> None:
        """Prepare.

        Args:
            name: the plugin's name.
            old: the runner that ends; None when there was none.
            following: see `next`.
            receiver: gets ready for the successor.
            ended: starts the successor; it returns False when another one was named meanwhile, and
                is called again after an exception.
        """
        self.name = name
        self.next = following
        self._old = old
        self._receiver = receiver
        self._ended = ended
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{name}-reload", daemon=True)
        self._deadline = 0.0
        self._left_behind: PluginRunner | None = None

    def start(self, deadline: float) -> None:
        """Begin; the old runner has to end by `deadline` (monotonic seconds).

        Raises:
            RuntimeError: the system has no room for another thread; the old runner goes on.
        """
        self._deadline = deadline
        old = self._old
        self._thread.start()
        if old is not None:
            old.ask_to_stop()

    def expire(self) -> None:
        """Settle calls of the old runner that exceed the time-out while it ends."""
        old = self._old
        if old is not None:
            old.expire_calls()

    @property
    def left_behind(self) -> PluginRunner | None:
        """The old runner, if something of it may still run; known once the successor starts."""
        return self._left_behind

    def redirect(self, following: LoadedPlugin | None) -> None:
        """Name another successor, before one was started."""
        before, self.next = self.next, following
        if before is not None:
            before.discard()

    def stop(self) -> None:
        """Have no successor started any more."""
        self._stopping.set()

    def join(self, limit: float) -> bool:
        """Wait up to `limit` seconds for the end of the old runner; False when it still runs."""
        self._thread.join(limit)
        return not self._thread.is_alive()

    def _run(self) -> None:
        if self._old is not None:
            self._end(self._old)
            self._old = None
        while True:
            following = self.next
            if following is not None and not self._resumed(following):
                continue
            try:
                if self._ended(self, following):
                    return
            except Exception as error:  # no thread is left for the successor
                _log.error("plugin %s: it cannot be started yet: %s", self.name, describe(error))
                self._stopping.wait(_PAUSE_S)

    def _end(self, old: PluginRunner) -> None:
        try:
            if Ending(old, self._deadline).wait():
                old.forget()
                return
        except Exception as error:  # no thread is left, or a defect: the successor must start
            _log.critical("plugin %s: ending it failed: %s", self.name, describe(error))
        self._left_behind = old
        old.leave_behind(self._deadline)

    def _resumed(self, following: LoadedPlugin) -> bool:
        """Let fetch() wait again; False when that failed, and another try makes sense."""
        if self._stopping.is_set():
            return True
        try:
            self._receiver.resume(self.name, following.settings.order == "device")
        except Exception as error:  # the disk fails, or a call could not be settled
            _log.error(
                "plugin %s: it cannot take its deliveries over yet: %s", self.name, describe(error)
            )
            self._stopping.wait(_PAUSE_S)
            return False
        return True
