"""What the plugin `sql` makes of configurations, and of files that SQLite cannot use."""

import socket
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from incm_webhook import Context, PluginError, Unavailable
from incm_webhook.plugins.sql import Sql, SqlConfig
from incm_webhook.testing import make_alert, run_plugin
from plugins.databases import Sqlite

PAGE = Path(__file__).parents[2] / "docs" / "plugins" / "sql.md"


def test_the_example_of_the_page_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "database-url").write_text("sqlite:///alerts.db\n")
    (tmp_path / "database-url").chmod(0o600)
    example = tomllib.loads(PAGE.read_text().split("```toml\n")[1].split("```")[0])
    (plugin,) = example["plugin"]
    assert run_plugin(plugin["use"], make_alert(), config=plugin["config"]) == ["delivered"]
    assert Sqlite(tmp_path / "alerts.db").execute("SELECT count(*) FROM alerts") == [(1,)]


def test_the_page_names_every_column_and_key() -> None:
    from sqlalchemy import MetaData

    from incm_webhook.plugins.sql.tables import alerts_table, devices_table

    text = PAGE.read_text()
    alerts, devices = alerts_table("a", MetaData()), devices_table("d", MetaData())
    names = [*alerts.columns.keys(), *devices.columns.keys(), *SqlConfig.model_fields]
    assert [one for one in names if f"`{one}`" not in text] == []


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "url"),
        ({"url": "oracle://x"}, "it begins with postgresql://, mariadb://, mysql:// or sqlite://"),
        ({"url": "sqlite://"}, "names no file"),
        ({"url": "sqlite:///:memory:"}, "names no file"),
        ({"url": "postgresql:x:y"}, "not a URL such as"),
        ({"url": "sqlite:///f", "alerts_table": "a; DROP TABLE b"}, "alerts_table"),
        ({"url": "sqlite:///f", "alerts_table": ""}, "alerts_table"),
        ({"url": "sqlite:///f", "devices_table": "alerts"}, "have the same name"),
        ({"url": "sqlite:///f", "time_limit": "0s"}, "time_limit"),
        ({"url": "sqlite:///f", "table": "x"}, "table"),
    ],
)
def test_a_wrong_config_is_explained(config: dict[str, Any], message: str) -> None:
    with pytest.raises(PluginError) as caught:
        run_plugin("sql", config=config)
    assert message in str(caught.value)


def test_a_wrong_url_is_not_shown() -> None:
    for url in ("postgresql:tops3cret", "mysql://u:tops3cret@h:port/x", "tops3cret://x"):
        with pytest.raises(PluginError) as caught:
            run_plugin("sql", config={"url": url})
        assert "tops3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("module", "url", "extra"),
    [
        ("psycopg", "postgresql://h/x", "sql-postgresql"),
        ("pymysql", "mariadb://h/x", "sql-mariadb"),
        ("pymysql", "mysql://h/x", "sql-mariadb"),
    ],
)
def test_a_missing_driver_is_named(
    monkeypatch: pytest.MonkeyPatch, module: str, url: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(PluginError) as caught:
        run_plugin("sql", config={"url": url})
    assert f'pip install "incm-webhook[{extra}]"' in str(caught.value)
    assert module in str(caught.value)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [one for one in sys.modules if one.startswith("incm_webhook.plugins.sql.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    with pytest.raises(PluginError, match=r'pip install "incm-webhook\[sql\]"'):
        run_plugin("sql", config={"url": "sqlite:///f"})


@contextmanager
def something_else(answer: bytes | None) -> Iterator[int]:
    """A server that is no database: it sends an error and closes, or sends nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as silent:

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                if answer is None:
                    silent.enter_context(client)
                    continue
                with client, suppress(OSError):
                    client.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize("scheme", ["postgresql", "mariadb"])
@pytest.mark.parametrize("answer", [None, b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff" * 200])
def test_a_server_that_is_no_database_is_tried_again(scheme: str, answer: bytes | None) -> None:
    with something_else(answer) as port:
        config = {"url": f"{scheme}://u:tops3cret@127.0.0.1:{port}/x", "time_limit": "1s"}
        (outcome,) = run_plugin("sql", make_alert(), config=config)
    assert type(outcome) is ConnectionError, outcome
    assert f"127.0.0.1:{port}/x: " in str(outcome)
    assert "tops3cret" not in str(outcome)


def unavailable(path: Path) -> str:
    (outcome,) = run_plugin("sql", make_alert(), config={"url": Sqlite(path).url})
    assert type(outcome) is Unavailable, outcome
    return str(outcome)


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    assert str(tmp_path / "missing" / "alerts.db") in unavailable(
        tmp_path / "missing" / "alerts.db"
    )
    # The URL is a secret as a whole, so a message that quoted it would show *** only.
    assert "sqlite:" not in unavailable(tmp_path / "missing" / "alerts.db")
    assert "unable to open" in unavailable(tmp_path)
    wrong = tmp_path / "letter.txt"
    wrong.write_text(
        "Dear reader, this is no database at all, and much longer than a header.\n" * 9
    )
    assert "not a database" in unavailable(wrong)


def test_connect_looks_and_changes_nothing(tmp_path: Path) -> None:
    database = Sqlite(tmp_path / "alerts.db")
    config = SqlConfig.model_validate({"url": database.url})
    Sql(config).connect()
    assert database.execute("SELECT name FROM sqlite_master") == []
    strict = SqlConfig.model_validate({"url": database.url, "create": False})
    with pytest.raises(Unavailable, match="no table alerts"):
        Sql(strict).connect()
    run_plugin("sql", make_alert(), config={"url": database.url})
    plugin = Sql(strict)
    plugin.connect()
    plugin.close()


def test_a_dropped_table_is_created_again(tmp_path: Path) -> None:
    database = Sqlite(tmp_path / "alerts.db")
    config = SqlConfig.model_validate({"url": database.url})
    plugin = Sql(config)
    each = (Context(config=config, delivery_key="k", endpoint="/webhook"),)
    ctx = Context(config=config, each=each)
    plugin.handle_batch([make_alert()], ctx)
    database.execute("DROP TABLE alerts")
    with pytest.raises(Unavailable, match="no such table"):
        plugin.handle_batch([make_alert()], ctx)
    plugin.handle_batch([make_alert()], ctx)
    plugin.close()
    assert database.execute("SELECT count(*) FROM alerts") == [(1,)]
