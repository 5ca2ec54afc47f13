"""TLS in the server: versions, certificates, reload, clients' certificates, and slow handshakes."""

import signal
import socket
import ssl
import subprocess
import time
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conformance.corpus import CASES, GOOD, SECRET
from conformance.test_corpus import statuses_of
from incm_webhook.cli.program import main
from incm_webhook.config.server import TlsSettings
from incm_webhook.service.certificate import look_at_certificate
from incm_webhook.testing import Receiver

from .test_clients import PROXY_1, Serve, ask, connect


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority, and certificates of servers and of a client."""
    folder = tmp_path_factory.mktemp("certificates")

    def run(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout")
    run("req", "-x509", *key, "ca.key", "-out", "ca.pem", "-days", "99", "-subj", "/CN=authority")
    for name, days, more in [
        ("server", "90", "subjectAltName=IP:127.0.0.1"),
        ("again", "91", "subjectAltName=IP:127.0.0.1"),
        ("soon", "3", "subjectAltName=IP:127.0.0.1"),
        ("client", "90", "extendedKeyUsage=clientAuth"),
        ("public", "90", "authorityInfoAccess=caIssuers;URI:http://authority.example/ca.der"),
    ]:
        run(
            *("req", "-x509", "-CA", "ca.pem", "-CAkey", "ca.key", *key, f"{name}.key"),
            *("-out", f"{name}.pem", "-days", days, "-subj", f"/CN={name}", "-addext", more),
        )
    authority = ("basicConstraints=critical,CA:TRUE", "authorityInfoAccess=caIssuers;URI:http://a/")
    for issuer, name, days, extensions in [
        ("ca", "middle", "30", authority),
        ("middle", "leaf", "90", authority[1:]),
    ]:
        run(
            *("req", "-x509", "-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key", *key),
            *(f"{name}.key", "-out", f"{name}.pem", "-days", days, "-subj", f"/CN={name}"),
            *(part for one in extensions for part in ("-addext", one)),
        )
    return folder


def trusting(certificates: Path) -> ssl.SSLContext:
    """A client's context that knows the authority."""
    return ssl.create_default_context(cafile=str(certificates / "ca.pem"))


def tls_of(certificates: Path, name: str = "server", more: str = "") -> str:
    """Write the configuration."""
    return (
        f'[server]\ntls = {{ certificate_file = "{certificates}/{name}.pem", '
        f'private_key_file = "{certificates}/{name}.key"{more} }}\n'
    )


@contextmanager
def shaken(
    receiver: Receiver, context: ssl.SSLContext, session: ssl.SSLSession | None = None
) -> Iterator[ssl.SSLSocket]:
    """Connect and make the handshake."""
    with (
        connect(receiver) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1", session=session) as client,
    ):
        yield client


def subject_of(client: ssl.SSLSocket) -> str:
    """Return the subject of the certificate that the server showed."""
    return str(dict(one[0] for one in client.getpeercert()["subject"])["commonName"])  # type: ignore[index, misc]


@pytest.fixture
def serve_tls(serve: Serve, tmp_path: Path) -> Callable[[str], Receiver]:
    """Serve the corpus's endpoint with a configuration."""

    def start(configuration: str) -> Receiver:
        (tmp_path / "known").write_text(SECRET)
        (tmp_path / "tls.toml").write_text(configuration)
        return serve("log", arguments=("--secret-file", "./known", "--config", "tls.toml"))

    return start


@pytest.mark.parametrize(
    "version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"]
)
def test_both_versions(
    serve_tls: Callable[[str], Receiver], certificates: Path, version: ssl.TLSVersion
) -> None:
    receiver = serve_tls(tls_of(certificates))
    assert receiver.url.startswith("https://127.0.0.1:")
    context = trusting(certificates)
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2", "http/1.1"])
    with shaken(receiver, context) as client:
        assert client.selected_alpn_protocol() == "http/1.1"
        assert [ask(client) for _ in range(3)] == [200, 200, 200]
        session = client.session
        with urllib.request.urlopen(f"{receiver.admin_url}/metrics") as page:
            metrics = page.read().decode()
    assert "\nincm_webhook_connections 1\n" in metrics
    assert (
        '\nincm_webhook_tls_certificate_not_after_timestamp_seconds{listener="alerts"} ' in metrics
    )
    with shaken(receiver, context, session) as client:
        assert client.session_reused
        assert ask(client) == 200


def test_nothing_older_than_1_2(serve_tls: Callable[[str], Receiver], certificates: Path) -> None:
    receiver = serve_tls(tls_of(certificates))
    context = trusting(certificates)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)), shaken(receiver, context):
        pass


