"""The native module as Python sees it: types, immutability, errors, and its stub."""

import ast
import copy
import inspect
import json
import pickle
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import incm_webhook
from conftest import GOLDEN
from incm_webhook import Alert, AlertError, ConfigError, Context, Error, _core, alert_types, verify
from incm_webhook.config.settings import PluginSettings
from incm_webhook.plugin import DELIVERY_FACTS
from incm_webhook.service.native import filter_of

REBOOT = (GOLDEN / "reboot.json").read_bytes()
STUB = Path(__file__).parents[2] / "python" / "incm_webhook" / "_core.pyi"


def test_the_sample_alert_is_typed() -> None:
    alert = Alert.from_json(REBOOT)
    assert alert.raw == REBOOT
    assert (alert.id, alert.type, alert.label) == ("677baa025a34db68978609b8", "reboot", "Reboot")
    assert alert.timestamp == datetime(2025, 1, 6, 10, 1, 38, tzinfo=UTC)
    assert alert.created_at == alert.updated_at == alert.timestamp
    assert alert.ack is False
    assert alert.org is not None
    assert (alert.org.id, alert.org.name) == ("65e6cd35361ee640b6a04ec7", "inhand00356")
    assert alert.org["name"] == "inhand00356"
    assert alert.org == {"name": "inhand00356", "_id": "65e6cd35361ee640b6a04ec7"}
    assert alert.device_group is not None
    assert alert.device_group.name == "605"
    assert alert.data == json.loads(REBOOT)["data"]
    absent = (alert.retention, alert.priority, alert.status, alert.closed_at, alert.title)
    assert absent == (None,) * 5
    assert alert.extra == {}
    assert alert.problems == ()


def test_nothing_is_lost() -> None:
    body = {
        "type": "brand_new",
        "future": {"a": [1, None]},
        "org": {"name": "o", "vip": True},
        "data": {"retention": "60", "timeLeft": 5},
        "priority": "high",
        "deviceId": [1],
        "status": None,
    }
    alert = Alert.from_json(json.dumps(body))
    assert alert.label == "brand_new"
    assert alert.retention == 60
    assert alert.data == body["data"]
    assert alert.org is not None
    assert alert.org["vip"] is True
    assert alert.org.get("none", 7) == 7
    assert alert.extra == {"future": {"a": [1, None]}, "priority": "high", "deviceId": [1]}
    assert len(alert.problems) == 2


def test_to_dict_is_json() -> None:
    shown = json.loads(json.dumps(Alert.from_json(REBOOT).to_dict()))
    assert shown["timestamp"] == "2025-01-06T10:01:38Z"
    assert shown["org"] == {"name": "inhand00356", "_id": "65e6cd35361ee640b6a04ec7"}
    assert set(shown) == {
        "id", "type", "label", "ack", "app", "content", "data", "serial_number", "reason",
        "retention", "timestamp", "device_id", "entity_id", "entity_name", "entity_type", "org_id",
        "org", "title", "updated_at", "created_at", "device_group_id", "device_group", "closed_at",
        "status", "priority", "extra", "problems",
    }  # fmt: skip
    assert all(hasattr(Alert.from_json(b"{}"), name) for name in shown)


def test_each_field_of_an_alert_is_read_shown_and_no_extra() -> None:
    body: dict[str, Any] = {"data": {}}
    for name, (*tables, key) in _core.alert_fields.items():
        table = body["data"] if tables else body
        value: Any = {"_id": "1"} if name in {"org", "device_group"} else "1"
        table[key] = table.get(key, "2025-01-06T10:01:38Z" if "d_at" in name else value)
    body["data"]["timestamp"] = "2025-01-06T10:01:38Z"
    alert = Alert.from_json(json.dumps(body))
    shown = alert.to_dict()
    assert [name for name in _core.alert_fields if getattr(alert, name) is None] == []
    assert [name for name in _core.alert_fields if shown[name] is None] == []
    assert alert.extra == {}
    assert set(shown) == {*_core.alert_fields, "label", "extra", "problems"}


def test_a_context_is_made_of_what_the_native_delivery_has() -> None:
    assert set(DELIVERY_FACTS) <= set(vars(_core.Delivery))
    assert set(DELIVERY_FACTS) < set(vars(Context()))


def test_a_filter_has_the_lists_that_are_configured() -> None:
    alert = Alert.from_json(REBOOT)
    keywords = inspect.signature(incm_webhook.plugin).parameters
    for key in _core.filter_keys:
        assert key in keywords
        wanted = PluginSettings(use="log", **{key: 7 if key == "priority" else "none such"})
        assert [name for name, values in wanted.filters.items() if values] == [key]
        assert not filter_of(wanted).matches(alert, "/webhook"), key
    for wrong in ({"kinds": ["reboot"]}, {"types": [7]}, {"priority": ["7"]}):
        with pytest.raises(TypeError):
            _core.Filter(**wrong)


@pytest.mark.parametrize(
    "text", [b"[]", b"null", b'"x"', b"[1]", b'{"a": NaN}', b'{"a": "\\ud800"}']
)
def test_any_json_makes_an_alert(text: bytes) -> None:
    alert = Alert.from_json(text)
    assert alert.raw == text
    assert alert.type is None
    assert (alert.org, alert.data) == (None, None)
    assert alert.problems
    alert.to_dict()


