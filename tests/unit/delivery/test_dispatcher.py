"""Every outcome of a handler is settled, and one plugin never touches another."""

import json
import math
import random
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from incm_webhook import Alert, Context, Reject, Retry, Unavailable
from incm_webhook._core import ClosedError, PythonWatch
from incm_webhook.config.settings import PluginSettings
from incm_webhook.delivery.dispatcher import Dispatcher
from incm_webhook.delivery.retry_share import LASTS_S
from incm_webhook.delivery.runner import PluginRunner
from incm_webhook.delivery.worker_pool import WorkerPool
from incm_webhook.hosting import registry
from incm_webhook.hosting.attempt import Attempt
from incm_webhook.hosting.worker_protocol import WorkerLost
from incm_webhook.state import Changes, MemoryStore
from incm_webhook.testing import make_alert

DEADLINE_S = 30.0  # only a test that fails waits so long


@dataclass(frozen=True)
class FakeDelivery:
    alert_id: int
    plugin: str
    attempt: int = 1
    age: float = 0.0
    alert: Alert = field(default_factory=lambda: make_alert("reboot"))
    endpoint: str = "/webhook"
    received_at: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    expired: bool = False  # the last attempt was interrupted, after give_up
    traceparent: str | None = None
    tracestate: str = ""

    @property
    def delivery_key(self) -> str:
        return f"{self.alert_id}-{self.plugin}"

    @property
    def tries(self) -> int:
        return 0 if self.expired else self.attempt


