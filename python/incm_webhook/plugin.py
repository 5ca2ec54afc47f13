"""The interface for plugin authors: the decorator, the context, and the outcomes to raise."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

from incm_webhook.retry_after import seconds_until

if TYPE_CHECKING:
    from pydantic import BaseModel

    from incm_webhook._core import Alert, Delivery
    from incm_webhook.http.client import HttpClient
    from incm_webhook.state import State, StateKeeper

__all__ = ["Context", "PluginMark", "Reject", "Retry", "Unavailable", "mark_of", "plugin"]

_MARK = "__incm_webhook_plugin__"
_Handler = TypeVar("_Handler", bound=Callable[..., Any])
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Texts = str | Sequence[str]
Hook = Callable[[], Any] | Callable[["Context"], Any]
Logger = logging.Logger | logging.LoggerAdapter[logging.Logger]


class Retry(Exception):  # noqa: N818 - an outcome, not an error
    """Raised by a handler: try this delivery again later.

    Args:
        after: seconds until the next attempt, as a number or as text, or an HTTP date: the value
            of an answer's Retry-After header can be passed unchanged. None means that the plugin's
            retry settings apply.
        reason: why, for the log and the ledger; "" says only after which time.

    Raises:
        ValueError: after is something else; the retry settings then apply.
    """

    after: float | None = None  # the defaults for a subclass that does not call __init__
    reason: str = ""

    def __init__(self, after: float | str | None = None, reason: str = "") -> None:
        seconds = None if after is None else seconds_until(after)
        pause = "try again" if seconds is None else f"try again after {seconds:g} s"
        super().__init__(reason or pause)
        self.after = seconds
        self.reason = reason


class Reject(Exception):  # noqa: N818 - an outcome, not an error
    """Raised by a handler: never try again; the delivery becomes a dead letter now.

    Args:
        reason: why, for the person who will look at the dead letter.
    """

    reason: str = "no reason"  # the default for a subclass that does not call __init__

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Unavailable(Exception):  # noqa: N818 - an outcome, not an error
    """Raised by a handler: the target is broken for every alert, such as by a revoked key.

    The alert is kept, and the plugin's other alerts wait: from time to time one of them is tried,
    until one succeeds. The time until then does not count towards `give_up`.

    Args:
        reason: what is wrong with the target, for the person who can mend it.
    """

    reason: str = "no reason"  # the default for a subclass that does not call __init__

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


DECLARED = (Retry, Reject, Unavailable)  # the outcomes that a handler raises


@cache  # an import statement, even of a loaded module, takes a microsecond
def _http_client() -> "type[HttpClient]":
    from incm_webhook.http.client import HttpClient

    return HttpClient


class CallFacts(TypedDict, total=False):
    """What all contexts of one call share, with `state` once something has used it."""

    until: float  # when the call ends, in monotonic seconds
    keeper: "StateKeeper"
    state: "State"


@dataclass(frozen=True, kw_only=True)
class Context:
    """The facts that a handler gets besides the alert.

    Shape: for a single alert, every field describes its delivery. For a batch, `each` holds one
    Context for each alert, in the order of the alerts; `attempt` is then the highest attempt of
    the batch, and the other fields are those of the first delivery. In setup, close and check
    there is no delivery: attempt and alert_id are 0, delivery_key and endpoint are empty, and
    received_at is the Unix epoch, and traceparent and tracestate are None.
    Threads: immutable.
    Source: docs/contract.md, Python.

    Attributes:
        config: the plugin's validated model, or the plain dict when it has none.
        log: a logger that names the plugin.
        plugin: the name in the configuration.
        attempt: the number of the attempt, from 1.
        delivery_key: the same on every attempt to deliver this alert to this plugin.
        alert_id: the id in the inbox, as in the answer to the sender.
        endpoint: the path on which the alert arrived.
        received_at: when the alert was stored; aware, in UTC.
        traceparent, tracestate: its W3C Trace Context, to send on; None without a trace.
        each: one Context for each alert of a batch; empty without a batch.
        http: sends HTTP requests: `ctx.http.post(url, json=...)`, in an `async def` handler with
            `await`.
    """

    config: Any = None
    log: Logger = field(default_factory=lambda: logging.getLogger("incm_webhook.plugin"))
    plugin: str = ""
    attempt: int = 0
    delivery_key: str = ""
    alert_id: int = 0
    endpoint: str = ""
    received_at: datetime = _EPOCH
    traceparent: str | None = None
    tracestate: str | None = None
    each: tuple["Context", ...] = ()

    @property
    def http(self) -> "HttpClient":
        """The HTTP client of this call."""
        return _http_client()(self._facts_of_call().get("until"))

    @property
    def state(self) -> "State":
        """What the plugin keeps between its calls; the same object for the whole call."""
        call = self._facts_of_call()
        state = call.get("state")
        if state is None:
            from incm_webhook.state import open_state  # most plugins keep nothing

            state = call.setdefault("state", open_state(call.get("keeper")))
        return state

    def _facts_of_call(self) -> CallFacts:
        call: CallFacts = vars(self).setdefault("_call", {})
        return call

    @property
    def delivery_keys(self) -> tuple[str, ...]:
        """The delivery keys of all alerts of this call, in the order of the alerts."""
        return tuple(one.delivery_key for one in self.each) or (self.delivery_key,)

    def render(self, template: str, alert: "Alert", /, **values: Any) -> str:
        """Render a Jinja2 template with an alert, in a sandbox.

        Args:
            template: the text of the template. It uses the names `alert`, `plugin`, `endpoint`,
                `received_at` and `delivery_key`, and those of `values`.
            alert: the alert. For a batch, call `ctx.each[i].render(template, alerts[i])`.
            values: further names.

        Returns:
            The text, without escaping for any target, which can be encoded in UTF-8. Beyond 64 KiB
            in UTF-8 it is cut, and ends with "…".

        Raises:
            Reject: the template cannot be rendered with this alert, for example because the alert
                lacks a field; the reason names the template's line and the field.
            PluginError: it is no template. A config field of the type `incm_webhook.Template` is
                checked when the plugin is loaded.

        Threads: any. The compiled template is kept.
        Source: plugins/README.md, Templates.
        """
        from incm_webhook.template import names_of, rendered

        return rendered(template, alert, {**names_of(self), **values})


_OF_THE_PLUGIN = frozenset({"config", "log", "plugin", "each"})
# The fields of a context that describe its delivery. The native Delivery has the same names, and
# the process of an isolated plugin gets them as JSON.
DELIVERY_FACTS = tuple(one.name for one in fields(Context) if one.name not in _OF_THE_PLUGIN)
DELIVERY_TIMES = tuple(one.name for one in fields(Context) if one.type is datetime)


def context_of(
    delivery: "Delivery | Context",
    config: Any,
    log: Logger,
    plugin: str,
    call: CallFacts,
) -> Context:
    """Make the context of one delivery for a plugin; the contexts of a call share `call`."""
    # Context(...) takes three times as long, because a frozen dataclass sets each field with a
    # separate call. A loop over the fields takes half as long again, and so does an eleventh value.
    context = object.__new__(Context)
    values = vars(context)
    values["config"] = config
    values["log"] = log
    values["plugin"] = plugin
    values["attempt"] = delivery.attempt
    values["delivery_key"] = delivery.delivery_key
    values["alert_id"] = delivery.alert_id
    values["endpoint"] = delivery.endpoint
    values["received_at"] = delivery.received_at
    values["_call"] = call
    if (traceparent := delivery.traceparent) is not None:
        values["traceparent"] = traceparent
        values["tracestate"] = delivery.tracestate
    return context


@dataclass(frozen=True, slots=True)
class PluginMark:
    """The arguments of `@plugin`, kept on the decorated function or class.

    Attributes:
        name: the name that `use = "file.py:name"` accepts.
        defaults: values for keys of `[[plugin]]` that the configuration does not set.
        config: the pydantic model of `config`, or None.
        hooks: the functions to call besides the handler, by their names: setup, check, connect,
            on_dead, close.
    """

    name: str
    defaults: Mapping[str, Any]
    config: "type[BaseModel] | None"
    hooks: Mapping[str, Callable[..., Any]]


def plugin(
    name: str,
    *,
    types: Texts | None = None,
    endpoints: Texts | None = None,
    orgs: Texts | None = None,
    groups: Texts | None = None,
    devices: Texts | None = None,
    status: Texts | None = None,
    priority: int | Sequence[int] | None = None,
    where: Mapping[str, Any] | None = None,
    not_: Mapping[str, Any] | None = None,
    config: "type[BaseModel] | None" = None,
    timeout: str | float | None = None,
    retry: Mapping[str, Any] | None = None,
    concurrency: int | None = None,
    rate: str | None = None,
    breaker: int | None = None,
    order: str | None = None,
    setup: Hook | None = None,
    check: Hook | None = None,
    connect: Hook | None = None,
    on_dead: Callable[["Alert", Context, str], Any] | None = None,
    close: Hook | None = None,
) -> Callable[[_Handler], _Handler]:
    """Mark a function or a class as a plugin and give its defaults.

    The keywords up to `order` are keys of `[[plugin]]`; the configuration file overrides each of
    them. They are checked when the plugin is loaded, not here. The others name functions that are
    called besides a marked function; a class has methods instead. Each is plain or `async def`, and
    takes nothing or the context; what it returns is not kept. The function or class is returned
    unchanged, so a test may call it directly.

    Args:
        name: the name that `use = "file.py:name"` accepts. Deliveries do not use it: they carry the
            configuration's `name`, or the last part of `use`, because that name must stay the same
            when code changes.
        types: alert types, with the wildcards `*` and `?`, as in all filters.
        endpoints: paths of endpoints.
        orgs: ids or names of organisations.
        groups: ids or names of device groups.
        devices: device ids, serial numbers or entity names.
        status: "active" or "closed".
        priority: priorities.
        where: paths into the alert's JSON with patterns: `{"data.interface": "wan*"}`.
        not_: the key `not`: a mapping of the filters above, for alerts that must not come.
        config: a pydantic model; its instance becomes `ctx.config`, and the argument of the
            constructor when the plugin is a class.
        timeout: the longest time for one call: seconds, or a text such as "30s".
        retry: the retry policy: first, factor, max, give_up.
        concurrency: how many deliveries run at once.
        rate: the highest rate of alerts, such as "10/s".
        breaker: how many different alerts must fail in a row to open the circuit breaker, which
            then lets only probes pass; 0: only Unavailable opens it.
        order: "device" delivers the alerts of one device in order; "none" does not.
        setup: called before the first alert; called again with growing pauses while it raises.
        check: called by `incm-webhook check`, without a set-up; raises when the plugin cannot work.
        connect: called by `incm-webhook check --connect`, after the set-up; tries the real target,
            and raises when that fails.
        on_dead: called with alert, context and reason, once, when a delivery of the plugin has
            become a dead letter; perhaps not or again when the server crashes meanwhile. When it
            raises, that is logged, and nothing else changes.
        close: called after the last alert.

    Returns:
        The decorator.

    Source: docs/contract.md, Python.
    """
    given = {
        "types": types,
        "endpoints": endpoints,
        "orgs": orgs,
        "groups": groups,
        "devices": devices,
        "status": status,
        "priority": priority,
        "where": None if where is None else dict(where),
        "not": None if not_ is None else dict(not_),
        "timeout": timeout,
        "retry": None if retry is None else dict(retry),
        "concurrency": concurrency,
        "rate": rate,
        "breaker": breaker,
        "order": order,
    }
    if not isinstance(name, str) or not name:
        raise TypeError('@plugin needs a name as its first argument: @plugin("pager")')
    hooks = _given(setup=setup, check=check, connect=connect, on_dead=on_dead, close=close)
    mark = PluginMark(name, _given(**given), config, hooks)

    def decorate(handler: _Handler) -> _Handler:
        setattr(handler, _MARK, mark)
        return handler

    return decorate


def _given(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def mark_of(handler: object) -> PluginMark | None:
    """Return the mark that `@plugin` left on this function or class itself, not on a base class."""
    mark = vars(handler).get(_MARK) if hasattr(handler, "__dict__") else None
    return mark if isinstance(mark, PluginMark) else None
