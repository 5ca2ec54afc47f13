"""`ctx.state`: values as they were set, within limits, and only what a call declared."""

import json
from pathlib import Path
from typing import Any

import pytest

from incm_webhook import Alert, Context, Reject, Retry, _core
from incm_webhook.errors import ConfigError
from incm_webhook.state import CALL_BYTES, KEYS, Changes, MemoryStore, State, StateKeeper
from incm_webhook.testing import make_alert, run_plugin


def state_of(values: dict[str, Any] | None = None) -> State:
    return State(StateKeeper(MemoryStore({} if values is None else values)))


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        -(10**40),
        1.5,
        "",
        "NUL \0, half a pair \ud800, 😀",
        [1, ["a", None]],
        {"": {"a": [True]}, "\udfff": "\0"},
    ],
)
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    values: dict[str, Any] = {}
    state = state_of(values)
    state.set("k", value)
    assert state.get("k", "none") == value
    assert type(state.get("k")) is type(value)
    MemoryStore(values).write(state.end())
    assert state_of(values).get("k", "none") == value


def test_a_value_that_was_got_is_a_copy() -> None:
    state = state_of({"k": [1]})
    state.get("k").append(2)
    value = [3]
    state.set("l", value)
    value.append(4)
    assert (state.get("k"), state.get("l")) == ([1], [3])


def test_a_missing_key_gives_the_default() -> None:
    state = state_of({"k": None})
    assert state.get("k", 7) is None
    assert state.get("l", 7) == 7
    assert state.get("l") is None
    state.delete("k")
    state.delete("never")
    assert state.get("k", 7) == 7


def test_items_are_those_of_the_store_and_of_the_call_in_order() -> None:
    state = state_of({"b/2": 2, "b/1": 1, "a": 0, "c": 9, "b/4": 4})
    state.set("b/3", 3)
    state.set("b/1", "new")
    state.delete("b/2")
    state.set("b/\U0001f600", 6)
    state.set("b/\uffff", 5)
    expected = [("b/1", "new"), ("b/3", 3), ("b/4", 4), ("b/\uffff", 5), ("b/\U0001f600", 6)]
    assert list(state.items("b/")) == expected
    assert list(state.items()) == [("a", 0), *expected, ("c", 9)]
    assert list(state.items("x")) == []


class Paged(MemoryStore):
    """A store with two keys on a page."""

    def page(self, prefix: str, after: str) -> tuple[list[tuple[str, str]], str | None]:
        entries, _ = super().page(prefix, after)
        return entries[:2], entries[1][0] if len(entries) > 2 else None


def test_items_are_merged_page_by_page() -> None:
    state = State(StateKeeper(Paged(dict.fromkeys("bdfhj", 0))))
    for key in "acefz":
        state.set(key, 1)
    state.delete("d")
    state.delete("j")
    assert "".join(f"{key}{value}" for key, value in state.items()) == "a1b0c1e1f1h0z1"


@pytest.mark.parametrize(
    ("key", "kind", "text"),
    [
        (7, TypeError, "a key of ctx.state is a str, not a int"),
        (None, TypeError, "a key of ctx.state is a str, not a NoneType"),
        ("", ValueError, "has 1 to 256 bytes, not 0"),
        ("ü" * 129, ValueError, "has 1 to 256 bytes, not 258"),
        ("a\0", ValueError, "cannot hold the character NUL: 'a\\x00'"),
        ("\ud800", ValueError, "cannot hold half a surrogate pair: '\\ud800'"),
    ],
)
def test_a_wrong_key_is_refused(key: Any, kind: type[Exception], text: str) -> None:
    state = state_of()
    for use in (state.get, state.delete, lambda one: state.set(one, 1)):
        with pytest.raises(kind) as raised:
            use(key)
        assert text in str(raised.value)
    assert state.end() == []


def nested(depth: int) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        ((1,), TypeError, "holds a tuple: only None, bool, int, float, str, list and dict"),
        ([{"a": b""}], TypeError, "holds a bytes"),
        ({1: 2}, TypeError, "holds a dict with a key that is a int: only str"),
        (float("nan"), ValueError, "holds nan, which JSON lacks"),
        ([float("-inf")], ValueError, "holds -inf, which JSON lacks"),
        ("x" * 65_535, ValueError, "has 65,537 bytes as JSON: at most 65,536"),
        ("ü" * 32_768, ValueError, "has 65,538 bytes as JSON"),
        (nested(101), ValueError, "is nested more than 100 deep"),
    ],
)
def test_a_wrong_value_is_refused_and_not_shown(
    value: Any, kind: type[Exception], text: str
) -> None:
    state = state_of({"k": "before"})
    with pytest.raises(kind) as raised:
        state.set("k", value)
    assert "'k'" in str(raised.value)
    assert text in str(raised.value)
    assert "xxx" not in str(raised.value)
    assert state.get("k") == "before"


