"""Runs `incm-webhook serve` in a process of its own, for tests and benchmarks."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

PROGRAM = (sys.executable, "-m", "incm_webhook")
_NOT_PASSED_ON = ("INCM_WEBHOOK_", "OTEL_")


class ServerProcess:
    """A process of `incm-webhook serve`: its start, its ready file and its output.

    The ready file is `ready.json` in the folder, and the output `serve.log`. The process gets the
    variables of this one without the settings of the program (`INCM_WEBHOOK_*`), and without those
    of OpenTelemetry (`OTEL_*`), because made-up alerts have no place in a real collector. Nothing
    ends it but the caller.
    Threads: one at a time.

    Attributes:
        process: the process.
        ready_file: exists as long as the server serves.
    """

    def __init__(
        self,
        folder: Path,
        arguments: Sequence[str],
        *,
        program: Sequence[str] = PROGRAM,
        wrapper: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
        own_session: bool = False,
    ) -> None:
        """Start the process; do not wait for it.

        Args:
            folder: its working directory. A ready file of an earlier server is removed.
            arguments: for `serve`.
            program: the command before `serve`.
            wrapper: a command that replaces itself with the server, such as `nice`.
            environ: further variables.
            own_session: whether the signals of a terminal do not reach the process.
        """
        self.ready_file = folder / "ready.json"
        self.ready_file.unlink(missing_ok=True)
        self._output = folder / "serve.log"
        kept = {key: one for key, one in os.environ.items() if not key.startswith(_NOT_PASSED_ON)}
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(  # noqa: S603 - this very program
                [*wrapper, *program, "serve", "--ready-file", str(self.ready_file), *arguments],
                cwd=folder,
                env={**kept, **(environ or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=own_session,
            )

    def wait_until(self, condition: Callable[[], bool], timeout: float, step: float = 0.02) -> bool:
        """Wait for a condition.

        Args:
            condition: is called again and again.
            timeout: seconds.
            step: seconds from one call to the next.

        Returns:
            False when the process ended and the condition does not hold.

        Raises:
            TimeoutError: it does not hold, and the process still runs; the text has its output.
        """
        deadline = time.monotonic() + timeout
        while not condition():
            try:
                self.process.wait(step)  # ends the pause at once when the process ends
            except subprocess.TimeoutExpired:
                if time.monotonic() >= deadline:
                    raise TimeoutError(f"waited {timeout:g} s:\n{self.output()}") from None
            else:
                return condition()
        return True

    def wait_until_ready(self, timeout: float, step: float = 0.02) -> dict[str, Any]:
        """Wait until it serves.

        Args:
            timeout: seconds.
            step: seconds from one look at the ready file to the next.

        Returns:
            What is in the ready file.

        Raises:
            RuntimeError: it has ended, or does not serve in time; the text has its output.
        """
        try:
            ready = self.wait_until(self.ready_file.exists, timeout, step)
        except TimeoutError:
            raise RuntimeError(f"not ready after {timeout} s:\n{self.output()}") from None
        if not ready:
            status = self.process.returncode
            raise RuntimeError(f"it ended with exit status {status}:\n{self.output()}")
        facts: dict[str, Any] = json.loads(self.ready_file.read_text())
        return facts

    def kill(self) -> None:
        """End the process as `kill -9` does, unless it has ended."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def output(self) -> str:
        """Return what the process has written to standard output and error."""
        return self._output.read_text(errors="replace")
