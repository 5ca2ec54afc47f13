"""The sections "Try it on this machine" of docs/plugins, followed line by line."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from plugins.targets.ports import DEADLINE_S, free_port, listens, wait_until

pytestmark = pytest.mark.slow

PAGES = Path(__file__).parents[2] / "docs" / "plugins"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# The port of the page, and what the target prints of the alert.
TARGETS = {
    "email": ("8025", "Subject: Disconnect from Platform: "),
    "http": ("8000", '"type": "disconnected"'),
    "mqtt": ("1883", '"connected": false'),
}


class Target:
    """The programs of the first block, which print what they get."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._printed = ""

    def read(self, program: "subprocess.Popen[str]") -> None:
        """Keep what a program prints, until it ends."""
        assert program.stdout is not None
        for line in program.stdout:
            with self._changed:
                self._printed += line
                self._changed.notify_all()

    def wait_for(self, text: str) -> None:
        """Wait until the programs have printed a text."""
        with self._changed:
            done = self._changed.wait_for(lambda: text in self._printed, DEADLINE_S)
            assert done, self._printed


def blocks(page: str, free: int) -> list[tuple[str, str]]:
    """The language and the text of each block of the section, with another port."""
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    section = text.partition("\n## Try it on this machine\n")[2].partition("\n## ")[0]
    port = TARGETS[page][0]
    return [(language, code.replace(port, str(free))) for language, code in BLOCK.findall(section)]


def commands(block: str) -> Iterator[tuple[str, list[str]]]:
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, *shown = part.splitlines()
        yield command, shown


@contextmanager
def running(command: str, folder: Path, target: Target) -> Iterator[None]:
    """Run a command of the first terminal until the end."""
    command = re.sub(r"^mosquitto ", "/usr/sbin/mosquitto ", command.removesuffix(" &"))
    with subprocess.Popen(
        ["bash", "-c", f"exec {command}"],
        cwd=folder,
        env=environ(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as program:
        reader = threading.Thread(target=target.read, args=(program,))
        reader.start()
        try:
            yield
        finally:
            program.terminate()
            reader.join()


def environ(folder: Path) -> dict[str, str]:
    """The environment of a person whose shell finds `python` and `incm-webhook`."""
    programs = folder / "bin"
    if not programs.exists():
        programs.mkdir()
        for name, module in (("python", ""), ("incm-webhook", " -m incm_webhook")):
            path = programs / name
            path.write_text(f'#!/bin/sh\nexec "{sys.executable}"{module} "$@"\n')
            path.chmod(0o755)
    search = f"{programs}:{os.environ['PATH']}"
    return {**os.environ, "PATH": search, "PYTHONUNBUFFERED": "1"}


def send(command: str, shown: list[str], folder: Path) -> None:
    """Run a command of the second terminal, and compare what it prints."""
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environ(folder),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    for line in shown:
        assert re.search(rf"(?m)^{re.escape(line).replace('…', '.*')}$", done.stdout), done.stdout


@pytest.mark.parametrize("page", TARGETS)
def test_a_first_message_arrives_in_a_target_on_this_machine(page: str, tmp_path: Path) -> None:
    needed = ("bash", "mosquitto_sub") if page == "mqtt" else ("bash",)
    if missing := [one for one in needed if shutil.which(one) is None]:
        pytest.skip(f"{missing[0]} is not installed")
    port, target, sent = free_port(), Target(), 0
    with contextlib.ExitStack() as programs:
        for language, code in blocks(page, port):
            if language != "console":
                name, content = code.split("\n", maxsplit=1)
                (tmp_path / name.removeprefix("# ")).write_text(content)
                continue
            for command, shown in commands(code):
                if command.startswith("incm-webhook "):
                    send(command, shown, tmp_path)
                    sent += 1
                elif not re.match("pip |sudo ", command):
                    programs.enter_context(running(command, tmp_path, target))
                    wait_until(lambda: listens(port))
        target.wait_for(TARGETS[page][1])
    assert sent == 1