def test_the_largest_values_fit() -> None:
    state = state_of()
    state.set("k" * 256, "x" * 65_534)
    state.set("n", nested(100))
    assert len(state.get("k" * 256)) == 65_534


def test_a_value_that_holds_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(ValueError, match="nested more than 100 deep"):
        state_of().set("k", value)


def test_a_plugin_has_so_many_keys_and_no_more() -> None:
    values: dict[str, Any] = {str(number): 0 for number in range(KEYS - 1)}
    state = state_of(values)
    state.set("last", 1)
    with pytest.raises(ValueError, match=r"at most 10,000 keys: delete some before 'more'"):
        state.set("more", 1)
    state.set("last", 2)
    state.set("0", 2)
    MemoryStore(values).write(state.end())
    assert len(values) == KEYS
    state = state_of(values)
    with pytest.raises(ValueError, match="at most 10,000 keys"):
        state.set("more", 1)
    state.set("0", 3)
    assert dict(state.end()) == {"0": "3"}


def test_a_call_that_replaces_and_deletes_keys_may_add_what_fits() -> None:
    values: dict[str, Any] = {str(number): 0 for number in range(KEYS)}
    state = state_of(values)
    for number in range(100):
        state.set(str(number), 1)
    state.delete("0")
    state.delete("200")
    state.delete("never there")
    state.set("new 1", 1)
    state.set("0", 2)
    with pytest.raises(ValueError, match="at most 10,000 keys"):
        state.set("new 2", 1)
    with pytest.raises(ValueError, match="at most 10,000 keys"):
        state.set("200", 1)
    state.delete("new 1")
    state.set("200", 1)
    MemoryStore(values).write(state.end())
    assert len(values) == KEYS


def test_calls_at_the_same_time_exceed_it_at_most_by_what_they_add() -> None:
    values: dict[str, Any] = {str(number): 0 for number in range(KEYS - 1)}
    store = MemoryStore(values)
    keeper = StateKeeper(store)
    both = (State(keeper), State(keeper))
    for number, state in enumerate(both):
        state.set(f"new {number}", 1)
    for state in both:
        store.write(state.end())
    assert len(values) == KEYS + 1
    later = State(keeper)
    later.set("new 0", 2)
    later.delete("0")
    with pytest.raises(ValueError, match="at most 10,000 keys"):
        later.set("more", 1)
    later.delete("1")
    later.set("more", 1)
    store.write(later.end())
    assert len(values) == KEYS


def test_one_call_changes_so_many_bytes_and_no_more() -> None:
    state = state_of()
    for number in range(15):
        state.set(f"{number:02}", "x" * 65_534)
    with pytest.raises(ValueError, match="one call may change at most 1,048,576 bytes"):
        state.set("15", "x" * 65_534)
    state.set("00", "")  # what is replaced counts no more
    state.set("15", "x" * 65_000)
    changes = state.end()
    assert sum(len(key) + len(text or "") + 32 for key, text in changes) <= CALL_BYTES


def test_a_state_ends_with_its_call() -> None:
    state = State(StateKeeper(Paged({"a": 1, "b": 2, "c": 3})))
    items = state.items()
    assert next(items) == ("a", 1)
    state.end()
    uses = (lambda: state.get("a"), lambda: state.set("a", 1), lambda: state.delete("a"))
    for use in (*uses, state.items, lambda: list(items)):
        with pytest.raises(RuntimeError, match="belongs to a call that is over"):
            use()


def test_a_context_made_by_hand_has_a_state_of_its_own() -> None:
    one, two = Context(), Context()
    one.state.set("k", 1)
    assert one.state.get("k") == 1
    assert two.state.get("k") is None
    assert one == two


def count(alert: Alert, ctx: Context) -> None:
    ctx.state.set("count", ctx.state.get("count", 0) + 1)
    ctx.state.set(alert.type or "", True)
    if alert.type == "reboot":
        raise Retry
    if alert.type == "sim_switch":
        raise Reject("no")
    if alert.type == "connected":
        raise KeyError("x")


