"""The plugin apprise, through its JSON service against a local server that fails on request."""

import re
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from incm_webhook import Alert, PluginError, Retry
from incm_webhook.testing import HttpTarget, make_alert, run_plugin
from plugins.hostile import HOSTILE
from plugins.targets.http_faults import (
    DRIPS_HEAD,
    DROPS,
    HANGS,
    RUBBISH,
    Fault,
    answers,
    sends_much,
)

pytest.importorskip("apprise", reason="the library Apprise is not installed")

USE = "apprise"
DOWN = make_alert("disconnected", serial_number="EF1", entityName="pump-7", deviceId="d1")
UP = make_alert("connected", serial_number="EF1", entityName="pump-7", deviceId="d1")


@pytest.fixture
def server() -> Iterator[HttpTarget]:
    with HttpTarget() as one:
        one.respond(200, "ok")
        yield one


def url_of(server: HttpTarget) -> str:
    return f"{server.url.replace('http', 'json')}/notify"


def send(urls: list[str], *alerts: Alert, **options: Any) -> list[Any]:
    config = {"urls": urls, **options.pop("config", {})}
    return run_plugin(USE, *alerts, config=config, **options)


def test_a_pair_of_alerts_is_sent_with_title_text_and_kind(server: HttpTarget) -> None:
    assert send([url_of(server)], DOWN, UP) == ["delivered"] * 2
    lost, found = (request.json() for request in server.requests)
    assert (lost["type"], found["type"]) == ("failure", "success")
    assert lost["title"].startswith("Disconnect from Platform: pump-7 (EF1) — ")
    assert lost["message"].startswith("pump-7 (EF1) lost its connection to the platform.\n")
    assert "Serial number: EF1" in lost["message"]


def test_templates_replace_title_and_text(server: HttpTarget) -> None:
    config = {"title": "{{ alert.type }}", "body": "{{ plugin }}: {{ alert.entity_name }}"}
    assert send([url_of(server)], DOWN, config=config) == ["delivered"]
    (request,) = server.requests
    assert (request.json()["title"], request.json()["message"]) == (
        "disconnected",
        "apprise: pump-7",
    )
    assert send([url_of(server)], DOWN, config={"body": " "}) == ["delivered"]
    assert server.requests[-1].json()["message"].startswith("Disconnect from Platform")


