"""Asks before a command changes much. Without a terminal it requires --yes instead."""

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

MANY = 1000  # up to so many deliveries are made again without a question

_Command = TypeVar("_Command", bound=Callable[..., Any])


def yes_option(command: _Command) -> _Command:
    """Add --yes."""
    return click.option("--yes", is_flag=True, help="Do not ask.")(command)


def confirm(question: str, what_for: str) -> None:
    """Ask, and end the command unless the answer is yes.

    Args:
        question: the question, such as "Drop 12 deliveries for good?".
        what_for: what --yes does, such as "to drop them".

    Raises:
        click.UsageError: standard input is no terminal.
        click.Abort: the answer is no.
    """
    if not sys.stdin.isatty():
        raise click.UsageError(
            f"standard input is no terminal to ask on: add --yes {what_for}",
            click.get_current_context(silent=True),
        )
    click.confirm(question, abort=True, err=True)


def confirm_many(count: int) -> None:
    """Ask before more than MANY deliveries are made again, because they may notify people.

    Raises:
        click.UsageError, click.Abort: as for `confirm`.
    """
    if count > MANY:
        confirm(
            f"Make {deliveries(count)} again?",
            f"to make {deliveries(count)} again",
        )


def deliveries(count: int) -> str:
    """Format a number of deliveries, such as "1 delivery"."""
    return f"{count:,} {'delivery' if count == 1 else 'deliveries'}"
