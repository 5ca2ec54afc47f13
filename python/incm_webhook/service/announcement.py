"""The log lines about the server itself: what runs and where, and how it ended."""

import logging
import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from incm_webhook import __version__
from incm_webhook.text.redaction import redacted

if TYPE_CHECKING:
    from incm_webhook._core import Receiver
    from incm_webhook.config.loading import Settings

_LOADED_AT = time.monotonic()  # when this process had just begun
_log = logging.getLogger("incm_webhook.service")


def scheme_of(settings: "Settings") -> str:
    """Return the scheme of the alert listener: http or https."""
    return "http" if settings.server.tls is None else "https"


def log_start(settings: "Settings", receiver: "Receiver", plugins: Sequence[str]) -> None:
    """Log what serves: version, process, addresses, inbox, plugins, configuration.

    Args:
        settings: the settings that it serves with.
        receiver: a receiver that has started.
        plugins: the names of the plugins.
    """
    alerts = f"{scheme_of(settings)}://{receiver.address}"
    others = {"admin": receiver.admin_address, "metrics": receiver.metrics_address}
    addresses = {"alerts": alerts} | {
        name: f"http://{address}" for name, address in others.items() if address is not None
    }
    inbox = redacted(settings.inbox.core_url)
    source = None if settings.source is None else str(settings.source)
    _log.info(
        "incm-webhook %s runs as process %d: %s; inbox %s; %s; %s",
        __version__,
        os.getpid(),
        ", ".join(f"{name} {address}" for name, address in addresses.items()),
        inbox,
        f"plugins {', '.join(plugins)}" if plugins else "no plugins",
        f"configuration {source}" if source else "no configuration file",
        extra={
            "facts": {
                "version": __version__,
                "pid": os.getpid(),
                "addresses": list(addresses.values()),
                "inbox": inbox,
                "plugins": list(plugins),
                "configuration": source,
            }
        },
    )
    for one in settings.endpoint:
        signed = "unsigned" if one.unsigned else "signed"
        _log.info("listening on %s (%s)", f"{alerts}{one.path}", signed)
    if receiver.metrics_address is not None:
        _log.info("health and metrics on http://%s", receiver.metrics_address)


def log_stop(left: int) -> None:
    """Log that the server has stopped.

    Args:
        left: how many deliveries stay open in the inbox.
    """
    words = "delivery stays" if left == 1 else "deliveries stay"
    facts = {"pid": os.getpid(), "uptime_s": round(time.monotonic() - _LOADED_AT, 3), "open": left}
    _log.info(
        "stopped%s",
        f"; {left:,} {words} open in the inbox" if left else "",
        extra={"facts": facts},
    )
