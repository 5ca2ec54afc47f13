"""The plugin `mqtt`, on the broker Mosquitto."""

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import trustme
from jinja2 import Environment

from incm_webhook import Alert, Reject, Unavailable
from incm_webhook.testing import Receiver, make_alert, run_plugin
from plugins.hostile import HOSTILE
from plugins.targets.mosquitto import Mosquitto, Received, Subscriber, needs_mosquitto
from plugins.targets.ports import wait_until

pytestmark = needs_mosquitto
NAMES = {"entity_name": "pump-7", "serial_number": "EF1"}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "mosquitto") as one:
        yield one


def settings(broker: Mosquitto, **more: Any) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": broker.port, **more}


def pair(**fields: Any) -> tuple[Alert, Alert]:
    """A lost device and its return, a minute later."""
    same = {"device_id": "d7", **NAMES, **fields}
    return (
        make_alert("disconnected", timestamp="2025-01-06T10:01:38Z", **same),
        make_alert("connected", timestamp="2025-01-06T10:02:38Z", **same),
    )


def folder(path: Path) -> Path:
    path.mkdir()
    return path


def of(messages: list[Received], beginning: str) -> list[Received]:
    return [one for one in messages if one.topic.startswith(beginning)]


def test_an_alert_is_published_whole_with_its_key(broker: Mosquitto) -> None:
    alert = pair()[0]
    with Subscriber(broker.port) as subscriber:
        assert run_plugin("mqtt", alert, config=settings(broker), key="k") == ["delivered"]
        got = subscriber.last("incm-webhook/alerts/d7/disconnected")
    assert got.payload == alert.raw
    assert got.facts["delivery_key"] == "k-1"
    assert got.facts["type"] == "disconnected"
    assert got.facts["endpoint"] == "/webhook"


def test_the_state_of_a_device_is_retained(broker: Mosquitto) -> None:
    lost, back = pair()
    states = []
    for alert in (lost, back):
        assert run_plugin("mqtt", alert, config=settings(broker)) == ["delivered"]
        with Subscriber(broker.port) as subscriber:
            got = subscriber.last("incm-webhook/devices/d7")
        assert got.retained
        states.append(json.loads(got.payload))
    assert [one["connected"] for one in states] == [False, True]
    assert states[0]["since"] == "2025-01-06T10:01:38.000000Z"
    assert states[1]["name"] == "pump-7"
    assert states[1]["last_alert"]["label"] == "Connect to Platform"


def test_an_older_alert_changes_no_state(broker: Mosquitto) -> None:
    lost, back = pair()
    with Subscriber(broker.port, "incm-webhook/#") as subscriber:
        assert run_plugin("mqtt", back, lost, config=settings(broker)) == ["delivered"] * 2
        subscriber.last("incm-webhook/alerts/d7/disconnected")
        states = of(subscriber.messages, "incm-webhook/devices/d7")
    assert [json.loads(one.payload)["connected"] for one in states] == [True]


def test_a_late_report_of_the_connection_counts_behind_another_alert(broker: Mosquitto) -> None:
    lost, _ = pair()
    reboot = make_alert("reboot", timestamp="2025-01-06T10:05:00Z", device_id="d7", **NAMES)
    run_plugin("mqtt", reboot, lost, config=settings(broker))
    with Subscriber(broker.port) as subscriber:
        state = json.loads(subscriber.last("incm-webhook/devices/d7").payload)
    assert state["connected"] is False
    assert state["last_alert"]["type"] == "reboot"


def test_the_status_says_whether_the_receiver_is_connected(
    broker: Mosquitto, tmp_path: Path
) -> None:
    table = {"use": "mqtt", "config": settings(broker)}
    with Subscriber(broker.port, "incm-webhook/status") as subscriber:
        receiver = Receiver(folder(tmp_path / "a"), plugins=[table])
        subscriber.wait_for(lambda all_: [one.payload for one in all_] == [b"online"])
        receiver.stop()
        subscriber.wait_for(lambda all_: [one.payload for one in all_] == [b"online", b"offline"])
        receiver = Receiver(folder(tmp_path / "b"), plugins=[table])
        subscriber.wait_for(lambda all_: all_[-1].payload == b"online")
        receiver.process.kill()
        subscriber.wait_for(lambda all_: all_[-1].payload == b"offline")
        receiver.stop()


