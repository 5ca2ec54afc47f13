"""The calls of an asynchronous handler are tasks of one loop, and each is settled once."""

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from incm_webhook import Alert, Context, Reject, Unavailable
from incm_webhook._core import ClosedError, PythonWatch
from incm_webhook.config.settings import PluginSettings
from incm_webhook.delivery.dispatcher import Dispatcher
from incm_webhook.delivery.runner import PluginRunner
from incm_webhook.hosting import registry

from .test_dispatcher import DEADLINE_S, FakeDelivery, FakeReceiver

Start = Callable[..., tuple[FakeReceiver, Dispatcher]]


@pytest.fixture
def start() -> Iterator[Start]:
    running: list[Dispatcher] = []

    def start_plugin(
        handler: Any, receiver: FakeReceiver | None = None, **settings: Any
    ) -> tuple[FakeReceiver, Dispatcher]:
        receiver = receiver or FakeReceiver()
        plugin = registry.load_object(handler, PluginSettings(use="x", name="p", **settings))
        dispatcher = Dispatcher(receiver, [plugin], PythonWatch())  # type: ignore[arg-type]
        dispatcher.start()
        running.append(dispatcher)
        return receiver, dispatcher

    yield start_plugin
    for dispatcher in running:
        if not dispatcher._stopping.is_set():  # a test may have stopped it
            dispatcher.stop(0.0)


def offer(receiver: FakeReceiver, *numbers: int, attempt: int = 1) -> None:
    receiver.offer(*(FakeDelivery(number, "p", attempt) for number in numbers))


def stopped(dispatcher: Dispatcher) -> bool:
    return dispatcher.stop(time.monotonic() + DEADLINE_S)


def runner_of(dispatcher: Dispatcher) -> PluginRunner:
    return next(iter(dispatcher._runners.values()))


def until_watched(dispatcher: Dispatcher, holds: Callable[[], bool]) -> None:
    """Wait for something that the watchdog brings about."""
    looks = threading.Event()
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline
        looks.wait(0.005)


def test_many_alerts_are_each_settled_once(start: Start) -> None:
    async def ok(alert: Alert, ctx: Context) -> None:
        await asyncio.sleep(0)

    receiver, dispatcher = start(ok, concurrency=7)
    offer(receiver, *range(1000))
    receiver.wait_settled(1000)
    assert stopped(dispatcher)
    assert sorted(receiver.settled) == [("delivered", number, None) for number in range(1000)]
    assert set(receiver.returned) == set()


def test_as_many_run_at_once_as_the_settings_say_and_no_more(start: Start) -> None:
    running, most = 0, 0
    together: list[asyncio.Barrier] = []

    async def meet(alert: Alert) -> None:
        nonlocal running, most
        together or together.append(asyncio.Barrier(3))  # type: ignore[func-returns-value]
        running += 1
        most = max(most, running)
        await together[0].wait()
        running -= 1

    receiver, _ = start(meet, concurrency=3)
    offer(receiver, *range(30))
    assert {one[0] for one in receiver.wait_settled(30)} == {"delivered"}
    assert most == 3


def test_no_thread_is_switched_to_for_a_call(start: Start) -> None:
    threads = set()

    async def ok(alert: Alert) -> None:
        threads.add(threading.current_thread().name)

    receiver, _ = start(ok)
    offer(receiver, *range(20))
    receiver.wait_settled(20)
    assert threads == {"p-loop"}


def test_a_call_that_is_too_late_is_cancelled_and_the_others_go_on(start: Start) -> None:
    cancelled = []

    async def sometimes(alert: Alert, ctx: Context) -> None:
        if ctx.alert_id == 1:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(ctx.alert_id)
                raise

    receiver, dispatcher = start(sometimes, concurrency=1, timeout=0.05)
    offer(receiver, 1, 2, 3)
    (outcome, number, (_, error)), *others = receiver.wait_settled(3)
    assert (outcome, number, cancelled) == ("retry", 1, [1])
    assert error.startswith("TimeoutError: no result within 0.05 s (unit/delivery/test_task_pool")
    assert [one[:2] for one in others] == [("delivered", 2), ("delivered", 3)]
    assert runner_of(dispatcher)._pool.hanging == 0


