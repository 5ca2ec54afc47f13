import re
import socket
import ssl
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import trustme

from incm_webhook import Alert, Reject, Retry, Unavailable
from incm_webhook.errors import PluginError
from incm_webhook.plugins.email import EmailConfig
from incm_webhook.testing import make_alert, run_plugin
from plugins.hostile import HOSTILE
from plugins.targets.smtp import PASSWORD, USER, SmtpServer

# What aiosmtpd warns about when a test server takes an account without TLS.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS"),
    pytest.mark.filterwarnings("ignore:Session.login_data is deprecated"),
]

FROM, NOC, BOSS = "Alerts <alerts@example.com>", "noc@example.com", "boss@example.com"
PAIR = (
    make_alert("disconnected", serial_number="EF1", entityName="pump-7", deviceId="d1"),
    make_alert("connected", serial_number="EF1", entityName="pump-7", deviceId="d1"),
)


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        yield server


def send(port: int, *alerts: Alert, state: Any = None, **config: Any) -> list[Any]:
    config = {
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "from": FROM,
        "to": [NOC, BOSS],
        **config,
    }
    more = {} if state is None else {"state": state}
    return run_plugin("email", *(alerts or (make_alert(),)), config=config, **more)


def parts(mail: EmailMessage) -> tuple[str, str]:
    """The text and the HTML of a mail."""
    text, page = mail.get_body(("plain",)), mail.get_body(("html",))
    found = [part.get_content() if part else "" for part in (text, page)]
    return found[0].replace("\r\n", "\n"), found[1].replace("\r\n", "\n")


def test_a_mail_tells_what_happened_in_text_and_html(server: SmtpServer) -> None:
    assert send(server.port, *PAIR) == ["delivered"] * 2
    (to, down), (_, up) = server.box.mails
    assert to == [NOC, BOSS]
    assert down["Subject"].startswith("Disconnect from Platform: pump-7 (EF1)")
    assert down["From"] == FROM
    assert down["To"] == f"{NOC}, {BOSS}"
    assert down["Auto-Submitted"] == "auto-generated"
    text, page = parts(down)
    assert "pump-7 (EF1) lost its connection to the platform." in text
    assert "<td>EF1</td>" in page
    assert up["Subject"].startswith("Connect to Platform: pump-7 (EF1)")


def test_mails_of_one_incident_are_one_thread(server: SmtpServer) -> None:
    other = make_alert("disconnected", serial_number="EF2", deviceId="d2")
    send(server.port, *PAIR, other)
    down, up, another = (mail for _, mail in server.box.mails)
    assert down["References"] == up["References"] != another["References"]


def test_a_repetition_has_the_same_message_id(server: SmtpServer) -> None:
    send(server.port, PAIR[0])
    send(server.port, PAIR[0])
    first, second = (mail for _, mail in server.box.mails)
    assert first["Message-ID"] == second["Message-ID"] == "<test-1@example.com>"


def test_only_refused_recipients_get_the_mail_again(server: SmtpServer) -> None:
    state: dict[str, Any] = {}
    server.box.refuse[BOSS] = "451 greylisted"
    (outcome,) = send(server.port, state=state)
    assert isinstance(outcome, Retry)
    server.box.refuse.clear()
    assert send(server.port, state=state) == ["delivered"]
    assert [to for to, _ in server.box.mails] == [[NOC], [BOSS]]
    assert state == {}


def test_a_recipient_that_does_not_exist_does_not_hold_back_the_others(server: SmtpServer) -> None:
    state: dict[str, Any] = {}
    server.box.refuse[BOSS] = "550 no such user"
    assert send(server.port, state=state) == ["delivered"]
    assert [to for to, _ in server.box.mails] == [[NOC]]
    assert state == {}


@pytest.mark.parametrize(
    ("refuse", "sender", "data", "outcome"),
    [
        ("550 no such user", "", "", Unavailable),
        ("451 try later", "", "", Retry),
        ("", "550 not allowed", "", Unavailable),
        ("", "", "554 looks like spam", Reject),
    ],
)
def test_a_refusal_has_its_outcome(
    server: SmtpServer, refuse: str, sender: str, data: str, outcome: type[Exception]
) -> None:
    if refuse:
        server.box.refuse = {NOC: refuse, BOSS: refuse}
    server.box.sender, server.box.data = sender, data
    (got,) = send(server.port)
    assert type(got) is outcome


@pytest.mark.parametrize(("sender", "data"), [("421 shutting down", ""), ("", "452 disk full")])
def test_passing_trouble_is_tried_again(server: SmtpServer, sender: str, data: str) -> None:
    server.box.sender, server.box.data = sender, data
    (got,) = send(server.port)
    assert isinstance(got, Exception)
    assert not isinstance(got, (Reject, Unavailable))


def test_a_server_that_drops_the_connection_gets_the_mail_again(server: SmtpServer) -> None:
    server.box.drop = True
    (got,) = send(server.port)
    assert isinstance(got, OSError)
    assert len(server.box.mails) == 1


def test_a_server_that_never_answers_is_given_up(server: SmtpServer) -> None:
    server.box.hang = True
    (got,) = send(server.port, time_limit="500ms")
    assert isinstance(got, TimeoutError)


