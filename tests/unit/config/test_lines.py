import tomllib
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest

from incm_webhook.config.lines import KeyPath, lines_of
from incm_webhook.text.toml import toml_text

TEXT = """\
# a comment with [brackets] and "quotes"
top = 1
"quoted \\u0041" = 2

[server]   # here
listen = "127.0.0.1:8080" # ] } = [x]
tls = { certificate_file = "c", 'private_key_file' = 'k' }
tls2.deep."er" = true
[server.more]
x = 2026-11-24T10:00:00Z

[[plugin]]
use = "a"
types = [
  "one",   # first
  'two',
]
text = \"\"\"
[no]
heading = \\\"""
\"\"\"
config = { url = "x", list = [{ a = 1 }, { a = 2 }] }

[[plugin]]
use = '''
b = 1'''
[plugin.retry]
first = "1s"
[[plugin.inner]]
z = -inf
"""


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_each_key_is_found_where_it_stands(ends: str) -> None:
    lines = lines_of(TEXT.replace("\n", ends))
    for path, line in {
        ("top",): 2,
        ("quoted A",): 3,
        ("server",): 5,
        ("server", "listen"): 6,
        ("server", "tls", "private_key_file"): 7,
        ("server", "tls2"): 8,
        ("server", "tls2", "deep", "er"): 8,
        ("server", "more", "x"): 10,
        ("plugin",): 12,
        ("plugin", 0): 12,
        ("plugin", 0, "types"): 14,
        ("plugin", 0, "types", 1): 16,
        ("plugin", 0, "text"): 18,
        ("plugin", 0, "config", "list", 1, "a"): 22,
        ("plugin", 1): 24,
        ("plugin", 1, "use"): 25,
        ("plugin", 1, "retry", "first"): 28,
        ("plugin", 1, "inner", 0, "z"): 30,
    }.items():
        assert lines.get(path) == line, path
    assert set(lines) == set(paths(tomllib.loads(TEXT)))


def paths(value: Any, path: KeyPath = ()) -> list[KeyPath]:
    found = [path] if path else []
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    return found + [one for key, inner in items for one in paths(inner, (*path, key))]


values = st.recursive(
    st.text(max_size=6) | st.integers(-9, 9) | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)
tables = st.dictionaries(st.text(max_size=5), values, max_size=4)


@hypothesis.given(
    st.dictionaries(st.text(min_size=1, max_size=5), tables | st.lists(tables), max_size=4)
)
def test_it_finds_the_keys_that_tomllib_finds(document: dict[str, Any]) -> None:
    simple = {key: one for key, one in document.items() if key.isascii() and key.isalnum() and one}
    text = toml_text(simple)
    assert set(lines_of(text)) == set(paths(tomllib.loads(text)))


@hypothesis.given(st.text(alphabet="[]{}=.,\"'\\\n #ab1"))
def test_no_text_fails(text: str) -> None:
    lines_of(text)
