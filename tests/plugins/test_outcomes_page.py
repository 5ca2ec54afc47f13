"""Each cell of the table of outcomes in docs/plugins/README.md is tried with its fault."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from incm_webhook import Reject, Unavailable
from incm_webhook.hosting.registry import BUNDLED
from incm_webhook.testing import HttpTarget, make_alert, run_plugin
from plugins.databases import Sqlite, locked
from plugins.http_plugins import HTTP_PLUGINS, HttpPlugin
from plugins.targets.broken import WAYS, broken
from plugins.targets.postgresql import Postgresql, needs_postgresql
from plugins.targets.scripted_broker import ScriptedBroker, refused_connection
from plugins.targets.smtp import USER, SmtpServer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS"),
    pytest.mark.filterwarnings("ignore:Session.login_data is deprecated"),
    # paho drops its socket, without closing it, when a certificate is not trusted.
    pytest.mark.filterwarnings("ignore:.*SSLSocket:pytest.PytestUnraisableExceptionWarning"),
]

PAGE = Path(__file__).parents[2] / "docs" / "plugins" / "README.md"
NO_CELL = "\N{EN DASH}"
PLAIN_MQTT = {"host": "127.0.0.1", "state_topic": "", "status_topic": ""}
MAIL = {"host": "127.0.0.1", "from": "a@example.com", "to": ["noc@example.com"]}
# The exit status, or what happens to the program, for each fault.
PROGRAM = {
    "down": "exit 127",
    "silent": "sleep 600",
    "drips": "while :; do echo x; sleep 0.01; done",
    "breaks off": "kill -KILL $$",
    "rubbish": "printf '\\000\\377 rubbish'; exit 200",
    "busy": "exit 75",
    "account": "exit 69",
    "this alert": "exit 65",
}
STATUSES = {"busy": 429, "account": 401, "this alert": 400}


@cache
def table() -> dict[str, dict[str, str]]:
    """The table of the page: by plugin, the outcome of each fault."""
    text = PAGE.read_text(encoding="utf-8").partition("\n## Outcomes\n")[2]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    rows = rows[: len(BUNDLED)]
    return {
        re.sub(r"^\[(\w+)\].*", r"\1", row[0]): dict(zip(head[1:], row[1:], strict=True))
        for row in rows
    }


CELLS = [
    pytest.param(use, fault, outcome, id=f"{use}-{fault}")
    for use, row in table().items()
    for fault, outcome in row.items()
    if outcome != NO_CELL
]


def test_every_plugin_and_every_fault_is_in_the_table() -> None:
    assert sorted(table()) == sorted(BUNDLED)
    assert {tuple(row) for row in table().values()} == {(*WAYS, *STATUSES)}


@pytest.mark.parametrize(("use", "fault", "outcome"), CELLS)
def test_a_cell_of_the_table_is_true(use: str, fault: str, outcome: str, tmp_path: Path) -> None:
    for got in OWN.get(use, of_a_service)(use, fault, tmp_path):
        assert outcome_of(got) == outcome, f"{got!r}"


def outcome_of(got: Any) -> str:
    if got == "delivered":
        return "delivered"
    if isinstance(got, Reject):
        return "dead letter"
    return "unavailable" if isinstance(got, Unavailable) else "retry"


def limit(fault: str) -> str:
    """A short time for what never ends, and a long one where a busy machine only needs patience."""
    return "300ms" if fault in ("silent", "drips", "breaks off", "rubbish") else "20s"


def of_a_service(use: str, fault: str, folder: Path) -> Iterator[Any]:
    """A plugin that sends requests over HTTP, in each of its forms."""
    del folder
    for one in (one for one in HTTP_PLUGINS if one.use == use):
        if fault in WAYS:
            with broken(fault) as port:
                scheme = "https" if fault == "certificate" else "http"
                yield from run_service(one, f"{scheme}://127.0.0.1:{port}", fault)
            continue
        with HttpTarget() as server:
            status = 413 if (use, fault) == ("teams", "this alert") else STATUSES[fault]
            server.respond(status, "{}")
            yield from run_service(one, server.url, fault)


def run_service(one: HttpPlugin, url: str, fault: str) -> list[Any]:
    return one.run(url, make_alert(), config={"time_limit": limit(fault)})


def of_apprise(use: str, fault: str, folder: Path) -> Iterator[Any]:
    del folder
    pytest.importorskip("apprise", reason="the library Apprise is not installed")
    if fault in WAYS:
        with broken(fault) as port:
            scheme = "jsons" if fault == "certificate" else "json"
            config = {"urls": [f"{scheme}://127.0.0.1:{port}/"], "time_limit": limit(fault)}
            yield from run_plugin(use, make_alert(), config=config)
        return
    with HttpTarget() as server:
        server.respond(STATUSES[fault])
        config = {"urls": [f"{server.url.replace('http', 'json')}/"]}
        yield from run_plugin(use, make_alert(), config=config)


def of_email(use: str, fault: str, folder: Path) -> Iterator[Any]:
    del folder
    if fault in WAYS:
        with broken(fault) as port:
            more = {"security": "tls" if fault == "certificate" else "none"}
            more["time_limit"] = limit(fault)
            yield from run_plugin(use, make_alert(), config={**MAIL, "port": port, **more})
        return
    with SmtpServer(account=fault == "account") as server:
        server.box.data = {"busy": "452 disk full", "this alert": "554 spam"}.get(fault, "")
        more = {"username": USER, "password": "k7Zq"} if fault == "account" else {}
        config = {**MAIL, "port": server.port, "security": "none", **more}
        yield from run_plugin(use, make_alert(), config=config)


def of_mqtt(use: str, fault: str, folder: Path) -> Iterator[Any]:
    del folder
    if fault in WAYS:
        with broken(fault) as port:
            more = {"tls": fault == "certificate", "time_limit": limit(fault)}
            yield from run_plugin(use, make_alert(), config={**PLAIN_MQTT, "port": port, **more})
        return
    reasons = {"busy": 0x97, "this alert": 0x99}
    hello = {"hello": refused_connection(0x86)} if fault == "account" else {}
    with ScriptedBroker(**hello, to_publish=reasons.get(fault, 0)) as broker:
        yield from run_plugin(use, make_alert(), config={**PLAIN_MQTT, "port": broker.port})


def of_sql(use: str, fault: str, folder: Path) -> Iterator[Any]:
    alert = make_alert("reboot")
    if fault in WAYS:
        for scheme in ("postgresql", "mariadb"):
            with broken(fault) as port:
                config = {"url": f"{scheme}://u:p@127.0.0.1:{port}/x", "time_limit": "1s"}
                yield from run_plugin(use, alert, config=config)
        return
    if fault == "account":
        if needs_postgresql.args[0]:
            pytest.skip("postgresql is not installed")
        with Postgresql() as server:
            url = server.url.replace("postgres:", "postgres:not-", 1)
            yield from run_plugin(use, alert, config={"url": url})
        return
    database = Sqlite(folder / "alerts.db")
    config = {"url": database.url, "time_limit": "300ms"}
    run_plugin(use, make_alert("connected"), config=config)
    if fault == "busy":
        with locked(database, "alerts"):
            yield from run_plugin(use, alert, config=config)
        return
    database.execute(
        "CREATE TRIGGER no BEFORE INSERT ON alerts WHEN NEW.type = 'reboot' "
        "BEGIN SELECT RAISE(ABORT, 'no reboots'); END"
    )
    yield from run_plugin(use, alert, config=config)


def of_syslog(use: str, fault: str, folder: Path) -> Iterator[Any]:
    del folder
    ways = ["tls"] if fault == "certificate" else ["tls", "tcp"]
    if fault == "rubbish":
        ways = ["tls"]  # over TCP no answer is expected, and none is read
    for transport in ways:
        with broken(fault) as port:
            config = {"host": "127.0.0.1", "port": port, "transport": transport}
            config["time_limit"] = limit(fault)
            yield from run_plugin(use, make_alert(), config=config)


def of_exec(use: str, fault: str, folder: Path) -> Iterator[Any]:
    program = folder / "program"
    program.write_text(f"#!/bin/sh\n{PROGRAM[fault]}\n")
    program.chmod(0o755)
    config = {"command": [str(program)], "folder": str(folder), "time_limit": limit(fault)}
    yield from run_plugin(use, make_alert(), config=config)


def of_jsonl(use: str, fault: str, folder: Path) -> Iterator[Any]:
    """Down is a full disk; this is the device that always is."""
    assert fault == "down"
    link = folder / "alerts.jsonl"
    link.symlink_to("/dev/full")
    yield from run_plugin(use, make_alert(), config={"path": str(link)})


def of_log(use: str, fault: str, folder: Path) -> Iterator[Any]:
    """Down is a standard output that takes nothing."""
    assert fault == "down"
    del folder
    with pytest.MonkeyPatch.context() as patch, open("/dev/full", "w") as full:  # noqa: PTH123
        patch.setattr("sys.stdout", full)
        outcomes = run_plugin(use, make_alert())
        patch.undo()
        with pytest.raises(OSError, match="No space left"):
            full.close()
    yield from outcomes


OWN: dict[str, Callable[[str, str, Path], Iterator[Any]]] = {
    "apprise": of_apprise,
    "email": of_email,
    "exec": of_exec,
    "jsonl": of_jsonl,
    "log": of_log,
    "mqtt": of_mqtt,
    "sql": of_sql,
    "syslog": of_syslog,
}