class FakeReceiver:
    """Hands out what it was given, and keeps what was settled."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._due: dict[str, deque[FakeDelivery]] = {}
        self._woken: set[str] = set()
        self.orders: dict[str, bool] = {}
        self._retries: set[int] = set()  # fetched, by alert
        self.settled: list[tuple[str, int, Any]] = []
        self.returned: list[int] = []
        self.stores: dict[str, MemoryStore] = {}

    def offer(self, *deliveries: FakeDelivery) -> None:
        with self._changed:
            for one in deliveries:
                self._due.setdefault(one.plugin, deque()).append(one)
            self._changed.notify_all()

    def fetch(
        self, plugin: str, max_items: int, timeout: float, max_retries: int
    ) -> list[FakeDelivery]:
        taken: list[FakeDelivery] = []

        def found() -> bool:
            taken.extend(self._select(plugin, max_items, max_retries))
            return bool(taken) or plugin in self._woken

        with self._changed:
            self._changed.wait_for(found, timeout)
        return taken

    def _select(self, plugin: str, max_items: int, max_retries: int) -> Iterator[FakeDelivery]:
        due = self._due.get(plugin, deque())
        for one in list(due):
            if max_items == 0 or (one.attempt > 1 and len(self._retries) >= max_retries):
                continue
            max_items -= 1
            due.remove(one)
            if one.attempt > 1:
                self._retries.add(one.alert_id)
            yield one

    def _settle(self, outcome: str, delivery: FakeDelivery, detail: Any) -> None:
        with self._changed:
            self._retries.discard(delivery.alert_id)
            self.settled.append((outcome, delivery.alert_id, detail))
            self._changed.notify_all()

    def delivered(
        self, deliveries: Sequence[FakeDelivery], durations: Sequence[float], state: Changes = ()
    ) -> None:
        self.state(deliveries[0].plugin).write(state)
        for delivery, _ in zip(deliveries, durations, strict=True):
            self._settle("delivered", delivery, None)

    def settle_failed(
        self,
        deliveries: Sequence[FakeDelivery],
        outcomes: Sequence[tuple[str, float]],
        error: str,
        duration: float,
        traceback: str,
        state: Changes = (),
    ) -> None:
        self.state(deliveries[0].plugin).write(state)
        for delivery, (outcome, delay) in zip(deliveries, outcomes, strict=True):
            again = outcome in ("retry", "unavailable")
            self._settle(outcome, delivery, (delay, error) if again else error)

    def state(self, plugin: str) -> MemoryStore:
        return self.stores.setdefault(plugin, MemoryStore({}))

    def give_back(self, deliveries: Sequence[FakeDelivery]) -> None:
        with self._changed:
            self.returned += [one.alert_id for one in deliveries]
            for one in reversed(deliveries):
                self._retries.discard(one.alert_id)
                self._due.setdefault(one.plugin, deque()).appendleft(one)
            self._changed.notify_all()

    def hurry(self, plugin: str) -> None:
        with self._changed:
            self._woken.add(plugin)
            self._changed.notify_all()

    def resume(self, plugin: str, by_device: bool) -> None:
        with self._changed:
            self._woken.discard(plugin)
            self.orders[plugin] = by_device

    def wait_settled(self, count: int) -> list[tuple[str, int, Any]]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.settled) >= count, DEADLINE_S)
            return list(self.settled)


Start = Callable[..., FakeReceiver]


@pytest.fixture
def start() -> Iterator[Start]:
    running: list[Dispatcher] = []

    def start_plugins(*handlers: Callable[..., Any], **settings: Any) -> FakeReceiver:
        receiver = FakeReceiver()
        plugins = [
            registry.load_object(
                handler, PluginSettings(use="x", name=getattr(handler, "__name__", "x"), **settings)
            )
            for handler in handlers
        ]
        dispatcher = Dispatcher(receiver, plugins, PythonWatch())  # type: ignore[arg-type]
        dispatcher.start()
        running.append(dispatcher)
        return receiver

    yield start_plugins
    for dispatcher in running:
        dispatcher.stop(0.0)


def runner_of(handler: Any, **settings: Any) -> tuple[PluginRunner, FakeReceiver]:
    """Make a runner that is not started: the test is its worker."""
    receiver = FakeReceiver()
    name = handler.__name__
    plugin = registry.load_object(handler, PluginSettings(use="x", name=name, **settings))
    return PluginRunner(receiver, plugin, random.Random(1), PythonWatch()), receiver  # type: ignore[arg-type]


def pool_of(runner: PluginRunner) -> WorkerPool:
    assert isinstance(runner._pool, WorkerPool)
    return runner._pool


def test_a_return_is_a_delivery(start: Start) -> None:
    def ok(alert: Alert) -> None:
        pass

    receiver = start(ok)
    receiver.offer(FakeDelivery(1, "ok"), FakeDelivery(2, "ok"))
    assert sorted(one[:2] for one in receiver.wait_settled(2)) == [
        ("delivered", 1),
        ("delivered", 2),
    ]


def test_retry_after_is_obeyed(start: Start) -> None:
    def later(alert: Alert) -> None:
        raise Retry(after=42)

    receiver = start(later)
    receiver.offer(FakeDelivery(1, "later"))
    outcome, _, (delay, _) = receiver.wait_settled(1)[0]
    assert (outcome, delay) == ("retry", 42)


def test_an_exception_backs_off_and_is_logged(start: Start) -> None:
    def broken(alert: Alert) -> None:
        raise ValueError("no Slack\ntoday")

    receiver = start(broken, retry={"first": 8, "factor": 2, "max": 20})
    receiver.offer(FakeDelivery(1, "broken", attempt=1), FakeDelivery(2, "broken", attempt=3))
    delays = {number: detail for _, number, detail in receiver.wait_settled(2)}
    assert 4 <= delays[1][0] <= 8
    assert 10 <= delays[2][0] <= 20
    assert delays[1][1].startswith(r"ValueError: no Slack\ntoday (")


@pytest.mark.parametrize("error", [SystemExit(0), KeyboardInterrupt(), MemoryError()])
def test_no_exception_gets_past_the_worker(start: Start, error: BaseException) -> None:
    def wild(alert: Alert, ctx: Context) -> None:
        if ctx.alert_id == 1:
            raise error

    receiver = start(wild, concurrency=1)
    receiver.offer(FakeDelivery(1, "wild"), FakeDelivery(2, "wild"))
    assert [one[:2] for one in receiver.wait_settled(2)] == [("retry", 1), ("delivered", 2)]


class SpeechlessError(Exception):
    def __str__(self) -> str:
        return 404  # type: ignore[return-value]


class BareRetry(Retry):
    def __init__(self) -> None:
        pass


class BareReject(Reject):
    def __init__(self) -> None:
        pass


class BareUnavailable(Unavailable):
    def __init__(self) -> None:
        pass


class WordyRetry(BareRetry):
    after = "soon"  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (SpeechlessError(), "retry"),
        (BareRetry(), "retry"),
        (WordyRetry(), "retry"),
        (BareReject(), "rejected"),
        (Reject(SpeechlessError()), "rejected"),  # type: ignore[arg-type]
    ],
)
def test_an_exception_without_a_readable_text_costs_no_worker(
    start: Start, error: Exception, outcome: str
) -> None:
    def odd(alert: Alert, ctx: Context) -> None:
        if ctx.alert_id == 1:
            raise error

    receiver = start(odd, concurrency=1, retry={"first": 8})
    receiver.offer(FakeDelivery(1, "odd"), FakeDelivery(2, "odd"))
    (first, _, detail), second = receiver.wait_settled(2)
    assert (first, second[:2]) == (outcome, ("delivered", 2))
    assert outcome == "rejected" or 4 <= detail[0] <= 8


def test_no_wait_is_longer_than_the_inbox_takes(start: Start) -> None:
    def far(alert: Alert) -> None:
        raise Retry(after=1e10)

    receiver = start(far)
    receiver.offer(FakeDelivery(1, "far"))
    assert receiver.wait_settled(1)[0][2][0] == 1e9


def test_reject_is_dead_at_once_and_age_gives_up(start: Start) -> None:
    def picky(alert: Alert, ctx: Context) -> None:
        if ctx.alert_id == 1:
            raise Reject("not mine")
        raise ValueError("still broken")

    receiver = start(picky, retry={"give_up": 60})
    receiver.offer(FakeDelivery(1, "picky"))
    assert receiver.wait_settled(1)[0] == ("rejected", 1, "not mine")
    receiver.offer(FakeDelivery(2, "picky", age=59.0))
    assert receiver.wait_settled(2)[1][0] == "retry"
    receiver.offer(FakeDelivery(3, "picky", age=60.0))
    assert receiver.wait_settled(3)[2][0] == "dead"


def test_as_many_run_at_once_as_the_settings_say(start: Start) -> None:
    together = threading.Barrier(3, timeout=DEADLINE_S)

    def meet(alert: Alert) -> None:
        together.wait()

    receiver = start(meet, concurrency=3)
    receiver.offer(*(FakeDelivery(number, "meet") for number in range(3)))
    assert {one[0] for one in receiver.wait_settled(3)} == {"delivered"}


def test_a_hanging_handler_is_settled_replaced_and_its_late_result_ignored(start: Start) -> None:
    hang = threading.Event()

    def hanging(alert: Alert, ctx: Context) -> None:
        if ctx.alert_id == 1:
            hang.wait(DEADLINE_S)

    receiver = start(hanging, concurrency=1, timeout=0.05)
    receiver.offer(FakeDelivery(1, "hanging"), FakeDelivery(2, "hanging"))
    # The other worker may be done before the watchdog has settled the first.
    delivered, retried = sorted(receiver.wait_settled(2), key=lambda one: one[0])
    assert (delivered[:2], retried[:2]) == (("delivered", 2), ("retry", 1))
    assert "no result within 0.05 s" in retried[2][1]
    hang.set()
    receiver.offer(FakeDelivery(3, "hanging"))
    assert [one[:2] for one in receiver.wait_settled(3)][2] == ("delivered", 3)


def test_a_plugin_whose_handlers_all_hang_delays_no_other(start: Start) -> None:
    hang = threading.Event()

    def hanging(alert: Alert) -> None:
        hang.wait(DEADLINE_S)

    def ok(alert: Alert) -> None:
        pass

    receiver = start(hanging, ok, concurrency=2, timeout=0.05)
    receiver.offer(*(FakeDelivery(number, "hanging") for number in range(9)))
    receiver.offer(*(FakeDelivery(100 + number, "ok") for number in range(9)))
    done = set()
    for count in range(1, 14):  # 9 deliveries, and the 4 attempts that may hang
        done = {number for outcome, number, _ in receiver.wait_settled(count) if number >= 100}
    assert done == set(range(100, 109))
    hang.set()


def test_an_asynchronous_handler_is_cancelled_after_its_time_out(start: Start) -> None:
    cancelled = threading.Event()

    async def forever(alert: Alert) -> None:
        import asyncio

        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    receiver = start(forever, timeout=0.05)
    receiver.offer(FakeDelivery(1, "forever"))
    assert receiver.wait_settled(1)[0][0] == "retry"
    assert cancelled.wait(DEADLINE_S)


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt()])
def test_no_exception_ends_the_loop_of_an_asynchronous_plugin(
    start: Start, error: BaseException
) -> None:
    async def leaving(alert: Alert, ctx: Context) -> None:
        if ctx.alert_id == 1:
            raise error

    receiver = start(leaving, concurrency=1)
    receiver.offer(FakeDelivery(1, "leaving"), FakeDelivery(2, "leaving"))
    (_, _, (_, text)), second = receiver.wait_settled(2)
    assert text.startswith(type(error).__name__)
    assert second[:2] == ("delivered", 2)


def test_all_calls_of_an_asynchronous_plugin_share_a_loop(start: Start) -> None:
    loops = []

    class Remember:
        async def setup(self) -> None:
            import asyncio

            loops.append(asyncio.get_running_loop())

        async def handle(self, alert: Alert) -> None:
            import asyncio

            loops.append(asyncio.get_running_loop())

    receiver = start(Remember)
    receiver.offer(*(FakeDelivery(number, "Remember") for number in range(4)))
    receiver.wait_settled(4)
    assert len(loops) == 5
    assert len(set(map(id, loops))) == 1


def test_what_failed_before_is_not_batched(start: Start) -> None:
    sizes = []
    gate = threading.Event()

    class Batches:
        def setup(self) -> None:
            gate.wait(DEADLINE_S)

        def handle_batch(self, alerts: list[Alert], ctx: Context) -> None:
            sizes.append([one.alert_id for one in ctx.each])

    receiver = start(Batches, concurrency=1)
    receiver.offer(*(FakeDelivery(number, "Batches") for number in (1, 2)))
    receiver.offer(FakeDelivery(3, "Batches", attempt=2))
    receiver.offer(*(FakeDelivery(number, "Batches") for number in (4, 5)))
    gate.set()
    receiver.wait_settled(5)
    assert sizes == [[1, 2], [3], [4, 5]]


def test_set_up_is_tried_again_until_it_works(start: Start) -> None:
    tries = []

    class Late:
        def setup(self) -> None:
            tries.append(1)
            if len(tries) < 3:
                raise ConnectionError("the broker is down")

        def handle(self, alert: Alert) -> None:
            pass

    receiver = start(Late, retry={"first": 0.01, "max": 0.01})
    receiver.offer(FakeDelivery(1, "Late"))
    assert receiver.wait_settled(1)[0][:2] == ("delivered", 1)
    assert len(tries) == 3


def test_a_stop_gives_back_what_was_fetched_but_not_begun() -> None:
    begun = threading.Event()
    go = threading.Event()

    def slow(alert: Alert) -> None:
        begun.set()
        go.wait(DEADLINE_S)

    receiver = FakeReceiver()
    plugin = registry.load_object(slow, PluginSettings(use="x", name="slow", concurrency=1))
    receiver.fetch = lambda *_: [FakeDelivery(number, "slow") for number in (1, 2, 3)]  # type: ignore[method-assign]
    dispatcher = Dispatcher(receiver, [plugin], PythonWatch())  # type: ignore[arg-type]
    dispatcher.start()
    assert begun.wait(DEADLINE_S)
    stopper = threading.Thread(target=dispatcher.stop, args=(time.monotonic() + DEADLINE_S,))
    stopper.start()
    assert plugin.name == "slow"
    receiver._changed.acquire()
    receiver._changed.wait_for(lambda: receiver._woken, DEADLINE_S)
    receiver._changed.release()
    go.set()
    stopper.join(DEADLINE_S)
    assert receiver.settled == [("delivered", 1, None)]
    assert receiver.returned == [2, 3]


def test_a_closed_inbox_ends_the_workers_quietly(start: Start) -> None:
    def ok(alert: Alert) -> None:
        pass

    receiver = FakeReceiver()
    plugin = registry.load_object(ok, PluginSettings(use="x", name="ok"))

    def closed(*_: object) -> list[FakeDelivery]:
        raise ClosedError("the inbox is closed")

    receiver.fetch = closed  # type: ignore[method-assign, assignment]
    dispatcher = Dispatcher(receiver, [plugin], PythonWatch())  # type: ignore[arg-type]
    dispatcher.start()
    assert dispatcher.stop(time.monotonic() + DEADLINE_S)


@pytest.mark.parametrize("name", ["fetch", "delivered"])
def test_a_failure_of_ours_costs_neither_a_worker_nor_a_settlement(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def ok(alert: Alert) -> None:
        pass

    receiver = FakeReceiver()
    call, failures = getattr(receiver, name), [MemoryError()]

    def fails_once(*arguments: Any) -> Any:
        if failures:
            raise failures.pop()
        return call(*arguments)

    monkeypatch.setattr(receiver, name, fails_once)
    monkeypatch.setattr("incm_webhook.delivery.worker_pool.PAUSE_S", 0.0)
    plugin = registry.load_object(ok, PluginSettings(use="x", name="ok", concurrency=1))
    receiver.offer(FakeDelivery(1, "ok"))
    dispatcher = Dispatcher(receiver, [plugin], PythonWatch())  # type: ignore[arg-type]
    dispatcher.start()
    receiver.wait_settled(1)
    receiver.offer(FakeDelivery(2, "ok"))
    assert [one[:2] for one in receiver.wait_settled(2)] == [("delivered", 1), ("delivered", 2)]
    assert dispatcher.stop(time.monotonic() + DEADLINE_S)


def test_a_plugin_whose_target_is_down_is_probed(start: Start) -> None:
    up = threading.Event()

    def target(alert: Alert, ctx: Context) -> None:
        if not up.is_set():
            raise ConnectionError("no route to host")

    receiver = start(target, retry={"first": 0.2}, concurrency=1, breaker=3)
    receiver.offer(*(FakeDelivery(number, "target") for number in range(1, 11)))
    settled = receiver.wait_settled(3)
    assert [one[0] for one in settled] == ["retry"] * 3
    up.set()
    settled = receiver.wait_settled(4)
    assert settled[3][0] == "delivered"
    assert receiver.returned, "what was fetched is given back while nothing may be tried"


def test_a_success_that_closes_a_breaker_just_opened_ends_the_pause() -> None:
    def ok(alert: Alert) -> None:
        pass

    runner, _ = runner_of(ok, breaker=1)
    close = runner._breaker.succeeded

    def opened_meanwhile() -> bool:
        runner._breaker.failed(2)
        return close()

    runner._breaker.succeeded = opened_meanwhile  # type: ignore[method-assign]
    assert pool_of(runner).run_call([FakeDelivery(1, "ok")], deque())  # type: ignore[list-item]
    assert runner._fetcher._woken.is_set()


def test_a_rejection_does_not_open_the_breaker(start: Start) -> None:
    def picky(alert: Alert) -> None:
        raise Reject("not mine")

    receiver = start(picky, breaker=1, retry={"first": 3600})
    receiver.offer(*(FakeDelivery(number, "picky") for number in range(1, 11)))
    assert len(receiver.wait_settled(10)) == 10


def test_the_rate_is_kept(start: Start) -> None:
    def paced(alert: Alert) -> None:
        pass

    receiver = start(paced, rate="4/h")
    receiver.offer(*(FakeDelivery(number, "paced") for number in range(1, 11)))
    assert len(receiver.wait_settled(4)) == 4


def test_what_is_given_back_does_not_count_for_the_rate(start: Start) -> None:
    def fails_once(alert: Alert, ctx: Context) -> None:
        if ctx.alert_id == 2:
            raise ConnectionError("no route to host")

    receiver = start(fails_once, rate="10/h", concurrency=1, breaker=1, retry={"first": 0.01})
    receiver.offer(FakeDelivery(1, "fails_once"))
    receiver.wait_settled(1)  # a brief one: the others come several at a time
    receiver.offer(*(FakeDelivery(number, "fails_once") for number in range(2, 11)))
    assert len(receiver.wait_settled(10)) == 10


def test_a_retry_counts_its_pauses_anew_when_a_person_asked_for_it(start: Start) -> None:
    class Reopened(FakeDelivery):
        @property
        def tries(self) -> int:
            return 1

    def broken(alert: Alert) -> None:
        raise ValueError("still")

    receiver = start(broken, retry={"first": 8, "factor": 10, "max": 3600})
    receiver.offer(Reopened(1, "broken", attempt=9))
    _, _, (pause, _) = receiver.wait_settled(1)[0]
    assert pause <= 8


def test_a_hanging_call_frees_what_its_worker_was_to_do_next(start: Start) -> None:
    go = threading.Event()

    def sometimes(alert: Alert, ctx: Context) -> None:
        if ctx.alert_id == 101 and ctx.attempt == 1:
            go.wait(DEADLINE_S)

    receiver = start(sometimes, concurrency=1, timeout=0.5, retry={"first": 3600})
    receiver.offer(*(FakeDelivery(number, "sometimes") for number in range(1, 101)))
    receiver.wait_settled(100)  # brief ones: from now on it gets several at a time
    receiver.offer(*(FakeDelivery(number, "sometimes") for number in range(101, 111)))
    settled = receiver.wait_settled(110)[100:]
    assert sorted(one[1] for one in settled if one[0] == "delivered") == list(range(102, 111))
    assert [one[1] for one in settled if one[0] == "retry"] == [101]
    go.set()


def test_what_stands_behind_a_call_that_lasts_is_done_by_another_worker(start: Start) -> None:
    go = threading.Event()

    def lasting(alert: Alert, ctx: Context) -> None:
        if ctx.alert_id == 101:
            go.wait(2 * DEADLINE_S)

    receiver = start(lasting, concurrency=2, timeout=3600)
    receiver.offer(*(FakeDelivery(number, "lasting") for number in range(1, 101)))
    receiver.wait_settled(100)  # brief ones: from now on it gets several at a time
    receiver.offer(*(FakeDelivery(number, "lasting") for number in range(101, 111)))
    settled = receiver.wait_settled(109)[100:]
    assert sorted(one[1] for one in settled) == list(range(102, 111))
    go.set()


def burst_of(name: str, *numbers: int) -> Any:
    return deque([FakeDelivery(number, name)] for number in numbers)


@pytest.fixture
def every_call_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take each call for one that lasts, however brief."""
    monkeypatch.setattr("incm_webhook.delivery.worker_pool.LASTS_S", -1.0)


