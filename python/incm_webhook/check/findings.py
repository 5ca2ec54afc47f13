"""Collects and prints the findings of `check`."""

import click

from incm_webhook.log import printable


class Report:
    """Prints findings, and keeps what the exit status depends on. Threads: one at a time."""

    def __init__(self) -> None:
        self._statuses: list[int] = []
        self._warnings = 0

    def info(self, sentence: str) -> None:
        """Print what would be served."""
        click.echo(printable(sentence))

    def warn(self, sentence: str) -> None:
        """Print what works, but is probably not intended."""
        self._warnings += 1
        click.echo(printable(f"warning: {sentence}"))

    def error(self, sentence: str, status: int) -> None:
        """Print a fault that keeps `serve` from working, on standard error.

        Args:
            sentence: where the fault is, what is wrong and what to do; line breaks are kept.
            status: the exit status that `serve` would end with, or should.
        """
        self._statuses.append(status)
        text = "\n".join(map(printable, sentence.split("\n")))
        click.echo(f"incm-webhook: {text}", err=True)

    def close(self) -> int:
        """Print a summary; return the exit status: the lowest of all faults, 0 without a fault."""
        faults = len(self._statuses)
        if faults:
            click.echo(f"{_several(faults, 'fault')}: it cannot serve like this")
            return min(self._statuses)
        but = f", but for {_several(self._warnings, 'warning')}" if self._warnings else ""
        click.echo(f"all is well{but}")
        return 0


def _several(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
