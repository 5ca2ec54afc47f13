"""What `check` has found, and how it says it."""

import click

from incm_webhook.log import printable


class Report:
    """Prints what is found, and remembers how bad it is. Threads: one at a time."""

    def __init__(self) -> None:
        self._statuses: list[int] = []
        self._warnings = 0

    def tell(self, sentence: str) -> None:
        """Say what would be served."""
        click.echo(printable(sentence))

    def warn(self, sentence: str) -> None:
        """Say what works, but is hardly meant."""
        self._warnings += 1
        click.echo(printable(f"warning: {sentence}"))

    def complain(self, sentence: str, status: int) -> None:
        """Say what `serve` would fail at, on standard error.

        Args:
            sentence: where it stands, what is wrong and what to do; several lines stay so.
            status: what `serve` would end with, or should.
        """
        self._statuses.append(status)
        text = "\n".join(map(printable, sentence.split("\n")))
        click.echo(f"incm-webhook: {text}", err=True)

    def close(self) -> int:
        """Sum up; return the exit status: of several ones the lowest, 0 for none."""
        faults = len(self._statuses)
        if faults:
            click.echo(f"{_several(faults, 'fault')}: it cannot serve like this")
            return min(self._statuses)
        but = f", but for {_several(self._warnings, 'warning')}" if self._warnings else ""
        click.echo(f"all is well{but}")
        return 0


def _several(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
