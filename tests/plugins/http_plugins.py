"""The bundled plugins that post to a service over HTTP: how to configure them, what they expect."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from incm_webhook import Alert, Reject, Retry, Unavailable
from incm_webhook.testing import run_plugin


@dataclass(frozen=True)
class HttpPlugin:
    """One plugin in one of its forms.

    Attributes:
        name: for the names of tests.
        use: the plugin.
        config: makes its configuration from the address of a server.
        success: the body of an answer 200 that means success.
        any_body: whether any body of an answer 200 means success.
        outcomes: by status, where the outcome is not the one that most plugins have.
    """

    name: str
    use: str
    config: Callable[[str], dict[str, Any]]
    success: str = ""
    any_body: bool = True
    outcomes: dict[int, type[Exception]] = field(default_factory=dict)

    def run(self, url: str, *alerts: Alert, **options: Any) -> list[Any]:
        """Run the plugin against a server; `config` adds to its configuration."""
        config = self.config(url) | options.pop("config", {})
        return run_plugin(self.use, *alerts, config=config, **options)


def _im(service: str) -> HttpPlugin:
    success = '{"code":0,"msg":"success"}' if service in ("feishu", "lark") else '{"errcode":0}'
    return HttpPlugin(
        f"im-{service}",
        "im",
        lambda url: {"service": service, "url": f"{url}/robot/send?access_token=t0123456789"},
        success,
        any_body=False,
    )


HTTP_PLUGINS = [
    HttpPlugin("discord", "discord", lambda url: {"url": f"{url}/api/webhooks/1/k7Zq93xWmP"}),
    HttpPlugin(
        "teams",
        "teams",
        lambda url: {"url": f"{url}/workflows/1?sig=k7Zq93xWmP"},
        outcomes={400: Unavailable, 422: Reject},
    ),
    HttpPlugin(
        "http",
        "http",
        lambda url: {
            "url": f"{url}/hooks/0123456789abcdef0123456789abcdef",
            "body": '{"text": {{ text(alert) | tojson }}}',
        },
    ),
    HttpPlugin(
        "slack-webhook",
        "slack",
        lambda url: {"url": f"{url}/services/T0/B0/k7Zq93xWmP"},
        "ok",
        any_body=False,
    ),
    HttpPlugin(
        "slack-bot",
        "slack",
        lambda url: {"token": "xoxb-0123456789", "channel": "C012345", "api": f"{url}/api"},
        '{"ok":true,"channel":"C012345","ts":"1503435956.000247"}',
        any_body=False,
    ),
    HttpPlugin(
        "telegram",
        "telegram",
        lambda url: {
            "token": "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw",
            "chat": -100,
            "api": url,
        },
        '{"ok":true,"result":{"message_id":7}}',
        any_body=False,
    ),
    *map(_im, ("wecom", "dingtalk", "feishu", "lark")),
    HttpPlugin(
        "pagerduty",
        "pagerduty",
        lambda url: {"url": f"{url}/v2/enqueue", "routing_key": "0123456789abcdef0123456789abcdef"},
    ),
    HttpPlugin("alertmanager", "alertmanager", lambda url: {"urls": [url]}),
]
COMMON: dict[int, type[Exception]] = {
    302: Unavailable,
    400: Reject,
    401: Unavailable,
    403: Unavailable,
    404: Unavailable,
    408: Retry,
    410: Unavailable,
    413: Reject,
    422: Reject,
    429: Retry,
    500: Retry,
    502: Retry,
    503: Retry,
    504: Retry,
}
