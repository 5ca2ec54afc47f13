import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import islice
from typing import Any

import pytest

from conftest import GOLDEN
from incm_webhook import Alert, alert_types
from incm_webhook.sender.samples import WIRES, spell
from incm_webhook.simulator.traffic import SEEDED_START, Planned, Traffic

pytestmark = pytest.mark.slow

OPPOSITES = {one.name: one.opposite for one in alert_types() if one.opposite}


def alerts_of(traffic: Traffic) -> list[dict[str, Any]]:
    return [planned.alert for planned in traffic]


def by_device(plan: Iterable[Planned]) -> dict[str, list[str]]:
    types = defaultdict(list)
    for planned in plan:
        types[planned.alert["deviceId"]].append(planned.alert["type"])
    return types


def test_a_seed_gives_the_same_plan_each_time() -> None:
    traffic = Traffic(seed=7, limit=500, storm=True, flap=True, reorder=True, wire="mixed")
    assert list(traffic) == list(traffic)
    assert alerts_of(traffic) != alerts_of(Traffic(seed=8, limit=500))
    assert alerts_of(traffic)[0]["createdAt"] == f"{SEEDED_START:%Y-%m-%dT%H:%M:%SZ}"


def test_without_a_seed_each_plan_is_another_one() -> None:
    traffic = Traffic(limit=100)
    ids = {alert["_id"] for _ in range(2) for alert in alerts_of(traffic)}
    assert len(ids) == 200


def test_every_alert_is_its_own_and_reads_without_a_problem() -> None:
    plan = list(Traffic(seed=1, limit=2000, storm=True, flap=True))
    assert len({planned.alert["_id"] for planned in plan}) == 2000
    for planned in plan:
        alert = Alert.from_json(spell(planned.alert, planned.wire))
        assert (alert.problems, alert.extra) == ((), {})
    assert {planned.alert["type"] for planned in plan} == {one.name for one in alert_types()}


def test_opposites_take_turns_and_an_offline_device_only_comes_back() -> None:
    plan = Traffic(seed=2, devices=20, limit=5000, storm=True, flap=True)
    for types in by_device(plan).values():
        last: dict[frozenset[str], str] = {}
        offline = False
        for name in types:
            assert not offline or name == "connected"
            if name in OPPOSITES:
                pair = frozenset((name, OPPOSITES[name]))
                assert last.get(pair) != name
                assert pair in last or name.endswith("disconnected")
                last[pair] = name
            offline = name == "disconnected"


def test_devices_have_one_group_and_groups_one_organisation() -> None:
    groups, orgs, names = defaultdict(set), defaultdict(set), set()
    for alert in alerts_of(Traffic(seed=3, limit=5000)):
        groups[alert["deviceId"]].add(alert["deviceGroupId"])
        orgs[alert["deviceGroupId"]].add(alert["oid"])
        names.add(alert["entityName"])
        assert alert["deviceGroup"]["_id"] == alert["deviceGroupId"]
        assert alert["org"]["_id"] == alert["oid"]
        assert alert["entityId"] == alert["deviceId"]
    assert len(groups) == 500
    assert len(orgs) == 20
    assert {len(some) for some in (*groups.values(), *orgs.values())} == {1}
    assert len(set.union(*orgs.values())) > 1
    assert {name.isascii() for name in names} == {True, False}


@pytest.mark.parametrize("devices", [1, 2, 25, 26])
def test_the_smallest_fleets(devices: int) -> None:
    plan = Traffic(seed=1, devices=devices, limit=1000, storm=True, flap=True)
    assert len(by_device(plan)) == devices


def test_a_third_leaves_out_what_the_example_of_the_guide_leaves_out() -> None:
    example = json.loads((GOLDEN / "reboot.json").read_bytes())
    alerts = alerts_of(Traffic(seed=4, limit=900))
    short = [alert for alert in alerts if "status" not in alert]
    assert 200 < len(short) < 400
    for alert in short:
        assert alert.keys() == example.keys()
        assert alert["data"].keys() == example["data"].keys()
    assert {"content", "status", "title", "priority", "entityType"} <= set.intersection(
        *(set(alert) for alert in alerts if "status" in alert)
    )


