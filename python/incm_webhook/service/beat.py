"""Signs of life of the main thread to the service manager."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
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
def beating(receiver: "Receiver", notifier: Notifier, limit: float) -> Iterator[Callable[[], None]]:
    """Send beats from another thread while the main thread does something that takes long.

    Args:
        receiver: see `beat`.
        notifier: see `beat`.
        limit: the seconds after which a step is taken for one that never ends: then the beats end,
            so that the service manager's watchdog acts.

    Returns:
        What to call when another step begins.
    """
    ended = threading.Event()
    began = time.monotonic()

    def note_step() -> None:
        nonlocal began
        began = time.monotonic()

    def work() -> None:
        while not ended.wait(_PERIOD_S):
            if time.monotonic() - began < limit:
                beat(receiver, notifier)

    beats = threading.Thread(target=work, name="beats", daemon=True)
    beats.start()
    try:
        yield note_step
    finally:
        ended.set()
        beats.join()
