"""Signs of life of the main thread to the service manager."""

import contextlib
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from incm_webhook.supervise.sd_notify import Notifier

if TYPE_CHECKING:
    from incm_webhook._core import Receiver

_STALLED_S = 5.0  # a listener that gave no sign of life for so long does not work
_PERIOD_S = 0.5


def beat(receiver: "Receiver", notifier: Notifier) -> None:
    """Send a beat to the service manager's watchdog while the thread of the clients works too.

    Also lets the receiver sample what its admin pages show of the last minute.
    """
    receiver.look()
    if receiver.beat_age < _STALLED_S:
        notifier.beat()


@contextlib.contextmanager
def beating(receiver: "Receiver", notifier: Notifier) -> Iterator[None]:
    """Send beats from another thread while the main thread does something that takes long."""
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(_PERIOD_S):
            beat(receiver, notifier)

    beats = threading.Thread(target=work, name="beats", daemon=True)
    beats.start()
    try:
        yield
    finally:
        ended.set()
        beats.join()
