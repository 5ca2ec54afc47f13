"""The options that several commands share."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])


def option(flag: str, text: str, **settings: Any) -> Callable[[_Command], _Command]:
    """Make an option whose value may also come from the variable of its name."""
    variable = "INCM_WEBHOOK_" + flag.removeprefix("--").upper().replace("-", "_")
    return click.option(flag, default=None, help=f"{text}  [env: {variable}]", **settings)


def token_option(command: _Command) -> _Command:
    """Add --token-file, for a command that calls an admin listener."""
    return click.option(
        "--token-file",
        default=None,
        metavar="FILE",
        help="File with a token for the admin listener.  [env: INCM_WEBHOOK_ADMIN_TOKEN, the token "
        "itself]",
    )(command)


def what_is_served(command: _Command) -> _Command:
    """Add the flags for what is served."""
    for one in reversed(
        (
            option(
                "--config",
                "Configuration file; ./incm-webhook.toml when it exists.",
                metavar="FILE",
            ),
            option("--listen", "Address for alerts; port 0 takes a free one.", metavar="HOST:PORT"),
            option("--path", "Path that takes alerts.", metavar="PATH"),
            option("--secret-file", "File that holds the webhook's secret token.", metavar="FILE"),
            option("--inbox", "Where alerts are stored: sqlite:///PATH or a path.", metavar="URL"),
            option(
                "--plugin",
                "Plugin: a name, ./file.py or module:object.",
                metavar="SPEC",
                multiple=True,
            ),
            option(
                "--admin",
                "Address for health, metrics and the API; off for none.",
                metavar="HOST:PORT",
            ),
            option(
                "--metrics",
                "One more address for health and metrics, without the API.",
                metavar="HOST:PORT",
            ),
            option("--unsigned", "Take alerts without a signature.", is_flag=True),
        )
    ):
        command = one(command)
    return command
