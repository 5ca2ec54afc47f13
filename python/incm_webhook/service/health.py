"""Starts, reloads and ends what watches the server: the canary and the watch of its health."""

from pathlib import Path
from typing import TYPE_CHECKING

from incm_webhook.config.own_types import is_own_type
from incm_webhook.service.health_watch import HealthWatch
from incm_webhook.service.told_file import ToldFile

if TYPE_CHECKING:
    from incm_webhook._core import Receiver
    from incm_webhook.config.settings import Settings
    from incm_webhook.service.canary import Canary


class Health:
    """The canary and the watch of a server.

    Threads: one at a time.
    """

    def __init__(self, receiver: "Receiver", inbox: Path) -> None:
        """Prepare; nothing is watched yet.

        Args:
            receiver: is watched.
            inbox: the path of its inbox; beside it is kept what was told.
        """
        self._receiver = receiver
        self._told = ToldFile(inbox.with_name(f"{inbox.name}.told"))
        self._watch = HealthWatch(receiver.health(), receiver.stats)
        self._canary: Canary | None = None
        self._runs = False

    def start(self, settings: "Settings") -> None:
        """Begin to watch; call it when the receiver has started, with the settings of then."""
        self._runs = True
        self.apply(settings)

    def apply(self, settings: "Settings") -> None:
        """Use other settings from now on."""
        if not self._runs:  # a reload while the server waits for its disk; start() gets them
            return
        if _is_watch_wanted(settings):
            self._watch.start(self._told)
        if self._canary is None:
            if settings.canary.every is None:
                return
            # Only now: it loads the client, which most servers do not need.
            from incm_webhook.service.canary import Canary

            self._canary = Canary(self._receiver.health(), self._receiver.address)
        self._canary.apply(settings)

    def stopping(self) -> None:
        """Send no further canary, since the listener will be closed, and tell only dead letters."""
        self._watch.stopping()
        if self._canary is not None:
            self._canary.end()

    def end(self) -> None:
        """Stop watching, and tell what remains; call it before the receiver stops."""
        self._watch.end()


def _is_watch_wanted(settings: "Settings") -> bool:
    """Whether anybody would hear what the watch finds: it counts the backlog each second."""
    return (
        settings.canary.every is not None
        or any(one.silent_after is not None for one in settings.endpoint)
        or any(is_own_type(pattern) for one in settings.plugin for pattern in one.types)
    )
