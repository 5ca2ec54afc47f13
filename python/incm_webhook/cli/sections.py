"""The groups in which `incm-webhook --help` and the man page list the commands."""

from collections.abc import Iterator

import click

SECTIONS = {
    "Run": ("serve", "check", "reload", "status"),
    "Alerts": ("inbox", "dead", "replay", "quarantine"),
    "Plugins": ("plugins", "plugin", "new-plugin", "types"),
    "Set up": ("init", "config", "completion", "version"),
    "Tools": ("send", "sign", "verify", "doctor", "simulate", "bench"),
}
EXAMPLES = (
    "incm-webhook init",
    "incm-webhook serve --secret-file ./secret --plugin ./noc.py",
    "incm-webhook inbox list --since 2h",
)
STATUSES = (
    (0, "done"),
    (1, "failed while running, or the negative result that a command's help describes"),
    (2, "wrong usage or configuration, or an invalid URL"),
    (3, "could not start: the address or the inbox"),
    (4, "a plugin could not be loaded"),
)


def sections_of(group: click.Group) -> Iterator[tuple[str, list[tuple[str, click.Command]]]]:
    """Yield each section with the commands of a group; those in no section are "Others"."""
    left = dict(sorted(group.commands.items()))
    for title, names in SECTIONS.items():
        found = [(name, left.pop(name)) for name in names if name in left]
        if found:
            yield title, found
    if left:
        yield "Others", list(left.items())


class GroupInSections(click.Group):
    """A group whose help lists the commands in sections, with examples and the exit statuses."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the commands; click calls this."""
        width = max(map(len, self.commands), default=0)
        for title, found in sections_of(self):
            rows = [(name.ljust(width), one.get_short_help_str(80)) for name, one in found]
            with formatter.section(title):
                formatter.write_dl(rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write what stands below the commands; click calls this."""
        with formatter.section("Examples"):
            for line in EXAMPLES:
                formatter.write_text(line)
        with formatter.section("Exit status"):
            formatter.write_dl([(str(status), meaning) for status, meaning in STATUSES])
        formatter.write_paragraph()
        formatter.write_text("`incm-webhook COMMAND --help` explains a command.")
