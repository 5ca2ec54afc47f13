"""Says how a plugin does to people: the `status` that the API tells of it."""

from collections.abc import Mapping
from typing import Any

from incm_webhook.cli.view.times import local_time
from incm_webhook.config.loading import Settings

_SENTENCES = {
    "starting": "its set-up runs since {since}",
    "setup-failed": "its set-up fails since {since}, and is tried again and again",
    "failing": "its alerts fail since {since}, so one is tried now and then",
    "hanging": "hangs since {since}",
    "rate-limited": "waits for its rate",
    "replacing": "its process ended at {since}, and another is to come",
    "stalled": "stalled since {since}, for Python does not run",
}


def status_sentence(status: Mapping[str, Any] | None, day_of: str | None = None) -> str:
    """Say how a plugin does.

    Args:
        status: with state, since and reason; None when no server knows.
        day_of: a moment; on its day the date is left out.

    Returns:
        One line, "" when it does well or nobody knows.
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


def served_statuses(settings: Settings) -> dict[str, Mapping[str, Any]]:
    """Ask the server that has this inbox how its plugins do.

    Args:
        settings: say where its admin listener is.

    Returns:
        The status by the plugin's name; empty when no such server answers.
    """
    import click

    from incm_webhook.cli.admin.client import AdminClient, HttpTransport

    address = settings.server.admin
    if address is None:
        return {}
    try:
        with AdminClient(HttpTransport(address), address, offline=False) as client:
            answer = client.get("stats")
        if answer["file"]["path"] != str(settings.inbox.real_path):
            return {}
        return {one["plugin"]: one["status"] for one in answer["plugins"] if one["status"]}
    except (OSError, ValueError, LookupError, TypeError, click.ClickException):
        return {}  # nobody is there, or somebody else
