"""How an answer of `ctx.http` reads its body; tests/plugins/test_ctx_http.py has real ones."""

import pytest

from incm_webhook import Answer


def test_an_object_is_read() -> None:
    assert Answer(200, body=b'{"ok": true, "n": [1]}').json_object() == {"ok": True, "n": [1]}


@pytest.mark.parametrize(
    "body",
    [b"", b"ok", b"[1]", b'"text"', b"null", b"<html>", b'{"cut": ', b"\xff", b"[" * 60_000],
)
def test_a_body_that_is_no_object_is_an_empty_one(body: bytes) -> None:
    assert Answer(200, body=body).json_object() == {}
