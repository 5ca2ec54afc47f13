"""The egress rules, as requests meet them."""

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from incm_webhook import Alert, Answer, Context, Unavailable
from incm_webhook.cli import main
from incm_webhook.cli.check import run_check
from incm_webhook.http import egress, plain_loop
from incm_webhook.testing import HttpTarget, Receiver, make_alert, run_plugin
from plugins.targets.http_faults import PATIENCE_S


@pytest.fixture
def server() -> Iterator[HttpTarget]:
    with HttpTarget() as one:
        yield one


@pytest.fixture
def rules() -> Iterator[Callable[[egress.Egress], None]]:
    with egress.applied(egress.current()):
        yield egress.apply
    plain_loop.stop()


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "localhost", "LOCALHOST"]
)
def test_loopback_is_refused(server: HttpTarget, host: str) -> None:
    with pytest.raises(Unavailable, match="refused unless the configuration has"):
        Context().http.post(f"http://{host}:{server.port}/")
    assert server.connections == 0


@pytest.mark.parametrize("host", ["2130706433", "0177.0.0.1", "0x7f.1", "127.1", "0"])
def test_spellings_of_loopback_are_refused(
    server: HttpTarget, host: str, rules: Callable[[egress.Egress], None]
) -> None:
    rules(egress.Egress.of(egress.LOOPBACK))
    with pytest.raises(Unavailable, match="no usual spelling of an address"):
        Context().http.post(f"http://{host}:{server.port}/")
    assert server.connections == 0