@pytest.mark.usefixtures("every_call_lasts")
def test_what_stands_behind_a_slow_call_is_given_back() -> None:
    def slow(alert: Alert, ctx: Context) -> None:
        pass

    runner, receiver = runner_of(slow)
    assert pool_of(runner).run_burst(burst_of("slow", 1, 2, 3))
    assert [one[1] for one in receiver.settled] == [1]
    assert receiver.returned == [2, 3]


@pytest.mark.usefixtures("every_call_lasts")
def test_watchdog_and_worker_give_each_back_once() -> None:
    def watched(alert: Alert) -> None:
        runner.expire()

    runner, receiver = runner_of(watched)
    assert pool_of(runner).run_burst(burst_of("watched", 1, 2, 3))
    assert receiver.returned == [2, 3]

    class Emptied(deque[Any]):
        """Emptied by the watchdog right after the worker has seen something in it."""

        def __bool__(self) -> bool:
            return True

    assert pool_of(runner).run_burst(Emptied())


def test_nothing_of_a_burst_is_begun_once_a_stop_is_asked_for() -> None:
    def stopped(alert: Alert) -> None:
        runner.ask_to_stop()

    runner, receiver = runner_of(stopped)
    assert pool_of(runner).run_burst(burst_of("stopped", 1, 2, 3))
    assert [one[:2] for one in receiver.settled] == [("delivered", 1)]
    assert receiver.returned == [2, 3]


