"""Explains why a signature does not fit a body: what it fits instead, and what to do."""

import base64
import binascii
import contextlib
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import product
from typing import Any

from incm_webhook import sign, verify
from incm_webhook.config.secrets import MAX_SECRET_BYTES, Secret
from incm_webhook.sender.compressed import compression_of, unpacked
from incm_webhook.sender.samples import WIRES, spell

_MAC_BYTES = hashlib.sha256().digest_size
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Key:
    """A secret that a signature may fit.

    Attributes:
        name: a name for the operator, which is printed.
        secret: the secret itself, which is never printed.
        expected: whether the body should have been signed with it; False for the secret of another
            endpoint.
    """

    name: str
    secret: Secret
    expected: bool = True


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The result of a diagnosis.

    Attributes:
        valid: whether the signature is right as it is.
        found: whether the signature is right, or the reason why it is wrong is known.
        causes: sentences that explain what is wrong. A right signature has some when the body is
            compressed.
        advice: sentences that say what to do.
    """

    valid: bool
    found: bool
    causes: tuple[str, ...]
    advice: tuple[str, ...]


_UNEXPLAINED = Diagnosis(
    valid=False,
    found=False,
    causes=("the signature fits none of the secrets, nor any usual change of the body",),
    advice=(
        "compare the secret token with the one in InCloud Manager, and the body with what was "
        "sent: a proxy may rewrite it",
    ),
)


@dataclass(frozen=True, slots=True)
class _Variant:
    """A value with a common mistake undone; unchanged when there is no cause."""

    value: bytes = field(repr=False)  # it may be a secret
    cause: str = ""
    advice: str = ""


def diagnose(body: bytes, signature: str | None, keys: Sequence[Key]) -> Diagnosis:
    """Find out why a signature does not fit a body.

    Args:
        body: as it was received.
        signature: the value of X-Signature; None or empty when the request had none.
        keys: the secrets to try, at least one.

    Returns:
        The explanation with the fewest changes to signature, secret and body in total.

    Threads: any.
    Source: docs/protocol.md, The signature; the mistakes are those of people and of proxies.
    """
    if not signature or not signature.strip():
        return _found(
            "the request has no X-Signature",
            "enter the secret token at the webhook in InCloud Manager, and let no proxy drop the "
            "header",
        )
    spelled = _read_signature(signature)
    if spelled is None:
        return _found(
            "the signature is not an HMAC-SHA256: it is not the Base64 of 32 bytes",
            "compare it with the header as it was sent: it may be cut off, or of another sender",
        )
    text = base64.b64encode(spelled.value).decode()
    secrets = [(key, one) for key in keys for one in _secret_variants(key)]
    tries = sorted(product(secrets, _body_variants(body)), key=_changes)
    for (_, secret), changed in tries:
        if _fits(changed.value, text, secret.value):
            parts = [one for one in (spelled, secret, changed) if one.cause]
            if not parts and (problem := diagnose_signed(body)) is not None:
                return replace(problem, valid=True)
            return Diagnosis(
                valid=not parts,
                found=True,
                causes=tuple(one.cause for one in parts),
                advice=tuple(dict.fromkeys(one.advice for one in parts)),
            )
    return _compressed(body) or _UNEXPLAINED


def diagnose_signed(body: bytes) -> Diagnosis | None:
    """Find out why a body with a right signature is no JSON; None when that is not known."""
    name = compression_of(body)
    if name is None:
        return None
    return _found(
        f"the body is compressed ({name}), and was signed in that form",
        "let the sender sign and send the alert as it is, without Content-Encoding",
    )


def _compressed(body: bytes) -> Diagnosis | None:
    """Explain a body that is compressed, whatever its signature is; None for another body."""
    name = compression_of(body)
    if name is None:
        return None
    return _found(
        f"the body is compressed ({name}), and its signature fits neither that nor the unpacked "
        "body",
        "let nothing compress requests on their way: the receiver needs them as they were signed",
    )


def _found(cause: str, advice: str) -> Diagnosis:
    return Diagnosis(valid=False, found=True, causes=(cause,), advice=(advice,))


def _changes(pair: tuple[tuple[Key, _Variant], _Variant]) -> int:
    (key, secret), body = pair
    # A misspelled expected secret is likelier than another secret together with a changed body.
    return bool(secret.cause) + bool(body.cause) + (not key.expected)


def _fits(body: bytes, signature: str, secret: bytes) -> bool:
    if hmac.compare_digest(sign(body, secret), signature):
        return True
    return verify(body, signature, [secret]).ok


def _read_signature(text: str) -> _Variant | None:
    """Read the 32 bytes of a MAC in the spellings of people and other senders; None: no MAC.

    A spelling that the server does not accept is recorded as a cause.
    """
    bare = text.strip()
    unusual = [] if bare == text else ["blanks around it"]
    if bare.lower().startswith("sha256="):
        bare = bare[len("sha256=") :]
        unusual.append("the prefix sha256=")
    if re.fullmatch(r"[0-9A-Fa-f]{64}", bare):
        mac = bytes.fromhex(bare)
        unusual.append("hexadecimal digits")
    else:
        standard = bare.replace("-", "+").replace("_", "/")
        if standard != bare:
            unusual.append("the URL-safe alphabet of Base64")
        digits = standard.rstrip("=")
        if len(standard) % 4:
            unusual.append("another padding")
        try:
            mac = base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
        except (binascii.Error, ValueError):
            return None
    if len(mac) != _MAC_BYTES:
        return None
    if not unusual:
        return _Variant(mac)
    return _Variant(
        mac,
        f"the signature is written with {' and '.join(unusual)}",
        "send it as plain Base64 with padding (44 characters), as InCloud Manager does",
    )


def _secret_variants(key: Key) -> Iterator[_Variant]:
    value = key.secret.reveal()
    if key.expected:
        yield _Variant(value)
        other = ""
    else:
        other = f"the body was signed with {key.name}, which is not the secret expected here"
        yield _Variant(value, other, "send to the endpoint of that secret, or add the secret here")
    for changed, how in _respelled_secrets(value):
        if changed and changed != value and len(changed) <= MAX_SECRET_BYTES:
            yield _Variant(
                changed,
                f"{other + '; and ' if other else ''}the signature fits {key.name} {how}",
                "correct the secret, in the file or in InCloud Manager, so that both are the same",
            )


def _respelled_secrets(value: bytes) -> Iterator[tuple[bytes, str]]:
    yield value + b"\n", "with a line end (LF) after it"
    yield value + b"\r\n", "with a line end (CR LF) after it"
    yield value.strip(), "without the blanks around it"
    yield value.strip().strip(b"\"'"), "without the quotes around it"
    yield value.removeprefix(_BOM), "without the byte order mark before it"
    with contextlib.suppress(binascii.Error, ValueError):
        yield base64.b64decode(value, validate=True), "decoded: the file holds its Base64"
    with contextlib.suppress(ValueError):
        yield bytes.fromhex(value.decode()), "decoded: the file holds its hexadecimal form"


def _body_variants(body: bytes) -> Iterator[_Variant]:
    yield _Variant(body)
    known = {body}
    for changed, how in _changed_bodies(body):
        if changed not in known:
            known.add(changed)
            yield _Variant(
                changed,
                f"the body was changed on the way: the signature fits {how}",
                "let the proxy in front pass bodies on unchanged, or give the doctor the body "
                "byte by byte",
            )
    if body:
        yield _Variant(
            b"",
            "the signature is that of an empty body",
            "look for a proxy or a script that signs before it has the body",
        )


def _changed_bodies(body: bytes) -> Iterator[tuple[bytes, str]]:
    if (plain := unpacked(body)) is not None:
        yield plain, f"when it is unpacked: it is compressed ({compression_of(body)})"
    if body.endswith(b"\n"):
        yield body[: -2 if body.endswith(b"\r\n") else -1], "without the line end after it"
    yield body + b"\n", "with a line end (LF) after it"
    yield body + b"\r\n", "with a line end (CR LF) after it"
    yield body.removeprefix(_BOM), "without the byte order mark before it"
    yield _BOM + body, "with a byte order mark before it"
    unix = body.replace(b"\r\n", b"\n")
    yield unix, "with LF for CR LF"
    yield unix.replace(b"\n", b"\r\n"), "with CR LF for LF"
    for reading, remark in _READINGS:
        try:
            value = reading(body)
            for wire in WIRES:
                yield spell(value, wire), f"when it is spelled as {wire}{remark}"
        except (ValueError, RecursionError, OverflowError):
            continue
    with contextlib.suppress(ValueError, RecursionError, OverflowError):
        yield from _other_numbers(json.loads(body))


def _other_numbers(value: Any) -> Iterator[tuple[bytes, str]]:
    for wire in WIRES:
        text = spell(value, wire).decode()
        for write, remark in _NUMBER_FORMS:
            changed = _with_floats(text, write)
            yield changed.encode(), f"when it is spelled as {wire} {remark}"


def _with_floats(text: str, write: Callable[[str], str]) -> str:
    return _STRING_OR_FLOAT.sub(lambda found: write(found[1]) if found[1] else found[0], text)


def _scientific(number: str) -> str:
    sign, digits, exponent = Decimal(number).normalize().as_tuple()
    first, *rest = map(str, digits)
    fraction = f".{''.join(rest)}" if rest else ""
    return f"{'-' if sign else ''}{first}{fraction}e{int(exponent) + len(rest)}"


def _as_javascript(number: str) -> str:
    size = abs(float(number))
    if size != 0 and not 1e-6 <= size < 1e21:
        return _scientific(number) if size < 1 else _scientific(number).replace("e", "e+")
    return f"{Decimal(number).normalize():f}"


def _keep_first(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, value in pairs:
        kept.setdefault(name, value)
    return kept


def _whole(text: str) -> int | float:
    number = float(text)
    return int(number) if number.is_integer() else number


# A string, a number with a fraction or an exponent, or any other number. The last alternative
# makes a long number, which anybody may send, match once instead of at each of its digits.
_STRING_OR_FLOAT = re.compile(
    r'"(?:[^"\\]|\\.)*"|(-?\d++(?:\.\d+(?:[eE][+-]?\d+)?|[eE][+-]?\d+))|\d++'
)
_NUMBER_FORMS: tuple[tuple[Callable[[str], str], str], ...] = (
    (_as_javascript, "with numbers as JavaScript writes them"),
    (_scientific, "with numbers that have an exponent, such as 1e1"),
)
_READINGS: tuple[tuple[Callable[[bytes], Any], str], ...] = (
    (json.loads, ""),
    (
        lambda body: json.loads(body, object_pairs_hook=_keep_first),
        " with the first of members that have the same name",
    ),
    (lambda body: json.loads(body, parse_float=_whole), " with whole numbers without .0"),
    (lambda body: json.loads(body, parse_int=float), " with whole numbers with .0"),
)
