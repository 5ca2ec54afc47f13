"""docs/writing-plugins.md, followed line by line."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import DEADLINE_S

PAGE = Path(__file__).parents[2] / "docs" / "writing-plugins.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SERVER = "http://127.0.0.1:8080"  # as on the page


def steps() -> Iterator[tuple[str, str, list[str]]]:
    """Yield the commands with what the page shows of their output, and the files to write."""
    for language, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if language != "console":
            name, content = text.split("\n", maxsplit=1)
            yield "file", name.removeprefix("# "), content.splitlines()
            continue
        for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, *shown = part.splitlines()
            yield "command", command, shown


def fits(printed: list[str], shown: list[str]) -> bool:
    """Whether the shown lines are printed in this order; "…" stands for what differs each time."""
    rest = iter(printed)
    patterns = [re.escape(one).replace("…", ".*") for one in shown]
    return all(any(re.fullmatch(one, line) for line in rest) for one in patterns)


class Reader:
    """A person who follows the page, in an empty folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ready = folder / "ready.json"
        self.server: subprocess.Popen[bytes] | None = None
        self.environ = {
            **os.environ,
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": f"{folder / 'site'}:{os.environ.get('PYTHONPATH', '')}",
            "INCM_WEBHOOK_LISTEN": "127.0.0.1:0",
            "INCM_WEBHOOK_ADMIN": "127.0.0.1:0",
            "INCM_WEBHOOK_READY_FILE": str(self.ready),
        }
        (folder / "bin").mkdir()
        for name, module in (("python", ""), ("incm-webhook", " -m incm_webhook")):
            path = folder / "bin" / name
            path.write_text(f'#!/bin/sh\nexec "{sys.executable}"{module} "$@"\n')
            path.chmod(0o755)

    def do(self, command: str) -> str:
        """Run a command of the page; return its output."""
        if "pip install" in command:
            self.install(self.folder / re.findall(r"-e ([\w-]+)", command)[0])
            return ""
        if " serve " in command:
            self.serve(command)
            return ""
        if SERVER in command:
            address = json.loads(self.ready.read_text())["url"].rpartition("/")[0]
            command = command.replace(SERVER, address)
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def serve(self, command: str) -> None:
        """Start the server, which `stop` ends, and wait until it serves."""
        self.server = subprocess.Popen(
            ["bash", "-c", f"exec {command}"],
            cwd=self.folder,
            env=self.environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + DEADLINE_S
        while not self.ready.exists():
            assert time.monotonic() < deadline
            assert self.server.poll() is None
            time.sleep(0.02)

    def install(self, package: Path) -> None:
        """Do what `pip install -e` does, without a network."""
        module = next((package / "src").iterdir())
        info = self.folder / "site" / f"{module.name}-0.1.0.dist-info"
        info.mkdir(parents=True)
        (info.parent / module.name).symlink_to(module)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {package.name}\nVersion: 0.1.0\n"
        )
        project = (package / "pyproject.toml").read_text()
        points = re.findall(r'^([\w-]+) = "(incm_webhook_\w+\.plugin)"$', project, re.MULTILINE)
        lines = "".join(f"{name} = {value}\n" for name, value in points)
        (info / "entry_points.txt").write_text(f"[incm_webhook.plugins]\n{lines}")

    def stop(self) -> None:
        """End the server."""
        if self.server is not None:
            self.server.terminate()
            assert self.server.wait(DEADLINE_S) == 0


@pytest.mark.skipif(shutil.which("bash") is None, reason="the page is for a shell")
def test_the_page_leads_from_nothing_to_a_tested_package(
    tmp_path: Path, nothing_left: None
) -> None:
    reader = Reader(tmp_path)
    commands = 0
    try:
        for kind, what, lines in steps():
            if kind == "file":
                (tmp_path / what).write_text("\n".join(lines) + "\n")
                continue
            commands += 1
            printed = reader.do(what).splitlines()
            assert fits(printed, lines), f"{what}\n{printed}"
    finally:
        reader.stop()
    assert commands > 10
