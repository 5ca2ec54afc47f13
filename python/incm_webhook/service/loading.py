"""Loads plugins into the server, and undoes what their imports change for others."""

import logging
import os
from collections.abc import Iterable
from pathlib import Path

from incm_webhook.config.settings import PluginSettings
from incm_webhook.hosting import registry
from incm_webhook.hosting.loaded_plugin import LoadedPlugin
from incm_webhook.process.signals import Signals

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
    specs: Iterable[PluginSettings], base: Path, signals: Signals
) -> list[LoadedPlugin]:
    """Load plugins, and undo changes of an import that would affect the others.

    Args:
        specs: their `[[plugin]]` tables.
        base: the folder that relative files are relative to.
        signals: the signal handling of this process.

    Raises:
        PluginError: one cannot be loaded; those before it are discarded.
    """
    folder = Path.cwd()
    plugins: list[LoadedPlugin] = []
    try:
        for spec in specs:
            plugins.append(load_plugin(spec, base, folder))
            _restore(spec.name, folder, signals)
    except BaseException:
        for plugin in plugins:
            plugin.discard()
        raise
    return plugins


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
