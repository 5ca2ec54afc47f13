"""Takes over from another server under the supervisor: prepares, then waits for the inbox."""

import contextlib
import ctypes
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, MutableMapping
from typing import TYPE_CHECKING

from incm_webhook.config.loading import Settings
from incm_webhook.errors import EXIT_FAILED, InboxError, InboxInUseError, InboxUnavailableError
from incm_webhook.service.certificate import look_at_certificate
from incm_webhook.service.inbox_file import check_inbox, coming_upgrade
from incm_webhook.supervise.sd_notify import PREPARED, Notifier

if TYPE_CHECKING:
    from incm_webhook._core import Receiver

_LOCK_LOOK_S = 0.005  # how soon the next process notices that the inbox is free
_BEAT_S = 1.0
_EXTEND_S = 10.0  # between two extensions of the start, which may check a big inbox
_SILENCE_S = 60.0  # how long each extension lasts
_PR_SET_PDEATHSIG = 1


class Supervision:
    """The relation of this process to its supervisor, if it has one.

    Attributes:
        pid: the process that an operator signals: the supervisor, or this one.
        before: the process that serves until this one is prepared; None when there is none.
    """

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        parent = environ.pop("INCM_WEBHOOK_SUPERVISOR", "")
        before = environ.pop("INCM_WEBHOOK_TAKEOVER", "")
        self.pid = int(parent) if parent else os.getpid()
        self.before = int(before) if before else None
        if parent:
            libc = ctypes.CDLL(None)
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
            if os.getppid() != self.pid:
                os._exit(EXIT_FAILED)

    def prepare(self, settings: Settings, notifier: Notifier) -> None:
        """Report that this process is prepared; the supervisor then stops the one before it.

        First checks whatever would make the start fail and can be checked without the inbox.

        Raises:
            ConfigError: the certificate or its key cannot be used.
            InboxError: the inbox cannot be used, or has no room for the copy before its upgrade.
        """
        if self.before is not None:
            if settings.server.tls is not None:
                look_at_certificate(settings.server.tls, time.time())
            with contextlib.suppress(InboxUnavailableError):
                check_inbox(settings.inbox.path, self.before)
                upgrade = coming_upgrade(settings.inbox)
                if upgrade is not None and upgrade.obstacle:
                    raise InboxError(upgrade.obstacle)
        notifier.send(f"{PREPARED}=1")

    def start(
        self, receiver: "Receiver", notifier: Notifier, stop_is_asked: Callable[[], bool]
    ) -> bool:
        """Start the receiver as soon as the process before has closed the inbox.

        During the wait and the start, the service manager gets signs of life.

        Returns:
            False when a stop was requested first.

        Raises:
            InboxUnavailableError: the caller may try again.
            InboxError, ListenError, ConfigError: as the receiver's start.
        """
        with _sending_beats(notifier):
            return self._start(receiver, stop_is_asked)

    def _start(self, receiver: "Receiver", stop_is_asked: Callable[[], bool]) -> bool:
        last_try = self.before is None
        while not stop_is_asked():
            try:
                receiver.start()
            except InboxInUseError:
                if last_try:
                    raise
                last_try = not _exists(self.before)
                time.sleep(_LOCK_LOOK_S)
            else:
                return True
        return False


@contextlib.contextmanager
def _sending_beats(notifier: Notifier) -> Iterator[None]:
    if not notifier.is_connected:
        yield
        return
    ended = threading.Event()

    def beat() -> None:
        extended = time.monotonic()
        while not ended.wait(_BEAT_S):
            notifier.beat()  # needed when the server reported ready before it had an inbox
            if time.monotonic() - extended >= _EXTEND_S:
                extended = time.monotonic()
                notifier.starting(_SILENCE_S)

    beats = threading.Thread(target=beat, name="starting", daemon=True)
    beats.start()
    try:
        yield
    finally:
        ended.set()
        beats.join()


def _exists(pid: int | None) -> bool:
    try:
        os.kill(pid or 0, 0)
    except ProcessLookupError:
        return False
    return True
