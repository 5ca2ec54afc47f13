"""The canonical text against its oracle: CPython's own json module."""

import base64
import json
import math
import re
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from incm_webhook import CanonicalError, canonical_json

pytestmark = pytest.mark.slow

GOLDEN = Path(__file__).parent.parent / "golden"
VECTORS = json.loads((GOLDEN / "signatures.json").read_text(encoding="ascii"))
MAX_DEPTH = 995  # what CPython 3.11 takes in a script without a function


def oracle(body: bytes) -> bytes | None:
    """What CPython prints, or None when it cannot."""
    try:
        return json.dumps(json.loads(body.decode("utf-8")), ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None


def canonical(body: bytes) -> bytes | None:
    try:
        return canonical_json(body)
    except CanonicalError:
        return None


def spell(value: Any, pick: Any) -> str:
    """Write a value in one of its many spellings."""

    def space() -> str:
        return str(pick(st.sampled_from(["", "", " ", "\n", "\t\r "])))

    def character(c: str) -> str:
        escaped = json.dumps(c)[1:-1]
        if c in '"\\' or c < " ":
            return escaped
        unit = "".join(
            f"\\u{int.from_bytes(pair, 'big'):04x}"
            for pair in re.findall(rb"(?s)..", c.encode("utf-16-be"))
        )
        return str(pick(st.sampled_from([c, escaped, unit, unit.upper().replace("\\U", "\\u")])))

    if isinstance(value, str):
        return '"' + "".join(map(character, value)) + '"'
    if isinstance(value, list):
        items = [space() + spell(item, pick) + space() for item in value]
        return "[" + (",".join(items) or space()) + "]"
    if isinstance(value, dict):
        items = [
            f"{space()}{spell(key, pick)}{space()}:{space()}{spell(item, pick)}{space()}"
            for key, item in value.items()
        ]
        shadowed = [item for item in items if pick(st.integers(0, 4)) == 0]
        return "{" + (",".join(shadowed + items) or space()) + "}"
    return json.dumps(value)


TEXTS = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from('"\\/\b\f\n\r\t\x00\x1f\x7f\x80\u2028\ufeff\uffff\U0010ffff'),
    ),
    max_size=20,
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=6), st.dictionaries(TEXTS, inner, max_size=8)),
    max_leaves=40,
)
NUMBERS = st.from_regex(
    r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,4})?", fullmatch=True
)
PIECES = st.sampled_from(
    [
        *'{}[],:"\\u0-1.eE+ \n',
        *["null", "true", "NaN", "Infinity", "-Infinity", '"a"', '"a":1', "\\ud800", "\\udc00"],
        *["\\u0022", "\xa0", "\ufeff", "é", "\U0001f4e1", "\x00"],
    ]
)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_golden(vector: dict[str, Any]) -> None:
    expected = vector["canonical"]
    assert canonical(base64.b64decode(vector["body"])) == (
        None if expected is None else base64.b64decode(expected)
    )


@given(VALUES)
def test_values_as_common_clients_write_them(value: Any) -> None:
    expected = json.dumps(value, ensure_ascii=False).encode()
    for text in (
        json.dumps(value),
        json.dumps(value, ensure_ascii=False),
        json.dumps(value, separators=(",", ":")),
        json.dumps(value, ensure_ascii=False, indent=2),
    ):
        assert canonical_json(text.encode()) == expected


@given(VALUES, st.data())
def test_any_spelling_of_a_value(value: Any, data: st.DataObject) -> None:
    body = spell(value, data.draw).encode()
    expected = oracle(body)
    assert expected is not None
    assert canonical_json(body) == expected
    assert canonical_json(expected) == expected


@given(NUMBERS)
@example("1" * 4300)
@example("1" * 4301)
@example("-" + "1" * 4300)
@example("1" * 5000 + ".0")
@example("2.4703282292062327e-324")
@example("2.4703282292062328e-324")
@example("1.7976931348623158e308")
@example("1.7976931348623159e308")
@example("9007199254740993." + "0" * 1000 + "1")
@example("0." + "0" * 5000 + "1e5001")
def test_number_texts(text: str) -> None:
    assert canonical(text.encode()) == oracle(text.encode())


@given(st.binary(min_size=8, max_size=8))
def test_float_bit_patterns(pattern: bytes) -> None:
    (value,) = struct.unpack("<d", pattern)
    text = repr(value) if math.isfinite(value) else json.dumps(value)
    assert canonical_json(text.encode()) == oracle(text.encode())
    if math.isfinite(value):
        longer = f"{value:.40e}".encode()
        assert canonical_json(longer) == oracle(longer)


@given(st.one_of(st.binary(max_size=60), st.lists(PIECES, max_size=16).map("".join)))
@example(b"\xef\xbb\xbf{}")
@example(b"{}\x00")
@example(b'"\xed\xa0\x80"')
@example(b'{"a": "\\ud800", "a": 1}')
@example(b'{"\\ufffd": 1, "\\ud800": 2}')
def test_both_refuse_or_both_agree(body: bytes | str) -> None:
    body = body if isinstance(body, bytes) else body.encode()
    assert canonical(body) == oracle(body)


@given(VALUES, st.data())
def test_damaged_bodies(value: Any, data: st.DataObject) -> None:
    body = bytearray(spell(value, data.draw).encode())
    place = data.draw(st.integers(0, len(body)))
    body[place : place + data.draw(st.integers(0, 3))] = data.draw(
        st.one_of(st.binary(max_size=2), PIECES.map(str.encode))
    )
    assert canonical(bytes(body)) == oracle(bytes(body))


FLAT = """
import json, sys
body = sys.stdin.read()
sys.stdout.write(json.dumps(json.loads(body), ensure_ascii=False))
"""


def flat_oracle(body: bytes) -> bytes | None:
    """What a script of CPython 3.11 prints that signs in no function; None when it cannot."""
    run = subprocess.run([sys.executable, "-c", FLAT], input=body, capture_output=True, check=False)
    return run.stdout if run.returncode == 0 else None


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a": ', "}")])
def test_depth_is_limited_as_in_a_flat_script(opening: str, closing: str) -> None:
    inner = "0" if closing == "}" else ""
    deep = (opening * MAX_DEPTH + inner + closing * MAX_DEPTH).encode()
    assert canonical_json(deep) == deep == flat_oracle(deep)
    deeper = (opening * (MAX_DEPTH + 1) + inner + closing * (MAX_DEPTH + 1)).encode()
    with pytest.raises(CanonicalError):
        canonical_json(deeper)
    if sys.version_info < (3, 12):  # later ones do not count C's frames in this limit
        assert flat_oracle(deeper) is None


def test_error_is_a_value_error_without_the_body() -> None:
    with pytest.raises(ValueError, match="not JSON") as caught:
        canonical_json(b"[1, topsecret]")
    assert isinstance(caught.value, CanonicalError)
    assert "topsecret" not in str(caught.value)
