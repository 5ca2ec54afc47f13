"""What a worker process sends is bounded and strictly read; what it is sent arrives as it was."""

import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from datetime import time as time_of_day
from typing import Any

import pytest

from incm_webhook import PluginError, Reject, Retry
from incm_webhook.config.settings import PluginSettings
from incm_webhook.hosting.channel import (
    BrokenFrameError,
    Channel,
    GoneError,
    pack_settings,
    unpack_settings,
)
from incm_webhook.hosting.worker_protocol import WorkerFailure, read_description, read_outcome

DEADLINE_S = 60.0  # only a test that fails waits so long


@pytest.fixture
def pair() -> Iterator[tuple[Channel, socket.socket]]:
    own, other = socket.socketpair()
    channel = Channel(own)
    yield channel, other
    channel.close()
    other.close()


def frame(text: bytes, behind: bytes = b"") -> bytes:
    return struct.pack("!II", len(text), len(behind)) + text + behind


def test_a_message_arrives_as_it_was_sent(pair: tuple[Channel, socket.socket]) -> None:
    channel, other = pair
    alerts = [b"\0" * 3_000_000, b"", b'{"type": "x"}']
    with ThreadPoolExecutor(1) as thread:
        sent = thread.submit(channel.send, {"a": ["\u00e9", 1.5, None]}, alerts)
        assert Channel(other).receive() == ({"a": ["\u00e9", 1.5, None]}, b"".join(alerts))
        sent.result(DEADLINE_S)


@pytest.mark.parametrize(
    "sent",
    [
        frame(b"{}" + b" " * 100),
        struct.pack("!II", 2**32 - 1, 2**32 - 1),
        frame(b"{}", b"x" * 100),
        frame(b"{}") + b"x",
        frame(b"{}") * 2,
        frame(b"[]"),
        frame(b""),
        frame(b"{"),
        frame(b'{"a": \xff}'),
        frame(b"[" * 90),
    ],
)
def test_a_broken_frame_is_refused(pair: tuple[Channel, socket.socket], sent: bytes) -> None:
    channel, other = pair
    other.sendall(sent)
    with pytest.raises(BrokenFrameError):
        channel.receive(limit=100)


def test_depth_is_no_way_to_the_stack(pair: tuple[Channel, socket.socket]) -> None:
    channel, other = pair
    other.sendall(frame(b'{"a":' * 20_000))
    with pytest.raises(BrokenFrameError):
        channel.receive(limit=200_000)


def test_an_answer_has_no_bytes_behind_it(pair: tuple[Channel, socket.socket]) -> None:
    channel, other = pair
    other.sendall(frame(b"{}", b"x"))
    with pytest.raises(BrokenFrameError):
        channel.exchange({}, (), 100, time.monotonic() + DEADLINE_S)


def test_half_a_message_and_no_message_are_an_end(pair: tuple[Channel, socket.socket]) -> None:
    channel, other = pair
    other.sendall(frame(b"{}")[:-1])
    other.close()
    with pytest.raises(GoneError):
        channel.receive()
    with pytest.raises(GoneError):
        channel.receive()


def test_a_time_out_is_for_the_whole_message(pair: tuple[Channel, socket.socket]) -> None:
    channel, other = pair
    other.sendall(frame(b"{}")[:-1])
    with pytest.raises(TimeoutError):
        channel.receive(until=time.monotonic() + 0.01)
    with pytest.raises(TimeoutError):
        channel.send({}, [bytes(10_000_000)], until=time.monotonic() + 0.01)
    with pytest.raises(TimeoutError):
        channel.exchange({}, (), 100, until=time.monotonic())


def test_close_wakes_a_waiting_thread(pair: tuple[Channel, socket.socket]) -> None:
    channel, other = pair
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(channel.exchange, {"a": 1}, (), 100, time.monotonic() + DEADLINE_S)
        assert Channel(other).receive() == ({"a": 1}, b"")
        channel.close()
        error = waiting.exception(DEADLINE_S)
    assert isinstance(error, GoneError)
    assert error.sent
    with pytest.raises(GoneError) as late:
        channel.exchange({}, (), 100, time.monotonic() + DEADLINE_S)
    assert not late.value.sent


def test_a_socket_can_be_handed_over(pair: tuple[Channel, socket.socket]) -> None:
    channel, other = pair
    near, far = socket.socketpair()
    with near:
        with far:
            channel.send_socket(far)
        with Channel(other).receive_socket() as got:
            assert not got.get_inheritable()
            got.sendall(b"here")
            assert near.recv(10) == b"here"


