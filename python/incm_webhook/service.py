"""Composes receiver and plugins out of the settings, and runs them until a signal says stop."""

import contextlib
import json
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

from incm_webhook import activation, registry
from incm_webhook._core import ClientRules, Endpoint, Filter, Receiver, Route
from incm_webhook.certificate import look_at_certificate, tls_files_of
from incm_webhook.config import Settings
from incm_webhook.dispatcher import Dispatcher
from incm_webhook.ending import end_by, flushed
from incm_webhook.errors import EXIT_FAILED, ConfigError
from incm_webhook.forked import keep_from_children
from incm_webhook.handler import LoadedPlugin
from incm_webhook.log import describe, printable
from incm_webhook.notify import Notifier
from incm_webhook.settings import EndpointSettings, PluginSettings, inbox_path
from incm_webhook.settings_server import ServerSettings
from incm_webhook.signals import Signals
from incm_webhook.takeover import Supervision

_CLOSING_S = 1.0  # of the grace: what it takes to close the inbox when a plugin used up the rest
_ANSWERS_S = 2.0  # of the grace: for answers under way, once no handler runs
_STALLED_S = 5.0  # a front door that was not seen for so long does not work

_log = logging.getLogger("incm_webhook.service")


def endpoints_of(settings: tuple[EndpointSettings, ...]) -> list[Endpoint]:
    """Give the core its endpoints with their secrets."""
    return [
        Endpoint(
            one.path,
            [secret.reveal() for secret in one.secrets],
            one.ack_timeout if one.ack == "processed" else 0.0,
            (0.0, 1.0) if one.rate is None else (one.rate.count, one.rate.period),
        )
        for one in settings
    ]


def clients_of(settings: ServerSettings) -> ClientRules:
    """Give the core what it must know of clients."""
    return ClientRules(
        max_body_bytes=settings.max_body,
        header_timeout=settings.header_timeout,
        body_timeout=settings.body_timeout,
        send_timeout=settings.send_timeout,
        keep_alive=settings.keep_alive,
        workers=settings.workers,
        max_connections=settings.max_connections,
        max_connections_per_address=settings.max_connections_per_address,
        allow=settings.allow,
        proxies=settings.trusted_proxies,
        proxy_protocol=settings.proxy_protocol,
        tls=None if settings.tls is None else tls_files_of(settings.tls),
    )


def filter_of(settings: PluginSettings) -> Filter:
    """Give the core the filter of a plugin."""
    return Filter(
        types=settings.types,
        endpoints=settings.endpoints,
        orgs=settings.orgs,
        groups=settings.groups,
        devices=settings.devices,
        status=settings.status,
        priority=settings.priority,
    )


def load_plugin(spec: PluginSettings, base: Path) -> LoadedPlugin:
    """Load a plugin into this process, or into one of its own, and log what is odd about it.

    Raises:
        PluginError: it cannot be loaded.
    """
    if spec.isolation == "process":
        from incm_webhook.isolation import IsolatedPlugin

        plugin: LoadedPlugin = IsolatedPlugin(spec, base, spec.memory)
    else:
        plugin = registry.load(spec, base)
    for warning in (*plugin.warnings, *registry.hidden_by(spec.use)):
        _log.warning("plugin %s: %s", spec.name, warning)
    return plugin


def scheme_of(settings: Settings) -> str:
    """Say how alerts come: http or https."""
    return "http" if settings.server.tls is None else "https"


def check_ready_file(path: Path | None) -> None:
    """See that the ready file can be written, before anything is served.

    Raises:
        ConfigError: its folder is not there or not writable, or it is no file but a folder, a
            device, a pipe or the like.
    """
    if path is None:
        return
    if "\0" in str(path):
        raise ConfigError(f"--ready-file {printable(str(path))}: no file has such a name")
    if not path.parent.is_dir():
        raise ConfigError(f"--ready-file {path}: there is no folder {path.parent}: make it")
    if path.exists() and not path.is_file() and not path.is_dir():
        # The file is made beside it and renamed: that would put a file in the place of /dev/null.
        raise ConfigError(f"--ready-file {path}: is a device or pipe: name a file")
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise ConfigError(f"--ready-file {path}: it cannot be written there: name another file")


def write_ready_file(path: Path, receiver: Receiver, settings: Settings, pid: int) -> None:
    """Say where the server listens, and which process takes signals: a JSON object, whole."""
    admin = receiver.admin_address
    ready = {
        "url": f"{scheme_of(settings)}://{receiver.address}{settings.endpoint[0].path}",
        "admin_url": None if admin is None else f"http://{admin}",
        "pid": pid,
    }
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(json.dumps(ready) + "\n", encoding="utf-8")
        partial.replace(path)
    except OSError as error:  # it serves, and nobody else would
        _log.error("cannot write %s: %s", path, error.strerror)
        with contextlib.suppress(OSError):
            partial.unlink()


def beat(receiver: Receiver, notifier: Notifier) -> None:
    """Tell the watchdog that all works: this thread, and the one that watches the clients."""
    if receiver.beat_age < _STALLED_S:
        notifier.beat()