def test_requests_over_tls_are_parsed_as_strictly(
    serve_tls: Callable[[str], Receiver], certificates: Path
) -> None:
    receiver = serve_tls(tls_of(certificates))
    context = trusting(certificates)
    for case in CASES:
        with shaken(receiver, context) as client:
            client.sendall(case.request)
            socket.socket.shutdown(client, socket.SHUT_WR)  # SSLSocket's own ends reading as well
            received = b""
            while part := client.recv(65536):
                received += part
            assert statuses_of(received) == list(case.statuses), case.name


def test_plain_http_is_answered_with_the_reason(
    serve_tls: Callable[[str], Receiver], certificates: Path
) -> None:
    receiver = serve_tls(tls_of(certificates))
    with connect(receiver) as client:
        client.sendall(GOOD)
        assert b"use https:// instead of http" in client.recv(65536)
    wait_for(receiver, "TLS: the client speaks plain HTTP to this port: use https://")


def test_a_handshake_that_does_not_end(
    serve_tls: Callable[[str], Receiver], certificates: Path
) -> None:
    receiver = serve_tls(tls_of(certificates) + 'header_timeout = "300ms"\nworkers = 2\n')
    begun = [connect(receiver) for _ in range(10)]
    for one in begun:
        one.sendall(b"\x16\x03\x01\x02")
    with shaken(receiver, trusting(certificates)) as client:
        assert ask(client) == 200
    for one in begun:
        assert one.recv(1) == b""
        one.close()


def test_a_new_certificate_without_a_restart(
    serve_tls: Callable[[str], Receiver], certificates: Path, tmp_path: Path
) -> None:
    def use(name: str) -> None:
        for kind in ("pem", "key"):
            (tmp_path / f"now.{kind}").write_bytes((certificates / f"{name}.{kind}").read_bytes())

    use("server")
    receiver = serve_tls(tls_of(tmp_path, "now"))
    context = trusting(certificates)
    with shaken(receiver, context) as kept:
        assert subject_of(kept) == "server"
        assert ask(kept) == 200
        use("again")
        receiver.process.send_signal(signal.SIGHUP)
        wait_for(receiver, "reloaded endpoints, secrets and certificates")
        session = kept.session
        with shaken(receiver, context) as client:
            assert subject_of(client) == "again"
            assert ask(client) == 200
        with shaken(receiver, context, session) as client:
            assert client.session_reused  # tickets outlive the reload
        (tmp_path / "now.key").write_bytes((certificates / "client.key").read_bytes())
        receiver.process.send_signal(signal.SIGHUP)
        wait_for(receiver, "reload failed, everything stays as it was")
        assert "does not fit" in receiver.output()
        with shaken(receiver, context) as client:
            assert subject_of(client) == "again"
        assert ask(kept) == 200


def wait_for(receiver: Receiver, text: str) -> None:
    """Read the log until a text is there."""
    while text not in receiver.output():
        assert receiver.process.poll() is None
        time.sleep(0.01)


def test_clients_show_a_certificate(
    serve_tls: Callable[[str], Receiver], certificates: Path
) -> None:
    receiver = serve_tls(tls_of(certificates, more=f', client_ca_file = "{certificates}/ca.pem"'))
    context = trusting(certificates)
    with pytest.raises((ssl.SSLError, ConnectionError)), shaken(receiver, context) as client:
        ask(client)
    context.load_cert_chain(certificates / "client.pem", certificates / "client.key")
    with shaken(receiver, context) as client:
        assert ask(client) == 200
        session = client.session
    # Resumed sessions would go on when the authority is replaced, or the certificate has ended.
    with shaken(receiver, context, session) as client:
        assert not client.session_reused
        assert ask(client) == 200


def test_a_proxy_header_before_the_handshake(
    serve_tls: Callable[[str], Receiver], certificates: Path
) -> None:
    receiver = serve_tls(
        tls_of(certificates)
        + 'allow = ["192.0.2.7"]\ntrusted_proxies = ["127.0.0.1"]\nproxy_protocol = true\n'
    )
    with connect(receiver) as plain:
        for byte in PROXY_1:
            plain.sendall(bytes([byte]))
        with trusting(certificates).wrap_socket(plain, server_hostname="127.0.0.1") as client:
            assert ask(client) == 200


