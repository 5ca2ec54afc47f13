"""A loaded plugin: one shape for functions, classes and modules, sync and async."""

import inspect
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from incm_webhook.config.settings import PluginSettings
from incm_webhook.errors import PluginError
from incm_webhook.log import plugin_logger
from incm_webhook.plugin import Context, context_of
from incm_webhook.process.forked import end_in_child
from incm_webhook.text.failures import OwnCode

if TYPE_CHECKING:
    from incm_webhook._core import Delivery

Outcome = Awaitable[None] | None


@dataclass(frozen=True, slots=True)
class Hook:
    """A function of a plugin, and whether it wants the context as its last argument.

    It is called in the process that made this; a child that the function forks ends when it
    returns.
    """

    function: Callable[..., Any]
    wants_context: bool
    process: int = field(default_factory=os.getpid)

    def call(self, *arguments: Any) -> Any:
        """Call the function, without the last argument, the context, if it wants none."""
        try:
            return self.function(*(arguments if self.wants_context else arguments[:-1]))
        finally:
            if os.getpid() != self.process:
                end_in_child(self.process, label_of(self.function))


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a plugin comes from.

    Attributes:
        text: a path, or "bundled", or a distribution, or a module.
        version: of that, None when it does not say.
        summary: the first line of the documentation, or "".
    """

    text: str
    version: str | None
    summary: str


class LoadedPlugin:
    """A plugin that is ready to be set up and to handle alerts.

    Shape: `handle` takes one alert, or a list of alerts when `batch`. setup, handle, close and
    check return None, or an awaitable when the plugin's own function is async: await it, all of
    one plugin's on the same loop. The order of calls is setup, handle any number of times, close;
    check is called on its own, without setup.
    Errors: the four raise whatever the plugin raises; of handle, `Retry` and `Reject` have a
    meaning, and any other exception is a failed attempt.
    Threads: handle may be called from several threads at once, up to `settings.concurrency`.
    Source: docs/contract.md, Python.

    Attributes:
        name: as configured, unique.
        settings: the configuration over the decorator's defaults over the general defaults.
        config: the validated model, or the plain dict.
        batch: whether the plugin handles lists of alerts.
        is_async: whether its handler is a coroutine function.
        step: the name of its handler, such as "on_alert".
        origin: where it comes from.
        code: its own files, for the place of a failure.
        warnings: what works but is hardly meant, a sentence each.
    """

    limits_itself = False  # whether handle() ends by itself when it exceeds the time-out

    def __init__(
        self,
        settings: PluginSettings,
        config: Any,
        hooks: dict[str, Hook],
        origin: Origin,
        code: OwnCode = OwnCode(),  # noqa: B008 - immutable
        warnings: tuple[str, ...] = (),
    ) -> None:
        self.name = settings.name
        self.settings = settings
        self.config = config
        self.origin = origin
        self.code = code
        self.warnings = warnings
        self.batch = "handle_batch" in hooks
        self._hooks = hooks
        self._handle = hooks["handle_batch" if self.batch else "handle"]
        self._log = plugin_logger(self.name, code)
        self.is_async = _is_async(self._handle.function)
        self.step = getattr(self._handle.function, "__qualname__", "its handler")

    def setup(self) -> Outcome:
        """Let the plugin open what it needs."""
        return self._call("setup")

    def handle(self, alert: Any, context: Context) -> Outcome:
        """Hand one alert, or a list of alerts when `batch`, to the plugin."""
        result: Outcome = self._handle.call(alert, context)
        return result

    def ready(self) -> bool:
        """Wait until it can be called; False when it never will be again."""
        return True

    def close(self, deadline: float | None = None) -> Outcome:
        """Let the plugin close what it opened, until deadline (monotonic) if that can be forced."""
        del deadline
        return self._call("close")

    def trouble(self) -> str:
        """Say why it cannot be called now; "" when it can."""
        return ""

    def check(self) -> Outcome:
        """Let the plugin look whether it could work; it raises when not."""
        return self._call("check")

    def context(self, deliveries: "Sequence[Delivery] | Sequence[Context]" = ()) -> Context:
        """Make the context of one call.

        Args:
            deliveries: those whose alerts are handed over, or contexts that say the same of them:
                one, or the batch in its order; none for setup, close and check.

        Returns:
            The context; `each` is filled for a batch plugin.
        """
        if not deliveries:
            return Context(config=self.config, log=self._log, plugin=self.name)
        if not self.batch:
            return context_of(deliveries[0], self.config, self._log, self.name)
        each = tuple(context_of(one, self.config, self._log, self.name) for one in deliveries)
        return replace(each[0], attempt=max(one.attempt for one in each), each=each)

    def _call(self, name: str) -> Outcome:
        hook = self._hooks.get(name)
        if hook is None:
            return None
        result: Outcome = hook.call(self.context())
        return result

    def __repr__(self) -> str:
        return f"<LoadedPlugin {self.name!r} from {self.origin.text}>"


def hook_of(function: Callable[..., Any], arguments: str, label: str) -> Hook:
    """Look at a function's signature.

    Args:
        function: a function, a bound method, or anything callable.
        arguments: what it takes besides the context: "alert", "alerts", or "" for none.
        label: what a message calls it.

    Returns:
        The hook.

    Raises:
        PluginError: it cannot be called with the arguments alone, nor with a context more; or it
            is a generator, whose body would never run.
    """
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise PluginError(f"{label} has a yield in it and would never run: return instead")
    count = 1 if arguments else 0
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return Hook(function, wants_context=True)
    for extra in (1, 0):
        try:
            signature.bind(*[None] * (count + extra))
        except TypeError:
            continue
        return Hook(function, wants_context=bool(extra))
    either = f"({arguments}) or ({arguments}, ctx)" if arguments else "() or (ctx)"
    raise PluginError(f"{label} must take {either}, not {signature}")


def label_of(function: Callable[..., Any]) -> str:
    """Name a function for a message: module and name."""
    name = getattr(function, "__qualname__", type(function).__qualname__)
    code = getattr(function, "__code__", None)
    return name if code is None else f"{name} ({code.co_filename}:{code.co_firstlineno})"


def _is_async(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - an object with async __call__
    )