def test_a_call_that_ignores_its_cancellation_hangs_until_it_ends(start: Start) -> None:
    let_go = threading.Event()

    async def stubborn(alert: Alert, ctx: Context) -> None:
        while ctx.alert_id == 1 and not let_go.is_set():
            try:
                await asyncio.sleep(0.001)
            except asyncio.CancelledError:
                continue

    receiver, dispatcher = start(stubborn, concurrency=1, timeout=0.05)
    pool = runner_of(dispatcher)._pool
    offer(receiver, 1, 2)
    assert sorted(one[:2] for one in receiver.wait_settled(2)) == [("delivered", 2), ("retry", 1)]
    assert (pool.hanging, pool.active) == (1, 1)
    let_go.set()
    until_watched(dispatcher, lambda: pool.hanging == 0)
    assert stopped(dispatcher)
    assert len(receiver.settled) == 2


def test_when_all_hang_no_alert_is_kept_from_the_inbox(start: Start) -> None:
    let_go = threading.Event()

    async def stubborn(alert: Alert, ctx: Context) -> None:
        while ctx.attempt == 1 and not let_go.is_set():
            try:
                await asyncio.sleep(0.001)
            except asyncio.CancelledError:
                continue

    receiver, dispatcher = start(stubborn, concurrency=2, timeout=0.05)
    offer(receiver, *range(9))
    receiver.wait_settled(4)
    until_watched(dispatcher, lambda: runner_of(dispatcher)._fetcher.ready == 0)
    assert runner_of(dispatcher)._pool.active == 0
    let_go.set()
    settled = receiver.wait_settled(9)
    assert sorted(one[1] for one in settled) == list(range(9))
    assert [one[0] for one in settled].count("retry") == 4


@pytest.mark.parametrize("first", [1, 100])
def test_a_call_that_blocks_the_loop_is_found_and_costs_the_others_nothing(
    start: Start, caplog: pytest.LogCaptureFixture, first: int
) -> None:
    let_go, blocks = threading.Event(), threading.Event()

    async def blocking(alert: Alert, ctx: Context) -> None:
        if ctx.alert_id == 100:
            blocks.set()
            let_go.wait(DEADLINE_S)

    receiver, dispatcher = start(blocking, concurrency=4, timeout=0.05)
    offer(receiver, first)
    if first != 100:
        receiver.wait_settled(1)
        offer(receiver, 100)
    assert blocks.wait(DEADLINE_S)
    offer(receiver, *range(101, 109))
    pool = runner_of(dispatcher)._pool
    until_watched(dispatcher, lambda: pool.active == 0)
    (late,) = (one for one in receiver.wait_settled(1 + (first != 100)) if one[1] == 100)
    assert "test_task_pool.py" in late[2][1], "the line that blocks is named"
    until_watched(dispatcher, lambda: pool.hanging == 1)
    assert "plugin p: a handler blocks its event loop" in caplog.text
    let_go.set()
    settled = receiver.wait_settled(9 + (first != 100))
    assert [one[1] for one in settled if one[0] != "delivered"] == [100]
    until_watched(dispatcher, lambda: (pool.active, pool.hanging) == (4, 0))


def test_a_stop_waits_for_the_tasks_under_way_and_gives_the_others_back(start: Start) -> None:
    begun, go = threading.Semaphore(0), threading.Event()

    async def slow(alert: Alert) -> None:
        begun.release()
        while not go.is_set():
            await asyncio.sleep(0.001)

    receiver, dispatcher = start(slow, concurrency=2)
    offer(receiver, 1, 2)
    for _ in range(2):
        assert begun.acquire(timeout=DEADLINE_S)
    offer(receiver, 3, 4)
    ends: list[bool] = []
    stopper = threading.Thread(target=lambda: ends.append(stopped(dispatcher)))
    stopper.start()
    assert runner_of(dispatcher)._fetcher.stopping.wait(DEADLINE_S)
    go.set()
    stopper.join(DEADLINE_S)
    assert ends == [True]
    assert sorted(one[:2] for one in receiver.settled) == [("delivered", 1), ("delivered", 2)]
    assert runner_of(dispatcher)._fetcher.ready == 0


def test_a_stop_whose_deadline_passes_leaves_the_task_unsettled(start: Start) -> None:
    begun, go, left = threading.Event(), threading.Event(), threading.Event()

    async def slow(alert: Alert, ctx: Context) -> None:
        if ctx.alert_id == 2:
            begun.set()
            while not go.is_set():
                await asyncio.sleep(0.001)
            left.set()

    receiver, dispatcher = start(slow, timeout=3600)
    offer(receiver, 1)
    receiver.wait_settled(1)
    offer(receiver, 2)
    assert begun.wait(DEADLINE_S)
    assert not dispatcher.stop(time.monotonic())
    assert receiver.settled == [("delivered", 1, None)]
    go.set()
    assert left.wait(DEADLINE_S)


