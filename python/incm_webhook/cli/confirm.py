"""Asks before a command changes much: on a terminal, elsewhere it wants --yes."""

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

MANY = 1000  # deliveries that are made again without a question

_Command = TypeVar("_Command", bound=Callable[..., Any])


def yes_option(command: _Command) -> _Command:
    """Add --yes."""
    return click.option("--yes", is_flag=True, help="Do not ask.")(command)


def confirm(question: str, what_for: str) -> None:
    """Ask, and end the command unless the answer is yes.

    Args:
        question: such as "Drop 12 deliveries for good?".
        what_for: what --yes is for, such as "to drop them".

    Raises:
        click.UsageError: standard input is no terminal.
        click.Abort: the answer is no.
    """
    if not sys.stdin.isatty():
        raise click.UsageError(
            f"nobody can be asked here: say --yes {what_for}",
            click.get_current_context(silent=True),
        )
    click.confirm(question, abort=True, err=True)


def confirm_many(count: int) -> None:
    """Ask before more than MANY deliveries are made again, as a flood of them reaches people.

    Raises:
        click.UsageError, click.Abort: as `confirm`.
    """
    if count > MANY:
        confirm(
            f"Make {deliveries(count)} again?",
            f"to make {deliveries(count)} again",
        )


def deliveries(count: int) -> str:
    """Write a number of deliveries."""
    return f"{count:,} {'delivery' if count == 1 else 'deliveries'}"
