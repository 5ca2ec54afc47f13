"""Builds the receiver and the plugins from the settings, and runs them until a stop signal."""

import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from incm_webhook._core import PythonWatch, Receiver, RequestSpans, StopGuard
from incm_webhook.config.loading import Settings
from incm_webhook.config.settings import PluginSettings
from incm_webhook.delivery.dispatcher import Dispatcher
from incm_webhook.errors import EXIT_FAILED, ConfigError, InboxError
from incm_webhook.hosting import registry
from incm_webhook.hosting.loaded_plugin import LoadedPlugin
from incm_webhook.hosting.shared_state import SharedState
from incm_webhook.http import egress
from incm_webhook.log import describe
from incm_webhook.process.forked import keep_from_children
from incm_webhook.process.shutdown import end_by, flushed
from incm_webhook.process.signals import Signals
from incm_webhook.service import listeners
from incm_webhook.service.announcement import log_start, log_stop
from incm_webhook.service.certificate import look_at_certificate
from incm_webhook.service.changed_files import ChangedFiles
from incm_webhook.service.health import Health
from incm_webhook.service.heartbeat import Heartbeat
from incm_webhook.service.native import build_of, clients_of, endpoints_of, route_of
from incm_webhook.service.ready_file import check_ready_file, write_ready_file
from incm_webhook.service.takeover import Supervision
from incm_webhook.service.waiting import start_when_possible
from incm_webhook.supervise.sd_notify import Notifier
from incm_webhook.tracing import sending

_CLOSING_S = 1.0  # the part of the grace in which the inbox is closed
_ANSWERS_S = 2.0  # the part of the grace for answers under way, once no handler runs
_STALLED_S = 5.0  # a listener that gave no sign of life for so long does not work

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


def beat(receiver: Receiver, notifier: Notifier) -> None:
    """Send a beat to the service manager's watchdog while the thread of the clients works too.

    Also lets the receiver sample what its admin pages show of the last minute.
    """
    receiver.look()
    if receiver.beat_age < _STALLED_S:
        notifier.beat()


def run(
    settings: Settings,
    load: Callable[[], Settings],
    signals: Signals | None = None,
    *,
    dev: bool = False,
) -> int:
    """Serve until SIGTERM or SIGINT.

    Args:
        settings: the settings to serve with.
        load: reads the settings again, for SIGHUP.
        signals: the signal handling of this process, if it is set up already.
        dev: ask the supervisor for a new server when a plugin's file changes.

    Returns:
        The exit status: 0 after a graceful stop, 1 when a plugin did not stop or the disk failed.
        end_by() has been called with the end of the grace.

    Raises:
        ConfigError: the ready file cannot be written.
        PluginError: a plugin cannot be loaded.
        InboxError, ListenError: the receiver cannot start.

    Threads: call it in the main thread, because it installs signal handlers.
    Source: docs/contract.md, Commands.
    """
    try:
        return _run(settings, load, signals or Signals(), dev=dev)
    except Exception:
        end_by(time.monotonic() + settings.server.grace)
        raise


def _run(settings: Settings, load: Callable[[], Settings], signals: Signals, *, dev: bool) -> int:
    check_ready_file(settings.server.ready_file, settings.place_of("server", "ready_file"))
    watch = PythonWatch()
    guard = StopGuard(settings.server.grace, watch)
    signals.hand_to(guard)
    shared = SharedState()
    supervision = Supervision(os.environ)
    notifier = Notifier(os.environ)
    passed = listeners.take_over(os.environ)
    keep_from_children(*([notifier.channel] if notifier.channel else []))
    egress.apply(settings.egress.rules)
    changes = ChangedFiles(_plugin_files(settings) if dev else ())  # before they are read
    plugins = _load_plugins(settings, signals)
    guard.loaded()
    on = listeners.open_listeners(passed, settings.server, notifier)
    receiver = _receiver(settings, plugins, on, watch)
    dispatcher = Dispatcher(receiver, plugins, watch)
    supervision.prepare(settings, notifier)

    health = Health(receiver)

    def reload() -> None:
        notifier.reloading()
        try:
            _reload(receiver, settings, load, health)
        except Exception as error:  # no failure of a reload may end the server
            _note_failed_reload(receiver, "reload failed", describe(error))
        notifier.reloaded()

    def start() -> bool:
        return supervision.start(receiver, notifier, lambda: guard.stop_is_asked)

    def wait(is_over: Callable[[], bool]) -> None:
        signals.wait(guard, reload, is_over, lambda: beat(receiver, notifier))

    if not start_when_possible(receiver, notifier, start, wait):
        end_by(time.monotonic() + settings.server.grace)
        receiver.stop()
        return 0
    heartbeat = Heartbeat(watch)
    dispatcher.start()
    health.start(settings)
    _announce(settings, receiver, plugins, supervision.pid)
    notifier.ready(f"serving {receiver.address}")

    def look() -> None:
        beat(receiver, notifier)
        shared.look()
        _reload_changed(changes, supervision)

    signals.wait(guard, reload, lambda: receiver.failed, look)
    guard.stopping()
    failed = receiver.failed
    if failed:
        _log.critical("the disk failed to write the inbox: ending; the next start checks it")
    notifier.stopping(settings.server.grace + _CLOSING_S + _ANSWERS_S)
    end_by(time.monotonic() + settings.server.grace)
    status_of_stop = _stop(receiver, dispatcher, settings, health)
    heartbeat.end()
    return status_of_stop or (EXIT_FAILED if failed else 0)