def test_settings_keep_what_json_does_not_know() -> None:
    config = {
        "moment": datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
        "day": date(2026, 1, 2),
        "time": time_of_day(3, 4),
        "deep": [{"day": date(2026, 1, 2)}],
        "infinite": float("inf"),
    }
    before = PluginSettings(use="x", types="reboot", retry={"max": "5m"}, config=config)
    after = unpack_settings(pack_settings(before))
    assert after == before
    assert after.model_fields_set == before.model_fields_set
    assert after.retry.model_fields_set == {"max"}


def test_settings_that_no_file_can_hold_are_refused() -> None:
    with pytest.raises(PluginError, match="config holds a Event, which cannot be handed"):
        pack_settings(PluginSettings(use="x", config={"event": threading.Event()}))


@pytest.mark.parametrize(
    "answer",
    [
        "{}",
        '{"outcome": "delivered"}',
        '{"call": 6, "outcome": "delivered"}',
        '{"call": "7", "outcome": "delivered"}',
        '{"call": 7, "outcome": "settled"}',
        '{"call": 7, "outcome": ["delivered"]}',
        '{"call": 7, "outcome": "retry"}',
        '{"call": 7, "outcome": "retry", "after": "1", "account": ["", "", ""]}',
        '{"call": 7, "outcome": "retry", "after": -1, "account": ["", "", ""]}',
        '{"call": 7, "outcome": "retry", "after": NaN, "account": ["", "", ""]}',
        '{"call": 7, "outcome": "retry", "after": 1' + 400 * "0" + ', "account": ["", "", ""]}',
        '{"call": 7, "outcome": "reject"}',
        '{"call": 7, "outcome": "failed", "account": ["", "", 1]}',
    ],
)
def test_nonsense_is_no_outcome(answer: str) -> None:
    with pytest.raises(BrokenFrameError):
        read_outcome(json.loads(answer), 7)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ({"outcome": "retry", "after": None, "account": ["", "", ""]}, Retry()),
        ({"outcome": "retry", "after": 3, "account": ["", "", ""]}, Retry(3)),
        ({"outcome": "reject", "account": ["a\nb\ud800", "", ""]}, Reject(r"a\nb\ud800")),
        ({"outcome": "failed", "account": ["E: \x1b", "", ""]}, WorkerFailure(r"E: \x1b")),
        ({"outcome": "exhausted"}, MemoryError()),
    ],
)
def test_an_outcome_is_raised(answer: dict[str, Any], outcome: Exception) -> None:
    with pytest.raises(type(outcome)) as raised:
        read_outcome({"call": 7, **answer}, 7)
    assert str(raised.value) == str(outcome)


@pytest.mark.parametrize(
    "loaded",
    [
        None,
        {},
        {"settings": {}, "batch": 1, "on_dead": True, "origin": ["x", None, ""], "warnings": []},
        {
            "settings": {"timeout": -1},
            "batch": True,
            "on_dead": True,
            "origin": ["x", None, ""],
            "warnings": [],
        },
        {
            "settings": {"nonsense": 1},
            "batch": True,
            "on_dead": True,
            "origin": ["x", None, ""],
            "warnings": [],
        },
        {"settings": {}, "batch": True, "on_dead": True, "origin": ["x", None], "warnings": []},
        {
            "settings": {},
            "batch": True,
            "on_dead": True,
            "origin": ["x", None, ""],
            "warnings": "w",
        },
    ],
)
def test_nonsense_is_no_description(loaded: object) -> None:
    with pytest.raises(BrokenFrameError):
        read_description({"loaded": loaded}, PluginSettings(use="x"))


def test_a_process_cannot_choose_the_identity_of_its_plugin() -> None:
    spec = PluginSettings(use="./mine.py", config={"a": 1})
    forged = {"use": "other", "name": "other", "config": {"b": 2}, "timeout": 5.0}
    description = read_description(
        {
            "loaded": {
                "settings": forged,
                "batch": True,
                "on_dead": True,
                "origin": ["a\x1b", "1", "b\n"],
                "warnings": ["c\x1b", 7],
            }
        },
        spec,
    )
    settings = description.settings
    assert (settings.use, settings.name, settings.config) == ("./mine.py", "mine", {"a": 1})
    assert settings.timeout == 5.0
    assert description.warnings == (r"c\x1b",)
    assert (description.origin.text, description.origin.summary) == (r"a\x1b", r"b\n")
