"""Builds the receiver and the plugins from the settings, and runs them until a stop signal."""

import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from incm_webhook._core import (
    AdminTokens,
    PythonWatch,
    Receiver,
    ReloadRequests,
    RequestSpans,
    StopGuard,
)
from incm_webhook.config.loading import Settings
from incm_webhook.delivery.dispatcher import Dispatcher
from incm_webhook.errors import EXIT_FAILED, InboxError
from incm_webhook.hosting import registry
from incm_webhook.hosting.loaded_plugin import LoadedPlugin
from incm_webhook.hosting.shared_state import SharedState
from incm_webhook.http import egress
from incm_webhook.process.forked import keep_from_children
from incm_webhook.process.shutdown import end_by, flushed
from incm_webhook.process.signals import Signals
from incm_webhook.service import listeners
from incm_webhook.service.announcement import log_start, log_stop
from incm_webhook.service.api_tokens import ApiTokens
from incm_webhook.service.beat import beat
from incm_webhook.service.certificate import log_certificate
from incm_webhook.service.changed_files import ChangedFiles
from incm_webhook.service.health import Health
from incm_webhook.service.heartbeat import Heartbeat
from incm_webhook.service.loading import load_plugins
from incm_webhook.service.native import build_of, clients_of, endpoints_of, route_of
from incm_webhook.service.ready_file import check_ready_file, write_ready_file
from incm_webhook.service.reload import Reloader
from incm_webhook.service.reload_service import ReloadService
from incm_webhook.service.takeover import Supervision
from incm_webhook.service.waiting import start_when_possible
from incm_webhook.supervise.sd_notify import Notifier
from incm_webhook.tracing import sending

_CLOSING_S = 1.0  # the part of the grace in which the inbox is closed
_ANSWERS_S = 2.0  # the part of the grace for answers under way, once no handler runs

_Load = Callable[[], Settings]
_log = logging.getLogger("incm_webhook.service")


def run(
    settings: Settings,
    load: Callable[[], Settings],
    signals: Signals | None = None,
    *,
    dev: bool = False,
    watch: bool = False,
) -> int:
    """Serve until SIGTERM or SIGINT.

    Args:
        settings: the settings to serve with.
        load: reads the settings again, for a reload.
        signals: the signal handling of this process, if it is set up already.
        dev: ask the supervisor for a new server when a plugin's file changes.
        watch: reload when a file changes that the configuration consists of.

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
        return _run(settings, load, signals or Signals(), dev=dev, watch=watch)
    except Exception:
        end_by(time.monotonic() + settings.server.grace)
        raise


def _run(settings: Settings, load: _Load, signals: Signals, *, dev: bool, watch: bool) -> int:
    check_ready_file(settings.server.ready_file, settings.place_of("server", "ready_file"))
    python = PythonWatch()
    guard = StopGuard(settings.server.grace, python)
    signals.hand_to(guard)
    shared = SharedState()
    supervision = Supervision(os.environ)
    notifier = Notifier(os.environ)
    passed = listeners.take_over(os.environ)
    keep_from_children(*([notifier.channel] if notifier.channel else []))
    egress.apply(settings.egress.rules)
    changes = ChangedFiles(_plugin_files(settings) if dev else ())  # before they are read
    reloader = Reloader(settings, load, signals, dev=dev)
    requests = ReloadRequests(guard)
    reloads = ReloadService(reloader, requests, guard, notifier, watch=watch)
    plugins = load_plugins(settings.plugin, settings.base, signals)
    guard.loaded()
    on = listeners.open_listeners(passed, settings.server, notifier)
    tokens = ApiTokens(AdminTokens())
    tokens.apply(settings)
    receiver = _receiver(settings, plugins, on, python, requests, tokens.core)
    dispatcher = Dispatcher(receiver, plugins, python)
    health = Health(receiver, settings.inbox.real_path)

    def also(new: Settings) -> None:
        tokens.apply(new)
        health.apply(new)

    reloader.begin(receiver, dispatcher, plugins, also)
    supervision.prepare(settings, notifier)

    start = partial(supervision.start, receiver, notifier, lambda: guard.stop_is_asked)

    def wait(is_over: Callable[[], bool]) -> None:
        signals.wait(guard, partial(reloads.reload, receiver), is_over, look)

    def look() -> None:
        beat(receiver, notifier)
        reloads.look()

    if not start_when_possible(receiver, notifier, start, wait):
        end_by(time.monotonic() + settings.server.grace)
        receiver.stop()
        return 0
    heartbeat = Heartbeat(python)
    dispatcher.start()
    health.start(reloader.settings)
    _announce(reloader.settings, receiver, supervision.pid)
    notifier.ready(f"serving {receiver.address}")

    def look_at_all() -> None:
        look()
        shared.look()
        _reload_changed(changes, supervision)

    signals.wait(guard, partial(reloads.reload, receiver), lambda: receiver.failed, look_at_all)
    guard.stopping()
    status = _end(receiver, dispatcher, notifier, reloader.settings, health)
    heartbeat.end()
    return status


def _end(
    receiver: Receiver,
    dispatcher: Dispatcher,
    notifier: Notifier,
    settings: Settings,
    health: Health,
) -> int:
    """Stop, and return the exit status."""
    failed = receiver.failed
    if failed:
        _log.critical("the disk failed to write the inbox: ending; the next start checks it")
    notifier.stopping(settings.server.grace + _CLOSING_S + _ANSWERS_S)
    end_by(time.monotonic() + settings.server.grace)
    return _stop(receiver, dispatcher, settings, health) or (EXIT_FAILED if failed else 0)


def _announce(settings: Settings, receiver: Receiver, pid: int) -> None:
    """Log what serves, and write the ready file."""
    log_start(settings, receiver, [plugin.name for plugin in settings.plugin])
    log_certificate(settings.server.tls)
    if settings.server.ready_file is not None:
        write_ready_file(settings.server.ready_file, receiver, settings, pid)


def _reload_changed(changes: ChangedFiles, supervision: Supervision) -> None:
    """Ask the supervisor for another server when a plugin's file has changed."""
    for file in changes.look():
        _log.info("%s has changed: a new server loads it", file)
        os.kill(supervision.pid, signal.SIGHUP)


def _plugin_files(settings: Settings) -> list[Path]:
    files = [registry.file_of(one.use, settings.base) for one in settings.plugin]
    return [file for file in files if file is not None]


def _receiver(
    settings: Settings,
    plugins: Sequence[LoadedPlugin],
    on: listeners.Listeners,
    python: PythonWatch,
    reloads: ReloadRequests,
    tokens: AdminTokens,
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
        backup_before_migrate=settings.inbox.backup_before_migrate,
        access_log=settings.log.access,
        watch=python,
        build=build_of(),
        spans=traces.requests,
        reloads=reloads,
        tokens=tokens,
    )
    traces.start(receiver.count_spans)
    return receiver


def _stop(receiver: Receiver, dispatcher: Dispatcher, settings: Settings, health: Health) -> int:
    """Stop the handlers and the listeners; the next process waits for both.

    Alerts are accepted until the handlers have stopped. When answers wait for handlers, the
    handlers stop after the answers.
    """
    grace_s = settings.server.grace
    end = time.monotonic() + grace_s
    closing_s = min(_CLOSING_S, grace_s / 10)
    deadline = end - closing_s
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
    sending.stop(min(end, time.monotonic() + closing_s / 2))
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