FAULTS: dict[str, Fault] = {
    "400": answers(400),
    "401": answers(401),
    "404": answers(404),
    "429": answers(429, Retry_After="9"),
    "500": answers(500),
    "503": answers(503),
    "drips": DRIPS_HEAD,
    "drops": DROPS,
    "hangs": HANGS,
    "rubbish": RUBBISH,
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_every_fault_is_tried_again(server: HttpTarget, fault: Fault) -> None:
    server.respond(**fault)
    (got,) = send([url_of(server)], DOWN, config={"time_limit": "2s"})
    assert isinstance(got, Retry)
    assert got.after is None
    assert got.reason.startswith("JSON (urls[1]): ")
    assert len(server.requests) == 1  # Apprise itself tries nothing again


def test_a_redirect_is_not_followed(server: HttpTarget) -> None:
    with HttpTarget() as other:
        server.respond(**answers(302, Location=f"{other.url}/elsewhere"))
        (got,) = send([url_of(server)], DOWN)
        assert isinstance(got, Retry)
        assert other.requests == []


def test_a_service_that_is_down_and_a_long_answer(server: HttpTarget) -> None:
    server.respond(**sends_much(1024**2))
    assert send([url_of(server)], DOWN) == ["delivered"]
    with HttpTarget() as gone:
        url = url_of(gone)
    (got,) = send([url], DOWN)
    assert isinstance(got, Retry)
    assert "A Connection error occurred" in got.reason


def test_a_repetition_goes_only_where_the_alert_has_not_arrived(server: HttpTarget) -> None:
    with HttpTarget() as other:
        urls = [url_of(server), url_of(other)]
        state: dict[str, Any] = {}
        other.respond(503)
        for attempt in (1, 2):
            (got,) = send(urls, DOWN, attempt=attempt, state=state)
            assert isinstance(got, Retry)
            assert "(urls[2]): " in got.reason
            assert "(urls[1])" not in got.reason
        assert (len(server.requests), len(other.requests)) == (1, 2)
        assert list(state) == ["sent/test-1"]
        assert server.url not in str(state)
        other.respond(200)
        assert send(urls, DOWN, attempt=3, state=state) == ["delivered"]
        assert (len(server.requests), len(other.requests)) == (1, 3)
        assert state == {}
        assert send(urls, DOWN, key="next", state=state) == ["delivered"]
        assert (len(server.requests), len(other.requests)) == (2, 4)


def test_what_is_kept_of_dead_letters_is_forgotten_after_two_weeks(server: HttpTarget) -> None:
    with HttpTarget() as other:
        other.respond(503)
        state = {"sent/old": {"urls": [], "at": 0.0}, "sent/new": {"urls": [], "at": 4e12}}
        now = {"sent/kept": {"urls": [], "at": time.time()}}
        send([url_of(server), url_of(other)], DOWN, state=(state := state | now))
        assert sorted(state) == ["sent/kept", "sent/test-1"]


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("wecombot://0123456789abcdef", "use the plugin im"),
        ("https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=0123456789", "use the plugin im"),
        ("dingtalk://0123456789", "use the plugin im"),
        ("nosuch://topsecret@host", 'does not know this URL of the kind "nosuch://"'),
        ("topsecret", "does not know this URL;"),
    ],
)
def test_a_url_that_cannot_work_is_refused_and_not_repeated(
    server: HttpTarget, url: str, text: str
) -> None:
    with pytest.raises(PluginError) as caught:
        send([url_of(server), url], DOWN)
    assert "config urls[2]: " in str(caught.value)
    assert text in str(caught.value)
    assert "topsecret" not in str(caught.value)


def test_one_url_stands_once(server: HttpTarget) -> None:
    with pytest.raises(PluginError, match=r"config urls\[2\]: .* the same as urls\[1\]"):
        send([url_of(server)] * 2, DOWN)
    with pytest.raises(PluginError, match="config urls"):
        send([], DOWN)


def test_a_missing_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(PluginError, match=re.escape('pip install "incm-webhook[apprise]"')):
        send(["json://127.0.0.1"], DOWN)


@pytest.mark.parametrize(("name", "body"), HOSTILE, ids=[name for name, _ in HOSTILE])
def test_a_hostile_alert_is_one_bounded_notification(
    server: HttpTarget, name: str, body: bytes
) -> None:
    config = {"body": "{{ alert.content | default('-') }}"}
    assert send([url_of(server)], Alert.from_json(body), config=config) == ["delivered"], name
    assert send([url_of(server)], Alert.from_json(body)) == ["delivered"]
    assert len(server.requests) == 2
    for request in server.requests:
        notification = request.json()
        assert not set("\n<>") & set(notification["title"])
        assert 0 < len(notification["title"]) <= 400
        assert 0 < len(notification["message"].encode()) <= 32768
        for line in (notification["title"], *notification["message"].split("\n")):
            assert not re.search("@(all|here|channel|everyone)|<[!@#]", line)
            assert not re.search(
                "[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", line
            )


def test_people_can_be_mentioned_on_purpose(server: HttpTarget) -> None:
    config = {"title": "@all", "mentions": True}
    assert send([url_of(server)], DOWN, config=config) == ["delivered"]
    assert server.requests[0].json()["title"] == "@all"


def test_the_example_of_the_page_works(server: HttpTarget) -> None:
    page = Path(__file__).parents[2] / "docs" / "plugins" / "apprise.md"
    (example,) = re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL)[:1]
    (table,) = tomllib.loads(example)["plugin"]
    assert table["use"] == "apprise"
    assert run_plugin(USE, config=table["config"]) == []  # Apprise knows its URLs
    config = table["config"] | {"urls": [url_of(server)]}
    assert run_plugin(USE, DOWN, config=config) == ["delivered"]
