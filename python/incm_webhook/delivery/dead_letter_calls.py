"""Calls a plugin's on_dead for its new dead letters, without holding up its deliveries."""

from __future__ import annotations

import inspect
import logging
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from incm_webhook.text.failure_log import FailureLog
from incm_webhook.text.failures import Account, account_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from incm_webhook._core import Delivery, PluginThread, PythonWatch
    from incm_webhook.hosting.event_loop import EventLoop
    from incm_webhook.hosting.loaded_plugin import LoadedPlugin

    _Waiting = tuple[Delivery, str, Callable[[], None]]  # dead letter, reason, what follows

_MOST_WAITING = 100  # dead letters; each keeps its alert in memory
_MOST_HANGING = 2  # calls whose thread is replaced
_NO_THREAD = "no thread is left for it"

_log = logging.getLogger("incm_webhook.dispatcher")


def _nothing() -> None:
    pass


def _account(text: str) -> Account:
    return Account(text, text)


class DeadLetterCalls:
    """Calls on_dead in a thread of its own, one dead letter after the other, each at most once.

    A call that fails or takes too long is logged, and nothing else changes. When too many dead
    letters wait, or too many calls hang, the call for a further one is left out, which is logged.
    One whose delivery is settled only after the call is never left out because others wait.
    Threads: any may call add(); one at a time look() and stop().
    """

    def __init__(self, plugin: LoadedPlugin, loop: EventLoop, watch: PythonWatch) -> None:
        self._plugin = plugin
        self._loop = loop
        self._watch = watch
        self._failures = FailureLog(f"plugin {plugin.name}: on_dead", _log, time.monotonic)
        self._changed = threading.Condition()  # guards all below
        self._waiting: deque[_Waiting] = deque()
        self._thread: threading.Thread | None = None  # the one that works; the others hang
        self._started: float | None = None  # of the call that runs, in monotonic seconds
        self._alert_id = 0  # of that call
        self._then: Callable[[], None] = _nothing  # what follows that call
        self._hanging = 0
        self._stopping = False

    def add(self, delivery: Delivery, reason: str, then: Callable[[], None] | None = None) -> None:
        """Have on_dead called for a dead letter, if the plugin has one.

        Args:
            delivery: the dead letter.
            reason: why it is one.
            then: settles the delivery. It is called after on_dead, also when on_dead fails, is left
                out, or is none of the plugin's; but not when the server stops before the call. None
                when the delivery is settled.
        """
        if not self._plugin.wants_dead:
            return (then or _nothing)()
        with self._changed:
            if self._stopping:
                return None
            full = then is None and len(self._waiting) >= _MOST_WAITING
            if not full and self._start():
                self._waiting.append((delivery, reason, then or _nothing))
                self._changed.notify_all()
                return None
        why = f"{_MOST_WAITING} others wait" if full else _NO_THREAD
        self._note(delivery.alert_id, f"is not called: {why}", _account(why))
        return (then or _nothing)()

    def look(self) -> None:
        """Give up a call that exceeds the plugin's time-out, and let the others go on."""
        self._failures.log_due()
        limit = self._plugin.settings.timeout
        with self._changed:
            late = self._started is not None and time.monotonic() - self._started > limit
            if not late or self._plugin.limits_itself:
                return
            self._hanging += 1
            alert_id, then = self._alert_id, self._then
            self._thread = self._started = None
            left_out = self._without_thread()
        text = f"TimeoutError: no result within {limit:g} s"
        self._note(alert_id, f"failed: {text}", _account(text))
        then()
        self._leave_out(left_out)

    def stop(self, deadline: float) -> None:
        """Make the calls that wait until `deadline` (monotonic seconds), and no further ones."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(max(0.0, deadline - time.monotonic()))
        with self._changed:
            left = len(self._waiting)
            self._waiting.clear()
        if left:
            _log.warning("plugin %s: on_dead is not called for %d more", self._plugin.name, left)
        self._failures.log_due(everything=True)

    def _start(self) -> bool:
        """Start the thread if there is none; False when there can be none."""
        if self._thread is not None:
            return True
        if self._hanging >= _MOST_HANGING:
            return False
        thread = threading.Thread(
            target=self._work, name=f"{self._plugin.name}-on-dead", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:
            return False
        self._thread = thread
        return True

    def _without_thread(self) -> list[_Waiting]:
        """Start a thread for the calls that wait; if there can be none, remove and return them."""
        if not self._waiting or self._start():
            return []
        left_out = list(self._waiting)
        self._waiting.clear()
        return left_out

    def _leave_out(self, calls: list[_Waiting]) -> None:
        for delivery, _, then in calls:
            self._note(delivery.alert_id, f"is not called: {_NO_THREAD}", _account(_NO_THREAD))
            then()

    def _work(self) -> None:
        place = None
        if not self._plugin.limits_itself:  # else its code runs in another process
            place = self._watch.join(self._plugin.name, "on_dead")
        me = threading.current_thread()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._stopping)
                if not self._waiting:
                    return
                delivery, reason, then = self._waiting.popleft()
                self._alert_id, self._then = delivery.alert_id, then
                self._started = time.monotonic()
            if place is not None:
                place.enter(delivery.alert_id)
            self._call(delivery, reason, place)
            if place is not None:
                place.leave()
            with self._changed:
                if self._thread is not me:  # look() has given this call up
                    self._hanging -= 1
                    left_out = self._without_thread()
                    break
                self._started = None
            then()
        self._leave_out(left_out)

    def _call(self, delivery: Delivery, reason: str, place: PluginThread | None) -> None:
        plugin = self._plugin
        try:
            result = plugin.on_dead(delivery.alert, plugin.context([delivery]), reason)
            if result is not None and inspect.isawaitable(result):
                if place is not None:
                    place.leave()  # the coroutine runs on the event loop, which has its own place
                with self._changed:
                    if self._thread is threading.current_thread():
                        self._started = None  # the loop enforces the time-out
                self._loop.run(result, plugin.settings.timeout)
        except BaseException as error:  # no exception of a plugin may end this thread
            account = account_of(error, plugin.code)
            self._note(delivery.alert_id, f"failed: {account.line}", account)

    def _note(self, alert_id: int, what: str, account: Account) -> None:
        sentence = f"plugin {self._plugin.name}: on_dead for alert {alert_id} {what}"
        self._failures.note(logging.ERROR, sentence, account)
