"""The README from `pip install` of a wheel to a signed alert in an own plugin, as its reader."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DEADLINE_S = 120.0  # only a test that fails waits so long
SERVER = "http://127.0.0.1:8080"  # as on the page


def blocks(heading: str) -> list[str]:
    """The blocks of code below a heading."""
    section = README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [text for _, text in BLOCK.findall(section)]


def commands(block: str) -> list[tuple[str, str]]:
    """The commands of a console, each with what the page shows of its output."""
    parts = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    return [(one.partition("\n")[0], one.partition("\n")[2].strip()) for one in parts]


def needed(name: str, known: set[str]) -> Iterator[Distribution]:
    """A package that is installed here, and what it needs without extras."""
    found = distribution(name)
    known.add(name.lower())
    yield found
    for text in found.requires or ():
        wanted = Requirement(text)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        if wanted.name.lower() not in known:
            yield from needed(wanted.name, known)


def pack(package: Distribution, folder: Path) -> None:
    """Make the wheel again from which a package was installed."""
    files = [
        one
        for one in package.files or ()
        if not str(one).startswith("..") and one.suffix != ".pyc" and one.name != "RECORD"
    ]
    text = package.read_text("WHEEL") or ""
    tags = [one.split("-") for one in re.findall(r"^Tag: (.+)$", text, re.MULTILINE)]
    tag = "-".join(".".join(dict.fromkeys(parts)) for parts in zip(*tags, strict=True))
    name = re.sub(r"[-_.]+", "_", package.metadata["Name"])
    info = next(str(one.parent) for one in files if one.name == "METADATA")
    with zipfile.ZipFile(folder / f"{name}-{package.version}-{tag}.whl", "w") as wheel:
        for one in files:
            wheel.write(str(one.locate()), str(one))
        record = "".join(f"{one},,\n" for one in [*files, f"{info}/RECORD"])
        wheel.writestr(f"{info}/RECORD", record)


class Reader:
    """A person with the wheel in `dist`, and a home without anything."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ready = folder / "ready.json"
        (folder / "dist").mkdir()
        (folder / "bin").mkdir()
        (folder / "index").mkdir()
        for one in needed("incm-webhook", set()):
            pack(one, folder / "index")
        (wheel,) = folder.glob("index/incm_webhook-*.whl")
        wheel.rename(folder / "dist" / wheel.name)
        python = folder / "bin" / "python3"
        base = getattr(sys, "_base_executable", sys.executable)
        python.write_text(f'#!/bin/sh\nexec "{base}" "$@"\n')
        python.chmod(0o755)
        self.environ = {
            "HOME": str(folder),
            "PATH": f"{folder / 'bin'}:/usr/bin:/bin",
            "LANG": os.environ.get("LANG", "C.UTF-8"),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(folder / "index"),
            "INCM_WEBHOOK_LISTEN": "127.0.0.1:0",
            "INCM_WEBHOOK_ADMIN": "off",
            "INCM_WEBHOOK_READY_FILE": str(self.ready),
        }

    def _shell(self, command: str) -> list[str]:
        activated = "" if "-m venv" in command else ". venv/bin/activate && "
        return ["bash", "-c", activated + command]

    def do(self, command: str) -> str:
        """Run a command; return what it prints."""
        if SERVER in command:
            address = json.loads(self.ready.read_text())["url"].rpartition("/")[0]
            command = command.replace(SERVER, address)
        done = subprocess.run(
            self._shell(command),
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    @contextmanager
    def serving(self, command: str) -> Iterator[Path]:
        """Run a server until Ctrl-C at the end of the block; yields the file of its output."""
        output = self.folder / "output"
        with output.open("wb") as file:
            server = subprocess.Popen(
                self._shell(f"exec {command}"),
                cwd=self.folder,
                env=self.environ,
                stdout=file,
                stderr=file,
            )
        try:
            wait_for(lambda: self.ready.exists() or server.poll() is not None, output)
            assert server.poll() is None, output.read_text()
            yield output
            server.send_signal(signal.SIGINT)
            assert server.wait(DEADLINE_S) == 0
        finally:
            server.kill()
            server.wait()
            self.ready.unlink(missing_ok=True)


def wait_for(condition: Callable[[], object], output: Path) -> None:
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, output.read_text()
        time.sleep(0.02)


@pytest.mark.skipif(shutil.which("bash") is None, reason="the page is for a shell")
def test_the_readme_leads_from_a_wheel_to_an_alert_in_an_own_plugin(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    install, send = blocks("Install it")
    *before, (serve, _) = commands(install)
    for command, shown in before:
        assert shown == ""
        reader.do(command)
    *_, (send_one, answer) = commands(send)
    with reader.serving(serve):
        assert reader.do(send_one).strip() == answer
    plugin, console = blocks("Write a plugin")
    name, text = plugin.split("\n", maxsplit=1)
    (tmp_path / name.removeprefix("# ")).write_text(text)
    ((serve, shown),) = commands(console)
    with reader.serving(serve) as output:
        assert reader.do(send_one).strip() == answer.replace("1", "2")
        sentence = re.escape(" is offline since ") + r"[-0-9: ]+\+00:00, key [0-9a-f-]+$"
        assert re.search(sentence, shown)
        # It is in the file while the server still runs.
        wait_for(lambda: re.search(sentence, output.read_text(), re.MULTILINE), output)
