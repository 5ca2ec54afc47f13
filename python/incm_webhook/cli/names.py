"""A group of commands in which a word that is no command is a name."""

from collections.abc import Callable

import click


class GroupWithNames(click.Group):
    """A group in which any other word than a command is a name, such as that of a plugin.

    After `--` every word is a name, also that of a command: `plugins -- state`.
    Use a subclass that `of` makes.
    """

    @staticmethod
    def of(command_for: Callable[[str], click.Command]) -> type["GroupWithNames"]:
        """Make a subclass.

        Args:
            command_for: makes the command for a name.
        """

        class _Group(GroupWithNames):
            def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
                return super().get_command(ctx, cmd_name) or command_for(cmd_name)

            def resolve_command(
                self, ctx: click.Context, args: list[str]
            ) -> tuple[str | None, click.Command | None, list[str]]:
                given = ctx.meta[_given(ctx)]
                if given[: len(given) - len(args)][-1:] == ["--"]:
                    return args[0], command_for(args[0]), args[1:]
                return super().resolve_command(ctx, args)

        return _Group

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep the words as they were given: afterwards nothing tells where `--` stood."""
        ctx.meta[_given(ctx)] = list(args)
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return what the usage line shows."""
        return [*super().collect_usage_pieces(ctx)[:1], "[NAME | COMMAND ...]"]


def _given(ctx: click.Context) -> str:
    return f"{__name__}:{ctx.command_path}"  # the contexts of inner groups share `meta`
