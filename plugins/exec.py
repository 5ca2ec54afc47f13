"""Runs a program for each alert; the program reads the alert's JSON text on standard input.

    [[plugin]]
    use = "exec"
    config = { command = ["/usr/local/bin/page-noc", "--team", "north"] }

No shell takes part, and no text of an alert becomes an argument or a variable, so that an alert
cannot inject anything.
"""

import contextlib
import os
import select
import shutil
import signal
import subprocess
import threading
from datetime import UTC
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from incm_webhook import Alert, Context, Reject, Unavailable, plugin
from incm_webhook.fields import PositiveDuration
from incm_webhook.message import one_line

# EX_DATAERR and EX_UNAVAILABLE of sysexits.h. A shell answers 126 for a program that it may not
# execute, and 127 for one that does not exist.
_REJECT = 65
_UNAVAILABLE = {69, 126, 127}
_OUTPUT_BYTES = 64 * 1024
_SHOWN = 300  # characters of the output in a failure
_LEFT_OPEN_S = 1.0
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

Argument = Annotated[str, Field(min_length=1)]


class ExecConfig(BaseModel):
    """The settings of the plugin.

    Attributes:
        command: the program and its arguments, exactly as the program gets them. The program is a
            path or a name that is looked for in PATH.
        environment: further variables of the program. It gets no others than these, PATH, LANG and
            the facts of the delivery.
        folder: the program's working directory.
        time_limit: how long the program may run; then it is killed with all its children, and the
            alert is tried again. Keep it below the plugin's `timeout`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    command: tuple[Argument, ...] = Field(min_length=1)
    environment: dict[str, SecretStr] = Field(default_factory=dict)
    folder: Path = Path("/")
    time_limit: PositiveDuration = 20.0

    @field_validator("command")
    @classmethod
    def _without_nul(cls, command: tuple[str, ...]) -> tuple[str, ...]:
        if any("\0" in one for one in command):
            raise ValueError("an argument must not contain a NUL character")
        return command

    @field_validator("environment")
    @classmethod
    def _variables(cls, environment: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, value in environment.items():
            if not name or "=" in name or "\0" in name or "\0" in value.get_secret_value():
                raise ValueError('a name must not be empty or contain "=", and no part a NUL')
        return environment


@plugin("exec", config=ExecConfig, timeout="30s")
class Exec:
    """Run a program for each alert.

    Shape: the program gets the alert's JSON text on standard input, and the facts of its delivery
    in variables: INCM_PLUGIN, INCM_DELIVERY_KEY, INCM_ATTEMPT, INCM_ALERT_ID, INCM_ENDPOINT,
    INCM_RECEIVED_AT. It need not read its input. The first 64 KiB of its output are kept for the
    message of a failure; the rest is read and dropped.
    Errors: exit status 0 is delivered, 65 Reject, 69, 126 and 127 Unavailable; any other status
    (75 is the usual one), a signal or the end of `time_limit` is a failure that is tried again.
    Threads: any; each call runs a program of its own.
    """

    def __init__(self, config: ExecConfig) -> None:
        self._config = config
        self._environment = {
            "PATH": _PATH,
            "LANG": "C.UTF-8",
            **{name: value.get_secret_value() for name, value in config.environment.items()},
        }

    def check(self) -> None:
        """Raise FileNotFoundError or NotADirectoryError when the program cannot be started."""
        self._program()
        if not self._config.folder.is_dir():
            raise NotADirectoryError(f"the folder {self._config.folder} does not exist")

    def handle(self, alert: Alert, ctx: Context) -> None:
        """Run the program and translate its exit status."""
        status, output = self._run(alert.raw, ctx)
        if status == 0:
            ctx.log.debug("%s was successful%s", self._name(), _quoted(output))
            return
        if status is None:
            limit = self._config.time_limit
            raise TimeoutError(f"{self._name()} was killed after {limit:g} s{_quoted(output)}")
        if status < 0:
            how = f"{self._name()} was ended by {_signal_name(-status)}{_quoted(output)}"
        else:
            how = f"{self._name()} ended with exit status {status}{_quoted(output)}"
        if status in _UNAVAILABLE:
            raise Unavailable(how)
        if status == _REJECT:
            raise Reject(how)
        raise RuntimeError(how)

    def _program(self) -> str:
        """Return the path of the program.

        Raises:
            FileNotFoundError: it does not exist, or may not be executed.
        """
        name = self._config.command[0]
        found = shutil.which(name, path=self._environment["PATH"])
        if found is None or (os.sep in name and not os.path.isabs(name)):  # noqa: PTH117 - as which
            where = "" if os.sep in name else f" in PATH ({self._environment['PATH']})"
            hint = ""
            if os.sep in name and not name.startswith(os.sep):
                hint = "; write its whole path, because it starts in another folder"
            raise FileNotFoundError(f"no program {name} can be executed{where}{hint}")
        return found

    def _run(self, text: bytes, ctx: Context) -> tuple[int | None, bytes]:
        """Run the program; return its status (negative: a signal; None: time-out) and output."""
        try:
            program = self._program()
            process = subprocess.Popen(  # noqa: S603 - the operator's own program, without a shell
                self._config.command,
                executable=program,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=self._config.folder,
                env={**self._environment, **_facts(ctx)},
                start_new_session=True,  # so that its children can be killed with it
            )
        except OSError as error:
            raise Unavailable(f"{self._name()} cannot be started: {error}") from error
        return _finish(process, text, self._config.time_limit)

    def _name(self) -> str:
        return Path(self._config.command[0]).name


def _facts(ctx: Context) -> dict[str, str]:
    """Return the variables that describe the delivery; no sender's text is among them."""
    received_at = ctx.received_at.astimezone(UTC).isoformat(timespec="milliseconds")
    return {
        "INCM_PLUGIN": ctx.plugin,
        "INCM_DELIVERY_KEY": ctx.delivery_key,
        "INCM_ATTEMPT": str(ctx.attempt),
        "INCM_ALERT_ID": str(ctx.alert_id),
        "INCM_ENDPOINT": ctx.endpoint,
        "INCM_RECEIVED_AT": received_at.replace("+00:00", "Z"),
    }


