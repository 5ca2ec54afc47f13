"""The command that has a running server read its configuration again: reload."""

from typing import Any

import click

from incm_webhook.cli.options import token_option
from incm_webhook.cli.status import admin_option, config_option

TIMEOUT_S = 600.0  # a plugin in a process of its own may take a minute to load


@click.command(short_help="Have a running server apply a changed configuration.")
@config_option
@admin_option
@token_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def reload(*, as_json: bool, **place: str | None) -> int:
    """Have a running server read its configuration again, and print what it applied.

    Endpoints, secrets, certificates, plugins with all their keys, [egress] and the log are applied
    while alerts come in; what takes effect at the next start is named. A plugin that is the same
    as before goes on. With a mistake anywhere, nothing changes.

    Exit status: 0 applied, 1 a mistake, which is printed, or no server answers; 2 wrong usage.

    Example: incm-webhook reload --admin 127.0.0.1:9464
    """
    from incm_webhook.cli.admin.client import Where, connect_to_server

    with connect_to_server(Where(**place), timeout=TIMEOUT_S) as client:
        answer = client.post("reload", {})
    if as_json:
        from incm_webhook.cli.listing import print_json

        print_json(answer)
    elif not answer["reloaded"]:
        result = "only a part was applied" if answer.get("partly") else "nothing was changed"
        raise click.ClickException(f"{result}: {answer['error']}")
    else:
        for line in report_lines(answer):
            click.echo(line)
    return 0 if answer["reloaded"] else 1


def report_lines(answer: dict[str, Any]) -> list[str]:
    """Return the lines that show what a reload applied.

    Args:
        answer: of the admin API.
    """
    lines = ["reloaded: endpoints, secrets, certificates"]
    for key, words in (
        ("changed", "plugins changed"),
        ("added", "plugins added"),
        ("removed", "plugins removed"),
        ("unchanged", "plugins unchanged"),
        ("next_start", "takes effect at the next start"),
    ):
        if answer[key]:
            lines.append(f"{words}: {', '.join(answer[key])}")
    lines += [f"warning: {one}" for one in answer["warnings"]]
    return lines
