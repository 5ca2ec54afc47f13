"""Signatures against their oracle: CPython's own hmac module."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incm_webhook import ConfigError, Verdict, Verifier, sign, verify

pytestmark = pytest.mark.slow

GOLDEN = Path(__file__).parent.parent / "golden"
VECTORS = json.loads((GOLDEN / "signatures.json").read_text(encoding="ascii"))
RFC4231 = json.loads((GOLDEN / "rfc4231.json").read_text(encoding="ascii"))

SECRETS = st.binary(min_size=1, max_size=150)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=10)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=12,
)


def oracle(body: bytes, secret: bytes) -> str:
    return base64.b64encode(hmac.new(secret, body, hashlib.sha256).digest()).decode()


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_golden(vector: dict[str, Any]) -> None:
    body = base64.b64decode(vector["body"])
    verdict = verify(body, vector["signature"], [vector["secret"]])
    assert verdict.form == vector["form"]
    assert verdict.ok is bool(verdict) is (vector["form"] is not None)
    if verdict.ok:
        assert verdict.text == (
            body if vector["form"] == "raw" else base64.b64decode(vector["canonical"])
        )
        assert verdict.secret_index == 0
        assert verdict.reason is None
    else:
        assert verdict.text is None
        assert verdict.secret_index is None
        assert verdict.reason


def facts(verdict: Verdict) -> tuple[object, ...]:
    return (verdict.ok, verdict.form, verdict.text, verdict.secret_index, verdict.reason)


def test_a_verifier_gives_the_verdict_of_verify() -> None:
    secrets = sorted({vector["secret"] for vector in VECTORS})
    verifiers = {secret: Verifier([secret]) for secret in secrets}
    all_of_them = Verifier(secrets)
    for vector in [*VECTORS, *reversed(VECTORS)]:  # the form that fitted last changes the order
        body, signature = base64.b64decode(vector["body"]), vector["signature"]
        expected = facts(verify(body, signature, [vector["secret"]]))
        assert facts(verifiers[vector["secret"]].verify(body, signature)) == expected
        expected = facts(verify(body, signature, secrets))
        assert facts(all_of_them.verify(body, signature)) == expected


def test_threads_share_a_verifier() -> None:
    verifier = Verifier(["old", "new"])
    bodies = [json.dumps({"n": n}).encode() for n in range(200)]

    def forms(worker: int) -> list[str | None]:
        secret = ["old", "new"][worker % 2]
        sent = [body if worker < 4 else body.replace(b" ", b"") for body in bodies]
        return [
            verifier.verify(text, sign(body, secret)).form
            for body, text in zip(bodies, sent, strict=True)
        ]

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(forms, range(8)))
    assert results == [["raw"] * 200] * 4 + [["canonical"] * 200] * 4


def test_a_verifier_checks_its_secrets_once() -> None:
    for wrong, error in (([], ConfigError), ([""], ValueError), ("s", TypeError), ([1], TypeError)):
        with pytest.raises(error) as caught:
            Verifier(wrong)  # type: ignore[arg-type]
        assert "'s'" not in str(caught.value)
    verifier = Verifier(["secret-of-mine"])
    assert repr(verifier) == "<Verifier>"
    with pytest.raises(TypeError, match="a body must be bytes"):
        verifier.verify("{}", None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a signature must be str or None"):
        verifier.verify(b"{}", 5)  # type: ignore[arg-type]
    assert verifier.verify(b"{}", "\ud800").reason == "malformed"
    assert verifier.verify(b"{}", sign(b"{}", "secret-of-mine").encode()).ok


def test_the_verified_text_outlives_the_verifier() -> None:
    body = b'{"a":1}'
    verdict = Verifier(["s"]).verify(body, sign(b'{"a": 1}', "s"))
    assert verdict.text == b'{"a": 1}'
    assert Verifier(["s"]).verify(body, sign(body, "s")).text == body


@pytest.mark.parametrize("vector", RFC4231, ids=lambda vector: vector["name"])
def test_rfc4231(vector: dict[str, str]) -> None:
    tag = base64.b64decode(sign(bytes.fromhex(vector["data"]), bytes.fromhex(vector["key"])))
    assert tag.hex().startswith(vector["tag"])


@given(st.binary(max_size=300), SECRETS)
def test_sign_agrees_with_hmac(body: bytes, secret: bytes) -> None:
    assert sign(body, secret) == oracle(body, secret)


@given(st.binary(max_size=50), st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_a_text_secret_is_its_utf8(body: bytes, secret: str) -> None:
    signature = sign(body, secret)
    assert signature == oracle(body, secret.encode())
    assert verify(body, signature, [secret]).form == "raw"
    assert verify(body, signature, [secret.encode()]).form == "raw"


@given(VALUES, SECRETS)
def test_every_client_spelling_verifies(value: Any, secret: bytes) -> None:
    canonical = json.dumps(value, ensure_ascii=False).encode()
    signature = oracle(canonical, secret)
    for text in (
        json.dumps(value),
        json.dumps(value, separators=(",", ":")),
        json.dumps(value, ensure_ascii=False, indent=1),
    ):
        verdict = verify(text.encode(), signature, [secret])
        assert verdict.form == ("raw" if text.encode() == canonical else "canonical")
        assert verdict.text == canonical


@given(st.binary(max_size=60), st.lists(SECRETS, min_size=1, max_size=5, unique=True), st.data())
def test_rotation_names_the_secret(body: bytes, secrets: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(secrets) - 1))
    verdict = verify(body, oracle(body, secrets[index]), secrets)
    assert verdict.ok
    # HMAC pads keys with NUL and hashes long ones, so an earlier secret may be the same key.
    assert verdict.secret_index is not None
    assert verdict.secret_index <= index
    assert oracle(body, secrets[verdict.secret_index]) == oracle(body, secrets[index])


@given(st.binary(max_size=60), SECRETS, st.text(max_size=50))
def test_other_signatures_are_refused(body: bytes, secret: bytes, signature: str) -> None:
    verdict = verify(body, signature, [secret])
    assert not verdict.ok
    assert oracle(body, secret) not in (verdict.reason or "")


def test_missing_malformed_and_wrong_are_distinguished() -> None:
    reasons = {
        verify(b"{}", None, ["s"]).reason,
        verify(b"{}", "x", ["s"]).reason,
        verify(b"{}", sign(b"[]", "s"), ["s"]).reason,
    }
    assert None not in reasons
    assert len(reasons) == 3


def test_an_empty_secret_is_refused() -> None:
    with pytest.raises(Exception, match="secret"):
        sign(b"{}", "")
    with pytest.raises(Exception, match="secret"):
        verify(b"{}", sign(b"{}", "s"), ["s", ""])


@pytest.mark.parametrize(
    "call",
    [
        lambda: sign("a text", "a secret token"),  # type: ignore[arg-type]
        lambda: verify("a text", "x", ["a secret token"]),  # type: ignore[arg-type]
        lambda: verify(b"{}", 7, ["a secret token"]),  # type: ignore[arg-type]
        lambda: verify(b"{}", "x", {"a secret token"}),  # type: ignore[arg-type]
    ],
)
def test_no_secret_is_in_the_error_about_another_argument(call: Callable[[], Any]) -> None:
    with pytest.raises(TypeError) as caught:
        call()
    assert "a secret token" not in str(caught.value)


def test_a_signature_with_half_a_surrogate_pair_is_malformed() -> None:
    assert verify(b"{}", "\udcff", ["a"]).reason == "malformed"
