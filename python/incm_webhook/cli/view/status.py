"""Formats the `status` of a plugin, as the API returns it, for people."""

from collections.abc import Mapping
from typing import Any

from incm_webhook.cli.view.times import local_time
from incm_webhook.config.loading import Settings

_SENTENCES = {
    "starting": "its set-up has been running since {since}",
    "setup-failed": "its set-up has been failing since {since}, and is retried",
    "failing": "its alerts have been failing since {since}",
    "unavailable": "its target has been unavailable since {since}, so one alert is tried now and "
    "then",
    "hanging": "has been hanging since {since}",
    "rate-limited": "waits for its rate",
    "replacing": "its process ended at {since}, and another one will be started",
    "stalled": "stalled since {since}, because no Python code runs",
}


def status_sentence(status: Mapping[str, Any] | None, day_of: str | None = None) -> str:
    """Format the status of a plugin.

    Args:
        status: its state, since and reason; None when no server runs it.
        day_of: a time; the date is left out when it is the same day.

    Returns:
        One line; "" when the plugin works, or when its status is not known.
    """
    if status is None:
        return ""
    reason = status["reason"] or ""
    if status["state"] == "ready":
        return str(reason)
    since = local_time(status["since"], day_of)
    sentence = _SENTENCES.get(status["state"], "{state} since {since}")
    sentence = sentence.format(since=since, state=status["state"])
    return f"{sentence}: {reason}" if reason else sentence


def served_statuses(
    settings: Settings, environ: Mapping[str, str], token_file: str | None = None
) -> dict[str, Mapping[str, Any]]:
    """Get the statuses of the plugins from the server that has this inbox.

    Args:
        settings: the configuration, which names the server's admin listener.
        environ: the environment. When it names another listener, that one gets no token of the
            configuration.
        token_file: the file with a token for it; None for none.

    Returns:
        The statuses by the plugins' names; empty when no such server answers.

    Raises:
        ConfigError: the token that the flag or the environment gives cannot be used.
    """
    import click

    from incm_webhook.cli.admin.client import AdminClient
    from incm_webhook.cli.admin.token import configured_token, given_token
    from incm_webhook.cli.admin.transport import HttpTransport

    address = settings.server.admin
    if address is None:
        return {}
    token = given_token(token_file)
    if token.secret is None and not environ.get("INCM_WEBHOOK_ADMIN"):
        token = configured_token(settings)
    try:
        transport = HttpTransport(address, token.secret)
        with AdminClient(transport, address, offline=False) as client:
            answer = client.get("stats")
        if answer["file"]["path"] != str(settings.inbox.real_path):
            return {}
        return {one["plugin"]: one["status"] for one in answer["plugins"] if one["status"]}
    except (OSError, ValueError, LookupError, TypeError, click.ClickException):
        return {}  # no server answers, or it is no receiver
