"""What can be wrong with the server, and how that is told."""

import logging
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from incm_webhook.log import printable

PASSING_S = 30.0  # a plugin's process is replaced, or its set-up runs, within this time


class Finding(Protocol):
    """What is wrong; `_core.Finding` is one."""

    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def subject(self) -> str: ...  # noqa: D102
    @property
    def since(self) -> float | None: ...  # noqa: D102
    @property
    def text(self) -> str: ...  # noqa: D102
    @property
    def reason(self) -> str: ...  # noqa: D102
    @property
    def begins(self) -> bool: ...  # noqa: D102


class Kind(NamedTuple):
    """How a kind of finding is told."""

    begins: str  # the type, without its prefix, of the alert when it begins; "" for none
    ends: str  # when it ends
    trouble: str  # what follows the subject
    relief: str
    level: int = 0  # of the line in the log; 0: others write one


KINDS = {
    "canary": Kind(
        "canary_overdue",
        "canary_returned",
        "none has come back through the outer URL, so alerts may not arrive either",
        "they come back again",
        logging.ERROR,
    ),
    "silent": Kind(
        "endpoint_silent",
        "endpoint_active",
        "it has had no alert: see whether the webhook of InCloud Manager is on, and whether the "
        "proxy in front passes alerts on",
        "it gets alerts again",
        logging.WARNING,
    ),
    "plugin": Kind("plugin_failing", "plugin_recovered", "it does not deliver", "it delivers"),
    "backlog": Kind("plugin_late", "plugin_caught_up", "it is late", "no alert waits long"),
    "disk": Kind(
        "disk_filling",
        "disk_ample",
        "it is nearly full, and alerts will be refused",
        "it has room again",
        logging.WARNING,
    ),
    "certificate": Kind("certificate_expiring", "certificate_renewed", "renew it", "it is renewed"),
    "reload": Kind("reload_failed", "reloaded", "it could not be read", "it is read again"),
    # While alerts are refused, none can be stored about that.
    "refusing": Kind("", "alerts_refused", "", "alerts could not be stored for a while"),
}


def is_passing(one: Finding, now: float) -> bool:
    """Whether a plugin's state is likely to pass by itself."""
    return (
        one.kind == "plugin"
        and one.text in ("replacing", "starting")
        and one.since is not None
        and now - one.since < PASSING_S
    )


def sentence(one: Finding, what: str) -> str:
    """Say what is the matter with its subject, since when and why, in one line."""
    since = "" if one.since is None else f" since {moment(one.since)}"
    reason = f": {one.reason}" if one.reason else ""
    return printable(f"{one.subject}: {what} ({one.text}{since}{reason})")


def moment(unix: float) -> str:
    """Write a Unix time for people."""
    return f"{datetime.fromtimestamp(unix, UTC):%Y-%m-%dT%H:%M:%SZ}"
