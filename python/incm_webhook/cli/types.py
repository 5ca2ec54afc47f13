"""The command `types`: the alert types that are known."""

import json

import click


@click.command(short_help="List the known alert types.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def types(*, as_json: bool) -> int:
    """List the known alert types: name, what InCloud Manager shows, opposite, family.

    The name stands in alerts, in filters and in --type. Two types that are opposites share a
    family; CLEARS says which of them ends what the other one began. Alerts of other types are
    stored and delivered like these. Those that begin with incm_webhook. are about the server
    itself: only plugins whose types name them get them.

    Example: incm-webhook types --json
    """
    from incm_webhook import alert_types
    from incm_webhook.cli.view.table import layout, screen_width

    known = alert_types(own=True)
    if as_json:
        keys = ("name", "label", "opposite", "family", "clears")
        rows = [{key: getattr(one, key) for key in keys} for one in known]
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return 0
    cells = [
        [one.name, one.label, one.opposite or "-", one.family, "yes" if one.clears else "-"]
        for one in known
    ]
    heads = ["TYPE", "SHOWN AS", "OPPOSITE", "FAMILY", "CLEARS"]
    for line in layout(heads, cells, width=screen_width(), whole=["TYPE", "OPPOSITE", "FAMILY"]):
        click.echo(line)
    return 0