def test_deep_and_long_values_do_not_break_access() -> None:
    deep = Alert.from_json(b'{"type": "x", "data": ' + b"[" * 50_000 + b"]" * 50_000 + b"}")
    assert deep.problems
    assert deep.extra == {}
    assert deep.to_dict()["data"] is None
    long = Alert.from_json(b'{"type": "x", "n": ' + b"1" * 5000 + b"}")
    assert long.type == "x"
    assert long.extra == {"n": "1" * 5000}


def test_an_alert_cannot_be_changed() -> None:
    alert = Alert.from_json(REBOOT)
    with pytest.raises(AttributeError):
        alert.type = "other"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        alert.other = 1  # type: ignore[attr-defined]
    assert alert.data is not None
    alert.data["reason"] = "changed"
    assert alert.data["reason"] == "reboot"


def test_equality_hash_copies_and_pickles_go_by_the_text() -> None:
    alert = Alert.from_json(REBOOT)
    assert alert == Alert.from_json(REBOOT)
    assert alert != Alert.from_json(b"{}")
    assert alert != REBOOT
    assert hash(alert) == hash(Alert.from_json(REBOOT))
    for twin in (copy.copy(alert), copy.deepcopy(alert), pickle.loads(pickle.dumps(alert))):
        assert twin == alert


def test_repr_shows_neither_body_nor_secret() -> None:
    assert repr(Alert.from_json(b'{"type": "reboot", "content": "private"}')) == (
        "<Alert 'reboot' id=None device_id=None>"
    )


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"{'a': 1}"])
def test_what_is_no_json_is_an_alert_error(text: bytes) -> None:
    with pytest.raises(AlertError) as caught:
        Alert.from_json(text)
    assert isinstance(caught.value, Error)
    assert isinstance(caught.value, ValueError)
    with pytest.raises(TypeError):
        Alert.from_json(5)  # type: ignore[arg-type]


def test_verify_needs_secrets() -> None:
    with pytest.raises(ConfigError):
        verify(b"{}", None, [])
    with pytest.raises(ValueError, match="empty"):
        verify(b"{}", None, [""])
    with pytest.raises(TypeError):
        verify(b"{}", None, "secret")


def test_the_types_of_the_server_itself_are_apart() -> None:
    own = alert_types(own=True)[len(alert_types()) :]
    assert own
    assert all(one.name.startswith("incm_webhook.") for one in own)
    assert not any(one.name.startswith("incm_webhook.") for one in alert_types())


def test_alert_types_are_known_by_name() -> None:
    known = {one.name: one for one in alert_types()}
    assert known["wwan_connected"].label == "Wi-Fi(STA) Wan Connected"
    assert known["connected"].opposite == "disconnected"
    assert known["reboot"].opposite is None
    assert known["reboot"].family == "reboot"
    assert known["connected"].family == known["disconnected"].family == "connection"
    assert known["connected"].clears
    assert not known["disconnected"].clears


def receiver(tmp_path: Path) -> _core.Receiver:
    return _core.Receiver(
        listen="127.0.0.1:0",
        admin=None,
        inbox=f"sqlite:{tmp_path / 'inbox.db'}",
        endpoints=[_core.Endpoint("/webhook", ["s"])],
        routes=[_core.Route("all", _core.Filter())],
    )


def test_take_waits_without_the_gil_and_wakes(tmp_path: Path) -> None:
    one = receiver(tmp_path)
    one.start()
    assert one.fetch("all", 1, 0.0) == []
    taken: list[list[_core.Delivery]] = []
    fetcher = threading.Thread(target=lambda: taken.append(one.fetch("all", 1, 1000.0)))
    fetcher.start()
    one.hurry("all")  # reached only when the waiting thread does not hold the GIL
    fetcher.join()
    assert taken == [[]]
    with pytest.raises(ConfigError, match="no plugin none"):
        one.resume("none", False)
    one.resume("all", True)
    one.stop()
    with pytest.raises(incm_webhook.errors.ClosedError):
        one.fetch("all", 1, 0.0)
    one.stop()


def test_a_receiver_that_is_not_started_says_so(tmp_path: Path) -> None:
    with pytest.raises(incm_webhook.errors.ClosedError):
        receiver(tmp_path).fetch("all", 1, 0.0)
    with pytest.raises(ConfigError):
        _core.Receiver(listen="nowhere", admin=None, inbox="x", endpoints=[], routes=[])


def stub_names(body: list[ast.stmt]) -> set[str]:
    names = set()
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


def test_the_stub_lists_what_the_module_has() -> None:
    tree = ast.parse(STUB.read_text())
    hidden = {"__doc__", "__file__", "__loader__", "__name__", "__package__", "__spec__"}
    assert stub_names(tree.body) == set(vars(_core)) - hidden
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not issubclass(getattr(_core, node.name), Exception):
            cls = getattr(_core, node.name)
            public = {name for name in vars(cls) if not name.startswith("_")}
            assert {n for n in stub_names(node.body) if not n.startswith("_")} == public, node.name


def test_everything_public_is_documented() -> None:
    for name in incm_webhook.__all__:
        if name != "__version__":
            assert inspect.getdoc(getattr(incm_webhook, name)), name
