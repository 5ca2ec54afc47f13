"""Sends planned alerts at their times over several connections, with the platform's retries."""

import heapq
import json
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from incm_webhook.errors import SendError, UnreachableError
from incm_webhook.sender.client import TIMEOUT_S, Answer, Sender, signature_of
from incm_webhook.sender.samples import spell
from incm_webhook.simulator.inbox_check import Acknowledgement
from incm_webhook.simulator.traffic import Planned
from incm_webhook.simulator.verdict import Tally

_OK = 200
_SERVER_ERRORS = range(500, 600)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a sender behaves.

    Attributes:
        connections: how many connections are kept open and used at once.
        timeout_s: how long connecting, and each wait for the answer, may take.
        retries: how often an alert is sent again after a network error or a time-out.
        retry_delay_s: how long after the error it is sent again.
        retry_5xx: whether an answer of 500 or more counts as such an error, too. It is not known
            what the platform does.

    Source: docs/protocol.md, Answers and retries; the number of connections is our own choice.
    """

    connections: int = 8
    timeout_s: float = TIMEOUT_S
    retries: int = 3
    retry_delay_s: float = 10.0
    retry_5xx: bool = False


@dataclass(frozen=True, slots=True)
class _Job:
    planned: Planned
    attempt: int = 1


class _Schedule:
    """Hands out due alerts, to one thread after the other.

    Shape: planned alerts in their order, each no earlier than its time, and retries at their times;
    a late alert does not delay the time of another.
    Threads: any.
    """

    def __init__(self, plan: Iterable[Planned], tally: Tally) -> None:
        self._plan = iter(plan)
        self._tally = tally
        self._turn = threading.Lock()  # held by the one thread that waits for the next alert
        self._changed = threading.Condition()  # guards all members below
        self._retries: list[tuple[float, int, _Job]] = []
        self._next: Planned | None = None
        self._retried = 0
        self._open = 0
        self._stopped = False
        self._start = 0.0

    def begin(self) -> None:
        """Count all times from now on."""
        self._start = time.monotonic()
        self._next = next(self._plan, None)

    def take(self) -> _Job | None:
        """Wait for the next due alert; None when none is left, or after stop()."""
        with self._turn, self._changed:
            while not self._stopped:
                now_s = time.monotonic() - self._start
                if self._retries and self._retries[0][0] <= now_s:
                    self._open += 1
                    return heapq.heappop(self._retries)[2]
                planned = self._next
                if planned is not None and planned.at_s <= now_s:
                    self._tally.sends(planned.alert["_id"], now_s, now_s - planned.at_s)
                    self._next = next(self._plan, None)
                    self._open += 1
                    return _Job(planned)
                times = [planned.at_s] if planned is not None else []
                times += [at_s for at_s, _, _ in self._retries[:1]]
                if not times and not self._open:
                    return None
                self._changed.wait(min(times) - now_s if times else None)
            return None

    def done(self) -> None:
        """Record the end of a job."""
        with self._changed:
            self._open -= 1
            self._changed.notify()

    def again(self, job: _Job, delay_s: float) -> None:
        """Hand out a job again, after a delay."""
        with self._changed:
            self._open -= 1
            self._retried += 1
            due = time.monotonic() - self._start + delay_s
            retry = _Job(job.planned, job.attempt + 1)
            heapq.heappush(self._retries, (due, self._retried, retry))
            self._changed.notify()

    def stop(self) -> None:
        """Stop handing out alerts."""
        with self._changed:
            self._stopped = True
            self._changed.notify()


class Simulation:
    """Sends a plan to one URL, in threads of its own.

    Shape: call `start`, then `wait` until it returns True; `stop` ends the run early. The rate is
    an open loop: a due alert does not wait for earlier answers, only for a free connection.
    Threads: the three methods from one thread; `tally` may be read at any time.

    Attributes:
        tally: the results so far.
    """

    def __init__(
        self, url: str, plan: Iterable[Planned], *, secret: bytes | None, manner: Manner
    ) -> None:
        """Prepare the run; nothing is sent yet.

        Args:
            url: where to post; nothing else is ever contacted.
            plan: the alerts by time; it may be endless.
            secret: the webhook's secret token; None signs nothing.
            manner: how to behave.

        Raises:
            SendError: the URL is no HTTP URL.
        """
        self.tally = Tally()
        self._secret = secret
        self._manner = manner
        self._schedule = _Schedule(plan, self.tally)
        self._failure: Exception | None = None
        self._ended = threading.Event()
        self._senders = [
            Sender(url, timeout_s=manner.timeout_s, reposts=False)
            for _ in range(manner.connections)
        ]

    def start(self) -> None:
        """Begin to send."""
        threading.Thread(target=self._run, daemon=True).start()

    def wait(self, timeout_s: float) -> bool:
        """Wait until every alert was answered, given up or refused.

        Args:
            timeout_s: how long to wait at most, in seconds.

        Returns:
            Whether the run has ended.

        Raises:
            Exception: an exception of the plan, or the reason why a thread could not be started.
        """
        if not self._ended.wait(timeout_s):
            return False
        if self._failure is not None:
            raise self._failure
        return True

    def stop(self) -> None:
        """Stop sending; alerts that wait for their answer still get it."""
        self._schedule.stop()

    def _run(self) -> None:
        # In a thread of its own: Ctrl-C in the main one would disturb its join() (CPython 3.11).
        started = []
        try:
            self._schedule.begin()
            for sender in self._senders:
                thread = threading.Thread(target=self._work, args=(sender,), daemon=True)
                thread.start()
                started.append(thread)
        except Exception as error:
            self._fail(error)
        for thread in started:
            thread.join()
        self._ended.set()

    def _work(self, sender: Sender) -> None:
        try:
            with sender:
                while (job := self._schedule.take()) is not None:
                    self._send(sender, job)
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self._failure = error
        self._schedule.stop()

    def _send(self, sender: Sender, job: _Job) -> None:
        body = spell(job.planned.alert, job.planned.wire)
        signature = signature_of(body, self._secret) if self._secret else None
        begin = time.perf_counter()
        answer = None
        try:
            answer = sender.post(body, signature)
        except UnreachableError as error:
            self.tally.refused(error)
            return self._schedule.done()
        except SendError as error:
            self.tally.failed(error)
        else:
            self.tally.timed(time.perf_counter() - begin)
            if not (self._manner.retry_5xx and answer.status in _SERVER_ERRORS):
                self._record(job, answer)
                return self._schedule.done()
        if job.attempt <= self._manner.retries:
            self.tally.retries()
            return self._schedule.again(job, self._manner.retry_delay_s)
        if answer is None:
            self.tally.gives_up()
        else:
            self._record(job, answer)
        return self._schedule.done()

    def _record(self, job: _Job, answer: Answer) -> None:
        if answer.status != _OK:
            self.tally.answered_otherwise(answer.status)
            return
        facts = _facts(answer.body)
        number = facts.get("id")
        self.tally.acknowledged(
            Acknowledgement(
                job.planned.alert["_id"],
                number if isinstance(number, int) else None,
                str(facts.get("status")),
            )
        )


def _facts(body: bytes) -> dict[str, Any]:
    try:
        facts = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}
