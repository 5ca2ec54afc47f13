"""What the plugin `mqtt` makes of configurations, and of answers that Mosquitto does not give."""

import sys
from pathlib import Path
from typing import Any

import pytest

from incm_webhook import Alert, Context, PluginError, Reject, Unavailable
from incm_webhook.plugins.mqtt import Mqtt, MqttConfig
from incm_webhook.testing import make_alert, run_plugin
from plugins.targets.ports import free_port, wait_until
from plugins.targets.scripted_broker import ScriptedBroker, ended, refused_connection

PLAIN = {"host": "127.0.0.1", "state_topic": "", "status_topic": ""}


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        (0x00, None),
        (0x10, None),
        (0x80, ConnectionError),
        (0x83, ConnectionError),
        (0x87, Unavailable),
        (0x90, Reject),
        (0x97, ConnectionError),
        (0x99, Reject),
    ],
)
def test_the_reason_of_an_acknowledgement_counts(reason: int, kind: type | None) -> None:
    with ScriptedBroker(to_publish=reason) as broker:
        (outcome,) = run_plugin("mqtt", make_alert(), config={**PLAIN, "port": broker.port})
    assert type(outcome) is (kind or str), outcome


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (None, ConnectionError),
        (ended(0x87), Unavailable),
        (ended(0x8B), ConnectionError),
        (ended(0x95), Reject),
        (ended(0x97), ConnectionError),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", TimeoutError),  # begins as a packet of 84 bytes does
        (b"\xff" * 100, ConnectionError),
    ],
)
def test_the_end_of_a_connection_counts(answer: bytes | None, kind: type) -> None:
    with ScriptedBroker(to_publish=answer) as broker:
        config = {**PLAIN, "port": broker.port, "time_limit": "2s"}
        (outcome,) = run_plugin("mqtt", make_alert(), config=config)
        assert type(outcome) is kind, outcome


def test_nothing_is_sent_again_by_itself() -> None:
    """The delivery is tried again; the library's own repetition would double it."""
    with ScriptedBroker(to_publish=None) as broker:
        config = MqttConfig(**PLAIN, port=broker.port)
        plugin = Mqtt(config)
        ctx = Context(config=config, plugin="mqtt", delivery_key="k", endpoint="/webhook")
        plugin.setup(ctx)
        try:
            with pytest.raises(ConnectionError):
                plugin.handle(make_alert(), ctx)
            wait_until(lambda: broker.connections >= 2)
            plugin.close()  # ends the second connection in order
            assert len(broker.published) == 1
        finally:
            plugin.close()


def test_a_connection_without_an_acknowledgement_is_given_up() -> None:
    with ScriptedBroker(to_publish=b"") as broker:
        config = {**PLAIN, "port": broker.port, "time_limit": "300ms"}
        outcomes = run_plugin("mqtt", make_alert(), make_alert(), config=config)
        assert [type(one) for one in outcomes] == [TimeoutError] * 2
        assert broker.connections >= 2


@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize("limit", [150, 300, 20_000])
def test_the_size_of_a_packet_is_known_to_the_byte(limit: int, qos: int) -> None:
    hello = b"\x20\x08\x00\x00\x05\x27" + limit.to_bytes(4, "big")
    sizes = range(max(1, limit - 200), limit + 1)
    alerts = [Alert.from_json(b" " * (size - 2) + b"{}") for size in sizes if size > 1]
    with ScriptedBroker(hello) as broker:
        config = {**PLAIN, "port": broker.port, "topic": "t", "time_limit": "60s", "qos": qos}
        outcomes = run_plugin("mqtt", *alerts, config=config)
        assert broker.largest == limit
    assert {type(one) for one in outcomes} == {str, Reject}


