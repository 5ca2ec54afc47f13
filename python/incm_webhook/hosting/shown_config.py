"""Writes a plugin's `config` without its secrets."""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Secret, SecretBytes, SecretStr

from incm_webhook.config.annotations import model_of, types_in
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
        The same table: what the model declares secret, what has the name of a secret and what the
        model does not know is ***, and URLs are shortened. `{ env = "X" }` and `{ file = "X" }`
        stay.
    """
    fields = {} if model is None else model.model_fields
    annotations = {
        name: field.annotation
        for key, field in fields.items()
        for name in (key, field.alias)
        if name is not None
    }
    return {key: _shown(one, key, annotations.get(key)) for key, one in config.items()}


def _shown(raw: Any, key: str, annotation: Any) -> Any:
    inner = model_of(annotation)
    if annotation is None or _is_secret(annotation) or _names_secret(key):
        return _hidden(raw)
    if inner is not None and isinstance(raw, dict):
        return shown(raw, inner)
    if inner is not None and isinstance(raw, list):
        return [shown(one, inner) if isinstance(one, dict) else _hidden(one) for one in raw]
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
