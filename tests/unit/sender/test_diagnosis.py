import base64
import json
import sys
from collections.abc import Callable
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest

from incm_webhook import canonical_json, sign
from incm_webhook.cli.program import main
from incm_webhook.config.secrets import Secret
from incm_webhook.sender import diagnosis
from incm_webhook.sender.diagnosis import Diagnosis, Key, diagnose

BODY = b'{"_id": "1", "type": "reboot", "content": "Halle \xe4\xbb\x93"}'
SECRET = b"topsecret"


def ask(body: bytes, signature: str | None, *secrets: bytes) -> Diagnosis:
    keys = [
        Key(f"secret {number}", Secret(one), number == 1)
        for number, one in enumerate(secrets or (SECRET,), 1)
    ]
    return diagnose(body, signature, keys)


@pytest.mark.parametrize("text", [BODY, canonical_json(BODY)])
def test_a_right_signature_is_right(text: bytes) -> None:
    assert ask(BODY, sign(text, SECRET)) == Diagnosis(True, True, (), ())


@pytest.mark.parametrize("signature", [None, "", "  "])
def test_a_missing_header(signature: str | None) -> None:
    found = ask(BODY, signature)
    assert (found.valid, found.found) == (False, True)
    assert "no X-Signature" in found.causes[0]


@pytest.mark.parametrize("signature", ["nonsense!", "c2hvcnQ=", "ä" * 44, "ab" * 20])
def test_what_is_no_mac(signature: str) -> None:
    found = ask(BODY, signature)
    assert (found.valid, found.found) == (False, True)
    assert "not an HMAC-SHA256" in found.causes[0]


MAC = base64.b64decode(sign(b'{"a": 98}', SECRET))


@pytest.mark.parametrize(
    ("signature", "message"),
    [
        (MAC.hex(), "hexadecimal"),
        (MAC.hex().upper(), "hexadecimal"),
        ("sha256=" + MAC.hex(), "sha256="),
        ("sha256=" + base64.b64encode(MAC).decode(), "sha256="),
        (base64.b64encode(MAC).decode().rstrip("="), "another padding"),
        (base64.b64encode(MAC).decode() + " ", "blanks"),
    ],
)
def test_another_spelling_of_the_signature(signature: str, message: str) -> None:
    found = ask(b'{"a": 98}', signature)
    assert (found.valid, found.found) == (False, True)
    assert message in found.causes[0]
    assert len(found.causes) == 1


def test_the_url_safe_alphabet() -> None:
    bodies = (b'{"a": %d}' % number for number in range(1000))
    body = next(one for one in bodies if {"+", "/"} & set(sign(one, SECRET)))
    signature = sign(body, SECRET).replace("+", "-").replace("/", "_")
    assert "URL-safe" in ask(body, signature).causes[0]


@pytest.mark.parametrize(
    ("given", "real", "message"),
    [
        (b"topsecret", b"topsecret\n", "line end (LF)"),
        (b"topsecret", b"topsecret\r\n", "line end (CR LF)"),
        (b" topsecret ", b"topsecret", "blanks"),
        (b'"topsecret"', b"topsecret", "quotes"),
        (base64.b64encode(SECRET), SECRET, "Base64"),
        (SECRET.hex().encode(), SECRET, "hexadecimal"),
        (b"\xef\xbb\xbftopsecret", SECRET, "byte order mark"),
    ],
)
def test_another_spelling_of_the_secret(given: bytes, real: bytes, message: str) -> None:
    found = ask(BODY, sign(BODY, real), given)
    assert (found.valid, found.found) == (False, True)
    assert message in found.causes[0]
    assert "secret 1" in found.causes[0]
    assert not any("topsecret" in one for one in (*found.causes, *found.advice))


def test_another_secret_is_named() -> None:
    found = ask(BODY, sign(BODY, b"other"), SECRET, b"other")
    assert (found.valid, found.found) == (False, True)
    assert "signed with secret 2" in found.causes[0]


ALERT = json.loads(BODY)


