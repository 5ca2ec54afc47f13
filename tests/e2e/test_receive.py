"""A real server, real requests, real plugins."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import GOLDEN
from e2e.conftest import Reports
from incm_webhook import Alert, canonical_json, sign
from incm_webhook.sender.samples import WIRES, spell
from incm_webhook.testing import Receiver, make_alert

Serve = Callable[..., Receiver]

FUNCTION = """
def on_alert(alert: Alert, ctx: Context) -> None:
    report(id=alert.id, raw=alert.raw.decode(), type=alert.type, key=ctx.delivery_key,
         attempt=ctx.attempt, number=ctx.alert_id, endpoint=ctx.endpoint, plugin=ctx.plugin)
"""


def test_a_plugin_sees_the_alert_that_was_sent(
    serve: Serve, reports: Reports, tmp_path: Path
) -> None:
    receiver = serve(reports.plugin(tmp_path / "see.py", FUNCTION))
    body = (GOLDEN / "reboot.json").read_bytes()
    assert receiver.send(body) == (200, {"status": "accepted", "id": 1})
    seen = reports.next()
    assert Alert.from_json(seen["raw"]).to_dict() == Alert.from_json(body).to_dict()
    assert seen["number"] == 1
    assert seen["attempt"] == 1
    assert seen["endpoint"] == "/webhook"
    assert seen["plugin"] == "see"


@pytest.mark.parametrize("wire", WIRES)
def test_every_spelling_of_a_canonically_signed_alert_is_taken(
    serve: Serve, reports: Reports, tmp_path: Path, wire: str
) -> None:
    receiver = serve(reports.plugin(tmp_path / "see.py", FUNCTION))
    data = dict(json.loads((GOLDEN / "reboot.json").read_bytes()), entityName="北京路由器-1")
    body = spell(data, wire)
    signature = sign(canonical_json(body), receiver.secret)
    assert receiver.send(body, signature=signature)[0] == 200
    assert json.loads(reports.next()["raw"]) == data


ASYNC_CLASS = """
class Pager:
    async def setup(self) -> None:
        report(step="setup")
    async def handle(self, alert: Alert, ctx: Context) -> None:
        report(step="handle", id=alert.id)
    async def close(self) -> None:
        report(step="close")
"""

BATCH_CLASS = """
class Store:
    def handle_batch(self, alerts: list[Alert], ctx: Context) -> None:
        assert [one.alert_id for one in ctx.each] == sorted(one.alert_id for one in ctx.each)
        for alert in alerts:
            report(id=alert.id)
"""

DECORATED = """
@plugin("pager", types=["disconnected"])
async def page(alert: Alert, ctx: Context) -> None:
    report(id=alert.id, type=alert.type)
"""


def test_an_asynchronous_class_is_set_up_called_and_closed(
    serve: Serve, reports: Reports, tmp_path: Path
) -> None:
    receiver = serve(reports.plugin(tmp_path / "pager.py", ASYNC_CLASS))
    assert reports.next() == {"step": "setup"}
    alert = make_alert("reboot")
    assert receiver.send(alert)[0] == 200
    assert reports.next() == {"step": "handle", "id": alert.id}
    assert receiver.stop() == 0
    assert reports.next() == {"step": "close"}


def test_a_batch_class_gets_all_alerts_once(serve: Serve, reports: Reports, tmp_path: Path) -> None:
    receiver = serve(reports.plugin(tmp_path / "store.py", BATCH_CLASS))
    alerts = [make_alert("reboot") for _ in range(50)]
    for alert in alerts:
        assert receiver.send(alert)[0] == 200
    assert sorted(reports.next()["id"] for _ in alerts) == sorted(str(one.id) for one in alerts)


def test_a_filter_keeps_other_alerts_away(serve: Serve, reports: Reports, tmp_path: Path) -> None:
    receiver = serve(reports.plugin(tmp_path / "pager.py", DECORATED))
    wanted = make_alert("disconnected")
    for alert in (make_alert("reboot"), wanted):
        assert receiver.send(alert)[0] == 200
    assert reports.next() == {"id": wanted.id, "type": "disconnected"}
    receiver.stop()
    assert reports.none_waits()


FAILING = """
seen = []
def on_alert(alert: Alert, ctx: Context) -> None:
    report(attempt=ctx.attempt, key=ctx.delivery_key)
    if ctx.attempt == 1:
        raise RuntimeError("Slack is down")
    if ctx.attempt == 2:
        raise Retry(after=0)
    if ctx.attempt == 3:
        raise SystemExit(3)
