"""The ready file: tells whoever started the server that it serves, and where."""

import contextlib
import json
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from incm_webhook.errors import ConfigError
from incm_webhook.log import printable
from incm_webhook.service.announcement import scheme_of

if TYPE_CHECKING:
    from incm_webhook._core import Receiver
    from incm_webhook.config.loading import Settings

_log = logging.getLogger("incm_webhook.service")


def check_ready_file(path: Path | None, called: str) -> None:
    """Check that the ready file can be written, before the server starts.

    Args:
        path: the path of the file; None when none is configured.
        called: the place where the path is configured, for messages, such as "--ready-file".

    Raises:
        ConfigError: the folder does not exist or is not writable, or the path is that of a folder,
            a device, a pipe or the like.
    """
    if path is None:
        return
    place = f"{called} {printable(str(path))}"
    if "\0" in str(path):
        raise ConfigError(f"{place}: a file name cannot contain a zero byte")
    if not path.parent.is_dir():
        raise ConfigError(f"{place}: there is no folder {path.parent}: create it")
    if path.exists() and not path.is_file() and not path.is_dir():
        # The file is written under another name and renamed, which would replace /dev/null.
        raise ConfigError(f"{place}: is a device or pipe: name a file")
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise ConfigError(f"{place}: it cannot be written there: name another file")


def write_ready_file(path: Path, receiver: "Receiver", settings: "Settings", pid: int) -> None:
    """Write the ready file in one step: a JSON object with the addresses and the process number."""
    admin = receiver.admin_address
    ready = {
        "url": f"{scheme_of(settings)}://{receiver.address}{settings.endpoint[0].path}",
        "admin_url": None if admin is None else f"http://{admin}",
        "pid": pid,
    }
    if receiver.metrics_address is not None:
        ready["metrics_url"] = f"http://{receiver.metrics_address}"
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(json.dumps(ready) + "\n", encoding="utf-8")
        partial.replace(path)
    except OSError as error:  # a missing ready file is no reason to stop serving
        _log.error("cannot write %s: %s", path, error.strerror)
        with contextlib.suppress(OSError):
            partial.unlink()