def _announce(
    settings: Settings, receiver: Receiver, plugins: Sequence[LoadedPlugin], pid: int
) -> None:
    """Log what serves, and write the ready file."""
    log_start(settings, receiver, [plugin.name for plugin in plugins])
    _log_certificate(running=settings)
    if settings.server.ready_file is not None:
        write_ready_file(settings.server.ready_file, receiver, settings, pid)


def _reload_changed(changes: ChangedFiles, supervision: Supervision) -> None:
    """Ask the supervisor for another server when a plugin's file has changed."""
    for file in changes.look():
        _log.info("%s has changed: a new server loads it", file)
        os.kill(supervision.pid, signal.SIGHUP)


def _load_plugins(settings: Settings, signals: Signals) -> list[LoadedPlugin]:
    """Load all plugins, and undo changes of an import that would affect the others."""
    folder = Path.cwd()
    plugins = []
    for spec in settings.plugin:
        plugins.append(load_plugin(spec, settings.base, folder))
        for name in signals.take_back():
            _log.warning(
                "plugin %s replaced the handler of %s when it was imported: restored, because this "
                "signal stops or reloads the server",
                spec.name,
                name,
            )
        if not _is_in(folder):
            os.chdir(folder)
            _log.warning(
                "plugin %s changed the working directory of all plugins when it was imported: "
                'changed back to %s; isolation = "process" gives a plugin its own',
                spec.name,
                folder,
            )
    return plugins


def _plugin_files(settings: Settings) -> list[Path]:
    files = [registry.file_of(one.use, settings.base) for one in settings.plugin]
    return [file for file in files if file is not None]


def _is_in(folder: Path) -> bool:
    try:
        return Path.cwd() == folder
    except OSError:  # the current directory no longer exists
        return False


def _receiver(
    settings: Settings,
    plugins: Sequence[LoadedPlugin],
    on: listeners.Listeners,
    watch: PythonWatch,
) -> Receiver:
    traces = sending.prepare(settings.trace.tracing, RequestSpans)
    receiver = Receiver(
        **on.for_core(),
        admin_hosts=settings.server.admin_hosts,
        inbox=settings.inbox.core_url,
        endpoints=endpoints_of(settings.endpoint),
        routes=[route_of(plugin.settings) for plugin in plugins],
        clients=clients_of(settings.server),
        retention=settings.inbox.retention or 0.0,
        reserve_bytes=settings.inbox.reserve,
        access_log=settings.log.access,
        watch=watch,
        build=build_of(),
        spans=traces.requests,
    )
    traces.start(receiver.count_spans)
    return receiver


def _reload(
    receiver: Receiver, running: Settings, load: Callable[[], Settings], health: Health
) -> None:
    """Apply new endpoints, secrets, certificates and canary; with a mistake, nothing changes."""
    try:
        settings = load()
        receiver.reload_tls()
        receiver.set_endpoints(endpoints_of(settings.endpoint))
    except ConfigError as error:
        _note_failed_reload(receiver, "reload failed, everything stays as it was", str(error))
        return
    for warning in settings.warnings:
        _log.warning(warning)
    health.apply(settings)
    receiver.note_reload()
    _log_certificate(running)
    _log.info("reloaded endpoints, secrets and certificates")
    for table in ("server", "log", "trace", "inbox", "egress", "plugin"):
        if getattr(settings, table) != getattr(running, table):
            _log.warning("the new [%s] settings take effect at the next start", table)


def _note_failed_reload(receiver: Receiver, sentence: str, reason: str) -> None:
    receiver.note_reload(reason)
    _log.error("%s: %s", sentence, reason)


def _log_certificate(running: Settings) -> None:
    tls = running.server.tls
    if tls is None:
        return
    view = look_at_certificate(tls, time.time())
    for fault in view.faults:
        _log.error(fault)
    for warning in view.warnings:
        _log.warning(warning)


def _stop(receiver: Receiver, dispatcher: Dispatcher, settings: Settings, health: Health) -> int:
    """Stop the handlers and the listeners; the next process waits for both.

    Alerts are accepted until the handlers have stopped. When answers wait for handlers, the
    handlers stop after the answers.
    """
    grace_s = settings.server.grace
    deadline = time.monotonic() + grace_s - min(_CLOSING_S, grace_s / 10)
    _log.info("stopping")
    health.stopping()
    if any(one.ack == "processed" for one in settings.endpoint):
        receiver.stop_listening(grace_s / 2)
        finished = dispatcher.stop(deadline)
    else:
        answers_s = min(_ANSWERS_S, grace_s / 5)
        finished = dispatcher.stop(deadline - answers_s)
        receiver.stop_listening(answers_s)
    health.end()
    left = _left_open(receiver, settings)
    receiver.stop()
    sending.stop(min(_CLOSING_S, grace_s / 10) / 2)
    log_stop(left)
    if flushed() and finished:
        return 0
    os._exit(1)  # a handler still runs; an ordinary exit would wait for it, or crash it


def _left_open(receiver: Receiver, settings: Settings) -> int:
    """Store the outcomes of the last calls, and count the deliveries that stay open after that."""
    for plugin in settings.plugin[:1]:
        with contextlib.suppress(InboxError):  # then they do stay open
            # Nothing waits for an outcome to be stored; this does, since it is stored after them.
            receiver.state(plugin.name).write(())
    return receiver.stats().get("open", 0)
