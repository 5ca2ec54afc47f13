"""The examples of docs/plugins/http.md: each is run, and sends what the page shows."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from incm_webhook import Alert, alert_types
from incm_webhook.testing import HttpTarget, RecordedRequest, make_alert, run_plugin
from plugins.hostile import HOSTILE

PAGE = Path(__file__).parents[2] / "docs" / "plugins" / "http.md"
FENCE = re.compile(r"^```(toml|http)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
KEY = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
URLS = {
    "http-url": "/alerts",
    "home-assistant-url": "/api/webhook/a1b2c3d4e5f6",
    "oncall-url": "/integrations/v1/formatted_webhook/a1b2c3d4e5f6/",
}
SECRETS = {
    "warehouse-secret": KEY,
    "warehouse-secret-old": KEY.replace("MDEy", "MTEy"),
    "ntfy-authorization": "Bearer tk_a1b2c3d4e5f6",
    "gotify-token": "Aa1b2c3d4e5f6",
    "SERVICENOW_AUTHORIZATION": "Basic a1b2c3d4e5f6",
}
NOT_OURS = {"host", "user-agent", "accept", "accept-encoding", "content-length"}


def alert(identity: str, kind: str, title: str, time: str) -> Alert:
    body = {
        "_id": identity,
        "type": kind,
        "title": title,
        "entityName": "pump-7",
        "org": {"name": "ACME"},
        "deviceGroup": {"name": "North"},
        "data": {"serialNumber": "EF1", "timestamp": time},
        "status": "active",
        "priority": 1,
    }
    return Alert.from_json(json.dumps(body).encode())


PAIR = (
    alert("677ba9d3", "disconnected", "Disconnect from Platform", "2025-01-06T10:01:38Z"),
    alert("677baa00", "connected", "Connect to Platform", "2025-01-06T10:14:02Z"),
)


def examples() -> Iterator[tuple[str, list[str]]]:
    """Each configuration of the page, with the requests that the page shows below it."""
    found: list[tuple[str, list[str]]] = []
    for language, text in FENCE.findall(PAGE.read_text(encoding="utf-8")):
        if "[[endpoint]]" in text:
            continue  # a whole configuration to try, which has a test of its own
        if language == "toml":
            found.append((text, []))
        else:
            found[-1][1].append(text)
    yield from found


def shape(value: Any) -> Any:
    """The members of a JSON value, without its texts and numbers."""
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items()}
    return [shape(one) for one in value] if isinstance(value, list) else None


def shown(request: RecordedRequest) -> str:
    """A request as the page shows it: with … in place of secrets and of what is never the same."""
    path = request.path.replace("a1b2c3d4e5f6", "…").rstrip("/") or "/"
    lines = [f"{request.method} {path}"]
    for name, value in sorted(request.headers.items()):
        if name in SECRETS.values() or "a1b2c3d4e5f6" in value or name == "webhook-timestamp":
            value = "…"
        if name == "webhook-signature":
            value = re.sub(r"v1,\S+", "v1,…", value)
        if name not in NOT_OURS:
            lines.append(f"{name.title()}: {value}")
    moment = '"received_at":"2025-01-06T10:01:39.120Z"'
    body = re.sub(r'"received_at":"[^"]+"', moment, request.body.decode())
    return "\n".join([*lines, "", body]).rstrip() + "\n"


def run(example: str, workdir: Path, server: HttpTarget, *alerts: Alert) -> list[RecordedRequest]:
    """Run an example against a server in place of the real hosts."""
    for name, path in URLS.items():
        (workdir / name).write_text(server.url + path)
    for name, value in SECRETS.items():
        (workdir / name).write_text(value)
    for name in (*URLS, *SECRETS):
        (workdir / name).chmod(0o600)
    config: dict[str, Any] = tomllib.loads(example)["plugin"][0]["config"]
    if isinstance(config["url"], str):
        config["url"] = re.sub(r"^https://[^/]+", server.url, config["url"])
    outcomes = run_plugin("http", *alerts, config=config, key="c333634a9b63a0bf")
    assert outcomes == ["delivered"] * len(alerts)
    return server.requests


@pytest.mark.parametrize(("example", "requests"), list(examples()))
def test_an_example_sends_what_the_page_shows(
    example: str, requests: list[str], workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICENOW_AUTHORIZATION", SECRETS["SERVICENOW_AUTHORIZATION"])
    with HttpTarget() as server:
        sent = run(example, workdir, server, *PAIR)
    assert requests
    for request, wanted in zip(sent, requests, strict=False):
        assert shown(request) == wanted
        json.loads(request.body)


@pytest.mark.parametrize("example", [one for one, _ in examples() if "body =" in one])
def test_a_recipe_takes_every_alert(
    example: str, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alerts of every type, without any field, and with texts that try to add members."""
    monkeypatch.setenv("SERVICENOW_AUTHORIZATION", SECRETS["SERVICENOW_AUTHORIZATION"])
    alerts = [
        PAIR[0],
        *(make_alert(one.name) for one in alert_types()),
        Alert.from_json(b"{}"),
        *(Alert.from_json(body) for _, body in HOSTILE),
    ]
    with HttpTarget() as server:
        sent = run(example, workdir, server, *alerts)
    assert len({json.dumps(shape(one.json())) for one in sent}) == 1
