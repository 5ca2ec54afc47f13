"""What is told about the server: when, and how often."""

import json
import logging
from dataclasses import dataclass, field
from typing import Any

import pytest

from incm_webhook import Alert, alert_types
from incm_webhook.errors import InboxError
from incm_webhook.service.conditions import KINDS
from incm_webhook.service.health_watch import HealthWatch


@dataclass(frozen=True)
class Found:
    kind: str
    subject: str
    text: str = "x"
    since: float | None = None
    reason: str = ""
    begins: bool = True


@dataclass
class Server:
    """The server's state as a test sets it, and what was raised about it."""

    now: float = 1_800_000_000.0
    found: list[Found] = field(default_factory=list)
    quarantined: int = 0
    storable: bool = True
    raised: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)

    def findings(self) -> list[Found]:
        return self.found

    def raise_alert(self, text: str, about: str = "") -> int:
        if not self.storable:
            raise InboxError("the disk is full")
        body = json.loads(text)
        self.bodies.append(body)
        self.raised.append((body["type"].removeprefix("incm_webhook."), about))
        return len(self.raised)

    def watch(self) -> HealthWatch:
        return HealthWatch(self, lambda: {"quarantined": self.quarantined}, self.time, self.time)

    def time(self) -> float:
        return self.now


BROKEN = Found("plugin", "plugin noc", "failing", 1_799_999_000.0, "no route to host")


def test_a_condition_is_told_once_when_it_begins_and_once_when_it_ends() -> None:
    server = Server()
    watch = server.watch()
    watch.look()
    assert server.raised == []
    server.found = [BROKEN]
    for _ in range(3):
        watch.look()
    assert server.raised == [("plugin_failing", "noc")]
    server.found = [Found("plugin", "plugin noc", "unavailable")]  # another state of the same
    watch.look()
    server.found = []
    for _ in range(3):
        watch.look()
    assert server.raised == [("plugin_failing", "noc"), ("plugin_recovered", "noc")]


def test_an_alert_says_what_it_is_about_and_joins_with_its_end() -> None:
    server = Server(found=[BROKEN])
    watch = server.watch()
    watch.look()
    server.found = []
    watch.look()
    began, ended = (Alert.from_json(json.dumps(one)) for one in server.bodies)
    assert began.device_id == ended.device_id, "order by device keeps them in order"
    assert began.id != ended.id
    assert began.label == "Plugin Failing"
    assert (began.data or {})["plugin"] == "noc"
    assert (began.data or {})["state"] == "failing"
    assert "no route to host" in (began.content or "")
    assert began.problems == ()


def test_every_type_that_is_told_is_known() -> None:
    known = {one.name for one in alert_types(own=True)}
    kinds = KINDS.values()
    told = {name for one in kinds for name in (one.begins, one.ends) if name}
    assert {
        f"incm_webhook.{name}" for name in told | {"dead_letters", "quarantine_growth"}
    } <= known
    types = {one.name: one for one in alert_types(own=True)}
    for one in kinds:
        if one.begins:
            assert types[f"incm_webhook.{one.begins}"].opposite == f"incm_webhook.{one.ends}"


def test_a_state_that_passes_by_itself_is_not_told() -> None:
    server = Server(found=[Found("plugin", "plugin noc", "replacing", 1_800_000_000.0 - 29)])
    watch = server.watch()
    watch.look()
    assert server.raised == []
    server.now += 1
    watch.look()
    assert server.raised == [("plugin_failing", "noc")]


@pytest.mark.parametrize(
    "passing",
    [
        Found("plugin", "plugin noc", "replacing", 1_800_000_000.0),
        Found("plugin", "plugin noc", "starting", 1_800_000_000.0, begins=False),
        Found("stalled", "server", "Python does not run"),
    ],
)
def test_what_passes_by_itself_does_not_end_what_was_told(passing: Found) -> None:
    server = Server(found=[BROKEN])
    watch = server.watch()
    watch.look()
    for found in (passing, BROKEN, passing, BROKEN):
        server.found = [found]
        watch.look()
    assert server.raised == [("plugin_failing", "noc")]
    server.found = []
    watch.look()
    assert server.raised == [("plugin_failing", "noc"), ("plugin_recovered", "noc")]


def test_a_disk_that_fills_up_further_has_no_room_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    server = Server(found=[Found("disk", "disk")])
    watch = server.watch()
    watch.look()
    server.found = [Found("disk", "disk", begins=False)]
    watch.look()
    assert "room again" not in caplog.text
    assert server.raised == [("disk_filling", "")]
    server.found = []
    watch.look()
    assert "disk: it has room again" in caplog.text
    assert server.raised == [("disk_filling", ""), ("disk_ample", "")]


