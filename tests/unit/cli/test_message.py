import base64
import io
import json
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from incm_webhook import canonical_json, sign, verify
from incm_webhook.cli.program import main

Write = Callable[[str, str], Path]
GOLDEN = Path(__file__).parents[2] / "golden"
REBOOT = GOLDEN / "reboot.json"


@pytest.fixture
def run(workdir: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command; give its status and what it wrote to both streams."""

    def run_command(*arguments: str) -> tuple[int, str, str]:
        status = main(arguments)
        out, err = capsys.readouterr()
        return status, out, err

    return run_command


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """Set what standard input holds."""

    def set_stdin(content: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    return set_stdin


@pytest.mark.parametrize("wire", ["python", "ascii", "compact", "pretty"])
def test_send_signs_the_canonical_text_whatever_the_wire(
    run: Any, endpoint: Any, wire: str
) -> None:
    status, out, _ = run("send", endpoint.url, "--secret-file", "secret", "--wire", wire)
    assert status == 0
    assert out == '200 {"status": "accepted", "id": 1}\n'
    ((headers, body),) = endpoint.requests
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Signature"] == sign(canonical_json(body), "topsecret")
    assert verify(body, headers["X-Signature"], ["topsecret"]).ok
    assert json.loads(body)["type"] == "disconnected"


def test_send_without_a_secret_does_not_sign(run: Any, endpoint: Any) -> None:
    assert run("send", endpoint.url, "--type", "sim_switch")[0] == 0
    ((headers, body),) = endpoint.requests
    assert "X-Signature" not in headers
    assert json.loads(body)["type"] == "sim_switch"


def test_send_counts_over_one_connection(run: Any, endpoint: Any) -> None:
    status, out, _ = run("send", endpoint.url, "--count", "5")
    assert status == 0
    assert out.splitlines()[-1] == "sent 5: 5 x 200"
    assert len({json.loads(body)["_id"] for _, body in endpoint.requests}) == 5
    assert len(endpoint.connections) == 1


def test_send_opens_a_closed_connection_again(run: Any, endpoint: Any) -> None:
    endpoint.closes = True
    status, out, _ = run("send", endpoint.url, "--count", "3")
    assert (status, len(out.splitlines())) == (0, 4)
    assert len(endpoint.requests) == 3


def test_send_sends_a_file_as_it_is(run: Any, endpoint: Any, workdir: Path) -> None:
    assert run("send", endpoint.url, "--file", str(REBOOT), "--secret-file", "secret")[0] == 0
    ((headers, body),) = endpoint.requests
    assert body == REBOOT.read_bytes()
    assert verify(body, headers["X-Signature"], ["topsecret"]).form == "canonical"


def test_send_can_rewrite_a_file_in_another_spelling(run: Any, endpoint: Any) -> None:
    run("send", endpoint.url, "--file", str(REBOOT), "--wire", "compact")
    ((_, body),) = endpoint.requests
    assert b": " not in body
    assert json.loads(body) == json.loads(REBOOT.read_bytes())


def test_send_takes_what_is_no_json_as_it_is(
    run: Any, endpoint: Any, stdin: Callable[[bytes], None]
) -> None:
    stdin(b"not json")
    run("send", endpoint.url, "--file", "-", "--secret-file", "secret")
    ((headers, body),) = endpoint.requests
    assert body == b"not json"
    assert verify(body, headers["X-Signature"], ["topsecret"]).form == "raw"
    stdin(b"not json")
    status, _, err = run("send", endpoint.url, "--file", "-", "--wire", "ascii")
    assert status == 2
    assert "it is no JSON" in err


def test_send_fails_when_an_answer_is_not_200(run: Any, endpoint: Any) -> None:
    endpoint.status = 401
    status, out, _ = run("send", endpoint.url, "--count", "2")
    assert status == 1
    assert out.startswith("401 ")
    assert out.endswith("sent 2: 2 x 401\n")


def test_send_says_when_nothing_listens(run: Any) -> None:
    with socket.socket() as bound:  # bound but not listening: nothing else can take the port
        bound.bind(("127.0.0.1", 0))
        status, _, err = run("send", f"http://127.0.0.1:{bound.getsockname()[1]}/webhook")
    assert status == 1
    assert err.startswith("incm-webhook: nothing listens at http://127.0.0.1:")


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://h/", "localhost:8080/x", "http://", "http://h:x/", "http://[/"),
        *("http://a..b/", "http://h/仓库", "http://h/\udcff", f"http://{'a' * 64}/"),
    ],
)
def test_send_says_when_the_url_is_none(run: Any, url: str) -> None:
    status, _, err = run("send", url)
    assert status == 2
    assert err.startswith("incm-webhook: ")
    assert "is no URL" in err


@pytest.mark.parametrize("rest", ["host/", "host:port/", "[/", ""])
def test_send_does_not_show_a_password_in_the_url(run: Any, rest: str) -> None:
    status, out, err = run("send", f"http://user:pa55word@{rest}")
    assert (status, out) == (2, "")
    assert "leave them out" in err
    assert "pa55word" not in err


def test_sign_and_verify_fit(run: Any, stdin: Callable[[bytes], None], write: Write) -> None:
    write("old", "older")
    status, out, _ = run("sign", "--secret-file", "secret", "--file", str(REBOOT))
    assert status == 0
    raw = out.strip()
    assert raw == sign(REBOOT.read_bytes(), "topsecret")
    _, out, _ = run("sign", "--secret-file", "secret", "--file", str(REBOOT), "--canonical")
    canonical = out.strip()
    assert canonical != raw
    both = ("--secret-file", "old", "--secret-file", "secret", "--file", str(REBOOT))
    assert run("verify", "--signature", raw, *both)[:2] == (0, "valid: raw form, secret 2\n")
    assert run("verify", "--signature", canonical, *both)[1] == "valid: canonical form, secret 2\n"
    status, out, _ = run("verify", "--signature", raw, *both, "--json")
    assert json.loads(out) == {"valid": True, "form": "raw", "secret": 2, "reason": None}
    status, out, _ = run("verify", "--signature", raw[:-2] + "A=", *both)
    assert status == 1
    assert out.startswith("not valid: ")
    status, out, _ = run("verify", "--signature", "", *both, "--json")
    assert status == 1
    assert json.loads(out)["valid"] is False
    stdin(REBOOT.read_bytes())
    assert run("sign", "--secret-file", "secret")[1].strip() == raw


def test_verify_reports_a_line_end_too_many(run: Any, write: Write) -> None:
    write("body", "not json\n")
    signature = sign(b"not json", "topsecret")
    status, out, _ = run(
        "verify", "--signature", signature, "--secret-file", "secret", "--file", "body"
    )
    assert status == 1
    assert "without the line end" in out


def test_a_body_without_canonical_text(run: Any, write: Write) -> None:
    write("body", "not json")
    status, _, err = run("sign", "--secret-file", "secret", "--file", "body", "--canonical")
    assert status == 1
    assert err.startswith("incm-webhook: the body has no canonical text")


def test_the_secret_file_may_come_from_the_environment(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INCM_WEBHOOK_SECRET_FILE", "secret")
    status, out, _ = run("sign", "--file", str(REBOOT))
    assert (status, out.strip()) == (0, sign(REBOOT.read_bytes(), "topsecret"))


def test_golden_signatures_verify_by_command(run: Any, write: Write, workdir: Path) -> None:
    vectors = json.loads((GOLDEN / "signatures.json").read_text())
    for vector in vectors[:3]:
        (workdir / "body").write_bytes(base64.b64decode(vector["body"]))
        (workdir / "token").write_text(vector["secret"])
        status, out, _ = run(
            *("verify", "--signature", vector["signature"], "--secret-file", "token"),
            *("--file", "body"),
        )
        assert (status, out) == (0, f"valid: {vector['form']} form, secret 1\n")
