"""Runs a loaded plugin in this process, without a server."""

import asyncio
import inspect
from collections.abc import Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from incm_webhook import Alert
from incm_webhook.hosting.loaded_plugin import LoadedPlugin
from incm_webhook.http import plain_loop
from incm_webhook.http.answer import all_awaited
from incm_webhook.plugin import DECLARED, Context
from incm_webhook.state import changes_of

__all__ = ["LocalRun", "made_up_deliveries"]


class LocalRun:
    """A plugin that is set up on entering a `with` statement, and closed on leaving it.

    Shape: plain functions of the plugin run without a running event loop, as in the service, and
    all its coroutines on one loop.
    The state of the plugin is kept as `plugin.states` does it.
    Errors: entering, leaving and `call` raise whatever the plugin raises. When the set-up fails,
    the plugin is not closed.
    Threads: the calling one, in which no event loop may run.
    """

    def __init__(self, plugin: LoadedPlugin) -> None:
        self._plugin = plugin
        self._loop = asyncio.Runner()

    def call(self, alerts: Sequence[Alert], deliveries: Sequence[Context]) -> None:
        """Call the handler once.

        Args:
            alerts: one alert; for a batch plugin one or more.
            deliveries: the delivery of each alert.
        """
        work = list(alerts) if self._plugin.batch else alerts[0]
        context = self._plugin.context(deliveries)
        try:
            self._finish(self._plugin.handle(work, context))
        except DECLARED:
            self._keep(context)
            raise
        self._keep(context)

    def _keep(self, context: Context) -> None:
        if changes := changes_of(context):
            self._plugin.states.store.write(changes)

    def dead(self, alert: Alert, delivery: Context, reason: str) -> None:
        """Call on_dead, if the plugin has one."""
        if self._plugin.wants_dead:
            context = self._plugin.context([delivery])
            self._finish(self._plugin.on_dead(alert, context, reason))

    def _finish(self, result: object) -> None:
        if inspect.isawaitable(result):
            self._loop.run(all_awaited(result))

    def __enter__(self) -> Self:
        try:
            self._finish(self._plugin.setup())
        except BaseException:
            self._loop.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._finish(self._plugin.close())
        finally:
            self._loop.close()
            plain_loop.stop()


def made_up_deliveries(
    count: int, *, attempt: int = 1, key: str = "test", endpoint: str = "/webhook"
) -> list[Context]:
    """Make the deliveries of alerts that no inbox holds.

    Args:
        count: how many.
        attempt: the attempt of each.
        key: the prefix of the delivery keys: `key-1`, `key-2` and so on.
        endpoint: the path of each.
    """
    now = datetime.now(UTC)
    return [
        Context(
            attempt=attempt,
            delivery_key=f"{key}-{number}",
            alert_id=number,
            endpoint=endpoint,
            received_at=now,
        )
        for number in range(1, count + 1)
    ]