def test_a_late_last_will_is_corrected(broker: Mosquitto, tmp_path: Path) -> None:
    """A trial run beside a server, and the old connection after a crash, publish "offline"."""
    table = {"use": "mqtt", "config": settings(broker)}
    with (
        Receiver(folder(tmp_path / "a"), plugins=[table]),
        Subscriber(broker.port, "incm-webhook/status") as subscriber,
    ):
        subscriber.wait_for(lambda all_: bool(all_) and all_[-1].payload == b"online")
        assert run_plugin("mqtt", make_alert(), config=settings(broker)) == ["delivered"]
        subscriber.wait_for(
            lambda all_: [one.payload for one in all_[-2:]] == [b"offline", b"online"]
        )


FORGED = f"a_b~{hashlib.sha256(b'a/b').hexdigest()[:8]}"
TEXTS = {
    "wildcards": "+/#",
    "levels": "../../$SYS/x/",
    "system": "$SYS",
    "placeholders": "{device}",
    "no character": "a\ufffe\ufdd0\U0010ffffb",
    "long": "仓" * 300_000,
}


def with_text(text: str) -> bytes:
    """An alert with the text in each place that a topic or a state has."""
    body = json.loads(make_alert("disconnected").raw)
    body.update(type=text, entityName=text, deviceId=text, title=text, content=text)
    body["org"]["name"] = body["deviceGroup"]["name"] = body["data"]["serialNumber"] = text
    return json.dumps(body).encode()


CORPUS = [*HOSTILE, *((name, with_text(text)) for name, text in TEXTS.items())]


@pytest.mark.parametrize(("name", "body"), CORPUS, ids=[name for name, _ in CORPUS])
def test_no_text_leaves_its_level(broker: Mosquitto, name: str, body: bytes) -> None:
    alert = Alert.from_json(body)
    topic = "x/{device}/{serial}/{name}/{type}/{org}/{group}/{endpoint}/{plugin}/end"
    config = settings(broker, topic=topic, home_assistant="homeassistant")
    with Subscriber(broker.port) as subscriber:
        assert run_plugin("mqtt", alert, config=config) == ["delivered"]
        messages = subscriber.wait_for(lambda all_: bool(of(all_, "x/")))
    (got,) = of(messages, "x/")
    levels = got.topic.split("/")
    assert len(levels) == 10
    assert levels[-3:] == ["webhook", "mqtt", "end"]
    assert all(0 < len(one.encode()) <= 100 for one in levels)
    assert not any(one in got.topic for one in "\x00\n\x1b\u202e")
    assert got.payload == alert.raw
    for one in messages:
        assert one.topic.split("/")[0] in ("x", "incm-webhook", "homeassistant")
        if one.topic.startswith(("incm-webhook/devices", "homeassistant")):
            assert len(one.payload) < 9000
            assert not any(set(text) & set("\x00\n\x1b\u202e") for text in texts_in(one.payload))


def texts_in(payload: bytes) -> Iterator[str]:
    """The texts of a JSON object, at any depth."""
    left = [json.loads(payload)]
    while left:
        one = left.pop()
        if isinstance(one, str):
            yield one
        left += one.values() if isinstance(one, dict) else one if isinstance(one, list) else []


def test_different_texts_have_different_levels(broker: Mosquitto) -> None:
    names = ["a/b", FORGED, "a+b", "a_b", "a#b", "é" * 60 + "1", "é" * 60 + "2"]
    config = settings(broker, topic="x/{name}", state_topic="")
    alerts = [make_alert("reboot", entity_name=name) for name in names]
    with Subscriber(broker.port, "x/#") as subscriber:
        run_plugin("mqtt", *alerts, config=config)
        messages = subscriber.wait_for(lambda all_: len(all_) == len(names))
    assert len({one.topic for one in messages}) == len(names)
    assert "x/a_b" in {one.topic for one in messages}


