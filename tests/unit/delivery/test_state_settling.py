"""What a call changes in the state is settled with its outcome, or not at all."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from incm_webhook import Alert, Context, Reject, Retry, Unavailable
from incm_webhook._core import PythonWatch
from incm_webhook.config.settings import PluginSettings
from incm_webhook.delivery.dispatcher import Dispatcher
from incm_webhook.hosting import registry
from incm_webhook.state import State, StateKeeper

from .test_dispatcher import DEADLINE_S, FakeDelivery, FakeReceiver, pool_of, runner_of

Handler = Callable[[Alert, Context], None]


def settled(handler: Any, *alert_ids: int, **settings: Any) -> FakeReceiver:
    """Settle one call after the other, without threads."""
    runner, receiver = runner_of(handler, **settings)
    for alert_id in alert_ids:
        delivery: Any = FakeDelivery(alert_id, runner.name)
        pool_of(runner).run_call([delivery], deque())
    runner._settlements.flush()
    return receiver


def test_a_call_sees_what_the_call_before_it_changed() -> None:
    seen: list[Any] = []

    def count(alert: Alert, ctx: Context) -> None:
        seen.append(ctx.state.get("count", 0))
        ctx.state.set("count", seen[-1] + 1)

    receiver = settled(count, 1, 2, 3)
    assert seen == [0, 1, 2]
    assert receiver.stores["count"].get("count") == "3"
    assert [one[:2] for one in receiver.settled] == [
        ("delivered", 1),
        ("delivered", 2),
        ("delivered", 3),
    ]


@pytest.mark.parametrize(
    ("error", "outcome", "kept"),
    [
        (Retry(after=5), "retry", True),
        (Reject("no"), "rejected", True),
        (Unavailable("401"), "unavailable", True),
        (KeyError("x"), "retry", False),
        (SystemExit(), "retry", False),
    ],
)
def test_only_a_declared_outcome_keeps_it(
    error: BaseException, outcome: str, *, kept: bool
) -> None:
    def ends(alert: Alert, ctx: Context) -> None:
        ctx.state.set("k", 1)
        raise error

    receiver = settled(ends, 1)
    assert [one[0] for one in receiver.settled] == [outcome]
    assert receiver.stores["ends"].get("k") == ("1" if kept else None)


def test_a_batch_is_settled_in_one_step() -> None:
    steps: list[tuple[int, int]] = []

    class Watching(FakeReceiver):
        def settle_failed(self, deliveries: Any, *arguments: Any) -> None:
            steps.append((len(deliveries), len(arguments[-1])))
            super().settle_failed(deliveries, *arguments)

    class Batch:
        def handle_batch(self, alerts: list[Alert], ctx: Context) -> None:
            ctx.state.set("k", len(alerts))
            raise Retry

    receiver = Watching()
    plugin = registry.load_object(Batch, PluginSettings(use="x", name="Batch"))
    dispatcher = Dispatcher(receiver, [plugin], PythonWatch())  # type: ignore[arg-type]
    receiver.offer(*(FakeDelivery(number, "Batch") for number in range(1, 6)))
    dispatcher.start()
    receiver.wait_settled(5)
    dispatcher.stop(0.0)
    assert sum(size for size, _ in steps) == 5
    assert all(changes == 1 for _, changes in steps)
    assert len(steps) < 5


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[StateKeeper]:
    """The keepers of the states that are opened, one for each state."""
    keepers: list[StateKeeper] = []
    make = State.__init__

    def note(state: State, keeper: StateKeeper) -> None:
        keepers.append(keeper)
        make(state, keeper)

    monkeypatch.setattr(State, "__init__", note)
    return keepers


def batch_of(handle: Callable[[Context], None], count: int = 3) -> FakeReceiver:
    """Settle one call of a batch plugin."""

    class Batch:
        def handle_batch(self, alerts: list[Alert], ctx: Context) -> None:
            handle(ctx)

    runner, receiver = runner_of(Batch)
    deliveries: Any = [FakeDelivery(number, runner.name) for number in range(count)]
    pool_of(runner).run_call(deliveries, deque())
    runner._settlements.flush()
    return receiver


def test_a_call_that_keeps_no_state_opens_none(opened: list[StateKeeper]) -> None:
    def keep_nothing(alert: Alert, ctx: Context) -> None:
        pass

    assert len(batch_of(lambda ctx: None).settled) == 3
    assert len(settled(keep_nothing, 1).settled) == 1
    assert opened == []


def test_a_batch_opens_one_state_at_its_first_use(opened: list[StateKeeper]) -> None:
    def keep(ctx: Context) -> None:
        for number, one in enumerate(ctx.each):
            one.state.set(f"{number}", ctx.state.get("0", "nothing yet"))
        assert ctx.each[1].state is ctx.state

    receiver = batch_of(keep)
    assert len(opened) == 1
    store = receiver.stores["Batch"]
    assert [store.get(key) for key in "012"] == ['"nothing yet"'] * 3


@pytest.mark.parametrize("used", [True, False])
def test_a_state_is_over_when_its_call_is(*, used: bool) -> None:
    left: list[Context] = []

    def leave(ctx: Context) -> None:
        if used:
            ctx.state.set("k", 1)
        left.extend((ctx, *ctx.each))

    def leave_one(alert: Alert, ctx: Context) -> None:
        leave(ctx)

    batch_of(leave)
    settled(leave_one, 1)
    assert len(left) == 5
    for one in left:
        with pytest.raises(RuntimeError, match="belongs to a call that is over"):
            one.state.set("k", 2)


def test_what_a_call_that_takes_too_long_changes_is_dropped() -> None:
    goes_on = threading.Event()
    ended = threading.Event()

    def slow(alert: Alert, ctx: Context) -> None:
        ctx.state.set("k", 1)
        goes_on.wait(DEADLINE_S)
        ctx.state.set("l", 1)
        ended.set()

    receiver = FakeReceiver()
    plugin = registry.load_object(slow, PluginSettings(use="x", name="slow", timeout=0.05))
    dispatcher = Dispatcher(receiver, [plugin], PythonWatch())  # type: ignore[arg-type]
    receiver.offer(FakeDelivery(1, "slow"))
    dispatcher.start()
    ((outcome, _, (_, error)),) = receiver.wait_settled(1)
    assert (outcome, "TimeoutError" in error) == ("retry", True)
    goes_on.set()
    assert ended.wait(DEADLINE_S)
    dispatcher.stop(0.0)
    assert receiver.stores["slow"].count() == 0
