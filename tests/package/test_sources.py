"""packaging/sources.py: where an archive comes from, and what is said when it is not to be had."""

import hashlib
import importlib
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

PACKAGING = Path(__file__).parents[2] / "packaging"
ARCHIVE = b"the bytes of an archive"


class _Snapshot(BaseHTTPRequestHandler):
    """Serves the archive under its SHA-1, and other bytes under `other`."""

    def do_GET(self) -> None:
        known = {
            f"/{hashlib.sha1(ARCHIVE, usedforsecurity=False).hexdigest()}": ARCHIVE,
            "/other": b"other bytes",
        }
        body = known.get(self.path)
        self.send_response(404 if body is None else 200)
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module, on a machine without apt and with a snapshot archive on loopback."""
    monkeypatch.setattr(sys, "path", [str(PACKAGING), *sys.path])
    module = importlib.import_module("sources")
    monkeypatch.setattr(module, "APT_HELPER", Path("/nowhere/apt-helper"))
    with ThreadingHTTPServer(("127.0.0.1", 0), _Snapshot) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setattr(module, "SNAPSHOT", f"http://127.0.0.1:{server.server_port}/")
        yield module
        server.shutdown()
        thread.join()


def library(**other: Any) -> dict[str, Any]:
    return {
        "pool": "pool/main/l/lib/lib_1.orig.tar.gz",
        "sha1": hashlib.sha1(ARCHIVE, usedforsecurity=False).hexdigest(),
        "sha256": hashlib.sha256(ARCHIVE).hexdigest(),
        **other,
    }


def test_what_the_archive_has_no_more_comes_from_the_snapshots(
    sources: ModuleType, tmp_path: Path
) -> None:
    found = sources.fetch(library(), tmp_path / "archives")
    assert found == tmp_path / "archives" / "lib_1.orig.tar.gz"
    assert found.read_bytes() == ARCHIVE
    assert [one.name for one in found.parent.iterdir()] == [found.name]


def test_an_archive_that_is_there_is_used_without_a_network(
    sources: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "SNAPSHOT", "http://127.0.0.1:1/")
    (tmp_path / "lib_1.orig.tar.gz").write_bytes(ARCHIVE)
    assert sources.fetch(library(), tmp_path).read_bytes() == ARCHIVE


def test_an_archive_that_was_cut_off_is_fetched_again(sources: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "lib_1.orig.tar.gz").write_bytes(ARCHIVE[:5])
    assert sources.fetch(library(), tmp_path).read_bytes() == ARCHIVE


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"sha1": "other"}, "it has another hash than libraries.toml says"),
        ({"sha1": "missing"}, "Not Found"),
    ],
)
def test_an_archive_that_is_not_to_be_had_names_each_place_and_the_way_out(
    sources: ModuleType, tmp_path: Path, other: dict[str, str], reason: str
) -> None:
    with pytest.raises(sources.SourceError) as raised:
        sources.fetch(library(**other), tmp_path)
    text = str(raised.value)
    assert text.startswith("lib_1.orig.tar.gz cannot be fetched (pool/main/l/lib/")
    assert "this machine has no apt" in text
    assert f"{sources.SNAPSHOT}{other['sha1']}: " in text
    assert reason in text
    assert text.endswith(f"get it from elsewhere, and put it into {tmp_path}")
    assert list(tmp_path.iterdir()) == []
