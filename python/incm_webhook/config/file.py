"""Reads the configuration file: TOML in UTF-8, with or without a byte order mark."""

import codecs
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from incm_webhook.config.lines import KeyPath, lines_of
from incm_webhook.errors import ConfigError, unreadable

DEFAULT_FILE = "incm-webhook.toml"  # read when no other file is named
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_toml(path: Path) -> tuple[dict[str, Any], Mapping[KeyPath, int]]:
    """Read a TOML file; a byte order mark at its beginning is ignored.

    Args:
        path: the path of the file.

    Returns:
        The tables of the file, and the lines of its keys.

    Raises:
        ConfigError: the file cannot be read, or is not TOML in UTF-8; the text names the file and
            what to do.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {path}: {unreadable(error)}") from None
    text = _text(path, content)
    try:
        return tomllib.loads(text), lines_of(text)
    except ValueError as error:  # TOMLDecodeError, or an integer of too many digits
        raise ConfigError(f"{path}: is not TOML: {error}") from None
    except RecursionError:
        raise ConfigError(f"{path}: is nested too deeply") from None


def _text(path: Path, content: bytes) -> str:
    if content.startswith(_UTF_16) or b"\0" in content[:4]:
        raise ConfigError(
            f"{path}: is UTF-16 text, as Windows programs write it: save it as UTF-8 (PowerShell: "
            "Out-File -Encoding utf8)"
        )
    try:
        return content.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{path}: is not UTF-8 text (line {line}, byte {error.start}): save it as UTF-8"
        ) from None
