"""Shows the native watch that Python runs."""

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from incm_webhook._core import PythonWatch

_PERIOD_S = 0.2  # the watch looks about as often


class Heartbeat:
    """A thread that does nothing but tell the watch, since whatever else it did might last."""

    def __init__(self, watch: "PythonWatch") -> None:
        """Begin."""
        self._watch = watch
        self._ended = threading.Event()
        self._watch.beat()
        threading.Thread(target=self._run, name="heartbeat", daemon=True).start()

    def end(self) -> None:
        """Let the watch expect no further beat: the interpreter ends."""
        self._ended.set()

    def _run(self) -> None:
        while not self._ended.wait(_PERIOD_S):
            self._watch.beat()
        self._watch.rest()
