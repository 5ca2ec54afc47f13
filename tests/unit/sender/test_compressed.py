"""Bodies that something compressed are recognised by the doctor."""

import gzip
import zlib

import pytest

from incm_webhook import sign
from incm_webhook.config.secrets import Secret
from incm_webhook.sender.compressed import compression_of, unpacked
from incm_webhook.sender.diagnosis import Key, diagnose, diagnose_signed

BODY = b'{"_id": "1", "type": "reboot"}'
KEYS = [Key("the secret", Secret(b"tok"))]


@pytest.mark.parametrize(
    ("name", "body"), [("gzip", gzip.compress(BODY, mtime=0)), ("deflate", zlib.compress(BODY))]
)
def test_a_signature_of_what_was_compressed_is_explained(name: str, body: bytes) -> None:
    assert compression_of(body) == name
    found = diagnose(body, sign(BODY, "tok"), KEYS)
    assert not found.valid
    (cause,) = found.causes
    assert cause.endswith(f"the signature fits when it is unpacked: it is compressed ({name})")
    assert "let the proxy in front pass bodies on unchanged" in found.advice[0]


def test_another_signature_of_a_compressed_body_names_the_compression() -> None:
    found = diagnose(gzip.compress(BODY), sign(BODY, "other"), KEYS)
    assert (found.valid, found.found) == (False, True)
    assert found.causes[0].startswith(
        "the body is compressed (gzip), and its signature fits neither"
    )


def test_a_right_signature_of_a_compressed_body_is_explained() -> None:
    packed = gzip.compress(BODY)
    found = diagnose(packed, sign(packed, "tok"), KEYS)
    assert found.valid
    assert found.causes == ("the body is compressed (gzip), and was signed in that form",)
    assert diagnose_signed(BODY) is None


def test_only_what_is_whole_and_of_a_bounded_size_is_unpacked() -> None:
    assert unpacked(gzip.compress(BODY)) == BODY
    assert unpacked(gzip.compress(BODY)[:-9]) is None
    assert unpacked(b"\x1f\x8b junk") is None
    assert unpacked(gzip.compress(b"a" * 17 * 1024**2)) is None
    assert unpacked(BODY) is None
    assert compression_of(b"\x28\xb5\x2f\xfd junk") == "zstd"
