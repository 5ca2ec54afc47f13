"""Appends each alert to a file of JSON lines.

A line holds the alert's own JSON text, so nothing of the alert is lost:

    {"inbox_id":7,"received_at":"2025-01-06T10:01:39.120Z","endpoint":"/webhook",
     "delivery_key":"...","alert":{...}}

Delivery is at least once: after a crash a line may be written again, with the same delivery_key.
"""

import base64
import json
import os
import stat
import threading
from collections.abc import Sequence
from datetime import UTC
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from incm_webhook import Alert, Context, plugin


class JsonlConfig(BaseModel):
    """The settings of the plugin.

    Attributes:
        path: the file, which is created with mode 0640 when it is missing; relative to the working
            directory at the time the plugin is loaded.
        fsync: whether an alert counts as delivered only once its line is on the disk.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Path = Field(default=Path("alerts.jsonl"))
    fsync: bool = False


@plugin("jsonl", config=JsonlConfig, concurrency=1)
class Jsonl:
    """Append each alert to a file of JSON lines.

    Shape: each line is written by one write to a descriptor opened with O_APPEND, so several
    processes may append to one file. When the file ends with an incomplete line (after a crash, on
    a full disk), a line end is written first. When the file was renamed or removed (rotation), a
    new one is created.
    Errors: OSError when the file cannot be opened or written; the batch is then tried again.
    Threads: any; a lock is held while a batch is written.
    """

    def __init__(self, config: JsonlConfig) -> None:
        self._path = config.path.absolute()  # another plugin may change the working directory
        self._fsync = config.fsync
        self._lock = threading.Lock()
        self._descriptor = -1
        self._inside_line = False

    def check(self) -> None:
        """Raise OSError when the file cannot be opened for appending."""
        target = self._path if self._path.exists() else self._path.parent
        if not target.exists():
            raise FileNotFoundError(f"the folder {target} does not exist")
        if self._path.is_dir():
            raise IsADirectoryError(f"{self._path} is a folder")
        if not os.access(target, os.W_OK):
            raise PermissionError(f"{target} is not writable")

    def setup(self) -> None:
        """Open the file if it exists; a missing file is created for the first alert.

        Otherwise a trial run by another user would leave a file that the server cannot append to.
        """
        if not self._path.exists():
            self.check()
            return
        with self._lock:
            self._open_current()

    def handle_batch(self, alerts: Sequence[Alert], ctx: Context) -> None:
        """Append a line for each alert, in the order of the alerts."""
        with self._lock:
            self._open_current()
            for alert, one in zip(alerts, ctx.each, strict=True):
                self._append(line_of(alert, one))
            if self._fsync:
                os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._close()

    def _open_current(self) -> None:
        """Open the file that is at the path now, unless it is open already."""
        if self._descriptor >= 0:
            try:
                if os.path.samestat(os.fstat(self._descriptor), self._path.stat()):
                    return
            except FileNotFoundError:
                pass
            self._close()
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._descriptor = os.open(self._path, flags, 0o640)
        state = os.fstat(self._descriptor)
        self._inside_line = (
            stat.S_ISREG(state.st_mode)
            and state.st_size > 0
            and os.pread(self._descriptor, 1, state.st_size - 1) != b"\n"
        )

    def _append(self, line: bytes) -> None:
        """Write one line whole or not at all."""
        text = b"\n" + line if self._inside_line else line
        written = 0
        try:
            while written < len(text):
                written += os.write(self._descriptor, text[written:])
        except OSError:
            if written:
                self._undo(written)
            raise
        self._inside_line = False

    def _undo(self, written: int) -> None:
        """Cut off a partly written line (full disk), unless another process has written since."""
        end = os.lseek(self._descriptor, 0, os.SEEK_CUR)
        try:
            if os.fstat(self._descriptor).st_size == end:
                os.ftruncate(self._descriptor, end - written)
                return
        except OSError:
            pass
        self._inside_line = True

    def _close(self) -> None:
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)


def line_of(alert: Alert, ctx: Context) -> bytes:
    """Write one alert as one line.

    Args:
        alert: any alert.
        ctx: the context of this alert, `ctx.each[i]` in a batch.

    Returns:
        UTF-8, a JSON object and one line end. "alert" is the alert's own text, with spaces in place
        of the line ends between its tokens. A text that is not UTF-8 is written from the parsed
        alert instead, and its bytes are kept in "raw_base64".
    """
    moment = ctx.received_at.astimezone(UTC).isoformat(timespec="milliseconds")
    head = json.dumps(
        {
            "inbox_id": ctx.alert_id,
            "received_at": moment.replace("+00:00", "Z"),
            "endpoint": ctx.endpoint,
            "delivery_key": ctx.delivery_key,
        },
        separators=(",", ":"),
    ).encode()
    raw = alert.raw.removeprefix(b"\xef\xbb\xbf")
    try:
        raw.decode()
    except UnicodeDecodeError:
        kept = base64.b64encode(alert.raw)
        text = json.dumps(alert.to_dict()).encode() + b',"raw_base64":"' + kept + b'"'
    else:
        text = raw.translate(bytes.maketrans(b"\r\n", b"  "))
    return head[:-1] + b',"alert":' + text + b"}\n"