def test_a_probe_is_one_alert_also_of_a_brief_handler() -> None:
    def brief(alert: Alert) -> None:
        pass

    runner, _ = runner_of(brief, breaker=1)
    pool_of(runner).run_burst(burst_of("brief", 1))
    runner._fetcher._ready.extend(FakeDelivery(number, "brief") for number in range(2, 65))  # type: ignore[misc]
    runner._breaker.failed(1)
    assert len(runner._fetcher._pop_burst(runner._fetcher._burst_size())) == 1


def test_a_probe_whose_process_was_lost_is_followed_by_another() -> None:
    def lost(alert: Alert) -> None:
        raise WorkerLost("its process was asked to end")

    runner, receiver = runner_of(lost, breaker=1, retry={"first": 0.001})
    runner._breaker.failed(1)
    runner._breaker.begin()
    assert pool_of(runner).run_burst(burst_of("lost", 2))
    assert runner._breaker.wait() < math.inf
    assert (receiver.settled, receiver.returned) == ([], [2])


def test_a_rejected_probe_closes_the_breaker() -> None:
    def picky(alert: Alert) -> None:
        raise Reject("not mine")

    runner, _ = runner_of(picky, breaker=1)
    runner._breaker.failed(1)
    runner._breaker.begin()
    pool_of(runner).run_burst(burst_of("picky", 2))
    assert not runner._breaker.is_open


