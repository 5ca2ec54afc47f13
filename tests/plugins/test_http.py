"""The bundled plugin `http`: its configuration, its signature, and what it sends."""

import base64
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from incm_webhook import Alert, Context, PluginError, Reject, Retry, Unavailable, sign
from incm_webhook.config.settings import PluginSettings
from incm_webhook.hosting import registry
from incm_webhook.http import egress
from incm_webhook.testing import HttpTarget, Receiver, make_alert, run_plugin
from plugins.hostile import HOSTILE
from plugins.targets.http_faults import DROPS_UNREAD, RUBBISH, answers

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
OTHER = "whsec_" + base64.b64encode(b"fedcba9876543210fedcba9876543210").decode()


@pytest.fixture
def server() -> Iterator[HttpTarget]:
    with HttpTarget() as one:
        yield one


def test_the_whole_alert_is_its_own_text(server: HttpTarget) -> None:
    raw = b'\xef\xbb\xbf{"_id": "1",\r\n "n": 1.50, "n": "\\u4ed3\xe4\xbb\x93"}\n'
    run_plugin("http", Alert.from_json(raw), config={"url": server.url}, key="k")
    (request,) = server.requests
    assert b'"alert":{"_id": "1",\r\n "n": 1.50, "n": "\\u4ed3\xe4\xbb\x93"}\n}' in request.body
    body = request.json()
    assert (body["inbox_id"], body["endpoint"], body["delivery_key"]) == (1, "/webhook", "k-1")
    assert request.headers["content-type"] == "application/json"


@pytest.mark.parametrize(("name", "raw"), HOSTILE, ids=[name for name, _ in HOSTILE])
def test_hostile_alerts_arrive_whole(server: HttpTarget, name: str, raw: bytes) -> None:
    alert = Alert.from_json(raw)
    assert run_plugin("http", alert, config={"url": server.url}) == ["delivered"]
    (request,) = server.requests
    head, _, rest = request.body.partition(b',"alert":')
    assert list(json.loads(head + b"}")) == [
        "inbox_id",
        "received_at",
        "endpoint",
        "delivery_key",
    ]
    assert rest == raw.removeprefix(b"\xef\xbb\xbf") + b"}"


@pytest.mark.parametrize("wanted", [True, False])
def test_the_trace_of_the_sender_is_sent_on_if_it_is_wanted(
    server: HttpTarget, tmp_path: Path, wanted: bool
) -> None:
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    table = {"use": "http", "config": {"url": server.url, "traceparent": wanted}}
    with Receiver(tmp_path, plugins=[table]) as receiver:
        for number, more in enumerate(({"traceparent": parent, "tracestate": "a=1"}, {})):
            alert = make_alert(id=f"a{number}")
            headers = {"X-Signature": sign(alert.raw, receiver.secret), **more}
            request = urllib.request.Request(receiver.url, alert.raw, headers)
            with urllib.request.urlopen(request) as answer:
                assert answer.status == 200
        receiver.wait_until_settled()
    told = [
        (one.headers.get("traceparent"), one.headers.get("tracestate"))
        for one in sorted(server.requests, key=lambda one: int(one.json()["inbox_id"]))
    ]
    assert told == [(parent, "a=1") if wanted else (None, None), (None, None)]


def test_the_library_verifies_the_signature(server: HttpTarget) -> None:
    config = {"url": server.url, "signature": {"secret": SECRET}}
    alerts = [make_alert(), make_alert()]
    assert run_plugin("http", *alerts, config=config, key="k.1") == ["delivered"] * 2
    for number, request in enumerate(server.requests, 1):
        verified = Webhook(SECRET).verify(request.body, dict(request.headers))
        assert verified == request.json()
        assert request.headers["webhook-id"] == f"k_1-{number}"  # an id has no dot
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(OTHER).verify(server.requests[0].body, dict(server.requests[0].headers))


