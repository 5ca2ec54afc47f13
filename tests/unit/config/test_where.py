"""Filters by any field against a model in Python: what json.loads reads, and exact decimals."""

import json
import operator
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from incm_webhook import Alert
from incm_webhook._core import Filter

pytestmark = pytest.mark.slow

NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
COMPARISONS = {
    "<=": operator.le,
    ">=": operator.ge,
    "!=": operator.ne,
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}


class Token(str):
    """A number as it is written."""

    __slots__ = ()


def parsed(text: str) -> Any:
    return json.loads(text, parse_int=Token, parse_float=Token, parse_constant=lambda _: None)


def named(value: Any, keys: list[str]) -> Iterator[Any]:
    """What a path names below a value that is not an array at the top."""
    if isinstance(value, list):
        for element in value:
            yield from named(element, keys)
    elif keys:
        if isinstance(value, dict) and keys[0] in value:
            yield from named(value[keys[0]], keys[1:])
    elif value is not None and not isinstance(value, dict):
        yield value


def written(value: Any) -> bytes:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text.encode("utf-8", "surrogatepass")


def matches(pattern: str | float | bool, value: Any) -> bool:
    if isinstance(pattern, bool):
        return not isinstance(value, Token) and written(value).lower() == written(pattern)
    if isinstance(pattern, (int, float)):
        pattern = f"= {pattern!r}"
    is_number = not isinstance(value, bool) and NUMBER.fullmatch(value) is not None
    low, dots, high = pattern.partition("..")
    if dots and NUMBER.fullmatch(low.strip()) and NUMBER.fullmatch(high.strip()):
        return is_number and Decimal(low.strip()) <= Decimal(value) <= Decimal(high.strip())
    for sign, compares in COMPARISONS.items():
        if pattern.startswith(sign):
            return is_number and compares(Decimal(value), Decimal(pattern[len(sign) :].strip()))
    glob = b"".join(
        {b"*": b".*", b"?": b"."}.get(one, re.escape(one))
        for one in (bytes([byte]) for byte in pattern.encode("utf-8", "surrogatepass"))
    )
    return re.fullmatch(glob, written(value), re.DOTALL) is not None


def holds(text: str, keys: list[str], patterns: list[Any]) -> bool:
    top = parsed(text)
    values = list(named(top, keys)) if isinstance(top, dict) else []
    return any(matches(pattern, value) for pattern in patterns for value in values)


KEYS = st.sampled_from(["a", "b", "a.b", 'q"\\', "é", ""])
TOKENS = st.one_of(
    st.integers().map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(["1", "1.0", "10e-1", "-0", "0.0", "1e400", "-1E-400", "123456789" * 9]),
)
TEXTS = st.one_of(
    st.text(st.sampled_from('ab*?é"\\\n\x01\ud800😀'), max_size=6), TOKENS, st.just("True")
)
SCALARS = st.one_of(
    TOKENS,
    st.tuples(TEXTS, st.booleans()).map(lambda one: json.dumps(one[0], ensure_ascii=True)),
    st.sampled_from(["true", "false", "null", "NaN", "-Infinity"]),
)


def spelled(pairs: list[tuple[str, str]]) -> str:
    return "{" + ", ".join(f"{json.dumps(key)}: {value}" for key, value in pairs) + "}"


VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.lists(st.tuples(KEYS, inner), max_size=4).map(spelled),
    ),
    max_leaves=12,
)
ALERTS = st.lists(st.tuples(KEYS, VALUES), max_size=5).map(spelled) | VALUES
PATTERNS = st.one_of(
    st.text(st.sampled_from("ab*?é1.0"), min_size=1, max_size=5).filter(
        lambda one: ".." not in one
    ),
    st.tuples(st.sampled_from(list(COMPARISONS)), st.sampled_from(["", " "]), TOKENS).map("".join),
    st.tuples(TOKENS, TOKENS)
    .map(lambda two: sorted(two, key=Decimal))
    .map(lambda two: f"{two[0]}..{two[1]}"),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
)


def path_of(keys: list[str]) -> str:
    def quoted(key: str) -> str:
        escaped = key.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"' if not key or set(key) & set('."') else key

    return ".".join(map(quoted, keys))


@given(ALERTS, st.lists(KEYS, min_size=1, max_size=3), st.lists(PATTERNS, min_size=1, max_size=3))
@example('{"a": [{"b": 1}, {"b": 2, "b": "x"}], "a": [[{"b": "3"}]]}', ["a", "b"], ["1..3"])
@example('{"a": "\\ud83d\\ude00"}', ["a"], ["????"])
@example('[{"a": 1}]', ["a"], ["*"])
def test_where_is_what_the_model_says(text: str, keys: list[str], patterns: list[Any]) -> None:
    expected = holds(text, keys, patterns)
    alert = Alert.from_json(text)
    where = {path_of(keys): patterns}
    assert Filter(where=where).matches(alert, "/webhook") is expected
    assert Filter(**{"not": {"where": where}}).matches(alert, "/webhook") is not expected
    # Together with a path that always matches, and with one that never does.
    wider = Alert.from_json(spelled([("here", "1"), ("it", text)]))
    inner = {path_of(["it", *keys]): patterns}
    assert Filter(where={**inner, "here": [1]}).matches(wider, "/") is (
        expected or (text.startswith("[") and holds(f'{{"it": {text}}}', ["it", *keys], patterns))
    )
    assert not Filter(where={**inner, "gone": ["*"]}).matches(wider, "/")
