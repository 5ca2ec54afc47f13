"""The command that shows how a running server does: status."""

import time
from typing import TYPE_CHECKING, Any

import click

from incm_webhook.cli.options import token_option
from incm_webhook.errors import EXIT_FAILED

if TYPE_CHECKING:
    from incm_webhook.cli.admin.client import Where

REFRESH_S = 2.0
_CLEAR = "\x1b[H\x1b[2J\x1b[3J"


config_option = click.option(
    "--config",
    metavar="FILE",
    help="Configuration file; ./incm-webhook.toml when it exists.  [env: INCM_WEBHOOK_CONFIG]",
)
admin_option = click.option(
    "--admin", metavar="HOST:PORT", help="Admin listener of the server.  [env: INCM_WEBHOOK_ADMIN]"
)


@click.command(short_help="Show how a running server does.")
@config_option
@admin_option
@token_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON, an object a line.")
@click.option("--watch", is_flag=True, help="Refresh every 2 s, until Ctrl-C.")
def status(*, as_json: bool, watch: bool, **place: str | None) -> int:
    """Show how a running server does: what comes in, what waits, and what is wrong.

    Rates and times are those of the last minute. A problem means that alerts are refused, late or
    not delivered; a warning can wait, as a dead letter does.

    Exit status: 0 healthy, 1 there is a problem, or no server answers.

    Example: incm-webhook status --admin 127.0.0.1:9464
    """
    from incm_webhook.cli.admin.client import Where

    where = Where(**place)
    return _watch(where, as_json=as_json) if watch else _show(_ask(where), as_json=as_json)


def _ask(where: "Where") -> dict[str, Any]:
    from incm_webhook.cli.admin.client import connect_to_server

    with connect_to_server(where) as client:
        return client.get("status")


def _show(answer: dict[str, Any], *, as_json: bool, before: str = "") -> int:
    if as_json:
        from incm_webhook.cli.listing import print_json

        print_json(answer)
    else:
        from incm_webhook.cli.view.server_status import server_status
        from incm_webhook.cli.view.table import screen_width

        # At once, so that a terminal does not flicker.
        click.echo(before + "\n".join(server_status(answer, screen_width())))
    return 0 if answer["healthy"] else EXIT_FAILED


def _watch(where: "Where", *, as_json: bool) -> int:
    """Show the status again and again; a server that does not answer may come back."""
    from incm_webhook.cli.view.table import is_dumb_terminal, screen_width

    on_screen = screen_width() is not None and not is_dumb_terminal() and not as_json
    before, result = (_CLEAR if on_screen else ""), EXIT_FAILED
    try:
        while True:
            try:
                result = _show(_ask(where), as_json=as_json, before=before)
            except click.UsageError:
                raise
            except click.ClickException as error:
                result = EXIT_FAILED
                click.echo(f"{before}incm-webhook: {error.format_message()}", err=not on_screen)
            time.sleep(REFRESH_S)
            before = _CLEAR if on_screen else "" if as_json else "\n"
    except KeyboardInterrupt:
        return result
