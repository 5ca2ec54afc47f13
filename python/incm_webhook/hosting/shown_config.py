"""Writes a plugin's `config` without its secrets."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Secret, SecretBytes, SecretStr

from incm_webhook.config.annotations import models_in, types_in
from incm_webhook.text.redaction import redacted

_HIDDEN = "***"
_SECRET_NAME = re.compile(
    "password|passwd|passphrase|pwd|secret|token|credential|authorization|cookie"
    "|(?:api|access|account|auth|encryption|integration|master|private|routing|service|shared"
    "|signing|storage)[^a-z0-9]?key",
    re.IGNORECASE,
)
_FILE_NAME = re.compile("[-_]file$", re.IGNORECASE)  # a key whose value names a file


def shown(config: Mapping[str, Any], model: type[BaseModel] | None) -> dict[str, Any]:
    """Return a config without its secrets, to be printed.

    Args:
        config: the plugin's `config` table, as it stands in the file.
        model: the plugin's model; None when it has none, or is not known. Then nothing tells a
            secret from another value, and every text and number becomes ***.

    Returns:
        The same table: what the model declares secret (of a union, any of its models), what has the
        name of a secret and what no model knows is ***, and URLs are shortened. `{ env = "X" }` and
        `{ file = "X" }` stay.
    """
    return _table(config, [] if model is None else [model])


def _table(config: Mapping[str, Any], models: Sequence[type[BaseModel]]) -> dict[str, Any]:
    """Show a table that one of several models describes: a secret of any of them is hidden."""
    annotations: dict[str, list[Any]] = {}
    for model in models:
        for name, field in model.model_fields.items():
            for key in {name, field.alias or name}:
                annotations.setdefault(key, []).append(field.annotation)
    return {key: _shown(one, key, annotations.get(key, [])) for key, one in config.items()}


def _shown(raw: Any, key: str, annotations: Sequence[Any]) -> Any:
    if not annotations or any(map(_is_secret, annotations)) or _names_secret(key):
        return _hidden(raw)
    inner = [model for one in annotations for model in models_in(one)]
    if inner and isinstance(raw, dict):
        return _table(raw, inner)
    if inner and isinstance(raw, list):
        return [_table(one, inner) if isinstance(one, dict) else _hidden(one) for one in raw]
    return _plain(raw)


def _is_secret(annotation: Any) -> bool:
    """Return whether a type holds a secret, or may, but for the fields of a model in it."""
    return any(
        isinstance(one, str)  # not resolved: nothing tells
        or (isinstance(one, type) and issubclass(one, SecretStr | SecretBytes | Secret))
        for one in types_in(annotation)
    )


def _names_secret(key: str) -> bool:
    return bool(_SECRET_NAME.search(key)) and not _FILE_NAME.search(key)


def _hidden(raw: Any) -> Any:
    if isinstance(raw, dict):
        return raw if _is_source(raw) else {key: _hidden(one) for key, one in raw.items()}
    if isinstance(raw, list):
        return [_hidden(one) for one in raw]
    return raw if isinstance(raw, bool) else _HIDDEN


def _plain(raw: Any) -> Any:
    if isinstance(raw, dict):
        return {
            key: _hidden(one) if _names_secret(key) else _plain(one) for key, one in raw.items()
        }
    if isinstance(raw, list):
        return [_plain(one) for one in raw]
    return redacted(raw) if isinstance(raw, str) else raw


def _is_source(raw: dict[str, Any]) -> bool:
    return (
        len(raw) == 1 and set(raw) <= {"env", "file"} and isinstance(next(iter(raw.values())), str)
    )