def test_the_watchdog_settles_what_went_before_a_call_that_lasts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "incm_webhook.delivery.worker_pool.LASTS_S", math.inf
    )  # however slow this machine is

    def watched(alert: Alert, ctx: Context) -> None:
        if ctx.alert_id == 2:
            runner.expire()
            settled_before.extend(receiver.settled)

    settled_before: list[Any] = []
    runner, receiver = runner_of(watched)
    pool_of(runner).run_burst(burst_of("watched", 1, 2))
    assert settled_before == [("delivered", 1, None)]


def test_no_more_is_fetched_or_batched_than_the_rate_allows() -> None:
    class Batches:
        def handle_batch(self, alerts: list[Alert]) -> None:
            pass

    runner, _ = runner_of(Batches, rate="3/h")
    assert runner._fetcher._max_to_fetch() == 3
    runner._fetcher._ready.extend(FakeDelivery(number, "Batches") for number in range(1, 10))  # type: ignore[misc]
    assert [len(call) for call in runner._fetcher._pop_burst(runner._fetcher._burst_size())] == [3]


def test_a_failure_among_brief_calls_is_its_own(start: Start) -> None:
    def odd(alert: Alert, ctx: Context) -> None:
        if ctx.alert_id % 7 == 0:
            raise ValueError("seven")

    receiver = start(odd, concurrency=2, breaker=0, retry={"first": 3600})
    receiver.offer(*(FakeDelivery(number, "odd") for number in range(1, 201)))
    settled = receiver.wait_settled(200)
    assert sorted(one[1] for one in settled if one[0] == "retry") == list(range(7, 201, 7))
    assert len({one[1] for one in settled}) == 200


