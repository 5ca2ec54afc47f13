"""The state of an isolated plugin is that of the receiver, and its process cannot break it."""

import socket
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from incm_webhook import Reject, Retry
from incm_webhook.config.settings import PluginSettings
from incm_webhook.errors import InboxError
from incm_webhook.hosting.channel import BrokenFrameError, Channel
from incm_webhook.hosting.isolated_plugin import IsolatedPlugin, WorkerError, WorkerFailure
from incm_webhook.hosting.state_channel import read_changes, reply_to
from incm_webhook.plugin import Context
from incm_webhook.state import CALL_BYTES, MemoryStore, State, StateKeeper, changes_of
from incm_webhook.testing import make_alert

pytestmark = pytest.mark.slow

DEADLINE_S = 60.0  # only a test that fails waits so long

PLUGIN = """
    import threading
    from incm_webhook import Reject, Retry, plugin

    @plugin("mine")
    class Mine:
        def setup(self, ctx):
            ctx.state.set("setups", ctx.state.get("setups", 0) + 1)
            self.early = ctx

        async def handle(self, alert, ctx):
            match alert.type:
                case "all":
                    ctx.state.set("all", [list(one) for one in ctx.state.items()])
                case "large":
                    for number in range(15):
                        ctx.state.set(f"large {number}", "\\u00fc" * 32_000)
                case "early":
                    self.early.state.get("k")
                case "left":
                    self.early = ctx
                case "threads":
                    texts = []
                    def read():
                        texts.append(ctx.state.get("setups"))
                    threads = [threading.Thread(target=read) for _ in range(20)]
                    for one in threads: one.start()
                    for one in threads: one.join()
                    ctx.state.set("read", texts)
                case kind:
                    ctx.state.set(kind, "half a pair \\ud800")
                    if kind == "retry": raise Retry(after=5)
                    if kind == "reject": raise Reject("no")
                    if kind == "fails": raise KeyError

        def close(self, ctx):
            ctx.state.set("closed", True)
"""

Load = Callable[[MemoryStore], IsolatedPlugin]


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Load]:
    made: list[IsolatedPlugin] = []

    def start(store: MemoryStore) -> IsolatedPlugin:
        (tmp_path / "mine.py").write_text(textwrap.dedent(PLUGIN))
        spec = PluginSettings(use="./mine.py:mine", timeout=DEADLINE_S)
        plugin = IsolatedPlugin(spec, tmp_path, 256 * 1024 * 1024)
        plugin.states = StateKeeper(store)
        made.append(plugin)
        plugin.setup()
        return plugin

    yield start
    for plugin in made:
        plugin.close(0.0)


def call(plugin: IsolatedPlugin, kind: str) -> tuple[dict[str, str | None], Exception | None]:
    """Return what a call changed, and what it raised."""
    context = plugin.context([Context(delivery_key="k", alert_id=1, attempt=1, endpoint="/a")])
    raised: Exception | None = None
    try:
        plugin.handle(make_alert(kind), context)
    except Exception as error:
        raised = error
    return dict(changes_of(context)), raised


def test_a_call_reads_and_changes_the_state_of_the_receiver(load: Load) -> None:
    values: dict[str, Any] = {"setups": 1}
    plugin = load(MemoryStore(values))
    assert values == {"setups": 2}, "a set-up is kept when it returns"
    assert call(plugin, "all") == ({"all": '[["setups",2]]'}, None)
    assert values == {"setups": 2}, "only a settlement stores the changes of a call"
    assert call(plugin, "k") == ({"k": '"half a pair \\ud800"'}, None)
    values["setups"] = 7
    assert call(plugin, "threads")[0] == {"read": str([7] * 20).replace(" ", "")}
    plugin.close(time.monotonic() + DEADLINE_S)
    assert values == {"setups": 7, "closed": True}


def test_a_declared_outcome_keeps_what_the_call_changed(load: Load) -> None:
    plugin = load(MemoryStore({}))
    changes, raised = call(plugin, "retry")
    assert (list(changes), type(raised).__mro__[1]) == (["retry"], Retry)
    changes, raised = call(plugin, "reject")
    assert (list(changes), type(raised).__mro__[1]) == (["reject"], Reject)
    changes, raised = call(plugin, "fails")
    assert (changes, type(raised)) == ({}, WorkerFailure)


def test_as_much_as_one_call_may_change_comes_back(load: Load) -> None:
    changes, raised = call(load(MemoryStore({})), "large")
    assert raised is None
    assert sum(len((text or "").encode()) for text in changes.values()) == 15 * 64_002


def test_the_state_of_the_set_up_is_over_in_a_call(load: Load) -> None:
    plugin = load(MemoryStore({}))
    _, raised = call(plugin, "early")
    assert "this ctx.state belongs to a call that is over" in str(raised)
    assert call(plugin, "k")[1] is None, "the process is still in step"


def test_a_state_that_a_call_left_unused_is_over_after_it(load: Load) -> None:
    plugin = load(MemoryStore({}))
    assert call(plugin, "left") == ({}, None)
    _, raised = call(plugin, "early")
    assert "this ctx.state belongs to a call that is over" in str(raised)
    assert call(plugin, "k")[1] is None, "the process is still in step"


def test_an_inbox_that_cannot_be_read_is_the_error_of_the_call(load: Load) -> None:
    class Broken(MemoryStore):
        def page(self, prefix: str, after: str) -> tuple[list[tuple[str, str]], str | None]:
            raise InboxError("the inbox cannot be read: made up")

    plugin = load(Broken({}))
    changes, raised = call(plugin, "all")
    assert changes == {}
    assert isinstance(raised, WorkerError)
    assert "InboxError: the inbox cannot be read: made up" in str(raised)
    assert call(plugin, "k")[1] is None


@pytest.mark.parametrize(
    "question",
    [
        None,
        [],
        ["get"],
        ["get", 7],
        ["page", "a"],
        ["count", 1],
        ["write", [["k"]]],
        ["write", [["k", 1]]],
        ["write", [["", "1"]]],
        ["write", [["k", "x" * 70_000]]],
        ["drop"],
    ],
)
def test_a_question_that_is_none_breaks_the_channel(question: Any) -> None:
    store = MemoryStore({})
    with pytest.raises(BrokenFrameError):
        reply_to(store, {"state": question})
    assert store.count() == 0


def test_more_changes_than_a_call_may_make_break_the_channel() -> None:
    changes = [[f"{number:05}", ""] for number in range(CALL_BYTES // 37 + 1)]
    assert len(read_changes(changes[:-1])) == len(changes) - 1
    with pytest.raises(BrokenFrameError):
        read_changes(changes)


def test_questions_come_before_the_answer() -> None:
    ours, theirs = (Channel(one) for one in socket.socketpair())
    theirs.send({"state": ["count"]})
    replies = iter([{"state": 3}, None])

    def reply(message: dict[str, Any]) -> dict[str, Any] | None:
        replied = next(replies)
        if replied is not None:
            theirs.receive()
            theirs.send({"outcome": "delivered"})
        return replied

    answer = ours.exchange({}, (), 1000, time.monotonic() + DEADLINE_S, reply)
    assert answer == {"outcome": "delivered"}
    assert theirs.receive()[0] == {"state": 3}
    ours.close()
    theirs.close()


def test_a_state_of_a_receiver_that_is_not_asked_costs_no_question() -> None:
    class Asked(MemoryStore):
        def get(self, key: str) -> str | None:
            raise AssertionError(key)

    state = State(StateKeeper(Asked({})))
    state.set("k", 1)
    assert state.get("k") == 1
