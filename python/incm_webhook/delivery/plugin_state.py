"""Reports the state of a plugin, one of the core's `plugin_states`, its reason, and figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from incm_webhook._core import PythonWatch
    from incm_webhook.delivery.breaker import Breaker
    from incm_webhook.delivery.plugin_steps import PluginSteps
    from incm_webhook.delivery.pool import Pool
    from incm_webhook.delivery.rate_limit import RateLimit
    from incm_webhook.delivery.settlements import Settlements
    from incm_webhook.hosting.loaded_plugin import LoadedPlugin

_LONGEST_REASON = 300  # characters: a line that a person reads


class PluginState:
    """Derives one plugin's state from the parts of its runner, and reports changes to the watch.

    Threads: one thread at a time may call look().
    """

    def __init__(
        self,
        watch: PythonWatch,
        plugin: LoadedPlugin,
        steps: PluginSteps,
        pool: Pool,
        breaker: Breaker,
        rate: RateLimit,
        settlements: Settlements,
    ) -> None:
        self._watch = watch
        self._plugin = plugin
        self._steps = steps
        self._pool = pool
        self._breaker = breaker
        self._rate = rate
        self._settlements = settlements
        self._reported = ("", "")
        self._figures: tuple[bool, int, dict[str, int]] | None = None

    def look(self) -> None:
        """Report the state and the figures to the watch if they have changed."""
        state, reason = self._now()
        if len(reason) > _LONGEST_REASON:
            reason = f"{reason[:_LONGEST_REASON]}..."
        if (state, reason) != self._reported:
            self._reported = (state, reason)
            self._watch.set_plugin_state(self._plugin.name, state, reason)
        figures = (self._breaker.is_open, self._pool.hanging, self._plugin.restarts())
        if figures != self._figures:
            self._figures = figures
            self._watch.set_plugin_figures(self._plugin.name, *figures)

    def _now(self) -> tuple[str, str]:
        if not self._steps.done:
            failure = self._steps.failure
            return ("setup-failed", failure) if failure else ("starting", "")
        trouble = self._plugin.trouble()
        if trouble:
            return "replacing", trouble
        hanging, active = self._pool.hanging, self._pool.active
        if active <= 0 and hanging:
            return "hanging", f"{_handlers(hanging)}; it gets no alerts until one returns"
        if active <= 0:
            return "hanging", f"it has no thread: {self._pool.missing}"
        if self._breaker.is_open and self._settlements.why_unavailable:
            return "unavailable", self._settlements.why_unavailable
        if self._breaker.is_open:
            return "failing", self._settlements.last_failure
        if self._breaker.is_failing:
            return "failing", f"{self._settlements.last_failure} (breaker = 0: each is tried)"
        if self._rate.wait() > 0:
            return "rate-limited", f"{self._plugin.settings.rate} at most"
        return "ready", f"{_handlers(hanging)}; others go on" if hanging else ""


def _handlers(count: int) -> str:
    return f"{count} handler{' hangs' if count == 1 else 's hang'}"
