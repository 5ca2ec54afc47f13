"""Alerts for a path that no endpoint has, or with another method: never silently gone."""

import json
import re
import socket
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from e2e.conftest import DEADLINE_S, Command, admin
from incm_webhook import sign
from incm_webhook.testing import Receiver

from .test_clients import answer_of
from .test_quarantine import kept, metric, reload

Serve = Callable[..., Receiver]
BODY = b'{"_id": "1", "type": "reboot"}'


@pytest.fixture
def receiver(serve: Serve, tmp_path: Path) -> Receiver:
    """A server with the endpoint /webhook, whose configuration can be changed."""
    configure(tmp_path, "/webhook")
    return serve("log", arguments=("--config", "paths.toml"))


def configure(folder: Path, path: str, more: str = "") -> None:
    (folder / "paths.toml").write_text(f'[[endpoint]]\npath = "{path}"\n{more}')


def send(receiver: Receiver, path: str, method: str = "POST", body: bytes = BODY) -> int:
    place = urlsplit(receiver.url)
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
    head += f"X-Signature: {sign(BODY, receiver.secret)}\r\n\r\n"
    address = (place.hostname, place.port)
    with socket.create_connection(address, timeout=DEADLINE_S) as client:
        client.sendall(head.encode() + body)
        return answer_of(client)


@pytest.mark.parametrize(
    "path",
    ["/webhook", "/%77ebhook", "/./web%68ook", "/webhook/", "/webhook?a=/b", "http://y/webhook"],
)
def test_every_spelling_of_its_path_reaches_the_endpoint(receiver: Receiver, path: str) -> None:
    assert send(receiver, path) == 200


def test_an_alert_for_an_unknown_path_is_kept_until_an_endpoint_fits(
    receiver: Receiver, command: Command, tmp_path: Path
) -> None:
    place = (*admin(receiver), "--config", "paths.toml")
    assert send(receiver, "/w%65bhok?a") == 404
    (entry,) = kept(command, 1, *admin(receiver))
    assert (entry["kind"], entry["endpoint"]) == ("unknown-path", "/w%65bhok")
    assert entry["reason"] == "no endpoint has this path; the nearest is /webhook"
    assert (
        "with 404: no endpoint has this path; it is signed; its path is /w%65bhok, the nearest is "
        "/webhook; kept in the quarantine" in receiver.output()
    )
    assert metric(receiver, "incm_webhook_requests_misdirected_total") == 1
    assert metric(receiver, 'incm_webhook_quarantined{reason="unknown-path"}') == 1
    (tmp_path / "paths.toml").write_text('[[endpoint]]\nsecret_file = "secret"\n')
    _, out, _ = command("quarantine", "show", "1", *place)
    assert "why         the signature is right, but no endpoint has this path" in out
    assert "give an endpoint this path" in out
    status, out, _ = command("quarantine", "retry", "1", *admin(receiver))
    assert (status, out.splitlines()[0]) == (1, "1: refused again: no endpoint has this path")
    configure(tmp_path, "/webhok")
    reload(receiver)
    status, out, _ = command("quarantine", "retry", "--kind", "unknown-path", *admin(receiver))
    assert (status, out.splitlines()[0]) == (0, "1: accepted as alert 1")
    _, out, _ = command("inbox", "list", "--json", *admin(receiver))
    assert json.loads(out)["endpoint"] == "/webhok"


def test_with_strict_slash_an_alert_for_the_other_path_is_kept(
    serve: Serve, command: Command, tmp_path: Path
) -> None:
    configure(tmp_path, "/webhook", "strict_slash = true\n")
    receiver = serve("log", arguments=("--config", "paths.toml"))
    assert send(receiver, "/webhook/") == 404
    (entry,) = kept(command, 1, *admin(receiver))
    assert (entry["kind"], entry["endpoint"]) == ("unknown-path", "/webhook/")


def test_an_alert_that_is_not_posted_is_kept(receiver: Receiver, command: Command) -> None:
    assert send(receiver, "/webhook", "PUT") == 405
    (entry,) = kept(command, 1, *admin(receiver))
    assert (entry["kind"], entry["reason"]) == ("wrong-method", "alerts are sent with POST")
    status, out, _ = command("quarantine", "retry", "--all", *admin(receiver))
    assert (status, out.splitlines()[0]) == (0, "1: accepted as alert 1")


def test_the_log_says_that_a_redirect_ate_the_body(receiver: Receiver) -> None:
    assert send(receiver, "/webhook", "GET", b"") == 405
    note = (
        "it is signed; its path is /webhook; it has no body: a redirect in front of the server "
        "turns a POST into a GET"
    )
    assert note in receiver.output()


def test_strangers_learn_no_path_and_hide_no_alert(receiver: Receiver, command: Command) -> None:
    place = urlsplit(receiver.url)
    with socket.create_connection((place.hostname, place.port), timeout=DEADLINE_S) as client:
        client.sendall(b"POST /secre HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
        client.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert b" 404 " in answer
    assert b"webhook:" in answer  # the problem's type
    assert not re.search(rb"/webhook\b", answer)
    assert send(receiver, "/webhok") == 404  # though a line about a 404 was written just now
    assert "its path is /webhok, the nearest is /webhook" in receiver.output()
    assert [one["endpoint"] for one in kept(command, 1, *admin(receiver))] == ["/webhok"]
