"""What a server tells its plugins about itself, and when an endpoint is silent."""

import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from e2e.conftest import Reports
from e2e.test_canary import Twin, status, until
from e2e.test_metrics import metrics, page, wait_for
from incm_webhook.sender.client import Sender
from incm_webhook.sender.samples import sample, spell
from incm_webhook.testing import Receiver, make_alert
from incm_webhook.text.toml import toml_text

NOC = """
def on_alert(alert, ctx):
    report(type=alert.type, about=(alert.data or {}).get("plugin"), endpoint=ctx.endpoint,
           content=alert.content)
"""
PAGER = """
import os

def on_alert(alert, ctx):
    if alert.type.startswith("incm_webhook."):
        report(pager=alert.type)
    if alert.type == "reboot":
        raise Reject("not mine")
    if alert.type == "disconnected" and not os.path.exists("repaired"):
        raise ConnectionError("the pager is down")
"""
OWN = ["incm_webhook.*"]


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_dead_letters_are_told_to_another_plugin_and_not_to_the_one_that_has_them(
    tmp_path: Path, reports: Reports, isolation: str
) -> None:
    reports.plugin(tmp_path / "noc.py", NOC)
    reports.plugin(tmp_path / "pager.py", PAGER)
    plugins: Sequence[Mapping[str, Any]] = [
        {"use": "./pager.py", "types": ["*", *OWN], "isolation": isolation},
        {"use": "./noc.py", "types": OWN, "isolation": isolation},
        {"use": "log"},
    ]
    with Receiver(tmp_path, plugins=plugins) as receiver:
        assert receiver.send(make_alert("reboot"))[0] == 200
        told = reports.next()
        assert told["type"] == "incm_webhook.dead_letters"
        assert told["about"] == "pager"
        assert told["endpoint"] == "incm_webhook"
        assert told["content"].startswith("plugin pager: 1 dead letter;")
        receiver.wait_until_settled()
        assert metrics(receiver)["inbox_alerts"] == 2
        answer = receiver._ask("alerts/2")
        assert answer["form"] == "own"
        assert {one["plugin"]: one["state"] for one in answer["deliveries"]} == {
            "pager": "never",
            "noc": "delivered",
            "log": "never",
        }
    assert reports.none_waits()


def test_a_breaker_that_opens_and_closes_is_told_in_this_order(
    tmp_path: Path, reports: Reports
) -> None:
    reports.plugin(tmp_path / "noc.py", NOC)
    reports.plugin(tmp_path / "pager.py", PAGER)
    retry = {"first": "10ms", "max": "50ms"}
    plugins: Sequence[Mapping[str, Any]] = [
        {"use": "./pager.py", "types": ["disconnected"], "retry": retry, "breaker": 2},
        {"use": "./noc.py", "types": OWN, "order": "device"},
    ]
    with Receiver(tmp_path, plugins=plugins) as receiver:
        for _ in range(4):
            assert receiver.send(make_alert("disconnected"))[0] == 200
        began = reports.next()
        assert (began["type"], began["about"]) == ("incm_webhook.plugin_failing", "pager")
        assert "the pager is down" in began["content"]
        (tmp_path / "repaired").touch()
        assert reports.next()["type"] == "incm_webhook.plugin_recovered"


def silent(folder: Path, after: str, plugins: str = "") -> Twin:
    """Start a server with an endpoint that is silent after this time."""
    endpoint = f'[[endpoint]]\nunsigned = true\nsilent_after = "{after}"\n'
    (folder / "incm-webhook.toml").write_text(endpoint + plugins)
    return Twin(folder)


def post(server: Twin) -> None:
    with Sender(server.url) as sender:
        assert sender.post(spell(sample("reboot"))).status == 200


def test_an_endpoint_without_alerts_is_reported_until_one_comes(
    tmp_path: Path, reports: Reports
) -> None:
    reports.plugin(tmp_path / "noc.py", NOC)
    plugin = f'[[plugin]]\nuse = "./noc.py"\ntypes = {OWN}\norder = "device"\n'
    with silent(tmp_path, "5s", plugin) as server:
        told = reports.next()
        assert (told["type"], told["about"]) == ("incm_webhook.endpoint_silent", None)
        assert metrics(server)['endpoint_silent{endpoint="/webhook"}'] == 1
        assert page(server, "/readyz")[0] == 200, "the server works"
        code, text = page(server, "/readyz?verbose")
        assert code == 200
        assert "endpoint /webhook: no alert since " in text
        assert status(server)["endpoints"][0]["silent_after_ms"] == 5000
        assert not status(server)["healthy"]
        post(server)
        wait_for(server, lambda now: now['endpoint_silent{endpoint="/webhook"}'] == 0)
        assert reports.next()["type"] == "incm_webhook.endpoint_active"
        log = server.output()
        assert "endpoint /webhook: it has had no alert" in log
        assert "endpoint /webhook: it gets alerts again" in log