def test_a_template_makes_the_message(broker: Mosquitto) -> None:
    config = settings(broker, payload="{{ alert.entity_name }}: {{ alert.label }}")
    with Subscriber(broker.port) as subscriber:
        assert run_plugin("mqtt", pair()[0], config=config) == ["delivered"]
        got = subscriber.last("incm-webhook/alerts/d7/disconnected")
    assert got.payload == b"pump-7: Disconnect from Platform"


def test_home_assistant_learns_of_a_device_once(broker: Mosquitto) -> None:
    config = settings(broker, home_assistant="homeassistant")
    with Subscriber(broker.port) as subscriber:
        assert run_plugin("mqtt", *pair(), config=config) == ["delivered"] * 2
        subscriber.last("incm-webhook/alerts/d7/connected")
        (message,) = of(subscriber.messages, "homeassistant/")
    assert message.topic == "homeassistant/device/incm_webhook_d7/config"
    found = json.loads(message.payload)
    assert found["device"]["identifiers"] == ["incm_webhook_d7"]
    assert found["device"]["name"] == "pump-7"
    assert found["origin"]["name"] == "incm-webhook"
    assert found["availability_topic"] == "incm-webhook/status"
    assert found["state_topic"] == "incm-webhook/devices/d7"
    for component in found["components"].values():
        assert component["platform"] in ("binary_sensor", "sensor")
        assert component["unique_id"].startswith("incm_webhook_d7_")
    template = Environment().from_string(found["components"]["connection"]["value_template"])
    for connected, shown in ((True, "ON"), (False, "OFF"), (None, "None")):
        assert template.render(value_json={"connected": connected}) == shown


def test_what_was_announced_is_remembered_over_a_restart(broker: Mosquitto) -> None:
    config, state = settings(broker, home_assistant="homeassistant"), dict[str, Any]()
    with Subscriber(broker.port) as subscriber:
        for alert in pair():
            assert run_plugin("mqtt", alert, config=config, state=state) == ["delivered"]
        subscriber.last("incm-webhook/alerts/d7/connected")
        assert len(of(subscriber.messages, "homeassistant/")) == 1


def test_a_device_too_many_to_remember_is_published_with_each_alert(broker: Mosquitto) -> None:
    state: dict[str, Any] = {f"other/{number}": 1 for number in range(10_000)}
    with Subscriber(broker.port, "incm-webhook/devices/#") as subscriber:
        alert = pair()[0]
        outcomes = run_plugin("mqtt", alert, alert, config=settings(broker), state=state)
        assert outcomes == ["delivered"] * 2
        subscriber.wait_for(lambda all_: len(all_) == 2)
    assert len(state) == 10_000


def test_a_renamed_device_is_announced_again(broker: Mosquitto) -> None:
    config = settings(broker, home_assistant="homeassistant")
    with Subscriber(broker.port, "homeassistant/#") as subscriber:
        run_plugin("mqtt", pair()[0], pair(entity_name="pump-8")[1], config=config)
        messages = subscriber.wait_for(lambda all_: len(all_) == 2)
    assert [json.loads(one.payload)["device"]["name"] for one in messages] == ["pump-7", "pump-8"]


USERS = {"receiver": "k7Zq-receiver", "reader": "reader"}
LOGIN = ("reader", "reader")