@pytest.mark.parametrize("secret", [SECRET, OTHER])
def test_while_secrets_rotate_either_verifies(server: HttpTarget, secret: str) -> None:
    config = {"url": server.url, "signature": {"secret": [SECRET, OTHER]}}
    run_plugin("http", make_alert(), config=config)
    (request,) = server.requests
    Webhook(secret).verify(request.body, dict(request.headers))


def test_a_repetition_has_the_same_key(server: HttpTarget) -> None:
    config = {
        "url": server.url,
        "signature": {"secret": SECRET},
        "idempotency_header": "Idempotency-Key",
    }
    alert = make_alert()
    for attempt in (1, 2):
        run_plugin("http", alert, config=config, attempt=attempt, key="same")
    first, second = server.requests
    for name in ("webhook-id", "idempotency-key"):
        assert first.headers[name] == second.headers[name] == "same-1"


def test_a_template_makes_the_body(server: HttpTarget) -> None:
    config = {
        "url": server.url,
        "method": "PUT",
        "body": "{{ alert.entity_name }} <{{ delivery_key }}>",
        "content_type": "text/plain; charset=utf-8",
        "headers": {"X-Priority": "high"},
    }
    alert = make_alert(entity_name="仓库\r\nX: y")
    assert run_plugin("http", alert, config=config, key="k") == ["delivered"]
    (request,) = server.requests
    assert request.method == "PUT"
    assert request.body.decode() == "仓库\r\nX: y <k-1>"
    assert request.headers["content-type"] == "text/plain; charset=utf-8"
    assert request.headers["x-priority"] == "high"
    assert "x" not in request.headers


def test_a_template_that_gives_no_json_rejects_the_alert(server: HttpTarget) -> None:
    config = {"url": server.url, "body": '{"name": "{{ alert.entity_name }}"}'}
    good, bad = make_alert(entity_name="pump"), make_alert(entity_name='a"b')
    outcomes = run_plugin("http", good, bad, config=config)
    assert outcomes[0] == "delivered"
    assert isinstance(outcomes[1], Reject)
    assert "the template gave no JSON" in str(outcomes[1])
    assert "| tojson }}" in str(outcomes[1])
    assert len(server.requests) == 1


def test_a_field_that_an_alert_lacks_rejects_it(server: HttpTarget) -> None:
    config = {"url": server.url, "body": "\n{{ alert.entity_name | tojson }}{{ alert.closed_at }}"}
    (outcome,) = run_plugin("http", make_alert(), config=config)
    assert isinstance(outcome, Reject)
    assert 'the template "body"' in str(outcome)
    assert "closed_at" in str(outcome)


def test_further_statuses_mean_delivered(server: HttpTarget) -> None:
    server.respond(409)
    config: dict[str, Any] = {"url": server.url}
    assert isinstance(run_plugin("http", make_alert(), config=config)[0], Reject)
    config["success"] = [409]
    assert run_plugin("http", make_alert(), config=config) == ["delivered"]