def test_check_reports_certificates(
    certificates: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def check(configuration: str) -> tuple[int, str]:
        ports = 'listen = "127.0.0.1:0"\nadmin = "off"\n'
        (tmp_path / "c.toml").write_text(f"{configuration}{ports}[[endpoint]]\nunsigned = true\n")
        status = main(["check", "--config", str(tmp_path / "c.toml")])
        return status, "".join(capsys.readouterr())

    status, output = check(tls_of(certificates))
    assert status == 0
    assert "server.pem, good until 20" in output
    status, output = check(tls_of(certificates, "soon"))
    assert status == 0
    assert "soon.pem expires on 20" in output
    status, output = check(tls_of(certificates).replace("server.key", "client.key"))
    assert status == 2
    assert "client.key: the key does not fit" in output
    status, output = check(tls_of(certificates, "missing"))
    assert status == 2
    assert f"{certificates}/missing.pem: no such file or directory" in output
    assert "system lib" not in output
    status, output = check(tls_of(certificates).replace("server.key", "missing.key"))
    assert status == 2
    assert f"{certificates}/missing.key: no such file or directory" in output
    status, output = check(tls_of(certificates, more=', client_ca_file = "missing.ca"'))
    assert status == 2
    assert f"{tmp_path}/missing.ca: no such file or directory" in output
    (tmp_path / "text.pem").write_text("no certificate")
    status, output = check(tls_of(certificates).replace(f"{certificates}/server.pem", "text.pem"))
    assert status == 2
    assert f"{tmp_path}/text.pem: no certificate in PEM form can be read from it" in output


def views(certificates: Path, name: str, days: float = 0) -> tuple[list[str], list[str]]:
    """Faults and warnings about a certificate, so many days from now."""
    tls = TlsSettings(
        certificate_file=certificates / f"{name}.pem", private_key_file=certificates / f"{name}.key"
    )
    view = look_at_certificate(tls, time.time() + days * 86400)
    return view.faults, view.warnings


def test_a_certificate_that_clients_refuse_is_a_fault(certificates: Path) -> None:
    assert views(certificates, "ca") == ([], [])
    (fault,), _ = views(certificates, "ca", days=-2)
    assert fault.startswith(f"the certificate {certificates}/ca.pem is valid from 20")
    assert fault.endswith(" UTC on: set the clock of this machine, or wait")
    (fault,), _ = views(certificates, "ca", days=200)
    assert "expired on 20" in fault
    (fault,), _ = views(certificates, "public")
    assert 'was issued by "authority", whose certificate is missing in the file' in fault
    assert "append it (certbot calls the whole fullchain.pem)" in fault
    faults, (warning,) = views(certificates, "server")  # perhaps of a small authority without more
    assert faults == []
    assert 'issued by "authority", which this machine does not trust' in warning


def test_a_certificate_with_that_of_its_issuer_is_whole(certificates: Path) -> None:
    whole = (certificates / "public.pem").read_text() + (certificates / "ca.pem").read_text()
    (certificates / "whole.pem").write_text(whole)
    (certificates / "whole.key").write_text((certificates / "public.key").read_text())
    assert views(certificates, "whole") == ([], [])


def together(certificates: Path, *names: str) -> str:
    """A file with several certificates, and the key of the first."""
    chain = "-and-".join(names)
    texts = [(certificates / f"{one}.pem").read_text() for one in names]
    (certificates / f"{chain}.pem").write_text("".join(texts))
    (certificates / f"{chain}.key").write_text((certificates / f"{names[0]}.key").read_text())
    return chain


def test_every_certificate_of_a_chain_counts(certificates: Path) -> None:
    chain = together(certificates, "leaf", "middle", "ca")
    assert views(certificates, chain) == ([], [])
    faults, (warning,) = views(certificates, chain, days=20)
    assert faults == []
    middle = f'"middle" in {certificates}/{chain}.pem, which issued the others,'
    assert f"{middle} expires on 20" in warning
    (fault,), _ = views(certificates, chain, days=40)
    assert f"{middle} expired on 20" in fault
    assert "clients refuse the whole chain: replace it with its successor" in fault


def test_a_chain_that_breaks_off_is_a_fault(certificates: Path) -> None:
    for names in [("leaf", "middle"), ("leaf", "middle", "server")]:
        (fault,), _ = views(certificates, together(certificates, *names))
        assert 'was issued by "authority", whose certificate is missing in the file' in fault


def test_check_refuses_a_chain_without_its_intermediate(
    certificates: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configuration = tls_of(certificates, "public") + 'listen = "127.0.0.1:0"\nadmin = "off"\n'
    (tmp_path / "c.toml").write_text(f"{configuration}[[endpoint]]\nunsigned = true\n")
    assert main(["check", "--config", str(tmp_path / "c.toml")]) == 2
    assert "[server] tls: the certificate " in capsys.readouterr().err


def test_send_says_how_to_trust_a_certificate(
    serve_tls: Callable[[str], Receiver],
    certificates: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    receiver = serve_tls(tls_of(certificates))
    send = ["send", receiver.url, "--secret-file", str(receiver.folder / "known")]
    assert main(send) == 1
    assert capsys.readouterr().err.endswith("; SSL_CERT_FILE=FILE trusts it\n")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "ca.pem"))
    assert main(send) == 0
