"""Tells which keys of a new configuration a running server cannot apply."""

from incm_webhook.config.settings import Settings
from incm_webhook.config.types import Table

_APPLIED = {"log": {"level", "levels", "format"}}


def keys_for_the_next_start(running: Settings, new: Settings) -> list[str]:
    """Name the keys whose values differ and take effect at the next start.

    Args:
        running: the settings that the server was started with.
        new: the settings that it was asked to reload.

    Returns:
        Texts such as "[server] listen", in the order of the models.
    """
    return [
        f"[{table}] {key}"
        for table in ("server", "log", "trace", "inbox")
        for key in _changed(getattr(running, table), getattr(new, table))
        if key not in _APPLIED.get(table, ())
    ]


def _changed(one: Table, other: Table) -> list[str]:
    keys = type(one).model_fields
    return [key for key in keys if getattr(one, key) != getattr(other, key)]