def run(settings: Settings, load: Callable[[], Settings], signals: Signals | None = None) -> int:
    """Serve until SIGTERM or SIGINT.

    Args:
        settings: what to serve.
        load: reads the settings anew, for SIGHUP.
        signals: those of this process, if they are handled already.

    Returns:
        The exit status: 0 after a graceful stop, 1 when a plugin had to be left behind or the disk
        failed. It has said to end_by() when the grace is over.

    Raises:
        ConfigError: the ready file cannot be written.
        PluginError: a plugin cannot be loaded.
        InboxError, ListenError: the receiver cannot start.

    Threads: the main thread, since it installs signal handlers.
    Source: contract section 2.
    """
    try:
        return _run(settings, load, signals or Signals())
    except Exception:
        end_by(time.monotonic() + settings.server.grace)
        raise


def _run(settings: Settings, load: Callable[[], Settings], signals: Signals) -> int:
    check_ready_file(settings.server.ready_file)
    supervision = Supervision(os.environ)
    notifier = Notifier(os.environ)
    passed = activation.take_over(os.environ)
    keep_from_children(*([notifier.channel] if notifier.channel else []))
    plugins = [load_plugin(one, settings.base) for one in settings.plugin]
    signals.loaded()
    alerts, admin = activation.open_listeners(
        passed, settings.server.listen, settings.server.admin, notifier
    )
    receiver = Receiver(
        listen=alerts.address,
        admin=admin.address if admin else None,
        listen_fd=alerts.descriptor,
        admin_fd=admin.descriptor if admin else None,
        inbox=str(inbox_path(settings.inbox.url)),
        endpoints=endpoints_of(settings.endpoint),
        routes=[
            Route(plugin.name, filter_of(plugin.settings), plugin.settings.order == "device")
            for plugin in plugins
        ],
        clients=clients_of(settings.server),
        retention=settings.inbox.retention or 0.0,
        reserve_bytes=settings.inbox.reserve,
    )
    dispatcher = Dispatcher(receiver, plugins)
    supervision.prepare(settings, notifier)
    if not supervision.start(receiver, notifier, lambda: signals.stop_is_asked):
        end_by(time.monotonic() + settings.server.grace)
        return 0
    dispatcher.start()
    for one in settings.endpoint:
        signed = "unsigned" if one.unsigned else "signed"
        address = f"{scheme_of(settings)}://{receiver.address}{one.path}"
        _log.info("listening on %s (%s)", address, signed)
    _tell_of_certificate(running=settings)
    if settings.server.ready_file is not None:
        write_ready_file(settings.server.ready_file, receiver, settings, supervision.pid)
    status = f"serving {receiver.address}"
    notifier.ready(status)

    def reload() -> None:
        notifier.reloading()
        try:
            _reload(receiver, settings, load)
        except Exception as error:  # whatever it is, the server goes on
            _log.error("reload failed: %s", describe(error))
        notifier.ready(status)

    signals.wait(reload, lambda: receiver.failed, lambda: beat(receiver, notifier))
    failed = receiver.failed
    if failed:
        _log.critical("the disk failed to write the inbox: ending; the next start checks it")
    notifier.stopping(settings.server.grace + _CLOSING_S + _ANSWERS_S)
    end_by(time.monotonic() + settings.server.grace)
    waited_for = any(one.ack == "processed" for one in settings.endpoint)
    status_of_stop = _stop(receiver, dispatcher, settings.server.grace, handlers_last=waited_for)
    return status_of_stop or (EXIT_FAILED if failed else 0)


def _reload(receiver: Receiver, running: Settings, load: Callable[[], Settings]) -> None:
    """Take new endpoints, secrets and certificates; a mistake changes nothing."""
    try:
        settings = load()
        receiver.reload_tls()
        receiver.set_endpoints(endpoints_of(settings.endpoint))
    except ConfigError as error:
        _log.error("reload failed, everything stays as it was: %s", error)
        return
    for warning in settings.warnings:
        _log.warning(warning)
    _tell_of_certificate(running)
    _log.info("reloaded endpoints, secrets and certificates")
    for table in ("server", "inbox", "plugin"):
        if getattr(settings, table) != getattr(running, table):
            _log.warning("the new [%s] settings count from the next start on", table)


def _tell_of_certificate(running: Settings) -> None:
    tls = running.server.tls
    if tls is None:
        return
    view = look_at_certificate(tls, time.time())
    for fault in view.faults:
        _log.error(fault)
    for warning in view.warnings:
        _log.warning(warning)


def _stop(
    receiver: Receiver, dispatcher: Dispatcher, grace_s: float, *, handlers_last: bool
) -> int:
    """Stop the handlers, and take alerts until they are done: the next process waits for both.

    handlers_last: answers wait for handlers, so these end after the answers.
    """
    deadline = time.monotonic() + grace_s - min(_CLOSING_S, grace_s / 10)
    _log.info("stopping")
    if handlers_last:
        receiver.stop_listening(grace_s / 2)
        finished = dispatcher.stop(deadline)
    else:
        answers_s = min(_ANSWERS_S, grace_s / 5)
        finished = dispatcher.stop(deadline - answers_s)
        receiver.stop_listening(answers_s)
    left = receiver.stats().get("open", 0)
    receiver.stop()
    words = "delivery stays" if left == 1 else "deliveries stay"
    _log.info("stopped%s", f"; {left:,} {words} open in the inbox" if left else "")
    was_flushed = flushed()
    if finished and was_flushed:
        return 0
    os._exit(1)  # a handler still runs; an ordinary exit would wait for it or crash under it