def test_a_stop_tells_nothing_that_it_causes() -> None:
    server = Server(found=[BROKEN])
    watch = server.watch()
    watch.look()
    watch.stopping()
    server.found = [*dead(1), Found("plugin", "plugin pager", "unavailable")]
    watch.look()
    assert server.raised == [("plugin_failing", "noc"), ("dead_letters", "noc")]


def dead(count: int, plugin: str = "noc") -> list[Found]:
    return [Found("dead_letters", f"plugin {plugin}", f"{count} dead letters")] if count else []


def test_dead_letters_are_told_at_once_and_then_at_most_once_a_minute() -> None:
    server = Server()
    watch = server.watch()
    server.found = dead(1)
    watch.look()
    assert server.raised == [("dead_letters", "noc")]
    assert "plugin noc: 1 dead letter;" in server.bodies[0]["content"]
    for count in range(2, 50):
        server.found = dead(count)
        server.now += 1
        watch.look()
    assert len(server.raised) == 1
    server.now += 60
    watch.look()
    assert server.raised == [("dead_letters", "noc")] * 2
    assert "48 more dead letters, 49 in all" in server.bodies[1]["content"]
    server.found = dead(0)  # an operator retried them
    watch.look()
    server.found = dead(3)
    server.now += 60
    watch.look()
    assert "plugin noc: 3 dead letters;" in server.bodies[2]["content"]


def test_dead_letters_that_go_on_are_told_less_and_less_often_up_to_once_an_hour() -> None:
    server = Server()
    watch = server.watch()
    count = 0
    for _ in range(24 * 60):  # each alert about them makes another, as with two plugins
        count += 1
        server.found = dead(count)
        server.now += 60
        watch.look()
    assert len(server.raised) < 32
    server.found = dead(count)
    server.now += 2 * 3600  # none for a while
    watch.look()
    server.now += 3600
    watch.look()
    told = len(server.raised)
    for more in (1, 2):
        server.found = dead(count + more)
        server.now += 7200 if more == 1 else 60
        watch.look()
    assert len(server.raised) == told + 2, "once a minute again"


def test_a_stop_tells_the_dead_letters_that_would_have_waited() -> None:
    server = Server(found=dead(1))
    watch = server.watch()
    watch.look()
    server.found = [*dead(2), BROKEN]
    watch.look(last=True)
    assert server.raised == [("dead_letters", "noc")] * 2, "and nothing that the stop causes"


def test_growth_of_the_quarantine_is_told_once_an_hour_and_not_what_was_there() -> None:
    server = Server(quarantined=7)
    watch = server.watch()
    watch.look()
    assert server.raised == []
    server.quarantined = 8
    watch.look()
    server.quarantined = 99
    server.now += 3599
    watch.look()
    assert server.raised == [("quarantine_growth", "")]
    server.now += 1
    watch.look()
    assert len(server.raised) == 2
    assert "91 more requests in the quarantine, 99 in all" in server.bodies[1]["content"]


def test_what_cannot_be_stored_is_told_later(caplog: pytest.LogCaptureFixture) -> None:
    server = Server(found=[BROKEN, *dead(2)], storable=False)
    watch = server.watch()
    for _ in range(3):
        watch.look()
    waits = [one for one in caplog.records if "wait: the disk is full" in one.getMessage()]
    assert len(waits) == 1
    server.storable = True
    watch.look()
    assert sorted(server.raised) == [("dead_letters", "noc"), ("plugin_failing", "noc")]


def test_refused_alerts_are_told_when_one_can_be_stored_again() -> None:
    refusing = Found("refusing", "inbox", "the disk is nearly full", 1_799_999_999.0)
    server = Server(found=[refusing], storable=False)
    watch = server.watch()
    watch.look()
    server.found, server.storable = [], True
    watch.look()
    assert server.raised == [("alerts_refused", "")]
    assert "the disk is nearly full since 2027-01-15T07:59:59Z" in server.bodies[0]["content"]


def test_silence_and_canary_have_a_line_in_the_log_at_both_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    server = Server()
    watch = server.watch()
    server.found = [Found("silent", "endpoint /hq", "no alert"), Found("canary", "canary", "none")]
    for _ in range(2):
        watch.look()
    server.found = []
    for _ in range(2):
        watch.look()
    lines = [(one.levelname, one.getMessage().partition(":")[0]) for one in caplog.records]
    assert sorted(lines) == [
        ("ERROR", "canary"),
        ("INFO", "canary"),
        ("INFO", "endpoint /hq"),
        ("WARNING", "endpoint /hq"),
    ]
    assert server.bodies[0]["data"]["endpoint"] == "/hq"


def test_text_of_a_finding_cannot_forge_a_line(caplog: pytest.LogCaptureFixture) -> None:
    server = Server(found=[Found("silent", "endpoint /a\nERROR forged", "no alert")])
    server.watch().look()
    assert "\n" not in caplog.records[0].getMessage()
