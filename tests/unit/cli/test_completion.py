import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from incm_webhook.cli.program import main

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_one_of_that_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert f"_INCM_WEBHOOK_COMPLETE={shell}_complete" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True)


def test_another_shell_is_refused_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "tcsh"]) == 2
    assert "'bash', 'zsh', 'fish'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["incm-webhook", "qua"], ["quarantine"]),
        (["incm-webhook", "dead", "re"], ["retry"]),
        (["incm-webhook", "serve", "--li"], ["--listen"]),
        (["incm-webhook", "completion", "f"], ["fish"]),
    ],
)
def test_bash_completes_commands_flags_and_values(
    tmp_path: Path, write: Callable[[str, str], Path], words: list[str], found: list[str]
) -> None:
    """In a real bash, which runs the script."""
    program = write("incm-webhook", f'#!/bin/sh\nexec "{sys.executable}" -m incm_webhook "$@"\n')
    program.chmod(0o755)
    done = subprocess.run(
        [
            "bash",
            "-c",
            'eval "$(incm-webhook completion bash)"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
            '_incm_webhook_completion "$1"; printf "%s\\n" "${COMPREPLY[@]}"',
            "bash",
            *words,
        ],
        env={**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == found, done.stderr