class Names:
    """Answers the resolver's questions for one name, each time with the next of the addresses."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *addresses: list[str]) -> None:
        self.questions = 0
        self._addresses = list(addresses)
        self._real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self._find)

    def _find(self, host: Any, port: Any, *rest: Any, **more: Any) -> list[Any]:
        if host != "target.example":
            return self._real(host, port, *rest, **more)
        found = self._addresses[min(self.questions, len(self._addresses) - 1)]
        self.questions += 1
        return [
            (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (one, port))
            for one in found
        ]


def test_a_name_is_resolved_once_and_the_checked_address_is_used(
    server: HttpTarget, monkeypatch: pytest.MonkeyPatch, rules: Callable[[egress.Egress], None]
) -> None:
    """DNS rebinding: the first answer is permitted, each later one would not be."""
    rules(egress.Egress.of(["127.0.0.1/32"]))
    names = Names(monkeypatch, ["127.0.0.1"], ["127.0.0.2"])
    url = f"http://target.example:{server.port}/"
    assert Context().http.post(url).status == 200
    assert names.questions == 1
    assert server.requests[0].headers["host"] == f"target.example:{server.port}"
    plain_loop.stop()  # the next request makes a new connection
    with pytest.raises(Unavailable, match=r"127\.0\.0\.2 is a loopback address"):
        Context().http.post(url)
    assert names.questions == 2
    assert server.connections == 1


def test_of_several_addresses_only_permitted_ones_are_used(
    server: HttpTarget, monkeypatch: pytest.MonkeyPatch, rules: Callable[[egress.Egress], None]
) -> None:
    rules(egress.Egress.of(["127.0.0.1/32"]))
    Names(monkeypatch, ["127.0.0.2", "127.0.0.1", "169.254.169.254"])
    assert Context().http.post(f"http://target.example:{server.port}/").status == 200


def test_a_connection_passes_the_rules_however_its_address_was_found() -> None:
    from incm_webhook.http.transport import open_socket

    for place in (("127.0.0.1", 80), ("2130706433", 80), ("localhost", 80)):
        with pytest.raises(egress.EgressError):
            open_socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", place))


def post_plugin(workdir: Path, url: str) -> Path:
    path = workdir / "post.py"
    path.write_text(
        "from incm_webhook import Alert, Context\n"
        "def on_alert(alert: Alert, ctx: Context) -> None:\n"
        f"    ctx.http.post({url!r}, json={{'key': ctx.delivery_key}})\n"
    )
    return path


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_the_receiver_of_a_test_reaches_loopback(
    tmp_path: Path, server: HttpTarget, isolation: str
) -> None:
    table = {"use": str(post_plugin(tmp_path, server.url)), "isolation": isolation}
    with Receiver(tmp_path, plugins=[table]) as receiver:
        receiver.send(make_alert())
        (request,) = server.wait(1)
        assert request.json()["key"]
        assert receiver.stop() == 0
        assert "Traceback" not in receiver.output()


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_the_rules_of_the_configuration_reach_the_plugin(
    tmp_path: Path, server: HttpTarget, isolation: str
) -> None:
    plugin = post_plugin(tmp_path, server.url)
    table = {"use": str(plugin), "isolation": isolation}
    rules = {"egress": {"allow": "127.0.0.0/8", "deny": ["127.0.0.1"]}}
    with Receiver(tmp_path, plugins=[table], config=rules) as receiver:
        receiver.send(make_alert())
        wait_for_output(receiver, DENIED)
    assert server.connections == 0


DENIED = '127.0.0.1 is denied by [egress] deny = ["127.0.0.1/32"]'


@pytest.mark.parametrize(
    "call",
    [
        "socket.create_connection(('127.0.0.1', PORT))",
        "socket.create_connection(('::ffff:127.0.0.1', PORT))",
        "socket.socket().connect(('localhost', PORT))",
        "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', PORT))",
        "socket.socket(type=socket.SOCK_DGRAM).sendmsg([b'x'], [], 0, ('127.0.0.1', PORT))",
    ],
)
def test_a_process_opens_no_connection_of_its_own_to_a_denied_network(
    tmp_path: Path, server: HttpTarget, call: str
) -> None:
    path = tmp_path / "opens.py"
    path.write_text(f"import socket\nPORT = {server.port}\ndef on_alert(alert, ctx):\n    {call}\n")
    table = {"use": str(path), "isolation": "process"}
    rules = {"egress": {"deny": ["127.0.0.1"]}}
    with Receiver(tmp_path, plugins=[table], config=rules) as receiver:
        receiver.send(make_alert())
        wait_for_output(receiver, f"plugin opens: no connection: {DENIED}")
        wait_for_output(receiver, f"EgressError: {DENIED} (opens.py:4)")
    assert server.connections == 0


def test_a_process_connects_where_nothing_is_denied(tmp_path: Path, server: HttpTarget) -> None:
    path = tmp_path / "opens.py"
    path.write_text(
        f"import socket\ndef on_alert(alert, ctx):\n"
        f"    socket.create_connection(('127.0.0.1', {server.port})).close()\n"
    )
    table = {"use": str(path), "isolation": "process"}
    with Receiver(
        tmp_path, plugins=[table], config={"egress": {"deny": ["192.0.2.0/24"]}}
    ) as receiver:
        receiver.send(make_alert())
        receiver.wait_until_settled()
    assert server.connections == 1


def test_apprise_in_a_process_reaches_no_denied_network(tmp_path: Path, server: HttpTarget) -> None:
    pytest.importorskip("apprise", reason="the library Apprise is not installed")
    url = f"{server.url.replace('http', 'json')}/notify"
    table = {"use": "apprise", "isolation": "process", "config": {"urls": [url]}}
    rules = {"egress": {"deny": ["127.0.0.1"]}}
    with Receiver(tmp_path, plugins=[table], config=rules) as receiver:
        receiver.send(make_alert())
        wait_for_output(receiver, f"plugin apprise: no connection: {DENIED}")
        wait_for_output(receiver, "JSON (urls[1]): ")
    assert server.connections == 0


def test_apprise_in_a_thread_is_refused_when_networks_are_denied(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (
        '[server]\nlisten = "127.0.0.1:0"\nadmin = "off"\n[[endpoint]]\nsecret_file = "secret"\n'
        "[egress]\n{deny}\n"
        '[[plugin]]\nuse = "log"\n[[plugin]]\nuse = "apprise"\nname = "phone"\n'
        'config = {{ urls = ["json://192.0.2.7/"] }}\n'
    )
    (workdir / "incm-webhook.toml").write_text(text.format(deny="deny = '10.0.0.0/8'"))
    for command in (["check"], ["serve"]):
        assert main(command) == 2
        err = capsys.readouterr().err
        assert "[[plugin]] 2 (phone): apprise opens its own connections" in err
        assert 'set isolation = "process"' in err
        assert "Traceback" not in err


def test_check_names_plugins_that_denied_networks_do_not_bind(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workdir / "incm-webhook.toml").write_text(
        '[server]\nlisten = "127.0.0.1:0"\nadmin = "off"\n[[endpoint]]\nsecret_file = "secret"\n'
        '[egress]\ndeny = "10.0.0.0/8"\n[[plugin]]\nuse = "log"\n'
        '[[plugin]]\nuse = "syslog"\nconfig = { host = "192.0.2.7" }\n'
        '[[plugin]]\nuse = "syslog"\nname = "apart"\nconfig = { host = "192.0.2.7" }\n'
        'isolation = "process"\n'
    )
    assert run_check({}, {}, workdir) == 0
    note = "note: [egress] deny holds for ctx.http, and not for connections that syslog may open"
    assert note in capsys.readouterr().out


def wait_for_output(receiver: Receiver, text: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while text not in receiver.output():
        assert time.monotonic() < until, receiver.output()
        time.sleep(0.02)


def test_check_shows_the_rules(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workdir / "incm-webhook.toml").write_text(
        '[server]\nlisten = "127.0.0.1:0"\nadmin = "off"\n[[endpoint]]\nsecret_file = "secret"\n'
        '[egress]\nallow = ["127.0.0.0/8", "::1"]\ndeny = "10.0.0.0/8"\n'
    )
    assert run_check({}, {}, workdir) == 0
    output = capsys.readouterr().out
    assert "requests of plugins may also go to 127.0.0.0/8, ::1/128" in output
    assert "requests of plugins never go to 10.0.0.0/8" in output


def test_run_plugin_allows_loopback_and_restores_the_rules(server: HttpTarget) -> None:
    server.respond(200, "yes")

    def handler(alert: Alert, ctx: Context) -> None:
        answer: Answer = ctx.http.get(server.url)
        assert answer.text == "yes"

    assert run_plugin(handler, make_alert()) == ["delivered"]
    assert egress.current() == egress.Egress()