@pytest.mark.parametrize(
    ("hello", "kind", "message"),
    [
        (b"\x20\x02\x00\x01", Unavailable, "does not speak MQTT 5"),
        (refused_connection(0x84), Unavailable, "does not speak MQTT 5"),
        (refused_connection(0x86), Unavailable, "bad user name or password"),
        (refused_connection(0x88), ConnectionError, "0x88"),
        (refused_connection(0x9D), Unavailable, "has moved"),
        (b"\x20\x05\x00\x00\x02\x24\x00", Unavailable, "does not support this qos"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", TimeoutError, "does not answer"),
        (b"", TimeoutError, "does not answer"),
    ],
)
def test_the_answer_to_a_connection_counts(hello: bytes, kind: type, message: str) -> None:
    with ScriptedBroker(hello) as broker:
        config = {**PLAIN, "port": broker.port, "time_limit": "1s"}
        (outcome,) = run_plugin("mqtt", make_alert(), config=config)
        assert type(outcome) is kind, outcome
        assert message in str(outcome)
        assert broker.published == []


def test_a_broker_that_keeps_nothing_cannot_hold_states() -> None:
    with ScriptedBroker(b"\x20\x05\x00\x00\x02\x25\x00") as broker:
        config = {"host": "127.0.0.1", "port": broker.port}
        (outcome,) = run_plugin("mqtt", make_alert(), config=config)
        assert isinstance(outcome, Unavailable)
        assert "retained" in str(outcome)
        assert run_plugin("mqtt", make_alert(), config={**PLAIN, **config}) == ["delivered"]


def test_connect_tries_the_broker_and_publishes_nothing() -> None:
    with ScriptedBroker() as broker:
        config = MqttConfig(host="127.0.0.1", port=broker.port)
        Mqtt(config).connect(Context(config=config, plugin="mqtt"))
        assert broker.published == []
    with pytest.raises(ConnectionError, match="refused"):
        Mqtt(config).connect(Context(config=config, plugin="mqtt"))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "host"),
        ({"qos": 2}, "qos"),
        ({"topic": "a/{devise}"}, "{devise} is unknown; there are {device}"),
        ({"topic": "a/#"}, "a topic holds no +, no #"),
        ({"topic": "a/\x00"}, "a topic holds no +, no #"),
        ({"topic": "{{ alert.type }}"}, "single braces"),
        ({"topic": ""}, "topic is empty"),
        ({"state_topic": "devices"}, "state_topic needs {device}"),
        ({"status_topic": "{device}"}, "no placeholders"),
        ({"home_assistant": "homeassistant", "status_topic": ""}, "needs state_topic and status"),
        ({"ca": "ca.pem"}, "need tls = true"),
        ({"tls": True, "key": "key.pem"}, "key needs certificate"),
        ({"time_limit": "0s"}, "time_limit"),
        ({"broker": "x"}, "broker"),
    ],
)
def test_a_wrong_config_is_explained(config: dict[str, Any], message: str) -> None:
    if config:
        config = {"host": "127.0.0.1", **config}
    with pytest.raises(PluginError) as caught:
        run_plugin("mqtt", config=config)
    assert message in str(caught.value)


def test_a_file_that_is_no_certificate_is_named(tmp_path: Path) -> None:
    wrong = tmp_path / "ca.pem"
    config = MqttConfig(host="127.0.0.1", tls=True, ca=wrong)
    with pytest.raises(FileNotFoundError, match=str(wrong)):
        Mqtt(config).check()
    wrong.write_text("no certificate")
    with pytest.raises(ValueError, match=str(wrong)):
        Mqtt(config).check()


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "paho.mqtt.client", None)
    with pytest.raises(PluginError, match=r'pip install "incm-webhook\[mqtt\]"'):
        run_plugin("mqtt", config={"host": "127.0.0.1"})


def test_setup_does_not_wait_for_the_broker() -> None:
    config = MqttConfig(host="127.0.0.1", port=free_port())
    one = Mqtt(config)
    one.setup(Context(config=config, plugin="mqtt"))
    one.close()


def test_a_password_is_in_no_message() -> None:
    config = {"host": "127.0.0.1", "port": free_port(), "password": "tops3cret"}
    (outcome,) = run_plugin("mqtt", make_alert(), config=config)
    assert "tops3cret" not in repr(outcome) + repr(MqttConfig.model_validate(config))
