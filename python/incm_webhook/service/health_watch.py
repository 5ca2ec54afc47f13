"""Notices what goes wrong with the server, and tells the plugins whose filters ask for it."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from incm_webhook.errors import ClosedError, InboxError
from incm_webhook.log import printable
from incm_webhook.service.growth import Growth
from incm_webhook.service.own_alerts import own_alert

PERIOD_S = 1.0
_DEAD_S = 60.0  # at most one alert in this time about the dead letters of a plugin
_QUARANTINE_S = 3600.0  # likewise about the quarantine: anybody can make it grow
_PASSING_S = 30.0  # a plugin's process is replaced, or its set-up runs, within this time

_log = logging.getLogger("incm_webhook.service")


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


class Source(Protocol):
    """What is watched; `_core.Health` is one."""

    def findings(self) -> Sequence[Finding]:
        """Return what is wrong now; InboxError when that cannot be known."""

    def raise_alert(self, text: str, about: str = "") -> int:
        """Store an alert for the plugins that want it, but not for the plugin `about`."""


class _Kind(NamedTuple):
    begins: str  # the type, without its prefix, of the alert when it begins; "" for none
    ends: str  # when it ends
    trouble: str  # what follows the subject
    relief: str
    level: int = 0  # of the line in the log; 0: others write one


_KINDS = {
    "canary": _Kind(
        "canary_overdue",
        "canary_returned",
        "none has come back through the outer URL, so alerts may not arrive either",
        "they come back again",
        logging.ERROR,
    ),
    "silent": _Kind(
        "endpoint_silent",
        "endpoint_active",
        "it has had no alert: see whether the webhook of InCloud Manager is on, and whether the "
        "proxy in front passes alerts on",
        "it gets alerts again",
        logging.WARNING,
    ),
    "plugin": _Kind("plugin_failing", "plugin_recovered", "it does not deliver", "it delivers"),
    "backlog": _Kind("plugin_late", "plugin_caught_up", "it is late", "no alert waits long"),
    "disk": _Kind(
        "disk_filling",
        "disk_ample",
        "it is nearly full, and alerts will be refused",
        "it has room again",
        logging.WARNING,
    ),
    "certificate": _Kind(
        "certificate_expiring", "certificate_renewed", "renew it", "it is renewed"
    ),
    "reload": _Kind("reload_failed", "reloaded", "it could not be read", "it is read again"),
    # While alerts are refused, none can be stored about that.
    "refusing": _Kind("", "alerts_refused", "", "alerts could not be stored for a while"),
}


class HealthWatch:
    """Looks at the state of the server, and raises an alert for each change.

    Shape: a condition is told when it begins and when it ends; what holds at the start is told
    again. Dead letters are told at most once a minute for each plugin, and the growth of the
    quarantine once an hour. What cannot be stored is told at a later look, unless it is over then.
    Threads: `look` one at a time; `start` runs it in a thread of its own.
    """

    def __init__(
        self,
        source: Source,
        counts: Callable[[], Mapping[str, int]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Begin.

        Args:
            source: knows what is wrong, and takes the alerts.
            counts: returns the number of requests in the quarantine as "quarantined".
            clock: returns Unix seconds.
        """
        self._source = source
        self._counts = counts
        self._clock = clock
        self._told: dict[tuple[str, str], Finding] = {}
        self._seen: set[tuple[str, str]] = set()
        self._dead: dict[str, Growth] = {}
        self._quarantine: Growth | None = None
        self._refused_to_store = False
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Look every second, in a thread, until `end`; once is enough."""
        if self._thread is not None:
            return
        self._thread = threading.Thread(target=self._run, name="health", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Look no more, except a last time at dead letters; call it before the receiver stops."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(PERIOD_S)

    def _run(self) -> None:
        while True:
            last = self._ended.wait(PERIOD_S)
            try:
                self.look(last=last)
            except ClosedError:
                return
            except Exception as error:  # whatever it is, the watch goes on
                _log.error("the watch of the server's health failed: %s", printable(str(error)))
            if last:
                return

    def look(self, *, last: bool = False) -> None:
        """Look once, and tell what has changed.

        Args:
            last: tell what would be told later because it was told a moment ago, and nothing else.
        """
        now = self._clock()
        try:
            findings = {(one.kind, one.subject): one for one in self._source.findings()}
            self._tell_dead(findings, now, last=last)
            if not last:
                self._tell_quarantine(now)
                self._tell_changes(findings, now)
        except InboxError as error:
            if not self._refused_to_store:
                _log.warning("alerts about the server itself wait: %s", printable(str(error)))
            self._refused_to_store = True
        else:
            self._refused_to_store = False

    def _tell_changes(self, findings: Mapping[tuple[str, str], Finding], now: float) -> None:
        current = {
            name: one
            for name, one in findings.items()
            if one.kind in _KINDS and not _is_passing(one, now)
        }
        for name, one in current.items():
            kind = _KINDS[one.kind]
            if name not in self._seen:
                self._seen.add(name)
                if kind.level:
                    _log.log(kind.level, "%s", _sentence(one, kind.trouble))
            if name in self._told:
                continue
            if kind.begins:
                self._raise(kind.begins, one, _sentence(one, kind.trouble), now)
            self._told[name] = one
        for name in self._seen - current.keys():
            self._seen.discard(name)
            kind = _KINDS[name[0]]
            if kind.level:
                _log.info("%s: %s", name[1], kind.relief)
        for name in self._told.keys() - current.keys():
            kind, one = _KINDS[name[0]], self._told[name]
            self._raise(kind.ends, one, _sentence(one, kind.relief), now)
            del self._told[name]

    def _tell_dead(
        self, findings: Mapping[tuple[str, str], Finding], now: float, *, last: bool
    ) -> None:
        counts = {
            one.subject: int(one.text.split()[0])
            for one in findings.values()
            if one.kind == "dead_letters"
        }
        for subject in counts.keys() | self._dead.keys():
            growth = self._dead.setdefault(subject, Growth(_DEAD_S))
            count = counts.get(subject, 0)
            more = growth.look(count, now, at_once=last)
            if more:
                sentence = (
                    f"{subject}: {more:,} more dead {'letter' if more == 1 else 'letters'}, "
                    f"{count:,} in all; incm-webhook dead list shows why"
                )
                self._raise_about("dead_letters", subject, sentence, now, count=str(count))
                growth.told(count, now)

    def _tell_quarantine(self, now: float) -> None:
        count = self._counts().get("quarantined")
        if count is None:
            return
        if self._quarantine is None:  # what is there at the start is old
            self._quarantine = Growth(_QUARANTINE_S, count)
        more = self._quarantine.look(count, now)
        if more:
            sentence = (
                f"{more:,} more {'request' if more == 1 else 'requests'} in the quarantine, "
                f"{count:,} in all; incm-webhook quarantine list shows why"
            )
            self._raise_about("quarantine_growth", "quarantine", sentence, now, count=str(count))
            self._quarantine.told(count, now)

    def _raise(self, kind: str, one: Finding, sentence: str, now: float) -> None:
        since = "" if one.since is None else _moment(one.since)
        self._raise_about(
            kind, one.subject, sentence, now, state=one.text, since=since, reason=one.reason
        )

    def _raise_about(self, kind: str, subject: str, sentence: str, now: float, **data: str) -> None:
        what, _, name = subject.partition(" ")
        about = name if what == "plugin" else ""
        if name:
            data[what] = name
        text = own_alert(f"incm_webhook.{kind}", subject, sentence, now, **data)
        self._source.raise_alert(text, about)


def _is_passing(one: Finding, now: float) -> bool:
    """Whether a plugin's state is likely to pass by itself."""
    return (
        one.kind == "plugin"
        and one.text in ("replacing", "starting")
        and one.since is not None
        and now - one.since < _PASSING_S
    )


def _sentence(one: Finding, what: str) -> str:
    since = "" if one.since is None else f" since {_moment(one.since)}"
    reason = f": {one.reason}" if one.reason else ""
    return printable(f"{one.subject}: {what} ({one.text}{since}{reason})")


def _moment(unix: float) -> str:
    return f"{datetime.fromtimestamp(unix, UTC):%Y-%m-%dT%H:%M:%SZ}"
