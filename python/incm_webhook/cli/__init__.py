"""The command line: one module for each group of commands."""

from incm_webhook.cli.program import main

__all__ = ["main"]
