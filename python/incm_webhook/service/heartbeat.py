"""Shows the native watch that Python code can run."""

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from incm_webhook._core import PythonWatch

_PERIOD_S = 0.2  # the watch checks about as often


class Heartbeat:
    """A thread that only sends beats to the watch, because any other work might delay them."""

    def __init__(self, watch: "PythonWatch") -> None:
        """Start the thread."""
        self._watch = watch
        self._ended = threading.Event()
        self._watch.beat()
        threading.Thread(target=self._run, name="heartbeat", daemon=True).start()

    def end(self) -> None:
        """Make the watch expect no further beat, because the interpreter ends."""
        self._ended.set()

    def _run(self) -> None:
        while not self._ended.wait(_PERIOD_S):
            self._watch.beat()
        self._watch.rest()
