"""A group of commands in which a word that is no command is a name."""

from collections.abc import Callable

import click


class GroupWithNames(click.Group):
    """A group in which any other word than a command is a name, such as that of a plugin.

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

        return _Group

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return what the usage line shows."""
        return [*super().collect_usage_pieces(ctx)[:1], "[NAME | COMMAND ...]"]
