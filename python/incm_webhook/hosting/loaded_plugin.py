"""One interface to every loaded plugin: function, class or module, sync or async."""

import inspect
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from incm_webhook.config.settings import PluginSettings
from incm_webhook.errors import PluginError
from incm_webhook.hosting.importing import forget_file
from incm_webhook.log import plugin_logger
from incm_webhook.plugin import CallFacts, Context, context_of
from incm_webhook.process.forked import end_in_child
from incm_webhook.state import MemoryStore, StateKeeper, changes_of
from incm_webhook.text.failures import OwnCode
from incm_webhook.text.log_facts import note_call

if TYPE_CHECKING:
    from incm_webhook._core import Alert, Delivery

Outcome = Awaitable[None] | None


@dataclass(frozen=True, slots=True)
class Hook:
    """A function of a plugin, and whether it takes the context as its last argument.

    Call it in the process that made the hook. A child that the function forks is ended when the
    child returns from the function.
    """

    function: Callable[..., Any]
    wants_context: bool
    process: int = field(default_factory=os.getpid)

    def call(self, *arguments: Any) -> Any:
        """Call the function; the last argument, the context, is left out if it takes none."""
        try:
            return self.function(*(arguments if self.wants_context else arguments[:-1]))
        finally:
            if os.getpid() != self.process:
                end_in_child(self.process, label_of(self.function))


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a plugin comes from.

    Attributes:
        text: a path, "bundled", or the name of a distribution or module.
        version: the version of that; None when it has none.
        summary: the first line of the documentation, or "".
    """

    text: str
    version: str | None
    summary: str


class LoadedPlugin:
    """A plugin that is ready to be set up and to handle alerts.

    Shape: `handle` takes one alert, or a list of alerts when `batch` is true. setup, handle,
    on_dead, close, check and connect return None, or an awaitable when the plugin's own function is
    async. Await all awaitables of a plugin on the same loop. Call setup, then handle, on_dead and
    connect any number of times, then close. check is called without setup.
    Errors: these methods raise whatever the plugin raises. From handle, `Retry`, `Reject`
    and `Unavailable` have a meaning, and any other exception is a failed attempt.
    Threads: up to `settings.concurrency` threads may call handle at once, and one on_dead.
    Source: docs/contract.md, Python.

    Attributes:
        name: the name in the configuration, which is unique.
        settings: the configuration; keys that it does not set come from the decorator, then from
            the general defaults.
        config: the validated model, or the plain dict.
        batch: whether the plugin handles lists of alerts.
        is_async: whether its handler is a coroutine function.
        step: the name of its handler, such as "on_alert".
        origin: where it comes from.
        code: its own files, in which the place of a failure is looked for.
        warnings: what works but is probably a mistake, a sentence each.
        states: keeps the state of the plugin; replace it before setup.
    """

    limits_itself = False  # whether handle() enforces the time-out itself

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
        self.states = StateKeeper(MemoryStore({}))  # until a server gives it those of the inbox
        self.batch = "handle_batch" in hooks
        self._hooks = hooks
        self._handle = hooks["handle_batch" if self.batch else "handle"]
        self._log = plugin_logger(self.name, code)
        self.is_async = _is_async(self._handle.function)
        self.step = getattr(self._handle.function, "__qualname__", "its handler")

    def setup(self) -> Outcome:
        """Set the plugin up."""
        return self._call("setup")

    def handle(self, alert: Any, context: Context) -> Outcome:
        """Call the handler with one alert, or with a list of alerts when `batch` is true."""
        alert_id = 0 if self.batch else context.alert_id
        note_call(self.name, alert_id, context.attempt, getattr(alert, "type", None))
        result: Outcome = self._handle.call(alert, context)
        return result

    @property
    def wants_dead(self) -> bool:
        """Whether the plugin has an on_dead to call."""
        return "on_dead" in self._hooks

    def on_dead(self, alert: "Alert", context: Context, reason: str) -> Outcome:
        """Call on_dead: the delivery of an alert has become a dead letter."""
        return self._kept(self._hooks["on_dead"].call(alert, context, reason), context)

    def ready(self) -> bool:
        """Wait until the plugin can be called; False when it can never be called again."""
        return True

    def close(self, deadline: float | None = None) -> Outcome:
        """Close the plugin, by `deadline` (monotonic seconds) if a deadline can be enforced."""
        del deadline
        return self._call("close")

    def discard(self) -> None:
        """Let go of a plugin that was loaded and never set up."""
        self.forget()

    def forget(self) -> None:
        """Let go of the module of a plugin file, when nothing of it runs any more."""
        forget_file(getattr(self._handle.function, "__module__", None) or "")

    def trouble(self) -> str:
        """Describe why the plugin cannot be called now; "" when it can."""
        return ""

    def restarts(self) -> dict[str, int]:
        """Count the ends of the plugin's own process that were not asked for, by the reason."""
        return {}

    def check(self) -> Outcome:
        """Let the plugin check whether it can work; it raises when it cannot."""
        return self._call("check")

    def connect(self) -> Outcome:
        """Let the plugin try its target; it raises when the target cannot be used."""
        return self._call("connect")

    @property
    def connects(self) -> bool:
        """Whether the plugin can try its target."""
        return "connect" in self._hooks

    def context(
        self,
        deliveries: "Sequence[Delivery] | Sequence[Context]" = (),
        states: StateKeeper | None = None,
    ) -> Context:
        """Make the context of one call.

        Args:
            deliveries: the deliveries of this call, or contexts with the same fields: one, or the
                batch in its order; none for setup, close, check and
                connect.
            states: opens the state of the call; None means `self.states`.

        Returns:
            The context; `each` is filled for a batch plugin.
        """
        keeper = self.states if states is None else states
        if not deliveries:
            context = Context(config=self.config, log=self._log, plugin=self.name)
            vars(context)["_call"] = {"keeper": keeper}
            return context
        call: CallFacts = {"until": time.monotonic() + self.settings.timeout, "keeper": keeper}
        if not self.batch:
            return context_of(deliveries[0], self.config, self._log, self.name, call)
        each = tuple(context_of(one, self.config, self._log, self.name, call) for one in deliveries)
        whole = context_of(each[0], self.config, self._log, self.name, call)
        vars(whole).update(attempt=max(one.attempt for one in each), each=each)
        return whole

    def _call(self, name: str) -> Outcome:
        hook = self._hooks.get(name)
        if hook is None:
            return None
        context = self.context()
        return self._kept(hook.call(context), context)

    def _kept(self, result: Outcome, context: Context) -> Outcome:
        """Have the state that a call changes stored at its end."""
        if result is not None and inspect.isawaitable(result):
            return self._then_keep(result, context)
        self._keep(context)
        return result

    async def _then_keep(self, result: Awaitable[None], context: Context) -> None:
        await result
        self._keep(context)

    def _keep(self, context: Context) -> None:
        if changes := changes_of(context):
            self.states.store.write(changes)

    def __repr__(self) -> str:
        return f"<LoadedPlugin {self.name!r} from {self.origin.text}>"


def hook_of(function: Callable[..., Any], arguments: str, label: str) -> Hook:
    """Make a hook of a function by its signature.

    Args:
        function: a function, a bound method, or any other callable.
        arguments: the argument besides the context: "alert", "alerts", or "" for none; or all
            arguments, "alert, ctx, reason".
        label: the name of the function in messages.

    Returns:
        The hook.

    Raises:
        PluginError: the function cannot be called with that argument, with or without a context,
            or with all arguments; or it is a generator, whose body would never run.
    """
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise PluginError(f"{label} contains a yield and would never run: return instead")
    whole = "ctx" in arguments
    count = arguments.count(",") + 1 if arguments else 0
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return Hook(function, wants_context=True)
    for extra in (0,) if whole else (1, 0):
        try:
            signature.bind(*[None] * (count + extra))
        except TypeError:
            continue
        return Hook(function, wants_context=whole or bool(extra))
    either = f"({arguments}) or ({arguments}, ctx)" if arguments else "() or (ctx)"
    either = f"({arguments})" if whole else either
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
