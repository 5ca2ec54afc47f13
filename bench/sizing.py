"""What an alert takes on disk, a refused request in the quarantine, and a backlog of memory."""

import http.client
import json
import secrets
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from engine import NOOP
from service import SECRET, Server
from table import Row

from incm_webhook import sign
from incm_webhook.sender.samples import sample

GATE = NOOP.with_name("gate.py")
SIZES = (1_000, 4_000)  # bytes of a body
PLUGINS = (0, 1, 3)
ALERTS = 5_000
BACKLOG = 50_000
REFUSED = 500
_SENDERS = 8
_QUARANTINE = "quarantine"


def _body(size: int) -> bytes:
    """Make an alert of that many bytes, as the platform spells it."""
    alert = sample("disconnected")
    alert["_id"] = f"{secrets.randbits(96):024x}"
    alert["note"] = ""
    alert["note"] = "x" * (size - len(json.dumps(alert).encode()))
    return json.dumps(alert).encode()


def _send(server: Server, count: int, size: int, signature: Callable[[bytes], str]) -> None:
    """Post that many alerts from a few threads."""
    wrong: list[BaseException] = []

    def post(number: int) -> None:
        connection = http.client.HTTPConnection(server.address)
        try:
            for _ in range(number):
                body = _body(size)
                headers = {"Content-Type": "application/json", "X-Signature": signature(body)}
                connection.request("POST", "/webhook", body, headers)
                with connection.getresponse() as answer:
                    answer.read()
        except BaseException as error:
            wrong.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=post, args=(count // _SENDERS,)) for _ in range(_SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise wrong[0]


def _signed(body: bytes) -> str:
    return sign(body, SECRET)


def _tables(inbox: Path) -> dict[str, int]:
    """Return the bytes of each table and index of a closed inbox, and of all under ""."""
    with closing(sqlite3.connect(f"file:{inbox}?mode=ro", uri=True)) as database:
        found = dict(database.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name"))
    return {**found, "": sum(found.values())}


def _disk(place: Path, size: int, plugins: int) -> tuple[float, float, float]:
    """Bytes of a stored and delivered alert; of that its dedupe key; and of its ledger."""
    table = "".join(f'[[plugin]]\nuse = "{NOOP}"\nname = "p{one}"\n' for one in range(plugins))
    with (
        tempfile.TemporaryDirectory(dir=place) as folder,
        Server(Path(folder), (), plugin_settings=table) as server,
    ):
        _send(server, ALERTS, size, _signed)
        server.wait_until_open(0)
        server.stop()
        tables = _tables(server.inbox)
    stored = ALERTS // _SENDERS * _SENDERS
    return tables[""] / stored, tables["seen"] / stored, tables["attempt"] / stored


def _quarantine(place: Path, size: int) -> float:
    """Bytes of a wrongly signed request that is kept."""
    settings = 'trusted_proxies = ["127.0.0.0/8"]'
    with (
        tempfile.TemporaryDirectory(dir=place) as folder,
        Server(Path(folder), (), server_settings=settings) as server,
    ):
        # Of one address a hundred are kept.
        _send(server, 96, size, lambda body: sign(body, "wrong"))
        server.stop()
        with closing(sqlite3.connect(f"file:{server.inbox}?mode=ro", uri=True)) as database:
            (count,) = database.execute("SELECT count(*) FROM quarantine").fetchone()
        tables = _tables(server.inbox)
    return sum(size for name, size in tables.items() if _QUARANTINE in name) / int(count)


def _memory(place: Path, order: str) -> float:
    """MiB that 100,000 waiting deliveries take."""
    table = f'[[plugin]]\nuse = "{GATE}"\norder = "{order}"\n'
    with (
        tempfile.TemporaryDirectory(dir=place) as folder,
        Server(Path(folder), (), plugin_settings=table) as server,
    ):
        _send(server, BACKLOG // 10, SIZES[0], _signed)
        before, waited = server.memory_mib(), _open(server)
        _send(server, BACKLOG, SIZES[0], _signed)
        return (server.memory_mib() - before) / (_open(server) - waited) * 100_000


def _open(server: Server) -> float:
    return server.metrics()['incm_webhook_inbox_deliveries{state="open"}']


def measure(place: Path) -> list[Row]:
    """Measure bytes on disk and memory of a backlog, once: bytes do not vary.

    Args:
        place: where the inboxes are made.

    Returns:
        Rows without targets.
    """
    return list(_rows(place))


def _rows(place: Path) -> Iterator[Row]:
    for size in SIZES:
        for plugins in PLUGINS:
            name = f"alert of {size:,} bytes, delivered to {plugins} plugins"
            whole, key, ledger = _disk(place, size, plugins)
            yield Row(f"disk: {name}", [whole], "B")
            if size == SIZES[0] and plugins == 1:
                yield Row("disk: of that its dedupe key, which stays", [key], "B")
                yield Row("disk: of that its entry in the ledger", [ledger], "B")
        yield Row(f"disk: refused request of {size:,} bytes", [_quarantine(place, size)], "B")
    for order in ("none", "device"):
        name = f'memory: 100,000 waiting deliveries, order = "{order}"'
        yield Row(name, [_memory(place, order)], "MiB")


if __name__ == "__main__":
    from table import machine_facts, print_table

    print_table(measure(Path.cwd()), machine_facts(Path.cwd()))
