"""Notices what goes wrong with the server, and tells the plugins whose filters ask for it."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from incm_webhook.errors import ClosedError, InboxError
from incm_webhook.log import printable
from incm_webhook.service.conditions import (
    KINDS,
    PASSING_S,
    Finding,
    is_passing,
    moment,
    sentence,
)
from incm_webhook.service.growth import Growth
from incm_webhook.service.own_alerts import own_alert

PERIOD_S = 1.0
_DEAD_S = 60.0  # at most one alert in this time about the dead letters of a plugin
_MOST_DEAD_S = 3600.0  # while they go on: two plugins that reject such alerts feed each other
_QUARANTINE_S = 3600.0  # likewise about the quarantine: anybody can make it grow

_log = logging.getLogger("incm_webhook.service")

_Name = tuple[str, str]


class Source(Protocol):
    """What is watched; `_core.Health` is one."""

    def findings(self) -> Sequence[Finding]:
        """Return what is wrong now; InboxError when that cannot be known."""

    def raise_alert(self, text: str, about: str = "") -> int:
        """Store an alert for the plugins that want it, but not for the plugin `about`."""


class Memory(Protocol):
    """Keeps what was told to have begun over a restart; `ToldFile` is one."""

    def read(self) -> Sequence[Finding]:
        """Return what was written last."""

    def write(self, told: Iterable[Finding]) -> None:
        """Keep this instead."""


class HealthWatch:
    """Looks at the state of the server, and raises an alert for each change.

    Shape: a condition is told when it begins and when it ends; what holds at the start is told
    again, and what ended between two servers is told at the start of the second. Dead letters are
    told at most once a minute for each plugin, less often while they go on, and the growth of the
    quarantine once an hour. What cannot be stored is told at a later look, unless it is over then.
    Threads: `look` one at a time; `start` runs it in a thread of its own.
    """

    def __init__(
        self,
        source: Source,
        counts: Callable[[], Mapping[str, int]],
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin.

        Args:
            source: knows what is wrong, and takes the alerts.
            counts: returns the number of requests in the quarantine as "quarantined".
            clock: returns Unix seconds.
            steady: returns seconds that no step of the clock moves.
        """
        self._source = source
        self._counts = counts
        self._clock = clock
        self._steady = steady
        self._memory: Memory | None = None
        self._told: dict[_Name, Finding] = {}
        self._earlier: set[_Name] = set()  # of these, what a server before this one told
        self._earlier_until = 0.0
        self._seen: set[_Name] = set()
        self._dead: dict[str, Growth] = {}
        self._quarantine: Growth | None = None
        self._refused_to_store = False
        self._stopping = False
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def remember(self, memory: Memory) -> None:
        """Go on from what a server before this one told, and keep what is told; call it first."""
        self._memory = memory
        self._told = {(one.kind, one.subject): one for one in memory.read() if one.kind in KINDS}
        self._earlier = set(self._told)
        self._earlier_until = self._steady() + PASSING_S

    def start(self, memory: Memory) -> None:
        """Look every second, in a thread, until `end`; once is enough."""
        if self._thread is not None:
            return
        self.remember(memory)
        self._thread = threading.Thread(target=self._run, name="health", daemon=True)
        self._thread.start()

    def stopping(self) -> None:
        """Tell only dead letters from now on: what else changes is made by the stop."""
        self._stopping = True

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
            if not (last or self._stopping):
                self._tell_quarantine(now)
                self._tell_changes(findings, now)
        except InboxError as error:
            if not self._refused_to_store:
                _log.warning("alerts about the server itself wait: %s", printable(str(error)))
            self._refused_to_store = True
        else:
            self._refused_to_store = False

    def _tell_changes(self, findings: Mapping[_Name, Finding], now: float) -> None:
        known = {name: one for name, one in findings.items() if one.kind in KINDS}
        for name, one in known.items():
            if not one.begins or is_passing(one, now):
                continue  # it begins nothing, but what has begun does not end either
            kind = KINDS[one.kind]
            if name not in self._seen:
                self._seen.add(name)
                if kind.level:
                    _log.log(kind.level, "%s", sentence(one, kind.trouble))
            if name in self._told and name not in self._earlier:
                continue
            if kind.begins:
                self._raise(kind.begins, one, sentence(one, kind.trouble), now)
            self._earlier.discard(name)
            self._told[name] = one
            self._keep()
        is_stalled = any(one.kind == "stalled" for one in findings.values())
        for name in (self._seen | self._told.keys()) - known.keys():
            if not (name[0] == "plugin" and (is_stalled or self._is_unknown(name))):
                self._tell_end(name, now)

    def _is_unknown(self, name: _Name) -> bool:
        """Whether it began before the start, and the plugin's handler may not have run since."""
        return name in self._earlier and self._steady() < self._earlier_until

    def _tell_end(self, name: _Name, now: float) -> None:
        kind = KINDS[name[0]]
        if kind.level and name in self._seen | self._earlier:
            _log.info("%s: %s", printable(name[1]), kind.relief)
        self._seen.discard(name)
        self._earlier.discard(name)
        one = self._told.get(name)
        if one is None:
            return
        self._raise(kind.ends, one, sentence(one, kind.relief), now)
        del self._told[name]
        self._keep()

    def _keep(self) -> None:
        if self._memory is not None:
            self._memory.write(self._told.values())

    def _tell_dead(self, findings: Mapping[_Name, Finding], now: float, *, last: bool) -> None:
        counts = {
            one.subject: int(one.text.split()[0])
            for one in findings.values()
            if one.kind == "dead_letters"
        }
        steady = self._steady()
        for subject in counts.keys() | self._dead.keys():
            growth = self._dead.setdefault(subject, Growth(_DEAD_S, most_s=_MOST_DEAD_S))
            count = counts.get(subject, 0)
            more = growth.look(count, steady, at_once=last)
            if more:
                letters = "dead letter" if more == 1 else "dead letters"
                grown = f"{more:,} {letters}"
                if more < count:
                    grown = f"{more:,} more {letters}, {count:,} in all"
                text = f"{subject}: {grown}; incm-webhook dead list shows why"
                self._raise_about("dead_letters", subject, text, now, count=str(count))
                growth.told(count, steady)

    def _tell_quarantine(self, now: float) -> None:
        count = self._counts().get("quarantined")
        if count is None:
            return
        if self._quarantine is None:  # what is there at the start is old
            self._quarantine = Growth(_QUARANTINE_S, count)
        steady = self._steady()
        more = self._quarantine.look(count, steady)
        if more:
            text = (
                f"{more:,} more {'request' if more == 1 else 'requests'} in the quarantine, "
                f"{count:,} in all; incm-webhook quarantine list shows why"
            )
            self._raise_about("quarantine_growth", "quarantine", text, now, count=str(count))
            self._quarantine.told(count, steady)

    def _raise(self, kind: str, one: Finding, content: str, now: float) -> None:
        since = "" if one.since is None else moment(one.since)
        self._raise_about(
            kind, one.subject, content, now, state=one.text, since=since, reason=one.reason
        )

    def _raise_about(self, kind: str, subject: str, content: str, now: float, **data: str) -> None:
        what, _, name = subject.partition(" ")
        about = name if what == "plugin" else ""
        if name:
            data[what] = name
        text = own_alert(f"incm_webhook.{kind}", subject, content, now, **data)
        self._source.raise_alert(text, about)