def test_a_plugin_goes_on_when_handlers_that_all_hung_return(start: Start) -> None:
    hang = threading.Event()

    def hanging(alert: Alert, ctx: Context) -> None:
        if ctx.alert_id <= 2:
            hang.wait(DEADLINE_S)

    receiver = start(hanging, concurrency=1, timeout=0.05)
    receiver.offer(*(FakeDelivery(number, "hanging") for number in (1, 2, 3)))
    receiver.wait_settled(2)
    hang.set()
    assert receiver.wait_settled(3)[2][:2] == ("delivered", 3)


def test_a_handler_that_returned_does_not_count_as_hanging_any_more(start: Start) -> None:
    first, second = threading.Event(), threading.Event()

    def hanging(alert: Alert, ctx: Context) -> None:
        if ctx.alert_id not in (3, 5):
            (first if ctx.alert_id <= 2 else second).wait(DEADLINE_S)

    receiver = start(hanging, concurrency=1, timeout=0.05)
    receiver.offer(*(FakeDelivery(number, "hanging") for number in (1, 2, 3)))
    receiver.wait_settled(2)
    first.set()
    receiver.wait_settled(3)
    receiver.offer(FakeDelivery(4, "hanging"), FakeDelivery(5, "hanging"))
    assert {one[:2] for one in receiver.wait_settled(5)[3:]} == {("retry", 4), ("delivered", 5)}
    second.set()


