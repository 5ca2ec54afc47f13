"""What the plugins send, against the models that the services or their communities publish.

The models are big, so this file loads each only in its test. Slack's are in test_slack.py.
"""

import ssl
from collections.abc import Iterator
from typing import Any

import pytest

from incm_webhook import Alert, alert_types
from incm_webhook.testing import HttpTarget, make_alert
from plugins.hostile import HOSTILE
from plugins.http_plugins import HTTP_PLUGINS
from plugins.targets.http_faults import SecureTarget

pytestmark = pytest.mark.slow

PLUGINS = {one.name: one for one in HTTP_PLUGINS}
TEMPLATES = {"discord": "text", "teams": "text", "telegram": "text", "pagerduty": "summary"}


def sent_by(name: str) -> list[Any]:
    """The messages of a plugin about all types, active and closed, and all hostile alerts."""
    alerts = [make_alert(one.name) for one in alert_types()]
    alerts += [make_alert(one.name, status="closed") for one in alert_types()]
    alerts += [Alert.from_json(body) for _, body in HOSTILE]
    plugin = PLUGINS[name]
    with HttpTarget() as server:
        server.respond(200, plugin.success)
        for config in ({}, {TEMPLATES[name]: "{{ alert.content or '-' }}\n{{ alert | tojson }}"}):
            assert set(plugin.run(server.url, *alerts, config=config)) == {"delivered"}
        bodies = [one.json() for one in server.requests]
    assert len(bodies) == 2 * len(alerts)
    return bodies


def strict(model: Any) -> Any:
    """A model that refuses members which it does not know."""
    return type("Strict", (model,), {"model_config": {"extra": "forbid"}})


def unknown_in(model: Any) -> set[str]:
    return set(model.model_extra or ())


def test_discord_has_every_member_and_keeps_every_limit() -> None:
    """`discordopenapi` is made from Discord's own OpenAPI document."""
    models = pytest.importorskip("openapi_client.models", reason="discordopenapi is missing")
    request = strict(models.IncomingWebhookRequestPartial)
    embed = strict(models.RichEmbed)
    for message in sent_by("discord"):
        request.model_validate(message)
        for card in message.get("embeds", ()):
            embed.model_validate(card)


def test_teams_has_elements_that_the_sdk_of_microsoft_knows() -> None:
    cards = pytest.importorskip("microsoft_teams.cards", reason="microsoft-teams-cards is missing")
    for message in sent_by("teams"):
        (attachment,) = message["attachments"]
        card = cards.AdaptiveCard.model_validate(attachment["content"])
        assert unknown_in(card) == {"$schema"}  # the model has it under another name
        assert not unknown_in(card.msteams)
        for element in attachment["content"]["body"]:
            block = cards.RichTextBlock.model_validate(element)
            assert not unknown_in(block)
            for inline in element["inlines"]:
                assert not unknown_in(cards.TextRun.model_validate(inline))


def test_telegram_has_arguments_that_the_bot_api_knows() -> None:
    methods = pytest.importorskip("aiogram.methods", reason="aiogram is missing")
    for message in sent_by("telegram"):
        call = methods.SendMessage.model_validate(message)
        assert not unknown_in(call)
        assert not unknown_in(call.link_preview_options)
        assert call.reply_parameters is None or not unknown_in(call.reply_parameters)


@pytest.fixture
def official() -> Iterator[tuple[Any, HttpTarget]]:
    """PagerDuty's own client, and the server that it talks to."""
    pagerduty = pytest.importorskip("pagerduty", reason="PagerDuty's client is missing")
    with SecureTarget() as server:  # the client insists on it
        server.respond(202, '{"status":"success","dedup_key":"x"}')
        trust = ssl.create_default_context()
        server.authority.configure_trust(trust)
        with pagerduty.EventsApiV2Client(
            "0123456789abcdef" * 2, base_url=server.url, verify=trust
        ) as client:
            yield client, server


def test_pagerduty_gets_what_its_own_client_sends(official: tuple[Any, HttpTarget]) -> None:
    client, server = official
    for count, event in enumerate(sent_by("pagerduty"), 1):
        if event["event_action"] == "resolve":
            client.resolve(event["dedup_key"])
        else:
            rest = dict(event["payload"])
            client.trigger(
                rest.pop("summary"),
                rest.pop("source"),
                event["dedup_key"],
                rest.pop("severity"),
                custom_details=rest.pop("custom_details"),
                payload=rest,
            )
            assert event.pop("client") == "incm-webhook"  # a member that its client never sends
        assert server.wait(count)[-1].json() == event
