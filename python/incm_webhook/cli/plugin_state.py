"""The commands about what plugins keep between their calls: plugins state, and its drop."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import click

from incm_webhook.cli.confirm import confirm, yes_option
from incm_webhook.cli.inbox import open_client, place_options
from incm_webhook.cli.listing import pages_of, posts_until_done, print_json, print_list
from incm_webhook.cli.names import GroupWithNames
from incm_webhook.errors import EXIT_FAILED

# Keys in one call, whose body has at most 64 KiB also when each byte is escaped.
_CHUNK = ("keys", 32)
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
    print_list(found, "no plugin keeps a state", _plugins, as_json=_wants_json(as_json=as_json))
    return 0


def _plugins(found: Sequence[dict[str, Any]]) -> Iterable[str]:
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
    return layout(heads, rows, width=screen_width(), right=heads[1:3], whole=heads[:3])


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
        as_json = _wants_json(as_json=as_json)
        entries = found[:limit]
        if as_json:
            entries = [{**entry, "value": _value_of(entry["value"])} for entry in entries]
        begins = " that begins with this" if prefix else ""
        print_list(entries, f"plugin {name} keeps no key{begins}", _keys, as_json=as_json)
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


def _keys(found: Sequence[dict[str, Any]]) -> Iterable[str]:
    from incm_webhook.cli.view.table import layout, screen_width

    heads = ("KEY", "BYTES", "VALUE")
    rows = [[entry["key"], f"{entry['bytes']:,}", entry["value"]] for entry in found]
    return layout(heads, rows, width=screen_width(), right={"BYTES"}, whole={"BYTES"})


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
    chosen = {"keys": list(keys)} if keys else {"prefix": prefix} if prefix else {"all": True}
    with open_client(_inherited(place)) as client:
        if not yes:
            confirm(f"Drop {_question(keys, prefix)} of plugin {name} for good?", "to drop them")
        answers = posts_until_done(client, "state/drop", {"plugin": name, **chosen}, _CHUNK)
        count = sum(answer["dropped"] for answer in answers)
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