def test_the_time_without_alerts_goes_on_over_a_restart(tmp_path: Path) -> None:
    with silent(tmp_path, "1h") as server:
        post(server)
        last = status(server)["endpoints"][0]["last_alert_at"]
    with silent(tmp_path, "100ms") as server:
        wait_for(server, lambda now: now['endpoint_silent{endpoint="/webhook"}'] == 1)
        since = status(server)["endpoints"][0]["silent_since"]
        assert since == last
        assert since < status(server)["server"]["started_at"]


def test_each_endpoint_goes_on_from_its_own_last_alert(tmp_path: Path) -> None:
    def configure(after: str) -> None:
        table = "".join(
            f'[[endpoint]]\npath = "/{one}"\nunsigned = true\nsilent_after = "{after}"\n'
            for one in ("a", "b", "c")
        )
        (tmp_path / "incm-webhook.toml").write_text(table)

    configure("1h")
    with Twin(tmp_path) as server:
        for path in ("a", "b", "a", "a"):
            with Sender(f"{server.url.removesuffix('/a')}/{path}") as sender:
                assert sender.post(spell(sample("reboot"))).status == 200
        last = {one["path"]: one["last_alert_at"] for one in status(server)["endpoints"]}
    configure("50ms")
    with Twin(tmp_path) as server:
        names = [f'endpoint_silent{{endpoint="/{one}"}}' for one in ("a", "b", "c")]
        wait_for(server, lambda now: all(now[name] == 1 for name in names))
        since = {one["path"]: one["silent_since"] for one in status(server)["endpoints"]}
        assert {one: since[one] for one in ("/a", "/b")} == {one: last[one] for one in ("/a", "/b")}
        assert since["/c"] > max(since["/a"], since["/b"]), "it never had one: from the start"


def test_what_ended_between_two_servers_is_told_by_the_second(
    tmp_path: Path, reports: Reports
) -> None:
    reports.plugin(tmp_path / "noc.py", NOC)
    plugin = f'[[plugin]]\nuse = "./noc.py"\ntypes = {OWN}\n'
    with silent(tmp_path, "50ms", plugin):
        assert reports.next()["type"] == "incm_webhook.endpoint_silent"
    with silent(tmp_path, "1h", plugin) as server:
        assert reports.next()["type"] == "incm_webhook.endpoint_active"
        until(lambda: "endpoint /webhook: it gets alerts again" in server.output(), server)
        until(lambda: not list(tmp_path.glob("*.told")), server)


def test_nothing_is_stored_when_nobody_asks_for_it(tmp_path: Path, reports: Reports) -> None:
    reports.plugin(tmp_path / "pager.py", PAGER)
    with silent(tmp_path, "50ms", '[[plugin]]\nuse = "./pager.py"\n') as server:
        until(lambda: "endpoint /webhook: it has had no alert" in server.output(), server)
        assert metrics(server)["inbox_alerts"] == 0
    assert reports.none_waits()


def test_a_reload_applies_canary_and_silence(tmp_path: Path) -> None:
    with silent(tmp_path, "1h") as server:
        assert "canary_overdue" not in metrics(server)
        table = toml_text({"canary": {"every": "1s"}})
        endpoint = '[[endpoint]]\nunsigned = true\nsilent_after = "50ms"\n'
        (tmp_path / "incm-webhook.toml").write_text(table + endpoint)
        os.kill(server.pid, signal.SIGHUP)
        wait_for(server, lambda now: now.get("canary_round_trip_seconds_count", 0) >= 1)
        wait_for(server, lambda now: now['endpoint_silent{endpoint="/webhook"}'] == 1)
        until(lambda: "endpoint /webhook: it has had no alert" in server.output(), server)
        (tmp_path / "incm-webhook.toml").write_text(endpoint.replace("50ms", "1h"))
        os.kill(server.pid, signal.SIGHUP)
        wait_for(server, lambda now: "canary_overdue" not in now)
        wait_for(server, lambda now: now['endpoint_silent{endpoint="/webhook"}'] == 0)
