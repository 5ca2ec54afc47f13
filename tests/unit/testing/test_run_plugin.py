import asyncio
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from incm_webhook import Alert, Context, PluginError, Reject, Retry, Unavailable, plugin
from incm_webhook.testing import make_alert, run_plugin


def test_make_alert_takes_both_names_of_a_field() -> None:
    moment = datetime(2025, 1, 6, 10, 1, 38, tzinfo=UTC)
    alert = make_alert(
        "reboot",
        id="1",
        serial_number="EF1",
        deviceId="2",
        timestamp=moment,
        retention="60",
        status=None,
        org={"_id": "o", "name": "Org"},
        novelty=[1],
    )
    assert (alert.id, alert.type, alert.serial_number, alert.device_id) == (
        "1",
        "reboot",
        "EF1",
        "2",
    )
    assert (alert.timestamp, alert.retention, alert.status) == (moment, 60, None)
    assert alert.org is not None
    assert alert.org.name == "Org"
    assert alert.extra == {"novelty": [1]}


def test_data_can_be_replaced_and_still_be_filled() -> None:
    alert = make_alert("reboot", serial_number="EF1", data={"a": 1})
    assert alert.data == {"a": 1, "serialNumber": "EF1"}


def test_run_plugin_returns_each_outcome() -> None:
    def on_alert(alert: Alert, ctx: Context) -> None:
        if alert.type == "reboot":
            raise Retry(after=3)
        if alert.type == "sim_switch":
            raise Reject("no")
        if alert.type == "connected":
            raise KeyError("x")
        if alert.type == "disconnected":
            raise Unavailable("401")
        assert ctx.attempt == 1
        assert ctx.delivery_key

    types = ("other", "reboot", "sim_switch", "connected", "disconnected")
    outcomes = run_plugin(on_alert, *(make_alert(one) for one in types))
    delivered, retry, reject, failed, unavailable = outcomes
    assert isinstance(unavailable, Unavailable)
    assert delivered == "delivered"
    assert isinstance(retry, Retry)
    assert retry.after == 3
    assert isinstance(reject, Reject)
    assert isinstance(failed, KeyError)


def test_run_plugin_sets_up_and_closes_a_class() -> None:
    calls: list[str] = []

    @plugin("sink")
    class Sink:
        def __init__(self, config: dict[str, int]) -> None:
            calls.append(f"init {config}")

        async def setup(self) -> None:
            calls.append("setup")

        async def handle_batch(self, alerts: list[Alert], ctx: Context) -> None:
            calls.append(f"{len(alerts)} {len(ctx.delivery_keys)}")

        def close(self) -> None:
            calls.append("close")

    assert run_plugin(Sink, make_alert(), make_alert(), config={"a": 1}) == ["delivered"] * 2
    assert calls == ["init {'a': 1}", "setup", "2 2", "close"]


def test_run_plugin_loads_like_the_service(workdir: Path) -> None:
    (workdir / "noc.py").write_text("async def on_alert(alert): raise ValueError(alert.type)\n")
    (outcome,) = run_plugin("./noc.py", make_alert("reboot"))
    assert isinstance(outcome, ValueError)
    assert str(outcome) == "reboot"
    assert run_plugin(workdir / "noc.py") == []
    with pytest.raises(PluginError, match="there is no file"):
        run_plugin("./nowhere.py", make_alert())
    with pytest.raises(TypeError, match="needs a function"):
        run_plugin(3, make_alert())


def test_importing_needs_no_pytest() -> None:
    code = (
        "import sys; sys.modules['pytest'] = None; import incm_webhook.testing as t; t.make_alert()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_run_sets_the_fields_of_the_context() -> None:
    calls: list[tuple[int, str, str]] = []

    def keeps(alert: Alert, ctx: Context) -> None:
        calls.append((ctx.attempt, ctx.delivery_key, ctx.endpoint))

    two = [make_alert("reboot"), make_alert("reboot")]
    run_plugin(keeps, *two, attempt=3, key="k", endpoint="/noc")
    assert calls == [(3, "k-1", "/noc"), (3, "k-2", "/noc")]


@pytest.mark.parametrize("wrong", [{"attempt": 0}, {"key": ""}, {"endpoint": "noc"}])
def test_a_context_that_no_server_makes_is_refused(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(ValueError, match=name):
        run_plugin(lambda alert: None, make_alert("reboot"), **wrong)


def test_a_plain_handler_runs_without_an_event_loop_as_in_the_service() -> None:
    def plain(alert: Alert) -> None:
        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()

    assert run_plugin(plain, make_alert("reboot")) == ["delivered"]


def test_all_coroutines_of_a_plugin_share_one_loop() -> None:
    loops = []

    class Sink:
        async def setup(self) -> None:
            loops.append(asyncio.get_running_loop())

        async def handle(self, alert: Alert) -> None:
            loops.append(asyncio.get_running_loop())

        async def close(self) -> None:
            loops.append(asyncio.get_running_loop())

    assert run_plugin(Sink, make_alert("reboot"), make_alert("reboot")) == ["delivered"] * 2
    assert len(loops) == 4
    assert len(set(map(id, loops))) == 1


def test_a_batch_plugin_without_alerts_is_only_set_up_and_closed() -> None:
    calls = []

    class Sink:
        def setup(self) -> None:
            calls.append("setup")

        def handle_batch(self, alerts: list[Alert]) -> None:
            calls.append("batch")

        def close(self) -> None:
            calls.append("close")

    assert run_plugin(Sink) == []
    assert calls == ["setup", "close"]


def test_run_plugin_calls_on_dead_for_what_is_rejected() -> None:
    calls: list[tuple[str | None, int, str]] = []

    def on_dead(alert: Alert, ctx: Context, reason: str) -> None:
        calls.append((alert.type, ctx.alert_id, reason))

    @plugin("picky", on_dead=on_dead)
    def picky(alert: Alert) -> None:
        if alert.type == "reboot":
            raise Reject("not mine")
        if alert.type == "connected":
            raise KeyError("x")

    run_plugin(picky, *(make_alert(one) for one in ("connected", "disconnected", "reboot")))
    assert calls == [("reboot", 3, "not mine")]
