"""A plugin takes over from the one before it: nothing is lost, nothing is made by both."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from incm_webhook import Alert
from incm_webhook._core import ConfigError, PythonWatch
from incm_webhook.config.settings import PluginSettings
from incm_webhook.delivery.dispatcher import Dispatcher
from incm_webhook.hosting import registry
from incm_webhook.hosting.loaded_plugin import LoadedPlugin

from .test_dispatcher import DEADLINE_S, FakeDelivery, FakeReceiver

Start = Callable[..., tuple[Dispatcher, FakeReceiver]]


def loaded(handler: Any, **settings: Any) -> LoadedPlugin:
    spec = PluginSettings.model_validate({"use": "x", "name": "p", **settings})
    return registry.load_object(handler, spec)


def later() -> float:
    return time.monotonic() + DEADLINE_S


@pytest.fixture
def start() -> Iterator[Start]:
    running: list[Dispatcher] = []

    def start_plugins(*plugins: LoadedPlugin) -> tuple[Dispatcher, FakeReceiver]:
        receiver = FakeReceiver()
        dispatcher = Dispatcher(receiver, plugins, PythonWatch())  # type: ignore[arg-type]
        dispatcher.start()
        running.append(dispatcher)
        return dispatcher, receiver

    yield start_plugins
    for dispatcher in running:
        dispatcher.stop(0.0)


class Steps:
    """The steps of plugins, in their order."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.seen: list[str] = []

    def note(self, step: str) -> None:
        with self._changed:
            self.seen.append(step)
            self._changed.notify_all()

    def wait(self, step: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: step in self.seen, DEADLINE_S), self.seen


def plugin_class(steps: Steps, name: str, wait: threading.Event | None = None) -> type:
    class Plugin:
        def setup(self) -> None:
            steps.note(f"{name} setup")

        def handle(self, alert: Alert) -> None:
            steps.note(f"{name} begins")
            if wait is not None:
                wait.wait(DEADLINE_S)
            steps.note(f"{name} ends")

        def close(self) -> None:
            steps.note(f"{name} close")

    return Plugin


@pytest.mark.parametrize("order", ["none", "device"])
def test_the_new_one_begins_when_the_calls_of_the_old_one_have_ended(
    start: Start, order: str
) -> None:
    steps, go = Steps(), threading.Event()
    old = loaded(plugin_class(steps, "old", go), concurrency=1)
    dispatcher, receiver = start(old)
    receiver.offer(FakeDelivery(1, "p"))
    steps.wait("old begins")
    receiver.offer(FakeDelivery(2, "p"))
    dispatcher.replace([loaded(plugin_class(steps, "new"), order=order)], [], later())
    go.set()
    assert receiver.wait_settled(2) == [("delivered", 1, None), ("delivered", 2, None)]
    expected = ["old setup", "old begins", "old ends", "old close"]
    assert steps.seen == [*expected, "new setup", "new begins", "new ends"]
    assert receiver.orders == {"p": order == "device"}


def test_another_plugin_goes_on_meanwhile(start: Start) -> None:
    steps, go = Steps(), threading.Event()
    dispatcher, receiver = start(
        loaded(plugin_class(steps, "old", go)),
        loaded(plugin_class(steps, "other"), name="other"),
    )
    receiver.offer(FakeDelivery(1, "p"))
    steps.wait("old begins")
    dispatcher.replace([loaded(plugin_class(steps, "new"))], [], later())
    receiver.offer(FakeDelivery(2, "other"))
    steps.wait("other ends")
    assert "other close" not in steps.seen
    assert "new setup" not in steps.seen
    go.set()
    steps.wait("new setup")


def test_a_call_that_does_not_end_is_settled_as_failed_and_its_result_ignored(
    start: Start,
) -> None:
    steps, go = Steps(), threading.Event()
    dispatcher, receiver = start(loaded(plugin_class(steps, "old", go)))
    receiver.offer(FakeDelivery(1, "p"))
    steps.wait("old begins")
    dispatcher.replace([loaded(plugin_class(steps, "new"))], [], time.monotonic())
    ((outcome, number, (_, error)),) = receiver.wait_settled(1)
    assert (outcome, number) == ("retry", 1)
    assert "a reload has replaced the plugin" in error
    steps.wait("new setup")
    go.set()
    steps.wait("old ends")
    receiver.offer(FakeDelivery(2, "p"))
    steps.wait("new ends")
    assert [one[:2] for one in receiver.wait_settled(2)] == [("retry", 1), ("delivered", 2)]
    assert "old close" not in steps.seen