@pytest.mark.parametrize("login", [{}, {"username": "receiver", "password": "k7Zq-mistyped"}])
def test_a_wrong_password_is_the_brokers_matter(tmp_path: Path, login: dict[str, str]) -> None:
    with Mosquitto(tmp_path, ["allow_anonymous false"], USERS) as broker:
        (outcome,) = run_plugin("mqtt", make_alert(), config=settings(broker, **login))
        assert isinstance(outcome, Unavailable)
        assert "not authorized" in str(outcome)
        assert "k7Zq-mistyped" not in str(outcome)
        right = settings(broker, username="receiver", password="k7Zq-receiver")
        assert run_plugin("mqtt", make_alert(), config=right) == ["delivered"]


@pytest.mark.parametrize("topic", ["incm-webhook/alerts/#", "incm-webhook/devices/#"])
def test_a_topic_that_is_not_allowed_is_not_delivered(tmp_path: Path, topic: str) -> None:
    """With MQTT 3.1.1 the broker would acknowledge it as published."""
    acl = tmp_path / "acl"
    acl.write_text(f"user receiver\ntopic write incm-webhook/#\ntopic deny {topic}\n")
    with Mosquitto(tmp_path / "m", ["allow_anonymous false", f"acl_file {acl}"], USERS) as broker:
        config = settings(broker, username="receiver", password="k7Zq-receiver")
        (outcome,) = run_plugin("mqtt", pair()[0], config=config)
    assert isinstance(outcome, Unavailable)
    assert topic.removesuffix("#") in str(outcome)
    assert "not authorized" in str(outcome)


def tls_files(folder: Path) -> tuple[list[str], Path, Path]:
    """Certificates: the broker's lines, the authority's file, the client's file."""
    authority = trustme.CA()
    ca, server, client = folder / "ca.pem", folder / "server.pem", folder / "client.pem"
    authority.cert_pem.write_to_path(ca)
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(server)
    authority.issue_cert("receiver").private_key_and_cert_chain_pem.write_to_path(client)
    return [f"cafile {ca}", f"certfile {server}", f"keyfile {server}"], ca, client


@pytest.mark.filterwarnings("ignore:.*SSLSocket:pytest.PytestUnraisableExceptionWarning")
def test_tls_needs_a_certificate_that_is_trusted(tmp_path: Path) -> None:
    lines, ca, _ = tls_files(tmp_path)
    with Mosquitto(tmp_path / "m", lines) as broker:
        config = settings(broker, tls=True, ca=str(ca))
        assert run_plugin("mqtt", make_alert(), config=config) == ["delivered"]
        (outcome,) = run_plugin("mqtt", make_alert(), config=settings(broker, tls=True))
        assert isinstance(outcome, Unavailable)
        assert "certificate" in str(outcome)


def test_the_example_of_the_page_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mqtt-password").write_text("k7Zq-receiver")
    (tmp_path / "mqtt-password").chmod(0o600)
    page = Path(__file__).parents[2] / "docs" / "plugins" / "mqtt.md"
    example = tomllib.loads(page.read_text().split("```toml\n")[1].split("```")[0])
    lines, ca, _ = tls_files(tmp_path)
    acl = tmp_path / "acl"
    acl.write_text("user receiver\ntopic write incm-webhook/#\ntopic write homeassistant/#\n")
    lines += ["allow_anonymous false", f"acl_file {acl}"]
    with Mosquitto(tmp_path / "m", lines, USERS) as broker:
        (plugin,) = example["plugin"]
        config = plugin["config"] | settings(broker, ca=str(ca))
        assert run_plugin(plugin["use"], make_alert(), config=config) == ["delivered"]


def test_a_client_certificate_is_sent(tmp_path: Path) -> None:
    lines, ca, client = tls_files(tmp_path)
    with Mosquitto(tmp_path / "m", [*lines, "require_certificate true"]) as broker:
        config = settings(broker, tls=True, ca=str(ca))
        (outcome,) = run_plugin("mqtt", make_alert(), config=config)
        assert isinstance(outcome, ConnectionError)
        config["certificate"] = str(client)
        assert run_plugin("mqtt", make_alert(), config=config) == ["delivered"]


