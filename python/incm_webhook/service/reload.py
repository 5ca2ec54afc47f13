"""Applies a changed configuration to a running server, as a whole or not at all."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from incm_webhook.config.differences import keys_for_the_next_start
from incm_webhook.config.loading import Settings
from incm_webhook.config.settings import PluginSettings
from incm_webhook.delivery.dispatcher import Dispatcher
from incm_webhook.errors import Error
from incm_webhook.hosting.fingerprint import (
    Fingerprint,
    code_of,
    fingerprint_of,
    secret_files_of,
)
from incm_webhook.hosting.loaded_plugin import LoadedPlugin
from incm_webhook.hosting.registry import file_of
from incm_webhook.http import egress
from incm_webhook.log import describe
from incm_webhook.log_levels import LogLevels
from incm_webhook.process.signals import Signals
from incm_webhook.service.certificate import log_certificate
from incm_webhook.service.loading import load_plugins
from incm_webhook.service.log_settings import apply_log_settings
from incm_webhook.service.native import endpoints_of, route_of
from incm_webhook.service.reload_report import ReloadReport

if TYPE_CHECKING:
    from incm_webhook._core import Receiver

_SHARE_OF_GRACE = 0.7  # so that a stop that comes later is not held up by calls of old plugins

_log = logging.getLogger("incm_webhook.service")


class Reloader:
    """Reads the configuration again, and applies what can be applied while the server runs.

    Everything new is made first: the plugins that are new or changed are loaded beside those that
    run. Only when all of that succeeds is anything replaced; a mistake changes nothing. A plugin
    whose table, file and secrets are the same goes on untouched.
    Threads: the main one, because it imports the code of plugins.
    Source: docs/running.md, What a reload changes.
    """

    def __init__(
        self,
        settings: Settings,
        load: Callable[[], Settings],
        signals: Signals,
        *,
        dev: bool = False,
    ) -> None:
        """Take the fingerprints of the plugins. Call it before they are loaded.

        Args:
            settings: what the server starts with.
            load: reads the settings again.
            signals: the signal handling of this process.
            dev: see `apply_log_settings`.
        """
        self._started_with = settings
        self._settings = settings
        self._load = load
        self._signals = signals
        self._dev = dev
        self._prints = _prints_of(settings.plugin, settings.base)
        self._tried: Settings | None = None  # those of the last reload, if it failed
        self._plugins: dict[str, LoadedPlugin] = {}
        self._receiver: Receiver | None = None
        self._dispatcher: Dispatcher | None = None
        self._also: Callable[[Settings], None] = lambda _: None

    @property
    def settings(self) -> Settings:
        """The settings in use; `[server]`, `[inbox]` and `[trace]` are those of the start."""
        return self._settings

    @property
    def files(self) -> list[Path]:
        """The files whose change a reload would apply, or could mend if the last one failed."""
        tried = [] if self._tried is None else self._files_of(self._tried)
        return list(dict.fromkeys([*self._files_of(self._settings), *tried]))

    def _files_of(self, settings: Settings) -> list[Path]:
        found = []
        if settings.source is not None:
            found.append(settings.source)
        found += [file for one in settings.endpoint for file in one.secret_paths]
        found += [one.path for one in settings.admin_token if one.path is not None]
        if (tls := self._started_with.server.tls) is not None:
            ca = tls.client_ca_file
            files = (tls.certificate_file, tls.private_key_file, ca)
            found += [Path(file) for file in files if file is not None]
        for spec in settings.plugin:
            found += secret_files_of(spec, settings.base)
            if _runs_again(spec, settings.base) and not self._dev:  # which has files of its own
                found += code_of(spec.use, settings.base)
        return found

    def begin(
        self,
        receiver: "Receiver",
        dispatcher: Dispatcher,
        plugins: Sequence[LoadedPlugin],
        also: Callable[[Settings], None],
    ) -> None:
        """Name what is to be changed by reloads from now on; `also` gets the new settings."""
        self._receiver, self._dispatcher = receiver, dispatcher
        self._also = also
        self._plugins = {plugin.name: plugin for plugin in plugins}

    def reload(self, go_on: Callable[[], None], was_read: Callable[[], None]) -> ReloadReport:
        """Read the configuration again and apply it; log the result and return it.

        Args:
            go_on: called before each step and during long ones; with an Error that it raises, the
                reload is given up.
            was_read: called when the settings are read and none of the files that they name is
                loaded; `files` has those already.
        """
        assert self._receiver is not None  # noqa: S101 - begin() was called
        try:
            report = self._reload(self._receiver, go_on, was_read)
        except Error as error:
            report = ReloadReport(error=str(error))
            _log.error("reload failed, everything stays as it was: %s", error)
        except Exception as error:  # no failure of a reload may end the server
            report = ReloadReport(error=describe(error))
            _log.error("reload failed: %s", report.error)
        if report.partly:
            _log.error("reload applied in part: %s", report.error)
        elif not report.error:
            for warning in report.warnings:
                _log.warning(warning)
            log_certificate(self._started_with.server.tls)
            _log.info("reloaded %s", report.sentence)
            for what in report.next_start:
                _log.warning("%s takes effect at the next start", what)
        self._receiver.note_reload(report.error)
        return report

    def _reload(
        self, receiver: "Receiver", go_on: Callable[[], None], was_read: Callable[[], None]
    ) -> ReloadReport:
        self._tried = new = self._load()
        was_read()
        prints = _prints_of(new.plugin, new.base)
        remade = [spec for spec in new.plugin if self._is_remade(spec, prints[spec.name], new)]
        with self._tentatively(new):
            loaded = load_plugins(remade, new.base, self._signals, go_on)
            plugins = {**self._plugins, **{one.name: one for one in loaded}}
            try:
                routes = [route_of(plugins[one.name].settings) for one in new.plugin]
                go_on()
                receiver.reload(endpoints_of(new.endpoint), routes)
            except BaseException:
                for plugin in loaded:
                    plugin.discard()
                raise
        return self._replaced(new, prints, loaded)

    def _is_remade(self, spec: PluginSettings, now: Fingerprint, new: Settings) -> bool:
        """Whether a plugin must be loaded, because it is new or another one."""
        before = self._prints.get(spec.name)
        if before is None or now.settings != before.settings:
            return True
        if spec.isolation == "process":  # its process was told these when it was started
            others = new.egress != self._settings.egress or _logs(new) != _logs(self._settings)
            return others or now.code != before.code
        return now.code != before.code and _runs_again(spec, new.base)

    @contextmanager
    def _tentatively(self, new: Settings) -> Iterator[None]:
        """Apply what the loading of a plugin depends on, and undo it after a failure."""
        self._apply(new)
        try:
            yield
        except BaseException:
            self._apply(self._settings)
            raise

    def _apply(self, settings: Settings) -> None:
        egress.apply(settings.egress.rules)
        apply_log_settings(settings.log, dev=self._dev)

    def _replaced(
        self, new: Settings, prints: dict[str, Fingerprint], loaded: Sequence[LoadedPlugin]
    ) -> ReloadReport:
        """Let the new plugins take over; no mistake of the configuration can be found here."""
        assert self._dispatcher is not None  # noqa: S101 - begin() was called
        names = [spec.name for spec in new.plugin]
        remade = [plugin.name for plugin in loaded]
        removed = [name for name in self._plugins if name not in names]
        grace_s = self._started_with.server.grace * _SHARE_OF_GRACE
        failed = self._dispatcher.replace(loaded, removed, time.monotonic() + grace_s)
        remade = [name for name in remade if name not in failed]
        later = keys_for_the_next_start(self._started_with, new)
        report = ReloadReport(
            error=_not_replaced(failed),
            partly=bool(failed),
            changed=tuple(name for name in remade if name in self._plugins),
            added=tuple(name for name in remade if name not in self._plugins),
            removed=tuple(name for name in removed if name not in failed),
            unchanged=tuple(name for name in names if name not in remade and name not in failed),
            next_start=(*later, *self._stale(new, prints)),
            warnings=tuple(new.warnings),
        )
        self._note_plugins(new, prints, loaded, failed)
        started = self._started_with
        kept = {name: getattr(started, name) for name in ("server", "inbox", "trace")}
        self._settings = new.model_copy(update=kept)
        self._tried = None
        self._also(new)
        return report

    def _note_plugins(
        self,
        new: Settings,
        prints: dict[str, Fingerprint],
        loaded: Sequence[LoadedPlugin],
        failed: Sequence[str],
    ) -> None:
        """Remember what runs now; the next reload tries again what has failed."""
        old = {name: one for name, one in self._plugins.items() if name in failed}
        names = [spec.name for spec in new.plugin]
        plugins = {**self._plugins, **{one.name: one for one in loaded}}
        self._plugins = {name: plugins[name] for name in names if name not in failed} | old
        before = {name: one for name, one in self._prints.items() if name in old}
        self._prints = {
            spec.name: self._loaded_print(spec, prints[spec.name], new.base)
            for spec in new.plugin
            if spec.name not in failed
        } | before

    def _stale(self, new: Settings, prints: dict[str, Fingerprint]) -> list[str]:
        """Name the plugins whose module has changed and cannot be loaded again in this process."""
        return [
            f'the code of plugin "{spec.name}" ({spec.use})'
            for spec in new.plugin
            if not _runs_again(spec, new.base)
            and spec.name in self._prints
            and prints[spec.name].code != self._prints[spec.name].code
        ]

    def _loaded_print(self, spec: PluginSettings, now: Fingerprint, base: Path) -> Fingerprint:
        before = self._prints.get(spec.name)
        if before is None or _runs_again(spec, base):
            return now
        return Fingerprint(now.settings, before.code)


def _prints_of(specs: Sequence[PluginSettings], base: Path) -> dict[str, Fingerprint]:
    return {spec.name: fingerprint_of(spec, base) for spec in specs}


def _logs(settings: Settings) -> tuple[LogLevels, str]:
    """Return what the processes of plugins are told of `[log]`."""
    return settings.log.all_levels, settings.log.format


def _not_replaced(failed: Sequence[str]) -> str:
    if not failed:
        return ""
    return (
        f"the system had no room for the thread that replaces {', '.join(failed)}: the one before "
        "goes on; reload again when there are fewer processes and threads"
    )


def _runs_again(spec: PluginSettings, base: Path) -> bool:
    """Whether loading a plugin runs its code again: a module runs once in a process."""
    return spec.isolation == "process" or file_of(spec.use, base) is not None