def test_a_close_that_hangs_is_left_behind_and_the_new_one_delivers(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    steps, go = Steps(), threading.Event()

    class Hanging(plugin_class(steps, "old")):  # type: ignore[misc]
        def close(self) -> None:
            steps.note("old close")
            go.wait(2 * DEADLINE_S)

    dispatcher, receiver = start(loaded(Hanging))
    steps.wait("old setup")
    dispatcher.replace([loaded(plugin_class(steps, "new"))], [], time.monotonic() + 1)
    steps.wait("old close")
    receiver.offer(FakeDelivery(1, "p"))
    assert receiver.wait_settled(1) == [("delivered", 1, None)]
    assert "new ends" in steps.seen
    assert "plugin p: its close hangs; it is left behind" in caplog.text
    go.set()


def test_a_stop_reports_a_call_that_a_reload_left_behind(start: Start) -> None:
    steps, go = Steps(), threading.Event()
    dispatcher, receiver = start(loaded(plugin_class(steps, "old", go)))
    receiver.offer(FakeDelivery(1, "p"))
    steps.wait("old begins")
    dispatcher.replace([loaded(plugin_class(steps, "new"))], [], time.monotonic())
    steps.wait("new setup")
    assert not dispatcher.stop(later())
    assert "new close" in steps.seen
    go.set()


def test_a_set_up_that_was_left_behind_is_closed_when_it_ends(start: Start) -> None:
    steps, go = Steps(), threading.Event()

    class Slow(plugin_class(steps, "old")):  # type: ignore[misc]
        def setup(self) -> None:
            steps.note("old setup")
            go.wait(DEADLINE_S)

    dispatcher, receiver = start(loaded(Slow))
    steps.wait("old setup")
    dispatcher.replace([loaded(plugin_class(steps, "new"))], [], time.monotonic())
    steps.wait("new setup")
    go.set()
    steps.wait("old close")
    receiver.offer(FakeDelivery(1, "p"))
    assert receiver.wait_settled(1) == [("delivered", 1, None)]
    assert "old begins" not in steps.seen


def without_thread(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Have the system refuse the next thread of a name."""
    start_thread = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name == name:
            monkeypatch.undo()
            raise RuntimeError("can't start new thread")
        start_thread(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)


def test_without_a_thread_for_the_exchange_the_old_one_goes_on(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = Steps()
    dispatcher, receiver = start(loaded(plugin_class(steps, "old")))
    steps.wait("old setup")
    without_thread(monkeypatch, "p-reload")
    assert dispatcher.replace([loaded(plugin_class(steps, "new"))], [], later()) == ["p"]
    receiver.offer(FakeDelivery(1, "p"))
    assert receiver.wait_settled(1) == [("delivered", 1, None)]
    assert "old ends" in steps.seen
    assert dispatcher.replace([loaded(plugin_class(steps, "again"))], [], later()) == []
    steps.wait("again setup")


def test_without_a_thread_for_the_new_one_it_is_started_later(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = Steps()
    dispatcher, receiver = start(loaded(plugin_class(steps, "old")))
    steps.wait("old setup")
    without_thread(monkeypatch, "p-setup")
    dispatcher.replace([loaded(plugin_class(steps, "new"))], [], later())
    receiver.offer(FakeDelivery(1, "p"))
    assert receiver.wait_settled(1) == [("delivered", 1, None)]
    assert "new ends" in steps.seen


def test_an_asynchronous_call_that_does_not_end_is_cancelled(start: Start) -> None:
    import asyncio

    steps = Steps()

    async def waits(alert: Alert) -> None:
        steps.note("begins")
        try:
            await asyncio.sleep(DEADLINE_S)
        except asyncio.CancelledError:
            steps.note("cancelled")
            raise

    dispatcher, receiver = start(loaded(waits))
    receiver.offer(FakeDelivery(1, "p"))
    steps.wait("begins")
    dispatcher.replace([loaded(plugin_class(steps, "new"))], [], time.monotonic())
    steps.wait("new setup")
    steps.wait("cancelled")
    assert [one[:2] for one in receiver.wait_settled(1)] == [("retry", 1)]


def test_a_removed_plugin_is_closed_and_gets_nothing_more(start: Start) -> None:
    steps = Steps()
    dispatcher, receiver = start(loaded(plugin_class(steps, "old")))
    steps.wait("old setup")
    dispatcher.replace([], ["p"], later())
    steps.wait("old close")
    receiver.offer(FakeDelivery(1, "p"))
    dispatcher.replace([loaded(plugin_class(steps, "again"))], [], later())
    assert receiver.wait_settled(1) == [("delivered", 1, None)]
    assert "again ends" in steps.seen


def test_an_added_plugin_starts(start: Start) -> None:
    steps = Steps()
    dispatcher, receiver = start()
    dispatcher.replace([loaded(plugin_class(steps, "new"))], [], later())
    receiver.offer(FakeDelivery(1, "p"))
    assert receiver.wait_settled(1) == [("delivered", 1, None)]


def test_of_several_reloads_during_one_handover_only_the_last_plugin_is_set_up(
    start: Start,
) -> None:
    steps, go = Steps(), threading.Event()
    dispatcher, receiver = start(loaded(plugin_class(steps, "old", go)))
    receiver.offer(FakeDelivery(1, "p"))
    steps.wait("old begins")
    dispatcher.replace([loaded(plugin_class(steps, "second"))], [], later())
    dispatcher.replace([], ["p"], later())
    dispatcher.replace([loaded(plugin_class(steps, "last"))], [], later())
    go.set()
    steps.wait("last setup")
    assert "second setup" not in steps.seen


def test_the_new_one_waits_until_the_inbox_lets_it_take_over(start: Start) -> None:
    steps, refused = Steps(), threading.Event()
    dispatcher, receiver = start(loaded(plugin_class(steps, "old")))
    steps.wait("old setup")
    resume = receiver.resume

    def refuse_once(plugin: str, by_device: bool) -> None:
        receiver.resume = resume  # type: ignore[method-assign]
        refused.set()
        raise ConfigError("a delivery is under way")

    receiver.resume = refuse_once  # type: ignore[method-assign]
    dispatcher.replace([loaded(plugin_class(steps, "new"))], [], later())
    assert refused.wait(DEADLINE_S)
    steps.wait("new setup")


def test_before_the_start_plugins_are_only_exchanged(start: Start) -> None:
    steps = Steps()
    receiver = FakeReceiver()
    dispatcher = Dispatcher(receiver, [loaded(plugin_class(steps, "old"))], PythonWatch())  # type: ignore[arg-type]
    dispatcher.replace([loaded(plugin_class(steps, "new"))], [], later())
    dispatcher.start()
    steps.wait("new setup")
    assert dispatcher.stop(later())
    assert steps.seen == ["new setup", "new close"]