def test_a_worker_that_cannot_be_started_costs_no_attempt(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    begun, hang = threading.Event(), threading.Event()

    def hanging(alert: Alert) -> None:
        begun.set()
        hang.wait(DEADLINE_S)

    def no_room(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    runner, receiver = runner_of(hanging, timeout=0.001)
    worker = threading.Thread(target=pool_of(runner).run_burst, args=(burst_of("hanging", 1, 2),))
    worker.start()
    assert begun.wait(DEADLINE_S)
    monkeypatch.setattr(threading.Thread, "start", no_room)
    while not receiver.settled:
        runner.expire()
    assert [one[:2] for one in receiver.settled] == [("retry", 1)]
    assert receiver.returned == [2]
    assert "a worker is missing: can't start new thread" in caplog.text
    hang.set()
    worker.join()
    assert runner.stop(time.monotonic() + DEADLINE_S)


def test_one_plugin_s_trouble_does_not_end_the_watch_over_the_others() -> None:
    hang = threading.Event()

    def broken(alert: Alert) -> None:
        pass

    def hanging(alert: Alert) -> None:
        hang.wait(DEADLINE_S)

    def trouble() -> None:
        raise MemoryError

    receiver = FakeReceiver()
    dispatcher = dispatcher_of(receiver, broken, hanging, timeout=0.05)
    next(iter(dispatcher._runners.values())).expire = trouble  # type: ignore[method-assign]
    for number in (1, 2):
        receiver.offer(FakeDelivery(number, "hanging"))
        assert receiver.wait_settled(number)[-1][0] == "retry"
    hang.set()
    assert dispatcher.stop(time.monotonic() + DEADLINE_S)


def test_a_stop_that_leaves_a_hanging_call_behind_settles_what_went_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "incm_webhook.delivery.worker_pool.LASTS_S", math.inf
    )  # however slow this machine is
    begun, hang = threading.Event(), threading.Event()

    def second_hangs(alert: Alert, ctx: Context) -> None:
        if ctx.alert_id == 2:
            begun.set()
            hang.wait(DEADLINE_S)

    runner, receiver = runner_of(second_hangs)
    worker = threading.Thread(
        target=pool_of(runner).run_burst, args=(burst_of("second_hangs", 1, 2),)
    )
    pool_of(runner)._threads._threads.add(worker)
    worker.start()
    assert begun.wait(DEADLINE_S)
    assert not runner.stop(time.monotonic())
    assert receiver.settled == [("delivered", 1, None)]
    hang.set()
    worker.join()


def dispatcher_of(receiver: FakeReceiver, *plugins: Any, **settings: Any) -> Dispatcher:
    loaded = [
        registry.load_object(one, PluginSettings(use="x", name=one.__name__, **settings))
        for one in plugins
    ]
    dispatcher = Dispatcher(receiver, loaded, PythonWatch())  # type: ignore[arg-type]
    dispatcher.start()
    return dispatcher


def test_a_plugin_whose_close_hangs_does_not_hold_the_stop_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    let_go, closed = threading.Event(), threading.Event()

    class Stuck:
        def handle(self, alert: Alert) -> None:
            pass

        def close(self) -> None:
            let_go.wait(DEADLINE_S)

    class Good(Stuck):
        def close(self) -> None:
            closed.set()

    dispatcher = dispatcher_of(FakeReceiver(), Stuck, Good)
    assert not dispatcher.stop(time.monotonic() + 0.5)
    assert "Stuck: its close hangs" in caplog.text
    assert closed.wait(DEADLINE_S)
    let_go.set()


def test_a_coroutine_that_blocks_its_loop_does_not_hold_the_stop_up() -> None:
    let_go = threading.Event()

    async def stubborn(alert: Alert) -> None:
        let_go.wait(DEADLINE_S)

    receiver = FakeReceiver()
    dispatcher = dispatcher_of(receiver, stubborn, concurrency=1, timeout=0.05)
    receiver.offer(FakeDelivery(1, "stubborn"))
    receiver.wait_settled(1)
    assert not dispatcher.stop(time.monotonic() + 0.5)
    let_go.set()


def test_an_exception_whose_text_never_ends_is_a_time_out(start: Start) -> None:
    let_go = threading.Event()

    class EndlessError(Exception):
        def __str__(self) -> str:
            let_go.wait(DEADLINE_S)
            return ""

    def speaks(alert: Alert) -> None:
        raise EndlessError

    receiver = start(speaks, timeout=0.05, concurrency=1)
    receiver.offer(FakeDelivery(1, "speaks"))
    outcome, _, detail = receiver.wait_settled(1)[0]
    let_go.set()
    assert outcome == "retry"
    assert "TimeoutError: no result within 0.05 s" in detail[1]


def test_the_text_of_a_failure_names_the_plugins_own_line(start: Start) -> None:
    def reads(alert: Alert) -> None:
        json.loads("{")

    receiver = start(reads)
    receiver.offer(FakeDelivery(1, "reads"))
    error = receiver.wait_settled(1)[0][2][1]
    assert re.fullmatch(
        r"JSONDecodeError: Expecting .* \(unit/delivery/test_dispatcher\.py:\d+\)", error
    )


@pytest.mark.parametrize("workers", [2, 4])
def test_retries_that_hang_leave_workers_to_new_alerts(start: Start, workers: int) -> None:
    hang = threading.Event()
    hanging = threading.Semaphore(0)

    def handle(alert: Alert, ctx: Context) -> None:
        if ctx.attempt > 1:
            hanging.release()
            hang.wait(DEADLINE_S)

    receiver = start(handle, concurrency=workers, timeout=3600)
    receiver.offer(*(FakeDelivery(number, "handle", attempt=2) for number in range(10)))
    for _ in range(workers // 2):
        assert hanging.acquire(timeout=DEADLINE_S)
    receiver.offer(*(FakeDelivery(100 + number, "handle") for number in range(100)))
    assert {one[:2] for one in receiver.wait_settled(100)} == {
        ("delivered", 100 + number) for number in range(100)
    }
    assert not hanging.acquire(blocking=False), "more retries began"
    hang.set()
    assert {one[1] for one in receiver.wait_settled(110)[100:]} == set(range(10))


def test_retries_that_were_fetched_while_brief_are_given_back_when_one_lasts() -> None:
    def handle(alert: Alert) -> None:
        pass

    runner, receiver = runner_of(handle, concurrency=4)
    runner._fetcher._share.ended(retry=True, seconds=0.0)  # brief
    lasting = [Attempt([FakeDelivery(number, "handle", attempt=2)], deque()) for number in (1, 2)]  # type: ignore[list-item]
    runner._fetcher._attempts._attempts.update(lasting)
    taken = [FakeDelivery(number, "handle", attempt=2 - number % 2) for number in range(10, 20)]
    runner._fetcher._ready.extend(taken)  # type: ignore[arg-type]
    assert len(runner._fetcher.next()) == 1
    assert receiver.returned == []
    for attempt in lasting:
        attempt.started -= LASTS_S
    assert [one.alert_id for (one,) in runner._fetcher.next()] == [11]
    assert receiver.returned == [12, 14, 16, 18]


def test_one_worker_does_new_alerts_first_after_a_retry_that_lasted(start: Start) -> None:
    go, hangs = threading.Event(), threading.Event()
    order: list[int] = []

    def handle(alert: Alert, ctx: Context) -> None:
        order.append(ctx.alert_id)
        if ctx.alert_id == 1:
            hangs.set()
            go.wait(DEADLINE_S)
            time.sleep(LASTS_S)  # it has to last, and nothing else can make time pass here

    receiver = start(handle, concurrency=1, timeout=3600)
    receiver.offer(FakeDelivery(1, "handle", attempt=2))
    assert hangs.wait(DEADLINE_S)
    receiver.offer(*(FakeDelivery(number, "handle", attempt=2) for number in range(2, 6)))
    receiver.offer(*(FakeDelivery(number, "handle") for number in range(10, 15)))
    go.set()
    receiver.wait_settled(10)
    assert order == [1, 10, 11, 12, 13, 14, 2, 3, 4, 5]


@pytest.mark.parametrize("breaker", [0, 5])
def test_an_unavailable_target_opens_the_breaker_at_once(
    caplog: pytest.LogCaptureFixture, breaker: int
) -> None:
    def pager(alert: Alert) -> None:
        raise Unavailable("401: the key was revoked")

    runner, receiver = runner_of(
        pager, breaker=breaker, retry={"first": "1h", "max": "1h", "give_up": "1s"}
    )
    burst = deque([[FakeDelivery(number, "pager", age=99)] for number in (1, 2, 3)])
    pool_of(runner).run_burst(burst)  # type: ignore[arg-type]
    ((outcome, alert_id, (wait, reason)),) = receiver.settled
    assert (outcome, alert_id, reason) == ("unavailable", 1, "401: the key was revoked")
    assert 0 < wait <= 60
    assert receiver.returned == [2, 3]
    pool_of(runner).run_call([FakeDelivery(4, "pager")], deque())  # type: ignore[list-item]
    (line,) = (one.getMessage() for one in caplog.records)
    assert line.startswith(
        "plugin pager: its target is unavailable: 401: the key was revoked; its alerts are kept"
    )


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (BareUnavailable(), "no reason"),
        (Unavailable(SpeechlessError()), "no reason"),  # type: ignore[arg-type]
    ],
)
def test_an_unavailable_without_a_readable_text_counts_as_one(
    error: Unavailable, reason: str
) -> None:
    def odd(alert: Alert) -> None:
        raise error

    runner, receiver = runner_of(odd)
    pool_of(runner).run_call([FakeDelivery(1, "odd")], deque())  # type: ignore[list-item]
    ((outcome, _, (_, message)),) = receiver.settled
    assert (outcome, message) == ("unavailable", reason)


