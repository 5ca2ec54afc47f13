"""Remembers which alert a handler works on, so that the lines that it logs can say so."""

from contextvars import ContextVar
from typing import Any

Facts = dict[str, Any]

_call: ContextVar[tuple[str, int, int, object] | None] = ContextVar("_call", default=None)


def note_call(plugin: str, alert_id: int, attempt: int, alert_type: object) -> None:
    """Note that this thread or task calls a handler from now on.

    Args:
        plugin: the name of the plugin.
        alert_id: the number of the alert in the inbox; 0 for a batch.
        attempt: the number of the attempt.
        alert_type: the type of the alert, or None.

    Threads: any; tasks and threads that inherit the context have the same call.
    """
    _call.set((plugin, alert_id, attempt, alert_type))


def facts_of_call() -> Facts:
    """Return what is known of the handler's call in this thread or task: names as in the log."""
    call = _call.get()
    if call is None:
        return {}
    plugin, alert_id, attempt, alert_type = call
    if not alert_id:
        return {"plugin": plugin}
    facts: Facts = {"plugin": plugin, "alert_id": alert_id, "attempt": attempt}
    if isinstance(alert_type, str):
        facts["alert_type"] = alert_type
    return facts