def test_a_stop_of_a_plugin_that_got_no_alert_starts_no_loop(start: Start) -> None:
    async def ok(alert: Alert) -> None:
        pass

    _, dispatcher = start(ok)
    assert stopped(dispatcher)
    assert not runner_of(dispatcher)._loop.has_started


def test_a_probe_is_one_task(start: Start) -> None:
    up = threading.Event()
    tried: list[int] = []

    async def target(alert: Alert, ctx: Context) -> None:
        tried.append(ctx.alert_id)
        await asyncio.sleep(0)
        if not up.is_set():
            raise Unavailable("401: the key was revoked")

    receiver, _ = start(target, concurrency=4, retry={"first": 0.05, "max": 0.05})
    offer(receiver, 1)
    receiver.wait_settled(1)
    offer(receiver, *range(2, 40))
    receiver.wait_settled(3)
    probed = len(tried)
    assert probed <= 4, "one after the other"
    up.set()
    settled = receiver.wait_settled(probed + 30)
    assert {one[0] for one in settled[probed + 1 :]} == {"delivered"}


def test_the_rate_is_kept_by_tasks(start: Start) -> None:
    async def paced(alert: Alert) -> None:
        pass

    receiver, dispatcher = start(paced, rate="4/h")
    offer(receiver, *range(10))
    receiver.wait_settled(4)
    assert stopped(dispatcher)
    assert len(receiver.settled) == 4


def test_slow_retries_leave_half_of_the_tasks_to_new_alerts(start: Start) -> None:
    hanging = threading.Semaphore(0)
    hang = threading.Event()

    async def handle(alert: Alert, ctx: Context) -> None:
        if ctx.attempt > 1:
            hanging.release()
            while not hang.is_set():
                await asyncio.sleep(0.001)

    receiver, _ = start(handle, concurrency=4, timeout=3600)
    offer(receiver, *range(10), attempt=2)
    for _ in range(2):
        assert hanging.acquire(timeout=DEADLINE_S)
    offer(receiver, *range(100, 200))
    assert {one[1] for one in receiver.wait_settled(100)} == set(range(100, 200))
    assert not hanging.acquire(blocking=False), "more retries began"
    hang.set()
    assert {one[1] for one in receiver.wait_settled(110)[100:]} == set(range(10))


def test_a_batch_is_one_task(start: Start) -> None:
    sizes = []
    gate = threading.Event()

    class Batches:
        def setup(self) -> None:
            gate.wait(DEADLINE_S)

        async def handle_batch(self, alerts: list[Alert], ctx: Context) -> None:
            sizes.append([one.alert_id for one in ctx.each])

    receiver, _ = start(Batches, concurrency=1)
    offer(receiver, 1, 2)
    offer(receiver, 3, attempt=2)
    offer(receiver, 4, 5)
    gate.set()
    receiver.wait_settled(5)
    assert sizes == [[1, 2], [3], [4, 5]]


def test_outcomes_and_state_of_tasks_are_those_of_threads(start: Start) -> None:
    class Dead:
        def __init__(self) -> None:
            self.dead: list[str] = []

        async def handle(self, alert: Alert, ctx: Context) -> None:
            ctx.state.set(f"seen-{ctx.alert_id}", 1)
            if ctx.alert_id == 1:
                raise Reject("not mine")
            if ctx.alert_id == 2:
                raise ValueError("broken")

    receiver, _ = start(Dead, concurrency=1)
    offer(receiver, 1, 2, 3)
    assert [one[:2] for one in receiver.wait_settled(3)] == [
        ("rejected", 1),
        ("retry", 2),
        ("delivered", 3),
    ]
    assert dict(receiver.stores["p"].page("", "")[0]) == {"seen-1": "1", "seen-3": "1"}


@pytest.mark.parametrize("name", ["fetch", "delivered"])
def test_a_failure_of_ours_costs_neither_the_loop_nor_a_settlement(
    monkeypatch: pytest.MonkeyPatch, start: Start, name: str
) -> None:
    async def ok(alert: Alert) -> None:
        pass

    receiver = FakeReceiver()
    call, failures = getattr(receiver, name), [MemoryError()]

    def fails_once(*arguments: Any) -> Any:
        if failures:
            raise failures.pop()
        return call(*arguments)

    monkeypatch.setattr(receiver, name, fails_once)
    monkeypatch.setattr("incm_webhook.delivery.task_pool.PAUSE_S", 0.0)
    offer(receiver, 1)
    _, dispatcher = start(ok, receiver, concurrency=1)
    receiver.wait_settled(1)
    offer(receiver, 2)
    assert [one[:2] for one in receiver.wait_settled(2)] == [("delivered", 1), ("delivered", 2)]
    assert stopped(dispatcher)


