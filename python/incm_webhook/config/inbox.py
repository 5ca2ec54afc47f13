"""The model of `[inbox]`: where alerts are stored."""

import os
import re
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, StrictBool

from incm_webhook.config.quantities import format_duration
from incm_webhook.config.types import DURATION, Size, Table, positive_duration
from incm_webhook.config.written import Written, key

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")


def _optional_duration(value: object) -> float | None:
    return None if value is None or value == "off" else positive_duration(value)


def inbox_path(url: str) -> Path:
    """Read an inbox URL.

    Args:
        url: `sqlite:///abs/path` (or four slashes), `sqlite:rel.db`, `sqlite:./rel.db`, or a path.

    Returns:
        The path of the SQLite file, relative when the URL is.

    Raises:
        ValueError: another scheme, no path, or a database in memory.
    """
    scheme = _SCHEME.match(url)
    supported = (
        'supported is sqlite: "sqlite:///var/lib/incm-webhook/inbox.db" or "sqlite:inbox.db"'
    )
    path = url
    if scheme:
        if scheme[1].lower() != "sqlite":
            raise ValueError(f'"{scheme[1]}:" is not supported in this version; {supported}')
        path = url[scheme.end() :]
        if path.startswith("//") and not path.startswith("///"):
            raise ValueError(f"an absolute path needs three slashes; {supported}")
        path = re.sub(r"^/{3,}", "/", path)
    if not path or path.endswith("/") or "\0" in path:
        raise ValueError(f"names no file; {supported}")
    if any("\ud800" <= one <= "\udfff" for one in path):  # Python decodes other bytes to these
        raise ValueError(f"wants a path in UTF-8; {supported}")
    if path == ":memory:":
        raise ValueError(f"an inbox in memory would lose alerts; {supported}")
    return Path(path)


def _inbox_url(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError('wants a text such as "sqlite:inbox.db"')  # noqa: TRY004 - pydantic's way
    inbox_path(value)
    return value


class InboxSettings(Table):
    """`[inbox]`: where alerts are stored, for how long, and how much disk is left free.

    After `load_settings` the URL's path is absolute.
    Units: seconds (None: without limit), bytes.
    """

    url: Annotated[str, BeforeValidator(_inbox_url), Written("inbox URL", {"type": "string"})] = (
        key(
            "sqlite:inbox.db",
            "Where alerts are stored, in a folder that must be writable; by default in systemd's "
            "state folder, if there is one",
            example="sqlite:///var/lib/incm-webhook/inbox.db",
        )
    )
    retention: Annotated[
        float | None,
        BeforeValidator(_optional_duration),
        Written(
            'duration or "off"',
            {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, DURATION, {"const": "off"}]},
            lambda value: "off" if value is None else format_duration(value),
        ),
    ] = key(90 * 86400.0, "Delivered alerts are pruned after this time, undelivered ones never")
    reserve: Size = key(
        256 * 1024**2, "Free disk below which new alerts get 503 instead of filling up the disk"
    )
    backup_before_migrate: StrictBool = key(
        default=True,
        meaning="Keep a copy of the file before a newer version of this program changes its "
        "tables; see upgrade.md",
    )

    @property
    def path(self) -> Path:
        """The path of the SQLite file."""
        return inbox_path(self.url)

    @property
    def real_path(self) -> Path:
        """The path with links resolved; a link to itself stays, so that opening it fails."""
        return Path(os.path.realpath(self.path))

    @property
    def core_url(self) -> str:
        """The URL in the form of the core: the scheme and the plain path."""
        return f"sqlite:{self.path}"
