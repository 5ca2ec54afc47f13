"""Reloads when a signal, the admin API or a change of a file asks for it, one reload at a time."""

import logging
from typing import TYPE_CHECKING

from incm_webhook.errors import Error
from incm_webhook.log import describe
from incm_webhook.service.beat import beating
from incm_webhook.service.changed_files import ChangedFiles
from incm_webhook.service.reload import Reloader
from incm_webhook.supervise.sd_notify import Notifier

if TYPE_CHECKING:
    from incm_webhook._core import Receiver, ReloadRequests, StopGuard

_LONGEST_STEP_S = 60.0  # in which a plugin must be loaded

_log = logging.getLogger("incm_webhook.service")


class ReloadService:
    """Connects a Reloader with those who ask for a reload.

    Threads: the main one; the admin listener asks in threads of its own.
    """

    def __init__(
        self,
        reloader: Reloader,
        requests: "ReloadRequests",
        guard: "StopGuard",
        notifier: Notifier,
        *,
        watch: bool,
    ) -> None:
        """Prepare.

        Args:
            reloader: does the work.
            requests: where the admin API asks, and gets the result.
            guard: reports a reload that is asked for.
            notifier: the service manager.
            watch: whether a change of a file that the configuration consists of asks, too.
        """
        self._requests = requests
        self._reloader = reloader
        self._guard = guard
        self._notifier = notifier
        self._watch = watch
        self._files = ChangedFiles(reloader.files if watch else (), settle=True)

    def reload(self, receiver: "Receiver") -> None:
        """Reload now, for all who have asked so far."""
        self._notifier.reloading()
        ticket = self._requests.begin()
        with beating(receiver, self._notifier, _LONGEST_STEP_S) as note_step:

            def go_on() -> None:
                if self._guard.stop_is_asked:
                    raise Error("the reload was given up, because the server was asked to stop")
                note_step()

            report = self._reloader.reload(go_on, self._watch_files)
        self._requests.finish(ticket, report.as_json())
        self._notifier.reloaded()
        self._watch_files()

    def _watch_files(self) -> None:
        if not self._watch:
            return
        try:
            self._files.watch(self._reloader.files)
        except Exception as error:  # those that are watched already still are
            _log.error("the files of the configuration cannot be listed: %s", describe(error))

    def look(self) -> None:
        """Ask for a reload when a file has changed; call it about twice a second."""
        changed = self._files.look()
        if changed:
            _log.info("%s changed: reloading", ", ".join(map(str, changed)))
            self._guard.ask_for_reload()