def _finish(
    process: subprocess.Popen[bytes], text: bytes, limit: float
) -> tuple[int | None, bytes]:
    """Feed a program, read its output, and wait for it, at most `limit` seconds.

    A child that it leaves behind is killed as well: it would hold the pipes open.

    Returns:
        The exit status, negative for a signal, None when the time was up; and the output.
    """
    output = bytearray()
    feeder = threading.Thread(target=_feed, args=(process, text), daemon=True)
    reader = threading.Thread(target=_read, args=(process, output), daemon=True)
    feeder.start()
    reader.start()
    try:
        in_time = _ends_within(process.pid, limit)
    finally:
        # The program is not reaped yet, so that no other process can have its number.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        status = process.wait()
    for thread in (feeder, reader):
        thread.join(_LEFT_OPEN_S)  # a child in a session of its own may keep a pipe open
    return status if in_time else None, bytes(output)


def _ends_within(pid: int, seconds: float) -> bool:
    """Wait for the end of a child without reaping it; return whether it ended in time."""
    descriptor = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(seconds * 1000))
    finally:
        os.close(descriptor)


def _feed(process: subprocess.Popen[bytes], text: bytes) -> None:
    # A program that does not read its whole input is not at fault.
    with contextlib.suppress(OSError), process.stdin as pipe:  # type: ignore[union-attr]
        pipe.write(text)


def _read(process: subprocess.Popen[bytes], output: bytearray) -> None:
    with contextlib.suppress(OSError, ValueError), process.stdout as pipe:  # type: ignore[union-attr]
        while part := os.read(pipe.fileno(), _OUTPUT_BYTES):
            output += part[: _OUTPUT_BYTES - len(output)]


def _quoted(output: bytes) -> str:
    text = one_line(output.decode(errors="replace"), _SHOWN)
    return f": {text}" if text else ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
