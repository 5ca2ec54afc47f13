"""The commands that copy an inbox and restore a copy: inbox backup and restore."""

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from incm_webhook.cli.inbox import open_client, place_options
from incm_webhook.cli.listing import print_json
from incm_webhook.config.quantities import rough_size

if TYPE_CHECKING:
    from incm_webhook.cli.admin.client import AdminClient

POLL_S = 0.2


@click.command(short_help="Copy the inbox into FILE.")
@click.argument("file", metavar="FILE")
@place_options
def backup(*, file: str, as_json: bool, **place: str | None) -> int:
    """Copy the inbox as it is now into FILE, also while alerts come in.

    When a server runs, it writes FILE itself: as its user, on its machine. FILE appears when it is
    complete and on disk, or not at all; nothing is overwritten. `inbox restore` restores it.

    Example: incm-webhook inbox backup /backup/inbox.db
    """
    target = os.path.abspath(file)  # noqa: PTH100 - resolve() would follow a link at its end
    with open_client(place) as client:
        client.post("backup", {"file": target})
        try:
            end = _followed(client)
        except BaseException:
            with contextlib.suppress(click.ClickException):
                client.post("backup/cancel", {})
            raise
    if end["state"] != "done":
        raise click.ClickException(f"no backup was made: {end['error']}")
    if as_json:
        print_json(end)
    else:
        click.echo(
            f"{target}: {rough_size(end['bytes'])}, alerts up to number {end['last_alert_id']}"
        )
    return 0


def _followed(client: "AdminClient") -> dict[str, Any]:
    """Print the progress of the backup until it ends, and return its last state."""
    on_screen = sys.stderr.isatty()
    printed = 0
    while True:
        now = client.get("backup/progress")
        percent = 100 * now["bytes"] // max(1, now["of_bytes"])
        if on_screen:
            click.echo(f"\r{percent:3} % of {rough_size(now['of_bytes'])} ", err=True, nl=False)
        elif percent >= printed + 10 and now["state"] == "running":
            printed = percent - percent % 10
            click.echo(f"incm-webhook: {printed} % of {rough_size(now['of_bytes'])}", err=True)
        if now["state"] != "running":
            if on_screen:
                click.echo(err=True)
            return now
        time.sleep(POLL_S)


@click.command(short_help="Restore a copy, while no server runs.")
@click.argument("file", metavar="FILE")
@click.option(
    "--inbox",
    "url",
    metavar="URL",
    help="The inbox: sqlite:///PATH or a path.  [env: INCM_WEBHOOK_INBOX]",
)
@click.option(
    "--config",
    metavar="FILE",
    help="Configuration file; ./incm-webhook.toml when it exists.  [env: INCM_WEBHOOK_CONFIG]",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def restore(*, file: str, url: str | None, config: str | None, as_json: bool) -> int:
    """Replace the inbox with the copy FILE, while no server runs.

    FILE is checked page by page and stays as it is. The old inbox is kept in the same folder,
    under another name.

    Example: incm-webhook inbox restore /backup/inbox.db
    """
    from incm_webhook._core import restore_inbox
    from incm_webhook.config.loading import load_settings

    settings = load_settings(
        {"config": config, "inbox": url}, os.environ, Path.cwd(), endpoints=False
    )
    path = settings.inbox.path
    alerts, last, aside = restore_inbox(file, str(path))
    if as_json:
        print_json({"inbox": str(path), "alerts": alerts, "last_alert_id": last, "aside": aside})
        return 0
    click.echo(f"{path} is {file} now: {alerts:,} alerts; the next one gets a number above {last}")
    if aside:
        click.echo(f"what was there is kept as {aside}: `inbox list --inbox {aside}` reads it")
    return 0
