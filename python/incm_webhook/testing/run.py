"""Runs a plugin in a test, without a server."""

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from incm_webhook import Alert, Reject
from incm_webhook.http import egress

if TYPE_CHECKING:
    from incm_webhook.hosting.loaded_plugin import LoadedPlugin

Outcome = str | Exception


def run_plugin(
    plugin: object,
    *alerts: Alert,
    config: Mapping[str, Any] | None = None,
    attempt: int = 1,
    key: str = "test",
    endpoint: str = "/webhook",
    state: dict[str, Any] | None = None,
) -> list[Outcome]:
    """Run a plugin as the service does, without a server.

    Args:
        plugin: a function, a class, a module, or a value of the key `use`: a name, a path,
            "package.module:object".
        alerts: the alerts to deliver, each once; a batch plugin gets all of them in one batch.
        config: the plugin's `config` table; the plugin's model validates it.
        attempt: the value of `ctx.attempt`; 2 is the first repetition.
        key: the prefix of the delivery keys, which are `key-1`, `key-2` and so on, one for each
            alert. Two runs with the same key have the same delivery keys: the second run shows
            what the plugin does with a repetition.
        endpoint: the value of `ctx.endpoint`, the path on which the alerts arrived.
        state: what `ctx.state` holds before the first call, by key; changes go into this dict, as
            a server would store them. None begins with an empty state.

    Returns:
        For each alert "delivered", or the exception that the handler raised (`Retry`, `Reject`,
        `Unavailable`, or any other Exception).

    Raises:
        PluginError: the plugin cannot be loaded, or its config is wrong.
        ValueError: attempt, key or endpoint has a value that a server never passes, or state has
            one that a plugin cannot keep.
        TypeError: state has a value that a plugin cannot keep.
        Exception: whatever setup, close or on_dead raises. on_dead is called for each alert that
            the handler rejects.

    Threads: runs the plugin in the calling thread; not from within a running event loop.

    Filters and retries belong to the service and are not applied. The plugin's time-out ends only
    the requests of `ctx.http`, which may go to loopback, where a test has its targets.
    """
    from incm_webhook.hosting.local_run import LocalRun, made_up_deliveries
    from incm_webhook.state import MemoryStore, StateKeeper
    from incm_webhook.text.failures import describe

    if attempt < 1:
        raise ValueError(f"attempt counts from 1, not {attempt}")
    if not key:
        raise ValueError("key is empty: a delivery always has one")
    if not endpoint.startswith("/"):
        raise ValueError(f'endpoint is the path of a URL, such as "/webhook", not {endpoint!r}')
    loaded = _load(plugin, dict(config or {}))
    loaded.states = StateKeeper(MemoryStore({} if state is None else state))
    deliveries = made_up_deliveries(len(alerts), attempt=attempt, key=key, endpoint=endpoint)
    size = max(1, len(alerts)) if loaded.batch else 1
    outcomes: list[Outcome] = []
    with egress.applied(egress.Egress.of(egress.LOOPBACK)), LocalRun(loaded) as run:
        for at in range(0, len(alerts), size):
            outcome: Outcome = "delivered"
            try:
                run.call(alerts[at : at + size], deliveries[at : at + size])
            except Exception as error:  # the outcome: what it was is for the test to judge
                outcome = error
            if isinstance(outcome, Reject):
                reason = describe(outcome, loaded.code)
                for one in range(at, min(at + size, len(alerts))):
                    run.dead(alerts[one], deliveries[one], reason)
            outcomes += [outcome] * len(alerts[at : at + size])
    return outcomes


def _load(plugin: object, config: dict[str, Any]) -> "LoadedPlugin":
    from incm_webhook.config.settings import PluginSettings
    from incm_webhook.hosting import registry

    if isinstance(plugin, (str, Path)):
        return registry.load(PluginSettings(use=str(plugin), config=config), Path.cwd())
    name = getattr(plugin, "__name__", "").rpartition(".")[2] or "plugin"
    if not isinstance(plugin, (ModuleType, type)) and not callable(plugin):
        raise TypeError(f"run_plugin needs a function, class, module, path or name, not {plugin!r}")
    return registry.load_object(plugin, PluginSettings(use=name, name=name, config=config))
