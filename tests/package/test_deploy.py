"""The configurations of image, package and manifest, and the bill of materials of a wheel."""

import importlib
import json
import re
import subprocess
import sys
import textwrap
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from incm_webhook.config.loading import load_settings

ROOT = Path(__file__).parents[2]
PACKAGING = ROOT / "packaging"
MANIFEST = (ROOT / "docs/deploy/kubernetes.yaml").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def configurations() -> dict[str, str]:
    """The text of each, by where it is."""
    inner = re.search(r"incm-webhook\.toml: \|\n(.*?)\n---", MANIFEST, re.DOTALL)
    assert inner
    return {
        "image": (PACKAGING / "container/incm-webhook.toml").read_text(),
        "package": (PACKAGING / "deb/incm-webhook.toml").read_text(),
        "manifest": textwrap.dedent(inner[1]),
    }


@pytest.mark.parametrize("name", ["image", "package", "manifest"])
def test_a_configuration_that_is_shipped_is_right(name: str, tmp_path: Path) -> None:
    file = tmp_path / "incm-webhook.toml"
    file.write_text(configurations()[name])
    (tmp_path / "incm-secret").write_text("secret")
    (tmp_path / "incm-secret").chmod(0o600)
    settings = load_settings({"config": str(file)}, {}, tmp_path)
    assert str(settings.inbox.path) == "/var/lib/incm-webhook/inbox.db"
    # The others listen on every address, and leave TLS to something else.
    assert len(settings.warnings) == (0 if name == "package" else 1)


def test_the_ports_of_image_and_manifest_are_those_of_their_configurations() -> None:
    for text in (configurations()["image"], configurations()["manifest"]):
        assert 'listen = "0.0.0.0:8080"' in text
        assert 'metrics = "0.0.0.0:9465"' in text
    assert "EXPOSE 8080 9465\n" in DOCKERFILE
    assert "http://127.0.0.1:9465/healthz" in DOCKERFILE
    assert re.findall(r"containerPort: (\d+)", MANIFEST) == ["8080", "9465"]


class _Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_the_health_check_of_the_image_passes_by_a_proxy_of_the_environment() -> None:
    (command,) = re.findall(r"^HEALTHCHECK .*?CMD (\[.+?\])$", DOCKERFILE, re.MULTILINE | re.DOTALL)
    python, flag, code = json.loads(command)
    assert (python, flag) == ("python", "-c")
    with HTTPServer(("127.0.0.1", 0), _Healthy) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            for path, is_well in (("/healthz", True), ("/other", False)):
                here = code.replace(":9465/healthz", f":{server.server_port}{path}")
                done = subprocess.run(
                    [sys.executable, "-c", here],
                    env={"http_proxy": "http://127.0.0.1:1"},
                    stderr=subprocess.DEVNULL,
                )
                assert (done.returncode == 0) == is_well, path
        finally:
            server.shutdown()
            thread.join()


def test_the_manifest_names_the_version_of_the_project() -> None:
    (version,) = re.findall(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.M)
    assert f"image: incm-webhook:{version} " in MANIFEST


def test_what_the_image_copies_is_let_through_and_there() -> None:
    let_through = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert {"cpp", "python", "plugins", "packaging", "pyproject.toml"} <= set(let_through)
    copied = re.findall(r"^COPY (?!--from)(\S+) ", DOCKERFILE, re.MULTILINE)
    for name in let_through + copied:
        assert (ROOT / name).exists(), name


def test_the_bill_of_materials_lists_every_library_and_what_it_contains(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "path", [str(PACKAGING), *sys.path])
    bill_of_materials = importlib.import_module("materials").bill_of_materials
    libraries = tomllib.loads((PACKAGING / "libraries.toml").read_text())
    bill = json.loads(bill_of_materials(libraries))
    named = {one["name"]: one for one in bill["components"]}
    for library in libraries.values():
        assert named[library["title"]]["version"] == library["version"]
        assert named[library["title"]]["hashes"][0]["content"] == library["sha256"]
        for part in library.get("contains", ()):
            assert named[part["title"]]["licenses"] == [{"license": {"id": part["licence"]}}]
    references = {one["bom-ref"] for one in bill["components"]}
    assert {one["ref"] for one in bill["dependencies"]} - references == {"incm-webhook"}
    assert {two for one in bill["dependencies"] for two in one["dependsOn"]} == references
