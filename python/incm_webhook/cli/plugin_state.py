"""The commands about what plugins keep between their calls: plugins state, and its drop."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from incm_webhook.cli.confirm import confirm, yes_option
from incm_webhook.cli.inbox import open_client, place_options, print_json
from incm_webhook.cli.listing import pages_of
from incm_webhook.cli.names import GroupWithNames
from incm_webhook.errors import EXIT_FAILED

if TYPE_CHECKING:
    from incm_webhook.cli.admin.client import AdminClient

_AT_ONCE = 32  # keys in one call, whose body has at most 64 KiB also when each byte is escaped
_LIMIT = 100


class _Text(click.types.StringParamType):
    """A text that the inbox can hold; the arguments of a program may be any bytes."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the text. Errors: click.BadParameter."""
        try:
            str(value).encode()
        except UnicodeEncodeError:
            self.fail("wants a text in UTF-8", param, ctx)
        return super().convert(value, param, ctx)


_TEXT = _Text()
_prefix = click.option(
    "--prefix", type=_TEXT, metavar="TEXT", help="Only keys that begin with this."
)


@click.group(
    cls=GroupWithNames.of(lambda name: _keys_of(name)),
    invoke_without_command=True,
    short_help="Look at what plugins keep, or drop it.",
)
@place_options
def state(*, as_json: bool, **place: str | None) -> int:
    """List the plugins that keep a state, or the keys and values of the plugin NAME.

    The state is what a plugin keeps between its calls with ctx.state. It belongs to the plugin's
    name, and stays when the plugin is not configured any more. A plugin with the name drop is
    shown by: plugins state -- drop.

    Example: incm-webhook plugins state pager --prefix ticket/
    """
    if click.get_current_context().invoked_subcommand is not None:
        return 0
    with open_client(_inherited(place), read_only=True) as client:
        found = client.get("state")["state"]
    if _wants_json(as_json=as_json):
        for entry in found:
            print_json(entry)
        return 0
    if not found:
        click.echo("no plugin keeps a state", err=True)
        return 0
    from incm_webhook.cli.view.table import layout, screen_width

    rows = [
        [
            entry["plugin"],
            f"{entry['keys']:,}",
            f"{entry['bytes']:,}",
            "the plugin is not configured any more" if entry["configured"] is False else "",
        ]
        for entry in found
    ]
    heads = ("PLUGIN", "KEYS", "BYTES", "")
    for line in layout(heads, rows, width=screen_width(), right=heads[1:3], whole=heads[:3]):
        click.echo(line)
    return 0


def _keys_of(name: str) -> click.Command:
    """Make the command that lists the keys of a plugin."""

    @click.command(name, help=f"List the keys and values of the plugin {name}.")
    @_prefix
    @click.option(
        "--limit", type=click.IntRange(1), default=_LIMIT, help=f"How many at most; {_LIMIT}."
    )
    @place_options
    def keys(
        *,
        prefix: str | None,
        limit: int,
        as_json: bool,
        **place: str | None,
    ) -> int:
        parameters = [("plugin", _TEXT(name)), *([("prefix", prefix)] if prefix else [])]
        with open_client(_inherited(place), read_only=True) as client:
            found = list(pages_of(client, "state/keys", parameters, limit + 1, "after"))
        if _wants_json(as_json=as_json):
            for entry in found[:limit]:
                print_json({**entry, "value": _value_of(entry["value"])})
        else:
            _print_keys(found[:limit], name, prefix)
        if len(found) > limit:
            click.echo("there are more: see --limit and --prefix", err=True)
        return 0

    return keys


def _value_of(text: str) -> Any:
    """Read the JSON text of a value; a text that something else has written stays one."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _print_keys(found: Sequence[dict[str, Any]], name: str, prefix: str | None) -> None:
    from incm_webhook.cli.view.table import layout, screen_width

    if not found:
        begins = " that begins with this" if prefix else ""
        click.echo(f"plugin {name} keeps no key{begins}", err=True)
        return
    heads = ("KEY", "BYTES", "VALUE")
    rows = [[entry["key"], f"{entry['bytes']:,}", entry["value"]] for entry in found]
    for line in layout(heads, rows, width=screen_width(), right={"BYTES"}, whole={"BYTES"}):
        click.echo(line)


@state.command(short_help="Drop keys for good.")
@click.argument("name", type=_TEXT, metavar="NAME")
@click.argument("keys", type=_TEXT, metavar="[KEY]...", nargs=-1)
@_prefix
@click.option("--all", "everything", is_flag=True, help="All keys of the plugin.")
@yes_option
@place_options
def drop(
    *,
    name: str,
    keys: tuple[str, ...],
    prefix: str | None,
    everything: bool,
    yes: bool,
    as_json: bool,
    **place: str | None,
) -> int:
    """Drop keys of the plugin NAME for good: these, those with a --prefix, or --all.

    It asks first, or wants --yes. Calls of the plugin that begin later see it. A call that runs
    meanwhile may set a key again.

    Example: incm-webhook plugins state drop pager ticket/7 --yes
    """
    if bool(keys) + bool(prefix) + everything != 1:
        text = "say which: keys, --prefix TEXT, or --all"
        raise click.UsageError(text, click.get_current_context())
    chosen = {"prefix": prefix} if prefix else {"all": True}
    with open_client(_inherited(place)) as client:
        if not yes:
            confirm(f"Drop {_question(keys, prefix)} of plugin {name} for good?", "to drop them")
        count = sum(answer["dropped"] for answer in _calls(client, name, keys, chosen))
    if _wants_json(as_json=as_json):
        print_json({"plugin": name, "dropped": count})
    else:
        click.echo(f"{count:,} {'key' if count == 1 else 'keys'} dropped")
    if keys and count == 0:
        click.echo(f"incm-webhook: plugin {name} keeps none of these keys", err=True)
        return EXIT_FAILED
    return 0


def _question(keys: Sequence[str], prefix: str | None) -> str:
    from incm_webhook.log import printable

    if len(keys) == 1:
        return f"the key {printable(keys[0])}"
    if keys:
        return f"{len(keys):,} keys"
    return f"all keys that begin with {printable(prefix)}" if prefix else "all keys"


def _calls(
    client: "AdminClient", name: str, keys: Sequence[str], chosen: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Call until nothing is left to drop, because one call drops a limited number."""
    for start in range(0, len(keys), _AT_ONCE):
        body = {"plugin": name, "keys": list(keys[start : start + _AT_ONCE])}
        yield client.post("state/drop", body)
    place: dict[str, Any] = {}
    while not keys:
        answer = client.post("state/drop", {"plugin": name, **chosen, **place})
        yield answer
        if answer["next"] is None:
            return
        place = {"after": answer["next"]}


def _outer() -> Iterator[Mapping[str, Any]]:
    """Yield the flags of the groups around the command, which stand before its name."""
    group = click.get_current_context().parent
    while group is not None:
        yield group.params
        group = group.parent


def _inherited(place: Mapping[str, str | None]) -> dict[str, str | None]:
    found = dict(place)
    for params in _outer():
        found = {flag: value or params.get(flag) for flag, value in found.items()}
    return found


def _wants_json(*, as_json: bool) -> bool:
    return as_json or any(params.get("as_json") for params in _outer())
