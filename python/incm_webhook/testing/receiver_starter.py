"""Starts the servers of one test."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from incm_webhook.testing.receiver import Plugins, Receiver


class ReceiverStarter(Receiver):
    """A `Receiver` with the log plugin that starts when it is first used, and starts others.

    Threads: one at a time.

    Attributes:
        folder: the folder of the test, in which the first server runs.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._others: list[Receiver] = []

    def __call__(
        self,
        plugins: Plugins = ("log",),
        *,
        config: Mapping[str, Any] | None = None,
        arguments: Sequence[str] = (),
    ) -> Receiver:
        """Start one more server; it is stopped after the test.

        Args:
            plugins: as for `Receiver`; a file that is named with "./" is in `folder`.
            config: further tables of the configuration file.
            arguments: further arguments for `serve`.

        Returns:
            The server. It runs in a folder of its own below `folder`.
        """
        place = self.folder / f"receiver-{len(self._others) + 1}"
        place.mkdir()
        tables = [self._in_folder(one) for one in plugins]
        started = Receiver(place, plugins=tables, config=config, arguments=arguments)
        self._others.append(started)
        return started

    def _in_folder(self, plugin: str | Path | Mapping[str, Any]) -> Mapping[str, Any]:
        table = dict(plugin) if isinstance(plugin, Mapping) else {"use": str(plugin)}
        use = str(table.get("use", ""))
        return {**table, "use": str(self.folder / use)} if use.startswith("./") else table

    def stop(self) -> int:
        """Stop all servers; return the first exit status that is not 0, else 0."""
        statuses = [one.stop() for one in self._others]
        if "process" in vars(self):
            statuses.append(super().stop())
        return next(filter(None, statuses), 0)

    if not TYPE_CHECKING:  # a type checker knows the attributes of a Receiver

        def __getattr__(self, name: str) -> Any:
            # Called for what __init__ has not set: the attributes of a server that runs.
            if name.startswith("__") or "process" in vars(self):
                raise AttributeError(f"a Receiver has no attribute {name!r}")
            super().__init__(self.folder)
            return getattr(self, name)
