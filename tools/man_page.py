"""Writes man/incm-webhook.1 from the commands: their help is the only source.

.venv/bin/python tools/man_page.py            # writes the page
.venv/bin/python tools/man_page.py --check    # fails when the page is stale
"""

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from incm_webhook.cli.program import PROGRAM, commands
from incm_webhook.cli.sections import EXAMPLES, STATUSES, sections_of

PAGE = Path(__file__).parents[1] / "man" / "incm-webhook.1"


def text() -> str:
    """Return the page in the language of man(7)."""
    lines = [
        f'.TH {PROGRAM.upper()} 1 "" "{PROGRAM}" "User Commands"',
        ".SH NAME",
        _plain(f"{PROGRAM} - receive InCloud Manager alert webhooks, store them, hand them on"),
        ".SH SYNOPSIS",
        f".B {_plain(PROGRAM)}",
        r"\fICOMMAND\fR [\fIOPTIONS\fR] [\fIARGUMENTS\fR]",
        ".SH DESCRIPTION",
        _plain(inspect.cleandoc(commands.help or "")),
    ]
    for title, found in sections_of(commands):
        lines.append(f".SH {title.upper()}")
        for name, command in found:
            lines += _command(f"{PROGRAM} {name}", command)
    lines.append(".SH EXIT STATUS")
    for status, meaning in STATUSES:
        lines += [".TP", f".B {status}", _plain(meaning)]
    lines.append(".SH EXAMPLES")
    for example in EXAMPLES:
        lines += [".PP", ".EX", _plain(example), ".EE"]
    return "\n".join(lines) + "\n"


def _command(path: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command, info_name=path)
    usage = " ".join(command.collect_usage_pieces(context))
    yield ".SS " + _plain(f'"{path} {usage}"')
    yield from _help(command.help or "")
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if record is not None:
            flag, meaning = record
            yield from (".TP", f".B {_plain(flag)}", _plain(meaning))
    if isinstance(command, click.Group):
        for name, inner in sorted(command.commands.items()):
            yield from _command(f"{path} {name}", inner)


def _help(help_text: str) -> Iterator[str]:
    for paragraph in inspect.cleandoc(help_text).split("\n\n"):
        kept = paragraph.startswith("\b\n")
        yield ".PP"
        if kept:
            yield ".EX"
        words = paragraph.removeprefix("\b\n") if kept else " ".join(paragraph.split())
        yield from map(_plain, words.split("\n"))
        if kept:
            yield ".EE"


def _plain(words: str) -> str:
    """Escape a text, so that no part of it is a command of man(7)."""
    escaped = words.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq")
    return "\n".join(rf"\&{one}" if one.startswith(".") else one for one in escaped.split("\n"))


def main() -> int:
    """Write the page, or with --check say whether it is stale."""
    fresh = text()
    if sys.argv[1:] == ["--check"]:
        stale = not PAGE.exists() or PAGE.read_text(encoding="utf-8") != fresh
        if stale:
            print(f"{PAGE} is stale: run tools/man_page.py", file=sys.stderr)
        return int(stale)
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(fresh, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