def test_run_plugin_keeps_what_declared_outcomes_changed() -> None:
    state: dict[str, Any] = {"count": 5}
    types = ("disconnected", "reboot", "connected", "sim_switch")
    run_plugin(count, *(make_alert(one) for one in types), state=state)
    assert state == {"count": 8, "disconnected": True, "reboot": True, "sim_switch": True}
    run_plugin(count, make_alert("disconnected"), state=state)
    assert state["count"] == 9
    assert run_plugin(count, make_alert("disconnected")) == ["delivered"]


def test_run_plugin_refuses_a_state_that_no_plugin_has() -> None:
    with pytest.raises(TypeError, match=r"the value of 'k' in ctx\.state holds a set"):
        run_plugin(count, state={"k": {1}})


@pytest.mark.parametrize("is_async", [False, True])
def test_setup_and_close_read_and_change_it(is_async: bool) -> None:
    class Plain:
        def setup(self, ctx: Context) -> None:
            ctx.state.set("setups", ctx.state.get("setups", 0) + 1)

        def handle(self, alert: Alert, ctx: Context) -> None:
            ctx.state.set("seen", ctx.state.get("setups"))

        def close(self, ctx: Context) -> None:
            ctx.state.set("closed", ctx.state.get("seen"))

    class Async:
        async def setup(self, ctx: Context) -> None:
            Plain().setup(ctx)

        async def handle(self, alert: Alert, ctx: Context) -> None:
            Plain().handle(alert, ctx)

        async def close(self, ctx: Context) -> None:
            Plain().close(ctx)

    state: dict[str, Any] = {"setups": 3}
    run_plugin(Async if is_async else Plain, make_alert(), state=state)
    assert state == {"setups": 4, "seen": 4, "closed": 4}


def test_a_setup_that_fails_changes_nothing() -> None:
    class Failing:
        def setup(self, ctx: Context) -> None:
            ctx.state.set("k", 1)
            raise KeyError

        def handle(self, alert: Alert) -> None:
            pass

    state: dict[str, Any] = {}
    with pytest.raises(KeyError):
        run_plugin(Failing, make_alert(), state=state)
    assert state == {}


def test_a_batch_has_one_state() -> None:
    class Batch:
        def handle_batch(self, alerts: list[Alert], ctx: Context) -> None:
            for one in ctx.each:
                one.state.set("count", ctx.state.get("count", 0) + 1)

    state: dict[str, Any] = {}
    run_plugin(Batch, make_alert(), make_alert(), make_alert(), state=state)
    assert state == {"count": 3}


def test_the_core_keeps_it(tmp_path: Path) -> None:
    receiver = _core.Receiver(
        listen="127.0.0.1:0",
        admin=None,
        inbox=f"sqlite:{tmp_path / 'inbox.db'}",
        endpoints=[_core.Endpoint("/alerts", [])],
        routes=[_core.Route("a", _core.Filter())],
    )
    receiver.start()
    store = receiver.state("a")
    keeper = StateKeeper(store)
    state = State(keeper)
    values: dict[str, Any] = {f"k{number:04}": [number, "ü\0\ud800"] for number in range(600)}
    for key, value in values.items():
        state.set(key, value)
    store.write(state.end())
    state = State(keeper)
    state.delete("k0300")
    del values["k0300"]
    assert dict(state.items("k")) == values
    assert state.get("k0599") == [599, "ü\0\ud800"]
    assert store.count() == 600
    with pytest.raises(ConfigError, match="no plugin nobody"):
        receiver.state("nobody").write([("k", "1")])
    receiver.stop()
    with pytest.raises(_core.ClosedError):
        state.get("k0001")
    del receiver
    with pytest.raises(_core.ClosedError):
        state.get("k0001")


def test_changes_that_are_no_text_are_refused_by_the_core(tmp_path: Path) -> None:
    receiver = _core.Receiver(
        listen="127.0.0.1:0",
        admin=None,
        inbox=f"sqlite:{tmp_path / 'inbox.db'}",
        endpoints=[_core.Endpoint("/alerts", [])],
        routes=[_core.Route("a", _core.Filter())],
    )
    receiver.start()
    wrong: Any
    for wrong in ([("k", 1)], [("k",)], ["k"], [(None, "1")]):
        changes: Changes = wrong
        with pytest.raises(TypeError):
            receiver.state("a").write(changes)
    assert json.loads(receiver.state("a").get("k") or "null") is None
    receiver.stop()
