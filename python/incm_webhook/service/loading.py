"""Loads plugins into the server, and undoes what their imports change for others."""

import logging
import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from pathlib import Path

from incm_webhook.config.settings import PluginSettings
from incm_webhook.hosting import registry
from incm_webhook.hosting.loaded_plugin import LoadedPlugin
from incm_webhook.process.signals import Signals

_LOOK_S = 0.1  # how often a load that is waited for is asked to go on

_log = logging.getLogger("incm_webhook.service")


def load_plugin(spec: PluginSettings, base: Path, folder: Path | None = None) -> LoadedPlugin:
    """Load a plugin into this process or a process of its own, and log its warnings.

    Args:
        spec: the plugin's `[[plugin]]` table.
        base: the folder that relative files are relative to.
        folder: the working directory of a process of its own; None for the current one.

    Raises:
        PluginError: the plugin cannot be loaded.
    """
    if spec.isolation == "process":
        from incm_webhook.hosting.isolated_plugin import IsolatedPlugin

        plugin: LoadedPlugin = IsolatedPlugin(spec, base, spec.memory, folder)
    else:
        plugin = registry.load(spec, base)
    for warning in (*plugin.warnings, *registry.hidden_by(spec.use)):
        _log.warning("plugin %s: %s", spec.name, warning)
    return plugin


def load_plugins(
    specs: Iterable[PluginSettings],
    base: Path,
    signals: Signals,
    go_on: Callable[[], None] | None = None,
) -> list[LoadedPlugin]:
    """Load plugins, and undo changes of an import that would affect the others.

    Args:
        specs: their `[[plugin]]` tables.
        base: the folder that relative files are relative to.
        signals: the signal handling of this process.
        go_on: called before each plugin, and again and again while the process of one loads; when
            it raises an exception, the loading is given up with that.

    Raises:
        PluginError: one cannot be loaded; those before it are discarded.
    """
    folder = Path.cwd()
    plugins: list[LoadedPlugin] = []
    try:
        for spec in specs:
            plugins.append(_loaded(spec, base, folder, go_on))
            _restore(spec.name, folder, signals)
    except BaseException:
        for plugin in plugins:
            plugin.discard()
        raise
    return plugins


def _loaded(
    spec: PluginSettings, base: Path, folder: Path, go_on: Callable[[], None] | None
) -> LoadedPlugin:
    if go_on is None:
        return load_plugin(spec, base, folder)
    go_on()
    if spec.isolation != "process":  # its code must be imported by the main thread
        return load_plugin(spec, base, folder)
    loading: Future[LoadedPlugin] = Future()

    def load() -> None:
        try:
            loading.set_result(load_plugin(spec, base, folder))
        except BaseException as error:
            loading.set_exception(error)

    threading.Thread(target=load, name=f"{spec.name}-load", daemon=True).start()
    try:
        while not wait([loading], _LOOK_S).done:
            go_on()
    except BaseException:
        loading.add_done_callback(_discard)
        raise
    return loading.result()


def _discard(loading: Future[LoadedPlugin]) -> None:
    if loading.exception() is None:
        loading.result().discard()


def _restore(plugin: str, folder: Path, signals: Signals) -> None:
    for name in signals.take_back():
        _log.warning(
            "plugin %s replaced the handler of %s when it was imported: restored, because this "
            "signal stops or reloads the server",
            plugin,
            name,
        )
    if not _is_in(folder):
        os.chdir(folder)
        _log.warning(
            "plugin %s changed the working directory of all plugins when it was imported: "
            'changed back to %s; isolation = "process" gives a plugin its own',
            plugin,
            folder,
        )


def _is_in(folder: Path) -> bool:
    try:
        return Path.cwd() == folder
    except OSError:  # the current directory no longer exists
        return False