def test_a_message_over_the_brokers_limit_is_rejected_and_never_sent(tmp_path: Path) -> None:
    """Sent, it would end the connection on each attempt."""
    with Mosquitto(tmp_path, ["max_packet_size 3000"]) as broker:
        config = settings(broker, state_topic="", payload="{{ alert.content }}", time_limit="60s")
        with Subscriber(broker.port, "incm-webhook/alerts/#") as subscriber:
            sizes = range(2600, 3001)
            alerts = [make_alert(device_id="d", content="x" * size) for size in sizes]
            outcomes = run_plugin("mqtt", *alerts, config=config)
            taken = [size for size, one in zip(sizes, outcomes, strict=True) if one == "delivered"]
            assert taken == list(range(2600, taken[-1] + 1)), outcomes
            assert 2600 < taken[-1] < 3000
            assert all(isinstance(one, Reject) for one in outcomes[len(taken) :])
            assert "takes 3,000" in str(outcomes[-1])
            messages = subscriber.wait_for(lambda all_: len(all_) == len(taken))
    assert [len(one.payload) for one in messages] == taken


def test_a_broker_that_hangs_is_not_waited_for_longer_than_the_timeout(broker: Mosquitto) -> None:
    alert = pair()[0]
    config = settings(broker, time_limit="300ms")
    with Subscriber(broker.port, "incm-webhook/alerts/#") as subscriber:
        broker.pause()
        (outcome,) = run_plugin("mqtt", alert, config=config, key="k")
        assert isinstance(outcome, TimeoutError)
        broker.resume()
        config["time_limit"] = "20s"
        assert run_plugin("mqtt", alert, config=config, key="k") == ["delivered"]
        messages = subscriber.wait_for(bool)
    assert {one.facts["delivery_key"] for one in messages} == {"k-1"}


def test_a_broker_that_is_not_there_is_tried_again(broker: Mosquitto) -> None:
    broker.kill()
    (outcome,) = run_plugin("mqtt", make_alert(), config=settings(broker))
    assert isinstance(outcome, ConnectionError)
    assert f"127.0.0.1:{broker.port}" in str(outcome)
    assert "refused" in str(outcome)


def test_nothing_is_lost_while_the_broker_comes_and_goes(broker: Mosquitto, tmp_path: Path) -> None:
    """Down at the start, then hanging, then killed. Retained messages wait for the subscriber."""
    topic = "incm-webhook/alerts/{device}"
    table: Mapping[str, Any] = {
        "use": "mqtt",
        "config": settings(broker, time_limit="500ms", topic=topic, retain=True, state_topic=""),
        "retry": {"first": "20ms", "max": "100ms"},
        "breaker": 0,
    }
    broker.kill()
    with Receiver(folder(tmp_path / "receiver"), plugins=[table]) as receiver:

        def send(numbers: range) -> None:
            for number in numbers:
                alert = make_alert("disconnected", device_id=f"d{number}")
                assert receiver.send(alert)[0] == 200

        def devices(messages: list[Received]) -> set[str]:
            return {one.topic.rpartition("/")[2] for one in messages}

        def named(numbers: range) -> set[str]:
            return {f"d{number}" for number in numbers}

        send(range(5))
        wait_until(lambda: "refused" in receiver.output())
        broker.start()
        with Subscriber(broker.port, "incm-webhook/alerts/#") as subscriber:
            subscriber.wait_for(lambda all_: devices(all_) == named(range(5)))
            broker.pause()
            send(range(5, 10))
            wait_until(lambda: "not acknowledged" in receiver.output())
            broker.resume()
            messages = subscriber.wait_for(lambda all_: devices(all_) == named(range(10)))
        broker.kill()
        send(range(10, 15))
        broker.start()
        with Subscriber(broker.port, "incm-webhook/alerts/#") as subscriber:
            messages += subscriber.wait_for(lambda all_: devices(all_) >= named(range(10, 15)))
        keys = {(one.topic, one.facts["delivery_key"]) for one in messages}
        assert len(keys) == 15, "a repetition has the key of the first attempt"
