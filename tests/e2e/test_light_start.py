"""A server loads the libraries of those plugins that it has, and no others."""

from collections.abc import Callable
from pathlib import Path

from e2e.conftest import Reports
from incm_webhook.testing import Receiver, make_alert

Serve = Callable[..., Receiver]

OPTIONAL = (
    "aiohttp",
    "apprise",
    "jinja2",
    "opentelemetry",
    "paho",
    "psycopg",
    "pymysql",
    "requests",
    "sqlalchemy",
    "yarl",
)
FUNCTION = f"""
import sys
def on_alert(alert: Alert, ctx: Context) -> None:
    report(loaded=sorted(set({OPTIONAL!r}) & set(sys.modules)))
"""
POSTS = f"""
import sys
async def on_alert(alert: Alert, ctx: Context) -> None:
    import aiohttp
    report(loaded=sorted(set({OPTIONAL!r}) & set(sys.modules)))
"""


def test_serve_with_jsonl_loads_none_of_the_optional_libraries(
    serve: Serve, reports: Reports, tmp_path: Path
) -> None:
    receiver = serve("jsonl", reports.plugin(tmp_path / "loaded.py", FUNCTION))
    assert receiver.send(make_alert("reboot"))[0] == 200
    assert reports.next() == {"loaded": []}
    maps = Path(f"/proc/{receiver.process.pid}/maps").read_text()
    assert [name for name in OPTIONAL if f"/site-packages/{name}/" in maps] == []


def test_a_library_that_a_plugin_loads_would_be_seen(
    serve: Serve, reports: Reports, tmp_path: Path
) -> None:
    receiver = serve(reports.plugin(tmp_path / "posts.py", POSTS))
    assert receiver.send(make_alert("reboot"))[0] == 200
    assert "aiohttp" in reports.next()["loaded"]
    maps = Path(f"/proc/{receiver.process.pid}/maps").read_text()
    assert "/site-packages/yarl/" in maps
