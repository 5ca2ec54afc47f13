"""The alert that a server posts to itself: through a real proxy, and what keeps it from coming."""

import http.client
import json
import os
import shutil
import signal
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from e2e.conftest import DEADLINE_S, Reports
from e2e.test_metrics import Serves, metrics, page, wait_for
from e2e.test_proxies import free_port
from incm_webhook.sender.client import Sender, signature_of
from incm_webhook.testing import Receiver
from incm_webhook.testing.server_process import ServerProcess
from incm_webhook.text.toml import toml_text

FAST = {"every": "1s", "timeout": "500ms", "overdue": "1500ms"}


def status(receiver: Serves) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(page(receiver, "/api/v1/status")[1])
    return answer


def until(condition: Callable[[], bool], receiver: Serves) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, receiver.output()
        time.sleep(0.02)


def failure(receiver: Serves) -> str:
    return str(status(receiver)["canary"]["failure"])


class Twin:
    """A server with nothing but the file in its folder."""

    def __init__(self, folder: Path) -> None:
        addresses = ("--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
        self._server = ServerProcess(folder, addresses)
        facts = self._server.wait_until_ready(DEADLINE_S)
        self.url = str(facts["url"])
        self.admin_url = str(facts["admin_url"])
        self.metrics_url = str(facts.get("metrics_url", ""))
        self.pid = int(facts["pid"])
        self.output = self._server.output

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.process.terminate()
        self._server.process.wait()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, and a certificate for 127.0.0.1."""
    folder = tmp_path_factory.mktemp("certificates")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout")
    for arguments in (
        (*key, "ca.key", "-out", "ca.pem", "-subj", "/CN=authority"),
        (
            *(
                "-CA",
                "ca.pem",
                "-CAkey",
                "ca.key",
                *key,
                "a.key",
                "-out",
                "a.pem",
                "-subj",
                "/CN=a",
            ),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
        ),
    ):
        command = ["openssl", "req", "-x509", "-days", "9", *arguments]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder


@contextmanager
def nginx(folder: Path, certificates: Path, port: int, does: str) -> Iterator[None]:
    """Run nginx with TLS; `does` is what it does with a request. Wait until it answers."""
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not installed")
    folder.mkdir()
    paths = "".join(
        f"{one}_temp_path {folder}/{one};"
        for one in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log stderr;"
        f"events {{}} http {{ access_log off; {paths} server {{ listen 127.0.0.1:{port} ssl;"
        f"ssl_certificate {certificates}/a.pem; ssl_certificate_key {certificates}/a.key;"
        f"location / {{ {does} }} }} }}"
    )
    command = ["nginx", "-e", "stderr", "-c", f"{folder}/nginx.conf"]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stderr=log) as process:
        try:
            context = ssl.create_default_context(cafile=str(certificates / "ca.pem"))
            deadline = time.monotonic() + DEADLINE_S
            while True:
                client = http.client.HTTPSConnection("127.0.0.1", port, context=context)
                try:
                    client.connect()
                    break
                except ConnectionRefusedError:
                    assert process.poll() is None, (folder / "log").read_text()
                    assert time.monotonic() < deadline, "nginx does not listen"
                finally:
                    client.close()
            yield
        finally:
            process.kill()


def test_it_comes_back_through_a_proxy_with_tls_and_its_absence_is_noticed(
    tmp_path: Path, certificates: Path
) -> None:
    port = free_port()
    url = f"https://127.0.0.1:{port}/webhook"
    canary = {**FAST, "url": url, "ca_file": str(certificates / "ca.pem")}
    with Receiver(tmp_path, plugins=["log"], config={"canary": canary}) as receiver:
        passes = f"proxy_pass {receiver.url.removesuffix('/webhook')};"
        with nginx(tmp_path / "one", certificates, port, passes):
            wait_for(receiver, lambda now: now["canary_last_success_timestamp_seconds"] > 0)
            wait_for(receiver, lambda now: now["canary_overdue"] == 0)
            assert page(receiver, "/readyz")[0] == 200
            now = metrics(receiver)
            assert now["canary_round_trip_seconds_count"] >= 1
            assert now["inbox_alerts"] == 0, "nothing of it is stored"
            assert sum(now[one] for one in now if one.startswith("alerts_accepted_total")) == 0
            assert now['last_alert_timestamp_seconds{endpoint="/webhook"}'] == 0
            assert now['requests_total{code="200"}'] >= 1
        wait_for(receiver, lambda now: now["canary_overdue"] == 1)
        code, answer = page(receiver, "/readyz")
        assert code == 503
        problem = json.loads(answer)
        assert problem["type"] == "urn:incm-webhook:problem:canary-overdue"
        assert problem["status"] == 503
        assert f"nothing listens at {url}" in problem["detail"]
        assert page(receiver, "/healthz")[0] == 200
        alerts = urlsplit(receiver.url)
        balancer = http.client.HTTPConnection(str(alerts.hostname), alerts.port)
        balancer.request("GET", "/healthz")
        assert balancer.getresponse().status == 200, "a load balancer goes on"
        balancer.close()
        assert metrics(receiver)["ready"] == 0
        assert not status(receiver)["healthy"]
        assert "canary: none came back since " in page(receiver, "/readyz?verbose")[1]
        with nginx(tmp_path / "two", certificates, port, passes):
            until(lambda: page(receiver, "/readyz")[0] == 200, receiver)
            until(lambda: "they come back again" in receiver.output(), receiver)
        log = receiver.output()
        assert "ERROR" in log
        assert "none has come back through the outer URL" in log


@pytest.mark.parametrize(
    ("does", "expected"),
    [
        ("return 200 ok;", "not by this server: something else has its URL"),
        ("return 502;", "it was answered 502 Bad Gateway"),
        ("return 301 https://example.com/;", "it was answered 301 Moved Permanently"),
        ("return 444;", "closed the connection"),
    ],
)
def test_a_proxy_that_does_not_pass_it_on_is_named(
    tmp_path: Path, certificates: Path, does: str, expected: str
) -> None:
    port = free_port()
    url = f"https://127.0.0.1:{port}/webhook"
    canary = {**FAST, "url": url, "ca_file": str(certificates / "ca.pem")}
    with (
        nginx(tmp_path / "proxy", certificates, port, does),
        Receiver(tmp_path, config={"canary": canary}) as receiver,
    ):
        until(lambda: expected in failure(receiver), receiver)
        wait_for(receiver, lambda now: now["canary_failures_total"] >= 1)


def test_a_certificate_that_is_not_trusted_is_named(tmp_path: Path, certificates: Path) -> None:
    port = free_port()
    canary = {**FAST, "url": f"https://127.0.0.1:{port}/webhook"}
    with (
        nginx(tmp_path / "proxy", certificates, port, "return 200;"),
        Receiver(tmp_path, config={"canary": canary}) as receiver,
    ):
        until(lambda: "is not trusted" in failure(receiver), receiver)


def test_a_url_that_leads_to_another_server_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with Receiver(tmp_path / "other") as other:
        canary = {**FAST, "url": other.url}
        (tmp_path / "stranger").mkdir()
        with Receiver(tmp_path / "stranger", config={"canary": canary}) as receiver:
            until(lambda: "it was answered 401" in failure(receiver), receiver)
        for others in (False, True):
            folder = tmp_path / f"twin-{others}"
            folder.mkdir()
            shared = f'[[endpoint]]\nsecret_file = "{other.folder}/secret"\n'
            table = toml_text({"canary": {**canary, "others": others}})
            (folder / "incm-webhook.toml").write_text(table + shared)
            with Twin(folder) as twin:
                if others:
                    until(lambda: status(twin)["canary"]["came_back_at"] is not None, twin)
                else:
                    until(lambda: "another server with the same secret" in failure(twin), twin)
        assert metrics(other)["inbox_alerts"] == 0, "it answered them, and kept none"


def test_a_listener_without_the_api_does_not_show_the_outer_url(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}/webhook"
    (tmp_path / "incm-webhook.toml").write_text(
        toml_text({"server": {"metrics": "127.0.0.1:0"}, "canary": {**FAST, "url": url}})
        + "[[endpoint]]\nunsigned = true\n"
    )
    with Twin(tmp_path) as server:
        until(lambda: page(server, "/readyz")[0] == 503, server)
        until(lambda: url in page(server, "/readyz")[1], server)
        server.admin_url = server.metrics_url
        code, answer = page(server, "/readyz")
        assert code == 503
        problem = json.loads(answer)
        assert problem["type"] == "urn:incm-webhook:problem:canary-overdue"
        assert "since 20" in problem["detail"]
        assert url not in answer
        assert url not in page(server, "/readyz?verbose")[1]


def configure(server: Twin, folder: Path, text: str) -> None:
    """Give a server another configuration, and wait until it uses it."""
    (folder / "incm-webhook.toml").write_text(text)
    os.kill(server.pid, signal.SIGHUP)
    until(lambda: "reloaded" in server.output(), server)


def quarantined(server: Serves) -> float:
    return sum(count for name, count in metrics(server).items() if name.startswith("quarantined{"))


def test_a_canary_of_its_own_that_a_server_refuses_is_not_quarantined(tmp_path: Path) -> None:
    endpoints = "".join(
        f'[[endpoint]]\npath = "/{one}"\nsecret = "the secret of {one}"\n' for one in ("a", "b")
    )
    (tmp_path / "incm-webhook.toml").write_text(endpoints)
    with Twin(tmp_path) as server:
        url = f"{server.url.removesuffix('/a')}/b"
        canary = {"every": "1s", "endpoint": "/a", "url": url}
        configure(server, tmp_path, toml_text({"canary": canary}) + endpoints)
        until(lambda: "it was answered 401" in failure(server), server)
        until(lambda: "it is a canary of this server" in server.output(), server)
        assert quarantined(server) == 0


def test_a_new_attempt_drops_a_quarantined_canary(tmp_path: Path) -> None:
    endpoint = '[[endpoint]]\nsecret = "the first secret"\n'
    (tmp_path / "incm-webhook.toml").write_text(endpoint)
    body = b'{"type":"incm_webhook.canary"}'
    with Twin(tmp_path) as server:
        with Sender(server.url) as sender:
            assert sender.post(body, signature_of(body, b"the second secret")).status == 401
        until(lambda: quarantined(server) == 1, server)
        configure(server, tmp_path, endpoint.replace("first", "second"))
        address = f"{server.admin_url}/api/v1/quarantine/retry"
        fields = {"Content-Type": "application/json"}
        with urlopen(Request(address, b'{"all": true}', fields), timeout=DEADLINE_S) as answer:
            retried = json.load(answer)
        assert retried["accepted"] == 0
        assert retried["results"][0]["reason"] == "it is a canary, which is no alert: dropped"
        until(lambda: quarantined(server) == 0, server)
        assert metrics(server)["inbox_alerts"] == 0


NOTES = "def on_alert(alert, ctx): report(name=ctx.plugin, type=alert.type, path=ctx.endpoint)\n"


def test_only_a_plugin_that_names_canaries_gets_them(tmp_path: Path, reports: Reports) -> None:
    reports.plugin(tmp_path / "notes.py", NOTES)
    plugins: Sequence[Mapping[str, Any]] = [
        {"use": "./notes.py", "name": "all"},
        {"use": "./notes.py", "name": "own", "types": ["*", "incm_webhook.*"]},
        {"use": "./notes.py", "name": "beats", "types": ["incm_webhook.canary"]},
    ]
    with Receiver(tmp_path, plugins=plugins, config={"canary": FAST}) as receiver:
        for _ in range(2):
            expected = {"name": "beats", "type": "incm_webhook.canary", "path": "/webhook"}
            assert reports.next() == expected
        receiver.wait_until_settled()
        until(lambda: status(receiver)["canary"]["came_back_at"] is not None, receiver)


def test_a_stranger_s_canary_is_answered_and_is_no_proof(tmp_path: Path) -> None:
    with Receiver(tmp_path) as receiver:
        answer = receiver.send({"type": "incm_webhook.canary", "data": {"mark": ""}})
        assert answer == (200, {"status": "canary", "id": 0, "own": False})
        assert receiver.send({"type": "incm_webhook.canary"}, signature="0" * 64)[0] == 401
        assert status(receiver)["canary"] is None
        assert metrics(receiver)["inbox_alerts"] == 0