def test_a_user_in_the_url_is_sent_as_basic_authorization(server: HttpTarget) -> None:
    url = server.url.replace("://", "://me:secret-word@")
    assert run_plugin("http", make_alert(), config={"url": url}) == ["delivered"]
    expected = base64.b64encode(b"me:secret-word").decode()
    assert server.requests[0].headers["authorization"] == f"Basic {expected}"


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({}, "url"),
        ({"url": "ftp://example.com"}, 'wants a URL such as "https://example.com/path"'),
        ({"url": "https:///nowhere"}, 'wants a URL such as "https://example.com/path"'),
        ({"url": "https://a b/"}, 'wants a URL such as "https://example.com/path"'),
        ({"url": "http://h/", "method": "GET"}, "method"),
        ({"url": "http://h/", "headers": {"Content-Type": "a/b"}}, "write content_type"),
        ({"url": "http://h/", "headers": {"Host": "h"}}, "it follows from the URL"),
        ({"url": "http://h/", "headers": {"A B": "c"}}, "cannot be the name of a header"),
        ({"url": "http://h/", "headers": {"A": "b\r\nC: d"}}, "characters that no header can have"),
        ({"url": "http://h/", "content_type": "a/b\r\nC: d"}, "content_type"),
        ({"url": "http://h/", "idempotency_header": "A:"}, "idempotency_header"),
        ({"url": "http://h/", "body": "{{ alert. }}"}, "it is no template"),
        ({"url": "http://h/", "signature": {"secret": "whsec_dG9vIHNob3J0"}}, "24 to 64 bytes"),
        ({"url": "http://h/", "signature": {"secret": []}}, "at least one secret"),
        ({"url": "http://h/", "success": [200]}, "success"),
        ({"url": "http://h/", "time_limit": 0}, "time_limit"),
        ({"url": "http://h/", "bodi": ""}, 'did you mean "body"'),
    ],
)
def test_a_wrong_configuration_is_explained(config: dict[str, Any], words: str) -> None:
    with pytest.raises(PluginError) as caught:
        run_plugin("http", make_alert(), config=config)
    assert words in str(caught.value)
    for secret in ("nowhere", "dG9vIHNob3J0"):
        assert secret not in str(caught.value)


def test_secrets_come_from_files_and_variables(
    workdir: Path, server: HttpTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workdir / "url").write_text(f"{server.url}/hook/a1b2c3d4e5f6")
    (workdir / "key").write_text(SECRET)
    monkeypatch.setenv("TOKEN", "Bearer t-123456789")
    config = {
        "url": {"file": "url"},
        "headers": {"Authorization": {"env": "TOKEN"}},
        "signature": {"secret": [{"file": "key"}]},
    }
    server.respond(401, "wrong token t-123456789 at /hook/a1b2c3d4e5f6")
    (outcome,) = run_plugin("http", make_alert(), config=config)
    assert isinstance(outcome, Unavailable)
    (request,) = server.requests
    assert request.headers["authorization"] == "Bearer t-123456789"
    Webhook(SECRET).verify(request.body, dict(request.headers))
    assert "a1b2c3d4e5f6" not in str(outcome)
    text = repr(registry.load(PluginSettings(use="http", config=config), workdir).config)
    for secret in ("t-123456789", "a1b2c3d4e5f6", SECRET):
        assert secret not in text


async def _connect(config: dict[str, Any]) -> None:
    from incm_webhook.plugins.http import Http, HttpConfig

    await Http(HttpConfig(**config)).connect(Context())


def test_connect_posts_nothing(server: HttpTarget) -> None:
    import asyncio

    server.respond(405)
    with egress.applied(egress.Egress.of(egress.LOOPBACK)):
        asyncio.run(_connect({"url": f"{server.url}/hook?token=1"}))
        (request,) = server.requests
        assert (request.method, request.path, request.body) == ("HEAD", "/", b"")
        server.close()
        with pytest.raises(Retry, match="Connection refused"):
            asyncio.run(_connect({"url": f"{server.url}/hook?token=1"}))


def test_with_a_server_nothing_is_lost_or_doubled(tmp_path: Path, server: HttpTarget) -> None:
    """The target drops, is overloaded, moves, answers rubbish, and is back."""
    faults = [
        DROPS_UNREAD,
        answers(503, Retry_After="0"),
        answers(302, Location="/elsewhere"),
        RUBBISH,
    ]
    for fault in faults:
        server.respond(**fault, times=1)
    table = {
        "use": "http",
        "config": {"url": server.url, "idempotency_header": "Idempotency-Key"},
        "retry": {"first": "10ms", "max": "20ms"},
    }
    with Receiver(tmp_path, plugins=[table]) as receiver:
        for _ in range(10):
            assert receiver.send(make_alert())[0] == 200
        receiver.wait_until_settled()
    keys = [json.loads(one.body)["delivery_key"] for one in server.requests]
    assert len(set(keys)) == 10
    assert len(keys) == 13  # three that were read and failed were tried again
    assert keys == [one.headers["idempotency-key"] for one in server.requests]