"""


def test_a_failing_plugin_is_retried_with_the_same_key_and_disturbs_no_other(
    serve: Serve, reports: Reports, tmp_path: Path
) -> None:
    reports.plugin(tmp_path / "failing.py", FAILING)
    reports.plugin(tmp_path / "see.py", FUNCTION)
    (tmp_path / "config.toml").write_text(
        '[[plugin]]\nuse = "./failing.py"\nretry = { first = "10ms", max = "10ms" }\n'
        '[[plugin]]\nuse = "./see.py"\n'
    )
    receiver = serve(arguments=("--config", "config.toml"))
    assert receiver.send(make_alert("reboot"))[0] == 200
    handled = [reports.next() for _ in range(5)]
    retried = [one for one in handled if "plugin" not in one]
    assert [one["attempt"] for one in retried] == [1, 2, 3, 4]
    assert len({one["key"] for one in retried}) == 1
    assert [one["attempt"] for one in handled if "plugin" in one] == [1]
    receiver.stop()
    assert "RuntimeError: Slack is down" in receiver.output()
    assert "Traceback" not in receiver.output()


REJECTING = """
def on_alert(alert: Alert, ctx: Context) -> None:
    report(attempt=ctx.attempt)
    raise Reject("not for me")
"""


def test_a_rejected_alert_is_a_dead_letter_at_once(
    serve: Serve, reports: Reports, tmp_path: Path
) -> None:
    receiver = serve(reports.plugin(tmp_path / "rejecting.py", REJECTING))
    assert receiver.send(make_alert("reboot"))[0] == 200
    assert reports.next() == {"attempt": 1}
    receiver.stop()
    assert "ERROR dispatcher: alert 1 to plugin rejecting: dead letter" in receiver.output()
    again = serve(tmp_path / "rejecting.py")
    assert again.send(make_alert("reboot"))[0] == 200
    assert reports.next() == {"attempt": 1}  # of the second alert: the first stays dead
    again.stop()
    assert reports.none_waits()


HANGING = """
import threading
def on_alert(alert: Alert, ctx: Context) -> None:
    report(attempt=ctx.attempt)
    if ctx.attempt == 1:
        threading.Event().wait()
"""


def test_a_hanging_handler_is_given_up_after_its_time_out(
    serve: Serve, reports: Reports, tmp_path: Path
) -> None:
    reports.plugin(tmp_path / "hanging.py", HANGING)
    (tmp_path / "config.toml").write_text(
        '[server]\ngrace = "200ms"\n[[plugin]]\nuse = "./hanging.py"\ntimeout = "100ms"\n'
        'concurrency = 1\nretry = { first = "10ms" }\n'
    )
    receiver = serve(arguments=("--config", "config.toml"))
    assert receiver.send(make_alert("reboot"))[0] == 200
    assert [reports.next()["attempt"] for _ in range(2)] == [1, 2]
    assert receiver.stop() == 1  # the first handler still hangs
    assert "no result within 0.1 s" in receiver.output()


def test_jsonl_has_every_alert_once(serve: Serve) -> None:
    receiver = serve("jsonl")
    alerts = [make_alert("reboot") for _ in range(200)]
    for alert in alerts:
        assert receiver.send(alert)[0] == 200
    for alert in alerts[:20]:
        assert receiver.send(alert)[1]["status"] == "duplicate"
    receiver.stop()
    again = serve("jsonl")
    again.stop()
    lines = (again.folder / "alerts.jsonl").read_text().splitlines()
    stored = [json.loads(line)["alert"]["_id"] for line in lines]
    assert sorted(stored) == sorted(str(one.id) for one in alerts)