def test_a_batch_whose_target_is_unavailable_is_kept_whole(start: Start) -> None:
    class Store:
        def handle_batch(self, alerts: list[Alert]) -> None:
            raise Unavailable("no such table")

    receiver = start(Store, retry={"first": "1h"})
    receiver.offer(*(FakeDelivery(number, "Store") for number in (1, 2, 3)))
    assert [one[:2] for one in receiver.wait_settled(3)] == [
        ("unavailable", 1),
        ("unavailable", 2),
        ("unavailable", 3),
    ]


def test_the_first_success_after_an_outage_lets_all_others_pass() -> None:
    broken = [True]

    def pager(alert: Alert) -> None:
        if broken:
            raise Unavailable("404: the channel is gone")

    runner, receiver = runner_of(pager, breaker=0)
    one = FakeDelivery(1, "pager")
    pool_of(runner).run_call([one], deque())  # type: ignore[list-item]
    opened = runner._breaker.is_open
    assert opened
    assert runner._settlements.why_unavailable == "404: the channel is gone"
    broken.clear()
    pool_of(runner).run_call([one], deque())  # type: ignore[list-item]
    runner._settlements.flush()
    assert [kind for kind, *_ in receiver.settled] == ["unavailable", "delivered"]
    assert not runner._breaker.is_open
    assert runner._settlements.why_unavailable == ""