def test_alerts_are_due_at_the_rate_until_the_end() -> None:
    plan = list(Traffic(rate=4, duration_s=2))
    assert [planned.at_s for planned in plan] == [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75]
    assert len(list(Traffic(rate=4, duration_s=2, limit=3))) == 3
    assert len(list(Traffic(rate=4, limit=30))) == 30
    assert plan[7].alert["createdAt"] > plan[0].alert["createdAt"]


def test_a_storm_takes_a_whole_group_at_once_and_brings_it_back() -> None:
    plan = list(Traffic(seed=5, rate=0.001, duration_s=30, storm=True))
    moments: dict[float, list[dict[str, Any]]] = defaultdict(list)
    for planned in plan[1:]:
        moments[planned.at_s].append(planned.alert)
    assert list(moments) == [1, 4, 11, 14, 21, 24]
    for begin in (1, 11, 21):
        off, on = moments[begin], moments[begin + 3]
        assert {alert["type"] for alert in off} == {"disconnected"}
        assert {alert["type"] for alert in on} == {"connected"}
        assert len({alert["deviceGroupId"] for alert in off}) == 1
        devices = {alert["deviceId"] for alert in off}
        assert devices == {alert["deviceId"] for alert in on}
        assert len(devices) == len(off) == len(on)
    assert max(len(alerts) for alerts in moments.values()) > 5


def test_a_storm_leaves_alone_what_is_offline_already() -> None:
    struck: Counter[tuple[int, float]] = Counter()
    for seed in range(5):
        offline: set[str] = set()
        for planned in Traffic(
            seed=seed, devices=25, rate=7.3, duration_s=30, storm=True, flap=True
        ):
            device, name = planned.alert["deviceId"], planned.alert["type"]
            if name == "disconnected":
                assert device not in offline
                offline.add(device)
                struck[seed, planned.at_s] += 1
            elif name == "connected":
                offline.discard(device)
    storms = [struck[seed, moment] for seed in range(5) for moment in (11, 21)]
    assert 0 < min(storms) < 25


def test_flapping_devices_make_a_third_of_the_alerts() -> None:
    calm, flapping = (by_device(Traffic(seed=6, limit=6000, flap=flap)) for flap in (False, True))
    assert max(len(types) for types in calm.values()) < 50
    flappers = [types for types in flapping.values() if len(types) > 100]
    assert len(flappers) == 10
    assert 1800 < sum(len(types) for types in flappers) < 2400


def test_disorder_holds_alerts_back_but_sends_none_too_early() -> None:
    ordered = list(Traffic(seed=7, limit=2000))
    disordered = list(Traffic(seed=7, limit=2000, reorder=True))
    place = {planned.alert["_id"]: n for n, planned in enumerate(ordered)}
    assert sorted(place[planned.alert["_id"]] for planned in disordered) == list(range(2000))
    late = [n - place[planned.alert["_id"]] for n, planned in enumerate(disordered)]
    assert max(late) <= 20
    assert 300 < sum(n > 0 for n in late) < 700
    for planned in disordered:
        assert planned.at_s >= ordered[place[planned.alert["_id"]]].at_s
    in_time = [one for one in disordered if one.at_s == ordered[place[one.alert["_id"]]].at_s]
    assert 1300 < len(in_time) < 1700
    times = [planned.at_s for planned in disordered]
    assert times == sorted(times)


def test_a_mixed_wire_changes_the_spelling_only() -> None:
    mixed = list(islice(Traffic(seed=8, wire="mixed"), 100))
    assert {planned.wire for planned in mixed} == set(WIRES)
    plain = list(islice(Traffic(seed=8, wire="ascii"), 100))
    assert {planned.wire for planned in plain} == {"ascii"}
    assert [planned.alert for planned in mixed] == [planned.alert for planned in plain]
