"""on_dead is called once for each dead letter, beside the deliveries."""

import asyncio
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from incm_webhook import Alert, Context, Reject, plugin
from incm_webhook._core import PythonWatch
from incm_webhook.config.settings import PluginSettings
from incm_webhook.delivery.runner import PluginRunner
from incm_webhook.hosting import registry
from unit.delivery.test_dispatcher import DEADLINE_S, FakeDelivery, FakeReceiver, pool_of


class Calls:
    """What on_dead was called with."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._calls: list[tuple[int, str]] = []

    def add(self, ctx: Context, reason: str) -> None:
        with self._changed:
            self._calls.append((ctx.alert_id, reason))
            self._changed.notify_all()

    def wait(self, count: int) -> list[tuple[int, str]]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._calls) >= count, DEADLINE_S)
            return list(self._calls)


def runner_of(
    handler: Callable[..., Any], on_dead: Callable[..., Any], **more: Any
) -> PluginRunner:
    marked = plugin("pager", on_dead=on_dead)(handler)
    loaded = registry.load_object(marked, PluginSettings(use="x", name="pager", **more))
    return PluginRunner(FakeReceiver(), loaded, random.Random(1), PythonWatch())  # type: ignore[arg-type]


def deliver(runner: PluginRunner, *deliveries: FakeDelivery) -> None:
    for one in deliveries:
        pool_of(runner).run_call([one], deque())  # type: ignore[list-item]


def refuse(alert: Alert, ctx: Context) -> None:
    if ctx.alert_id == 1:
        raise Reject("not mine")
    raise ValueError("boom")


@pytest.mark.parametrize("asynchronous", [False, True])
def test_it_is_called_for_rejected_and_given_up_deliveries_only(*, asynchronous: bool) -> None:
    calls = Calls()

    def plain(alert: Alert, ctx: Context, reason: str) -> None:
        calls.add(ctx, reason)

    async def awaited(alert: Alert, ctx: Context, reason: str) -> None:
        calls.add(ctx, reason)

    runner = runner_of(refuse, awaited if asynchronous else plain, retry={"give_up": "10s"})
    deliver(
        runner,
        FakeDelivery(1, "pager"),
        FakeDelivery(2, "pager", age=1),
        FakeDelivery(3, "pager", age=99),
    )
    (first, second) = calls.wait(2)
    assert first == (1, "not mine")
    assert second[0] == 3
    assert second[1].startswith("ValueError: boom (")
    assert runner.stop(time.monotonic() + DEADLINE_S)
    assert len(calls.wait(2)) == 2


def test_its_failure_is_logged_and_the_next_dead_letter_reaches_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    calls = Calls()

    def on_dead(alert: Alert, ctx: Context, reason: str) -> None:
        calls.add(ctx, reason)
        raise SystemExit("no mail")

    runner = runner_of(refuse, on_dead, retry={"give_up": "10s"})
    deliver(runner, FakeDelivery(1, "pager"), FakeDelivery(3, "pager", age=99))
    assert [one for one, _ in calls.wait(2)] == [1, 3]
    assert runner.stop(time.monotonic() + DEADLINE_S)
    lines = [one.getMessage() for one in caplog.records if "on_dead" in one.getMessage()]
    assert lines[0].startswith("plugin pager: on_dead for alert 1 failed: SystemExit: no mail (")


@pytest.mark.parametrize("asynchronous", [False, True])
def test_one_that_hangs_is_given_up_and_delays_nothing(
    caplog: pytest.LogCaptureFixture, *, asynchronous: bool
) -> None:
    calls, over = Calls(), threading.Event()

    def plain(alert: Alert, ctx: Context, reason: str) -> None:
        calls.add(ctx, reason)
        if ctx.alert_id == 1:
            over.wait()

    async def awaited(alert: Alert, ctx: Context, reason: str) -> None:
        calls.add(ctx, reason)
        if ctx.alert_id == 1:
            await asyncio.Event().wait()

    runner = runner_of(refuse, awaited if asynchronous else plain, timeout="50ms")
    deliver(runner, FakeDelivery(1, "pager"), FakeDelivery(3, "pager", age=1e6))
    calls.wait(1)
    deadline = time.monotonic() + DEADLINE_S
    while len(calls.wait(1)) < 2:
        runner.expire()  # as the watchdog does
        assert time.monotonic() < deadline
    lines = [one.getMessage() for one in caplog.records if "on_dead" in one.getMessage()]
    assert lines[0].startswith("plugin pager: on_dead for alert 1 failed: TimeoutError: ")
    over.set()
    assert runner.stop(time.monotonic() + DEADLINE_S)


def test_beyond_its_room_it_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    calls, over = Calls(), threading.Event()

    def on_dead(alert: Alert, ctx: Context, reason: str) -> None:
        calls.add(ctx, reason)
        over.wait()

    runner = runner_of(refuse, on_dead, retry={"give_up": "10s"})
    deliver(runner, FakeDelivery(1, "pager"))
    calls.wait(1)
    deliver(runner, *(FakeDelivery(number, "pager", age=99) for number in range(2, 104)))
    over.set()
    assert [one for one, _ in calls.wait(101)] == list(range(1, 102))
    assert runner.stop(time.monotonic() + DEADLINE_S)
    lines = [one.getMessage() for one in caplog.records if "on_dead" in one.getMessage()]
    assert lines[0] == "plugin pager: on_dead for alert 102 is not called: 100 others wait"
    assert len(calls.wait(101)) == 101


def started(receiver: FakeReceiver, handler: Any, on_dead: Any, **more: Any) -> PluginRunner:
    marked = plugin("pager", on_dead=on_dead)(handler)
    loaded = registry.load_object(marked, PluginSettings(use="x", name="pager", **more))
    runner = PluginRunner(receiver, loaded, random.Random(1), PythonWatch())  # type: ignore[arg-type]
    runner.start()
    return runner


def test_what_expired_is_settled_after_on_dead_and_never_attempted() -> None:
    seen: list[Any] = []
    receiver = FakeReceiver()

    def handle(alert: Alert, ctx: Context) -> None:
        seen.append(ctx.alert_id)

    def on_dead(alert: Alert, ctx: Context, reason: str) -> None:
        seen.append((ctx.alert_id, ctx.attempt, reason, list(receiver.settled)))
        raise RuntimeError("fails, too")

    expired = [FakeDelivery(number, "pager", 2, expired=True) for number in (1, 2)]
    receiver.offer(*expired)
    runner = started(receiver, handle, on_dead)
    reason = "the receiver ended before the plugin was done with the alert"
    assert receiver.wait_settled(2) == [("dead", 1, reason), ("dead", 2, reason)]
    assert [one[:3] for one in seen] == [(1, 2, reason), (2, 2, reason)]
    assert seen[0][3] == [], "a crash in on_dead leaves it open"
    receiver.offer(FakeDelivery(3, "pager"))
    receiver.wait_settled(3)
    assert seen[2:] == [3]
    assert runner.stop(time.monotonic() + DEADLINE_S)


def test_more_may_have_expired_than_dead_letters_can_wait() -> None:
    called: list[int] = []

    def on_dead(alert: Alert, ctx: Context, reason: str) -> None:
        called.append(ctx.alert_id)

    receiver = FakeReceiver()
    receiver.offer(*(FakeDelivery(number, "pager", 2, expired=True) for number in range(300)))
    runner = started(receiver, refuse, on_dead, concurrency=200)
    receiver.wait_settled(300)
    assert sorted(called) == list(range(300))
    assert runner.stop(time.monotonic() + DEADLINE_S)


def test_what_expired_is_settled_when_on_dead_hangs() -> None:
    goes_on = threading.Event()

    def hang(alert: Alert, ctx: Context, reason: str) -> None:
        goes_on.wait(DEADLINE_S)

    receiver = FakeReceiver()
    receiver.offer(*(FakeDelivery(number, "pager", 2, expired=True) for number in range(4)))
    runner = started(receiver, refuse, hang, timeout=0.05, concurrency=8)
    while len(receiver.settled) < 4:  # two calls hang, and no thread is left for the others
        runner.expire()
    assert sorted(one[:2] for one in receiver.settled) == [("dead", number) for number in range(4)]
    goes_on.set()
    assert runner.stop(time.monotonic() + DEADLINE_S)
    assert len(receiver.settled) == 4


def test_what_expired_is_settled_without_an_on_dead() -> None:
    receiver = FakeReceiver()
    receiver.offer(FakeDelivery(1, "refuse", 2, expired=True))
    loaded = registry.load_object(refuse, PluginSettings(use="x", name="refuse"))
    runner = PluginRunner(receiver, loaded, random.Random(1), PythonWatch())  # type: ignore[arg-type]
    runner.start()
    assert receiver.wait_settled(1)[0][:2] == ("dead", 1)
    assert runner.stop(time.monotonic() + DEADLINE_S)


def test_what_expired_stays_open_when_the_server_stops_before_the_call() -> None:
    goes_on = threading.Event()

    def hang(alert: Alert, ctx: Context, reason: str) -> None:
        goes_on.wait(DEADLINE_S)

    receiver = FakeReceiver()
    receiver.offer(*(FakeDelivery(number, "pager", 2, expired=True) for number in (1, 2, 3)))
    runner = started(receiver, refuse, hang, concurrency=8)
    while len(runner._dead_letters._waiting) < 2:
        pass
    runner._dead_letters.stop(time.monotonic())
    goes_on.set()
    assert receiver.wait_settled(1)[0][:2] == ("dead", 1)
    assert runner.stop(time.monotonic() + DEADLINE_S)
    assert len(receiver.settled) == 1
