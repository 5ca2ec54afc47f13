"""Renders templates with an alert: the one module that imports Jinja2, which is loaded with it.

Threads: any.
"""

import difflib
import json
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from types import TracebackType
from typing import Any

from jinja2 import ChainableUndefined, StrictUndefined, TemplateSyntaxError, Undefined
from jinja2 import Template as CompiledTemplate
from jinja2.exceptions import SecurityError, UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from incm_webhook import Alert, message
from incm_webhook.text.clean import (
    duration,
    encodable,
    moment,
    one_line,
    truncate_bytes,
)

__all__ = ["MOST_BYTES", "RenderError", "check_syntax", "render"]

MOST_BYTES = 64 * 1024  # of a rendered text, in UTF-8
_MOST_REPEATED = 1024 * 1024  # items of a text or a list that an operator makes
_MOST_POWER_BITS = 4096
_FILE = "<template>"  # as Jinja2 calls a template that has no file
_ALERT_FIELDS = frozenset(one for one in dir(Alert) if not one.startswith("_"))
_PARTY: type[Any] = type(Alert.from_json(b'{"org": {}}').org)
_SEQUENCES = (str, bytes, list, tuple)


class RenderError(Exception):
    """A template that could not be rendered with an alert, in a sentence that names the line."""


class _Absent(ChainableUndefined):
    """What this alert lacks, though another may have it.

    A test (`if alert.closed_at`), `==`, `is defined` and the filter `default` work, also for its
    members; writing it or calculating with it is an error.
    """

    __slots__ = ()

    __str__ = __iter__ = __len__ = __contains__ = Undefined._fail_with_undefined_error

    def __eq__(self, other: object) -> bool:
        return other is None or isinstance(other, Undefined)

    __hash__ = Undefined.__hash__


class _Environment(ImmutableSandboxedEnvironment):
    """A sandbox that knows what an alert has, and limits what an operator can make."""

    intercepted_binops = frozenset(["*", "**"])

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Get an attribute or a member; what this alert lacks is an `_Absent`."""
        return self._looked_at(obj, attribute, super().getattr(obj, attribute))

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Get a member or an attribute; what this alert lacks is an `_Absent`."""
        return self._looked_at(obj, argument, super().getitem(obj, argument))

    def _looked_at(self, obj: Any, name: object, value: Any) -> Any:
        is_alert = isinstance(obj, Alert)
        if is_alert and name not in _ALERT_FIELDS and not self._is_private(name):
            near = difflib.get_close_matches(str(name), _ALERT_FIELDS, n=1)
            hint = f' (did you mean "{near[0]}"?)' if near else ""
            return self.undefined(f'an alert has no "{one_line(str(name), 60)}"{hint}')
        is_missing = value is None or isinstance(value, Undefined)
        if is_missing and (is_alert or isinstance(obj, Mapping | _PARTY)):
            if self._is_private(name):
                return value
            return _Absent(
                f'this alert has no "{one_line(str(name), 60)}" (write | default("...") after it, '
                "with what stands in its place)"
            )
        return value

    @staticmethod
    def _is_private(name: object) -> bool:
        return isinstance(name, str) and name.startswith("_")

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Apply an operator, unless its result would be very large."""
        if operator == "*":
            for one, times in ((left, right), (right, left)):
                if isinstance(one, _SEQUENCES) and isinstance(times, int):
                    _limit(len(one) * max(times, 0))
        elif operator == "**":
            _limit_power(left, right)
        return super().call_binop(context, operator, left, right)


def _limit_power(base: Any, exponent: Any) -> None:
    are_whole = isinstance(base, int) and isinstance(exponent, int)
    if are_whole and base.bit_length() * max(exponent, 0) > _MOST_POWER_BITS:
        raise SecurityError("the power is too large")


def _limit(size: int) -> None:
    if size > _MOST_REPEATED:
        raise SecurityError(f"a text or a list of {size:,} items is too large")


def render(source: str, alert: Alert, values: Mapping[str, Any]) -> str:
    """Render a template.

    Args:
        source: the template.
        alert: the alert.
        values: the other names that the template may use.

    Returns:
        The text, which can be encoded in UTF-8; what goes beyond 64 KiB is cut off, and the text
        then ends with "…".

    Raises:
        RenderError: the template cannot be rendered with this alert.
        TemplateSyntaxError: it is no template.
    """
    template = _compiled(source)
    pieces: list[str] = []
    left = MOST_BYTES
    try:
        for piece in template.generate({**values, "alert": alert}):
            pieces.append(piece)
            # A character has at least one byte: when there are this many, the rest is cut off.
            left -= len(piece)
            if left < 0:
                break
    except Exception as error:
        raise RenderError(_sentence(error)) from error
    return truncate_bytes("".join(pieces), MOST_BYTES)


def check_syntax(source: str) -> None:
    """Compile a template.

    Raises:
        RenderError: its syntax is wrong, in a sentence that names the line.
    """
    try:
        _compiled(source)
    except TemplateSyntaxError as error:
        text = one_line(error.message or "wrong syntax", 300)
        raise RenderError(f"line {error.lineno}: {text}") from None
    except RecursionError:
        raise RenderError("the template is nested too deeply") from None


@lru_cache(maxsize=256)
def _compiled(source: str) -> CompiledTemplate:
    return _ENVIRONMENT.from_string(source)


def _sentence(error: Exception) -> str:
    line = _line_of(error.__traceback__)
    text = one_line(str(error), 300) or type(error).__name__
    if not isinstance(error, UndefinedError | SecurityError | RenderError):
        text = f"{type(error).__name__}: {text}"
    return f"line {line}: {text}" if line else text


def _line_of(trace: TracebackType | None) -> int | None:
    """Return the deepest line of the template; Jinja2 maps the frames to the template's lines."""
    line = None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == _FILE:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _given(value: Any) -> Any:
    """Return the value; raise what the template has in its place when it is undefined."""
    if isinstance(value, Undefined):
        value._fail_with_undefined_error()
    return value


def _date(value: Any, form: str = "%Y-%m-%d %H:%M:%S %Z", zone: str = "UTC") -> str:
    return moment(_given(value), zone, form)


def _duration(value: Any) -> str:
    return duration(_given(value))


def _one_line(value: Any, limit: int = 200) -> str:
    return one_line(str(_given(value)), limit)


def _truncate_bytes(value: Any, limit: int) -> str:
    return truncate_bytes(str(_given(value)), limit)


def _tojson(value: Any, indent: int | None = None) -> str:
    if isinstance(value, _Absent):
        return "null"
    text = json.dumps(_given(value), ensure_ascii=False, indent=indent, default=_as_json)
    return text if text == encodable(text) else json.dumps(value, indent=indent, default=_as_json)


def _as_json(value: Any) -> Any:
    if isinstance(value, _Absent):
        return None
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Alert | _PARTY):
        return value.to_dict()
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _environment() -> _Environment:
    made = _Environment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=False)
    made.filters |= {
        "date": _date,
        "duration": _duration,
        "one_line": _one_line,
        "tojson": _tojson,
        "truncate_bytes": _truncate_bytes,
    }
    made.globals |= {
        "subject": message.subject,
        "text": message.text,
        "severity": message.severity,
        "colour": message.colour,
        "facts": message.facts,
        "is_clear": message.is_clear,
        "incident_key": message.incident_key,
    }
    return made


_ENVIRONMENT = _environment()