@pytest.mark.parametrize(
    ("sent", "received", "message"),
    [
        (b"[1] x", b"[1] x\n", "without the line end"),
        (b"[1] x\n", b"[1] x", "line end (LF)"),
        (b"[1] x\r\n", b"[1] x", "line end (CR LF)"),
        (b"[1] x", b"\xef\xbb\xbf[1] x", "without the byte order mark"),
        (b"\xef\xbb\xbf" + BODY, BODY, "with a byte order mark"),
        (b"[1,\n2] x", b"[1,\r\n2] x", "LF for CR LF"),
        (b"[1,\r\n2] x", b"[1,\n2] x", "CR LF for LF"),
        (json.dumps(ALERT, separators=(",", ":"), ensure_ascii=False).encode(), BODY, "compact"),
        (json.dumps(ALERT, indent=2, ensure_ascii=False).encode(), BODY, "pretty"),
        (json.dumps(ALERT).encode(), BODY, "ascii"),
        (b'{"a": 1}', b'{"a": 1, "a": 2}', "the first of members"),
        (b'{"a": 1}', b'{"a": 1.0}', "without .0"),
        (b'{"a": 1.0}', b'{"a": 1}', "with .0"),
        (b'{"a": 1e1, "b": -2.5e-3}', b'{"a": 10.0, "b": -0.0025}', "such as 1e1"),
        (b'{"a":1e-7,"b":10,"c":1e+21}', b'{"a": 1e-07, "b": 10.0, "c": 1e21}', "JavaScript"),
        (b"", BODY, "empty body"),
    ],
)
def test_a_body_that_was_changed(sent: bytes, received: bytes, message: str) -> None:
    found = ask(received, sign(sent, SECRET))
    assert (found.valid, found.found) == (False, True)
    assert message in found.causes[0]
    assert len(found.causes) == 1


def test_two_mistakes_at_once_are_both_named() -> None:
    mac = base64.b64decode(sign(b"[1] x", b"topsecret\n"))
    found = ask(b"[1] x\n", mac.hex())
    assert [len(found.causes), found.found] == [3, True]


@pytest.mark.parametrize("body", [BODY, b"", b"\xff\x00", b"[" * 100_000, b'{"a": 1e999}'])
def test_a_signature_that_fits_nothing(body: bytes) -> None:
    found = ask(body, sign(b"something else", b"unknown"))
    assert (found.valid, found.found) == (False, False)


@pytest.fixture
def run(
    workdir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    """Run the doctor over BODY; give its status and what it wrote to both streams."""

    def run_command(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(BODY)))
        status = main(["doctor", *arguments])
        out, err = capsys.readouterr()
        return status, out, err

    return run_command


def test_command_with_secret_files(run: Any, write: Any) -> None:
    write("old", "former\n")
    files = ("--secret-file", "secret", "--secret-file", "old")
    assert run("--signature", sign(BODY, SECRET), *files)[:2] == (0, "the signature is right\n")
    status, out, _ = run("--signature", sign(BODY, b"former"), *files)
    assert status == 0
    assert "why: the body was signed with the secret in old" in out
    assert "what to do: " in out
    assert "former" not in out
    assert run("--signature", sign(BODY, b"unknown"), *files)[0] == 1
    assert "no X-Signature" in run(*files)[1]


def test_command_with_a_configuration(run: Any, write: Any) -> None:
    write("b", "second\n")
    write(
        "c.toml",
        '[[endpoint]]\npath = "/a"\nsecret_file = "secret"\n'
        '[[endpoint]]\npath = "/b"\nsecret_file = "b"\n',
    )
    place = ("--config", "c.toml", "--endpoint", "/a", "--json")
    status, out, _ = run("--signature", sign(BODY, b"second"), *place)
    shown = json.loads(out)
    assert (status, shown["valid"], shown["found"]) == (0, False, True)
    assert "secret 1 of /b" in shown["causes"][0]
    anywhere = run("--signature", sign(BODY, b"second"), "--config", "c.toml")
    assert anywhere[:2] == (0, "the signature is right\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--secret-file", "secret", "--config", "c.toml"), "excludes"),
        (("--config", "c.toml", "--endpoint", "/x"), "no endpoint has the path /x"),
        ((), "no secret to compare with"),
        (("--config", "c.toml"), "no secret to compare with"),
        (("--config", "d.toml"), "no secret to compare with"),
    ],
)
def test_command_used_wrongly(run: Any, write: Any, arguments: Any, message: str) -> None:
    write("c.toml", '[[endpoint]]\npath = "/a"\nunsigned = true\n')
    write("d.toml", '[[plugin]]\nuse = "log"\n')
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert message in err
    assert "unsigned" not in err


def test_command_with_an_endpoint_that_has_no_secret_there(run: Any, write: Any) -> None:
    write(
        "c.toml", '[[endpoint]]\npath = "/a"\nsecret_file = "secret"\n[[endpoint]]\npath = "/b"\n'
    )
    found = run("--signature", sign(BODY, SECRET), "--config", "c.toml")
    assert found[:2] == (0, "the signature is right\n")


def test_a_long_whole_number_of_a_stranger_is_read_once() -> None:
    number = "1" * 4000
    read = [one.group() for one in diagnosis._STRING_OR_FLOAT.finditer(f"[{number}, {number}]")]
    assert read == [number, number]  # what is not matched as a whole is tried from each digit on


def test_numbers_beside_the_changed_ones_stay_as_they_are() -> None:
    sent = b'{"a": 1e-7, "b": -12, "c": "1.50", "d": [1234567890, 2]}'
    came = sent.replace(b"1e-7", b"0.0000001")
    found = ask(came, sign(sent, SECRET))
    assert "with numbers as JavaScript writes them" in found.causes[0]
