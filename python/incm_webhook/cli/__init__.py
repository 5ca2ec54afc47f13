"""The command line: one module a group of commands."""

from incm_webhook.cli.program import main

__all__ = ["main"]