def test_a_server_that_drips_is_given_up() -> None:
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                while not done.wait(0.05):
                    try:
                        connection.sendall(b"2")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        (got,) = send(listener.getsockname()[1], time_limit="500ms")
        done.set()
        thread.join()
    assert isinstance(got, TimeoutError)
    assert str(got) == "the mail server did not finish within 0.5 s"


def test_no_server_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    (got,) = send(port)
    assert isinstance(got, ConnectionRefusedError)


class Tls:
    """A certificate for 127.0.0.1."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(self.context)
        self.authority = folder / "authority.pem"
        self.authority.write_bytes(authority.cert_pem.bytes())


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_the_account_logs_in_over_tls(tmp_path: Path, security: str) -> None:
    tls = Tls(tmp_path)
    account = {"username": USER, "password": PASSWORD, "ca_file": str(tls.authority)}
    with SmtpServer(tls.context, account=True, tls_first=security == "tls") as server:
        assert send(server.port, security=security, **account) == ["delivered"]
        assert len(server.box.mails) == 1


def test_a_password_in_clear_goes_only_where_it_is_wanted() -> None:
    account = {"username": USER, "password": PASSWORD, "security": "none"}
    config = {"from": "a@example.com", "to": "b@example.com", **account}
    for host in ("localhost", "LOCALHOST.", "127.0.0.1", "127.1.2.3", "::1"):
        EmailConfig.model_validate({**config, "host": host})
    for host in ("mail.example.com", "192.0.2.7", "localhost.example.com", "2001:db8::1"):
        with pytest.raises(ValueError, match=f"without encryption to {host}: set security"):
            EmailConfig.model_validate({**config, "host": host})
        EmailConfig.model_validate({**config, "host": host, "password_in_clear": True})
        EmailConfig.model_validate({**config, "host": host, "security": "starttls"})


def test_a_wrong_password_makes_the_target_unavailable(tmp_path: Path) -> None:
    with SmtpServer(account=True) as server:
        (got,) = send(server.port, username=USER, password="not-the-password")
    assert isinstance(got, Unavailable)
    assert "refused the account: 535" in str(got)
    assert "not-the-password" not in str(got)


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_an_untrusted_certificate_makes_the_target_unavailable(
    tmp_path: Path, security: str
) -> None:
    with SmtpServer(Tls(tmp_path).context, tls_first=security == "tls") as server:
        (got,) = send(server.port, security=security)
    assert isinstance(got, Unavailable)
    assert "certificate of 127.0.0.1 is not valid" in str(got)


def test_a_server_without_starttls_is_not_used(server: SmtpServer) -> None:
    (got,) = send(server.port, security="starttls")
    assert isinstance(got, Unavailable)
    assert server.box.mails == []


def test_templates_replace_the_texts(server: SmtpServer) -> None:
    texts = {"subject": "{{ alert.type }}!", "text": "see {{ alert.entity_name }}"}
    send(server.port, PAIR[0], **texts)
    send(server.port, PAIR[0], **texts, html="<b>{{ alert.entity_name | e }}</b>")
    (_, plain), (_, both) = server.box.mails
    assert plain["Subject"] == "disconnected!"
    assert parts(plain) == ("see pump-7\n", "")
    assert parts(both) == ("see pump-7\n", "<b>pump-7</b>\n")


@pytest.mark.parametrize(("name", "body"), HOSTILE, ids=[name for name, _ in HOSTILE])
def test_a_hostile_text_adds_no_header_and_no_markup(
    server: SmtpServer, name: str, body: bytes
) -> None:
    assert send(server.port, Alert.from_json(body)) == ["delivered"]
    ((to, mail),) = server.box.mails
    assert to == [NOC, BOSS]
    assert " ".join(sorted(mail.keys())) == (
        "Auto-Submitted Content-Type Date From MIME-Version Message-ID References Subject To"
    )
    _, page = parts(mail)
    assert "<script" not in page
    assert len(mail.as_bytes()) < 64 * 1024


EVERYTHING = (
    "{{ alert.content or '-' }}\n{{ alert.title | default('-', true) }}\n{{ alert | tojson }}"
)


@pytest.mark.parametrize(("name", "body"), HOSTILE, ids=[name for name, _ in HOSTILE])
def test_a_template_brings_no_control_character_into_a_mail(
    server: SmtpServer, name: str, body: bytes
) -> None:
    templates = {
        "subject": EVERYTHING,
        "text": EVERYTHING,
        "html": "{{ alert.content or '-' | e }}",
    }
    assert send(server.port, Alert.from_json(body), **templates) == ["delivered"]
    ((_, mail),) = server.box.mails
    assert len(mail.keys()) == 9
    for text in (mail["Subject"], *parts(mail)):
        harmful = re.search("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", text)
        assert not harmful, f"{name}: {harmful!r}"


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"to": []}, "to"),
        ({"to": ["noc"]}, "wants an address"),
        ({"to": ["a@b\r\nBcc: x@y"]}, "wants an address"),
        ({"from": "x"}, "wants an address"),
        ({"security": "ssl"}, "security"),
        ({"subject": "{{ alert."}, "subject"),
        ({"password": {"env": "NO_SUCH_VARIABLE"}}, "NO_SUCH_VARIABLE"),
    ],
)
def test_a_wrong_configuration_is_described(config: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PluginError, match=sentence):
        send(1, **config)
