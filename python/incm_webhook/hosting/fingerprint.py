"""Tells whether a plugin would be another one if it were loaded again."""

import hashlib
import importlib.util
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from incm_webhook.config.secrets import locate_secret_file
from incm_webhook.config.settings import PluginSettings
from incm_webhook.hosting import registry

_MOST_BYTES = 4 * 1024 * 1024  # of a file; a longer one is compared by its time and size
_MOST_FILES = 2000  # of a package


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a loaded plugin was made of.

    Attributes:
        settings: its table as text, with digests of the secrets that its config names.
        code: a digest of its file, or of the files of its package.
    """

    settings: str
    code: str


def fingerprint_of(
    spec: PluginSettings, base: Path, environ: Mapping[str, str] = os.environ
) -> Fingerprint:
    """Take the fingerprint of a plugin, without loading it.

    Take it before the plugin is loaded, so that a change during that is not missed.

    Args:
        spec: its `[[plugin]]` table.
        base: the folder that relative files are relative to.
        environ: the environment, for the secrets.
    """
    table = spec.model_dump(mode="python", by_alias=True)
    given = sorted(spec.model_fields_set)
    secrets = [_digest_of(file) for file in secret_files_of(spec, base, environ)]
    settings = json.dumps([table, given, secrets], default=str, sort_keys=True)
    code = hashlib.sha256()
    for file in code_of(spec.use, base):
        code.update(f"{file}={_digest_of(file)}\n".encode())
    return Fingerprint(settings, code.hexdigest())


def code_of(use: str, base: Path) -> list[Path]:
    """List the files with the code of a plugin: its file, or those of its package, sorted.

    Args:
        use: a value of the key `use`.
        base: the folder that relative files are relative to.
    """
    file = registry.file_of(use, base)
    if file is not None:
        return [file]
    name = _module_of(use)
    if name is None:
        return []
    own = name.startswith("incm_webhook.")  # a bundled plugin is only its module
    try:
        spec = importlib.util.find_spec(name if own else name.partition(".")[0])
    except (ImportError, ValueError):  # it is missing now; loading it says so
        return []
    if spec is None or spec.origin is None or not spec.has_location:
        return []
    if spec.submodule_search_locations is None:
        return [Path(spec.origin)]
    files = sorted(Path(spec.origin).parent.rglob("*.py"))
    return files[:_MOST_FILES]


def _module_of(use: str) -> str | None:
    module, colon, _ = use.partition(":")
    if colon:
        return module
    known = registry.BUNDLED.get(use)
    return known or next((one.module for one in registry.installed() if one.name == use), None)


def secret_files_of(
    spec: PluginSettings, base: Path, environ: Mapping[str, str] = os.environ
) -> list[Path]:
    """List the files that the config of a plugin names as `{ file = "FILE" }`."""
    return [locate_secret_file(name, base, environ) for name in _named_files(spec.config)]


def _named_files(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if set(value) == {"file"} and isinstance(value["file"], str) and value["file"]:
            yield value["file"]
        for one in value.values():
            yield from _named_files(one)
    elif isinstance(value, list):
        for one in value:
            yield from _named_files(one)


def _digest_of(file: Path) -> str:
    try:
        state = file.stat()
        if not file.is_file() or state.st_size > _MOST_BYTES:
            return f"{state.st_mtime_ns} {state.st_size}"
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except (OSError, ValueError):
        return "missing"