def test_a_closed_inbox_ends_the_fetching_quietly(start: Start) -> None:
    async def ok(alert: Alert) -> None:
        pass

    def closed(*_: object) -> list[FakeDelivery]:
        raise ClosedError("the inbox is closed")

    receiver = FakeReceiver()
    receiver.fetch = closed  # type: ignore[method-assign, assignment]
    _, dispatcher = start(ok, receiver)
    assert stopped(dispatcher)


def test_a_loop_that_gets_no_thread_costs_no_attempt(
    monkeypatch: pytest.MonkeyPatch, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    async def ok(alert: Alert) -> None:
        pass

    begin, refused = threading.Thread.start, threading.Event()

    def no_room(thread: threading.Thread) -> None:
        if thread.name == "p-loop" and not refused.is_set():
            refused.set()
            raise RuntimeError("can't start new thread")
        begin(thread)

    monkeypatch.setattr(threading.Thread, "start", no_room)
    monkeypatch.setattr("incm_webhook.delivery.task_pool.PAUSE_S", 0.0)
    receiver, _ = start(ok)
    offer(receiver, 1)
    assert receiver.wait_settled(1) == [("delivered", 1, None)]
    assert receiver.returned == [1]
    assert "plugin p: a worker failed: RuntimeError: can't start new thread" in caplog.text


def test_a_plugin_that_cancels_all_tasks_of_its_loop_loses_none_for_good(start: Start) -> None:
    async def wild(alert: Alert, ctx: Context) -> None:
        if ctx.alert_id == 1:
            for task in asyncio.all_tasks():
                task.cancel()
            await asyncio.sleep(0)

    receiver, dispatcher = start(wild, concurrency=3, timeout=0.2)
    offer(receiver, *range(1, 10))
    settled = receiver.wait_settled(9)
    assert len({one[1] for one in settled}) == 9
    assert [one[1] for one in settled if one[0] == "retry"][:1] == [1]
    assert stopped(dispatcher)


def test_an_alert_does_not_wait_for_a_slow_call_while_there_is_room(start: Start) -> None:
    began, let_go = threading.Event(), threading.Event()

    async def slow(alert: Alert, ctx: Context) -> None:
        if ctx.alert_id == 1:
            began.set()
            while not let_go.is_set():
                await asyncio.sleep(0.001)

    receiver, dispatcher = start(slow, concurrency=2)
    dispatcher._stopping.set()  # the watchdog would have more fetched, too
    dispatcher._watchdog.join()
    offer(receiver, 1)
    assert began.wait(DEADLINE_S)
    offer(receiver, 2)
    assert receiver.wait_settled(1) == [("delivered", 2, None)]
    let_go.set()
    assert stopped(dispatcher)


def test_a_stop_gives_up_a_call_that_is_too_late(start: Start) -> None:
    began = threading.Event()

    async def never(alert: Alert) -> None:
        began.set()
        await asyncio.Event().wait()

    receiver, dispatcher = start(never, timeout=0.2)
    offer(receiver, 1)
    assert began.wait(DEADLINE_S)
    assert stopped(dispatcher)
    (outcome, number, _) = receiver.settled[0]
    assert (outcome, number) == ("retry", 1)


def test_no_call_sees_the_context_of_another(start: Start) -> None:
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable", default=0)
    seen = []

    async def leave(alert: Alert, ctx: Context) -> None:
        seen.append(variable.get())
        variable.set(ctx.alert_id)

    receiver, _ = start(leave, concurrency=1)
    offer(receiver, 1, 2, 3)
    receiver.wait_settled(3)
    assert seen == [0, 0, 0]


@pytest.mark.parametrize("error", [GeneratorExit, KeyboardInterrupt, asyncio.CancelledError])
def test_no_exception_of_a_handler_costs_a_place(start: Start, error: type[BaseException]) -> None:
    async def leave(alert: Alert) -> None:
        raise error

    receiver, dispatcher = start(leave, concurrency=1, breaker=0)
    offer(receiver, 1, 2, 3, 4, 5)
    assert {one[0] for one in receiver.wait_settled(5)} == {"retry"}
    pool = runner_of(dispatcher)._pool
    assert (pool.hanging, pool.places) == (0, 1)
    assert stopped(dispatcher)
