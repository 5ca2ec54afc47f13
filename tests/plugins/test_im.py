import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from incm_webhook import Alert, Reject, Retry, Unavailable
from incm_webhook.errors import PluginError
from incm_webhook.testing import HttpTarget, make_alert, run_plugin
from plugins.hostile import HOSTILE

DOWN = make_alert("disconnected", serial_number="EF1", entityName="仓库-7", deviceId="d1")
SECRET = "SEC0123456789"
SERVICES = ["wecom", "dingtalk", "feishu", "lark"]


@pytest.fixture
def server() -> Iterator[HttpTarget]:
    with HttpTarget() as one:
        one.respond(200, '{"errcode":0,"errmsg":"ok","code":0}')
        yield one


def send(server: HttpTarget, service: str, *alerts: Alert, **config: Any) -> list[Any]:
    config = {"service": service, "url": f"{server.url}/send?access_token=t0", **config}
    return run_plugin("im", *alerts, config=config)


def text_of(message: dict[str, Any]) -> str:
    """Check the form of a message, and return its text."""
    if "msg_type" in message:
        assert message["msg_type"] == "post"
        post = message["content"]["post"]["zh_cn"]
        assert all(one["tag"] == "text" for line in post["content"] for one in line)
        return "\n".join(one["text"] for line in post["content"] for one in line)
    assert message["msgtype"] == "text"
    if "at" in message:
        assert message["at"] == {"atMobiles": [], "atUserIds": [], "isAtAll": False}
    return str(message["text"]["content"])


@pytest.mark.parametrize("service", SERVICES)
def test_a_message_tells_what_happened(server: HttpTarget, service: str) -> None:
    assert send(server, service, DOWN) == ["delivered"]
    message = server.requests[0].json()
    assert text_of(message).startswith("Disconnect from Platform: 仓库-7 (EF1)")


def test_dingtalk_is_signed_in_the_query(server: HttpTarget) -> None:
    send(server, "dingtalk", DOWN, secret=SECRET)
    query = parse_qs(urlsplit(server.requests[0].path).query)
    (stamp,), (sign,) = query["timestamp"], query["sign"]
    assert query["access_token"] == ["t0"]
    assert len(stamp) == 13
    text = f"{stamp}\n{SECRET}".encode()
    assert base64.b64decode(sign) == hmac.digest(SECRET.encode(), text, hashlib.sha256)


@pytest.mark.parametrize("service", ["feishu", "lark"])
def test_feishu_is_signed_in_the_body_with_key_and_text_swapped(
    server: HttpTarget, service: str
) -> None:
    send(server, service, DOWN, secret=SECRET)
    message = server.requests[0].json()
    key = f"{message['timestamp']}\n{SECRET}".encode()
    assert len(message["timestamp"]) == 10
    assert base64.b64decode(message["sign"]) == hmac.digest(key, b"", hashlib.sha256)


@pytest.mark.parametrize("service", SERVICES)
def test_the_keyword_is_in_every_text(server: HttpTarget, service: str) -> None:
    up = make_alert("connected", deviceId="d1")
    send(server, service, DOWN, up, keyword="[INCM]")
    assert all("[INCM]" in text_of(one.json()) for one in server.requests)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(("name", "body"), HOSTILE, ids=[name for name, _ in HOSTILE])
def test_a_hostile_alert_mentions_nobody_and_fits(
    server: HttpTarget, service: str, name: str, body: bytes
) -> None:
    alert = Alert.from_json(body)
    assert send(server, service, alert) == ["delivered"]
    assert send(server, service, alert, text='{{ alert.content or "-" }}!') == ["delivered"]
    for request in server.requests:
        text = text_of(request.json())
        assert len(text.encode()) <= (2048 if service == "wecom" else 20_000)
        assert len(request.body) <= 20_000


@pytest.mark.parametrize(
    ("service", "answer", "outcome", "after"),
    [
        ("wecom", {"errcode": 45009, "errmsg": "api freq out of limit"}, Retry, 60),
        ("wecom", {"errcode": -1, "errmsg": "system busy"}, Retry, None),
        ("wecom", {"errcode": 93000, "errmsg": "invalid webhook url"}, Unavailable, None),
        ("wecom", {"errcode": 40008, "errmsg": "invalid message type"}, Reject, None),
        ("dingtalk", {"errcode": 310000, "errmsg": "sign not match"}, Unavailable, None),
        ("dingtalk", {"errcode": 310000, "errmsg": "keywords not in content"}, Unavailable, None),
        ("dingtalk", {"errcode": 130101, "errmsg": "send too fast"}, Retry, 600),
        ("dingtalk", {"errcode": 300005, "errmsg": "token is not exist"}, Unavailable, None),
        ("dingtalk", {"errcode": 400102, "errmsg": "robot stopped"}, Unavailable, None),
        ("dingtalk", {"status": 1111, "wait": 5, "punish": "deny"}, Retry, 600),
        ("dingtalk", {"status": 1111}, Retry, None),
        ("feishu", {"code": 11232, "msg": "frequency limited"}, Retry, 60),
        ("feishu", {"code": 9499, "msg": "Bad Request"}, Reject, None),
        ("feishu", {"code": 19001, "msg": "param invalid"}, Unavailable, None),
        ("feishu", {"code": 19021, "msg": "sign match fail"}, Unavailable, None),
        ("feishu", {"code": 19024, "msg": "Key Words Not Found"}, Unavailable, None),
        ("lark", {"code": 19022, "msg": "Ip Not Allowed"}, Unavailable, None),
        ("lark", {"StatusCode": 0, "StatusMessage": "success"}, None, None),
    ],
)
def test_the_code_in_the_answer_is_the_outcome(
    server: HttpTarget,
    service: str,
    answer: dict[str, Any],
    outcome: type[Exception] | None,
    after: float | None,
) -> None:
    server.respond(200, json.dumps(answer))
    (got,) = send(server, service, DOWN)
    if outcome is None:
        assert got == "delivered"
        return
    assert type(got) is outcome
    assert getattr(got, "after", None) == after


def test_the_gateway_of_feishu_limits_with_a_status(server: HttpTarget) -> None:
    server.respond(400, '{"code":99991400,"msg":"request trigger frequency limit"}')
    (got,) = send(server, "feishu", DOWN)
    assert type(got) is Retry


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"service": "qq"}, "service"),
        ({"url": "robot"}, "wants a URL such as"),
        ({"service": "wecom", "secret": "x"}, "check no signature"),
    ],
)
def test_a_wrong_configuration_is_described(config: dict[str, Any], sentence: str) -> None:
    whole = {"service": "dingtalk", "url": "https://h/x", **config}
    with pytest.raises(PluginError, match=sentence):
        run_plugin("im", make_alert(), config=whole)
