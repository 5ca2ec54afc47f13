"""Reads the secrets that a plugin's `config` names, and hides them in the log and in messages.

Wherever the plugin's model has a text, the config may have `{ env = "NAME" }` or
`{ file = "FILE" }`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from incm_webhook.config.messages import dotted
from incm_webhook.config.secrets import (
    is_readable_by_others,
    locate_secret_file,
    oddity,
    read_secret_file,
)
from incm_webhook.errors import ConfigError
from incm_webhook.text.redaction import SHORTEST_HIDDEN, hide, hide_url

__all__ = ["Filled", "filled"]

# A URL without user, path and query: what it says is the host, and that is no secret.
_HOST = re.compile(r"https?://[^/@?#\s]+/?")

_Schema = dict[str, Any]
_SHORTEST = 8  # characters of a secret that occurs nowhere else
_SHORTEST_OF_LETTERS = 16  # shorter ones may be words


class _Lenient(GenerateJsonSchema):
    """Accepts any value for a type that has no JSON schema."""

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> _Schema:  # noqa: ARG002
        """Return a schema that accepts everything."""
        return {}


@dataclass(slots=True)
class Filled:
    """A plugin's config with the values of its secrets.

    Attributes:
        config: the table for the model to validate.
        problems: a sentence for each secret that cannot be read, which begins with its key.
        warnings: a sentence for each oddity that the operator should know.
    """

    config: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def filled(
    config: dict[str, Any], model: type[BaseModel], environ: Mapping[str, str], base: Path
) -> Filled:
    """Read the secrets that a config names, and hide every value that the model declares secret.

    Args:
        config: the plugin's `config` table.
        model: determines where a text is expected. Where the model itself has a table with the key
            `env` or `file`, or a table with any keys, the config is left unchanged.
        environ: the environment, also for $CREDENTIALS_DIRECTORY.
        base: the folder that relative files are relative to.

    Returns:
        The config to validate, with all problems.

    Source: docs/configuration.md, Secrets.
    """
    result = Filled()
    schemas = _places_of(model)
    reader = _Reader(environ, base, result)
    result.config = {
        key: reader.value(one, _members(schemas, key), (key,)) for key, one in config.items()
    }
    return result


def _places_of(model: type[BaseModel]) -> "list[_Place]":
    try:
        return [
            _Place(one, one)
            for by_alias in (True, False)
            for one in [model.model_json_schema(by_alias=by_alias, schema_generator=_Lenient)]
        ]
    except Exception:  # a type of the plugin may compute its schema, and fail
        return []


@dataclass(frozen=True, slots=True)
class _Place:
    """A part of a JSON schema, and the whole schema, in which its references are looked up."""

    node: _Schema
    whole: _Schema


class _Reader:
    def __init__(self, environ: Mapping[str, str], base: Path, result: Filled) -> None:
        self._environ = environ
        self._base = base
        self._result = result

    def value(self, raw: Any, places: list[_Place], location: tuple[str | int, ...]) -> Any:
        """Return the value that replaces `raw`; `places` are the schemas of its position."""
        if isinstance(raw, dict):
            if (
                _is_source(raw)
                and _takes_text(places)
                and not _takes_table(places, next(iter(raw)))
            ):
                return self._secret(raw, location)
            return {
                key: self.value(one, _members(places, key), (*location, key))
                for key, one in raw.items()
            }
        if isinstance(raw, list):
            return [
                self.value(one, _items(places, index), (*location, index))
                for index, one in enumerate(raw)
            ]
        if isinstance(raw, str):
            if any(place.node.get("format") == "password" for place in places):
                self._hide(raw, dotted(("config", *location)))
            hide_url(raw)
        return raw

    def _secret(self, raw: dict[str, str], location: tuple[str | int, ...]) -> str | None:
        ((kind, name),) = raw.items()
        where = dotted(("config", *location))
        try:
            text = self._from_env(name) if kind == "env" else self._from_file(name, where)
        except ConfigError as error:
            self._result.problems.append(f"{where}: {error}")
            return None
        self._hide(text, where)
        hide_url(text)
        return text

    def _hide(self, text: str, where: str) -> None:
        if _HOST.fullmatch(text):
            return  # messages should name it
        hide(text)
        what = _weakness(text)
        if what:
            self._result.warnings.append(
                f"{where}: the secret {what}; use a longer one with digits (or, if it is no "
                "secret, a text without env or file)"
            )

    def _from_env(self, name: str) -> str:
        text = self._environ.get(name, "")
        if not text:
            raise ConfigError(f"the environment variable {name} is not set, or empty")
        return text

    def _from_file(self, name: str, where: str) -> str:
        path = locate_secret_file(name, self._base, self._environ)
        value = read_secret_file(path).reveal()
        odd = oddity(value, f"the secret file {path}", lines=True)
        if odd:
            self._result.warnings.append(f"{where}: {odd}")
        if is_readable_by_others(path):
            self._result.warnings.append(
                f"{where}: every user of this machine may read the secret file {path}; "
                f"chmod o-r {path} ends that"
            )
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise ConfigError(f"the secret file {path} is not UTF-8 text") from None


def _weakness(text: str) -> str:
    """Describe why the secret cannot be masked well; "" when it can."""
    if not text:
        return ""  # the plugin decides whether that is a secret
    if len(text) < SHORTEST_HIDDEN:
        return f"has fewer than {SHORTEST_HIDDEN} characters, so it is not masked in the log"
    if len(text) < _SHORTEST:
        what = f"has fewer than {_SHORTEST} characters"
    elif text.isalpha() and len(text) < _SHORTEST_OF_LETTERS:
        what = f"has letters only, and fewer than {_SHORTEST_OF_LETTERS}"
    else:
        return ""
    return f"{what}, so the log and messages have *** where other texts contain it, too"


def _is_source(raw: dict[str, Any]) -> bool:
    return len(raw) == 1 and all(
        key in ("env", "file") and isinstance(one, str) and one for key, one in raw.items()
    )


def _takes_text(places: list[_Place]) -> bool:
    return any(place.node.get("type") == "string" for place in places)


def _takes_table(places: list[_Place], key: str) -> bool:
    return any(
        place.node.get("type") == "object"
        and (key in place.node.get("properties", {}) or "properties" not in place.node)
        for place in places
    )


def _members(places: list[_Place], key: str) -> list[_Place]:
    found: list[_Place] = []
    for place in places:
        node = place.node.get("properties", {}).get(key, place.node.get("additionalProperties"))
        found += _arms(node, place.whole)
    return found


def _items(places: list[_Place], index: int) -> list[_Place]:
    found: list[_Place] = []
    for place in places:
        first = place.node.get("prefixItems", [])
        node = first[index] if index < len(first) else place.node.get("items")
        found += _arms(node, place.whole)
    return found


def _arms(node: object, whole: _Schema, depth: int = 0) -> Iterator[_Place]:
    """Yield the alternatives of a schema one by one, with references resolved."""
    if not isinstance(node, dict) or depth > 20:
        return
    reference = node.get("$ref")
    if isinstance(reference, str):
        yield from _arms(whole.get("$defs", {}).get(reference.rpartition("/")[2]), whole, depth + 1)
    for name in ("anyOf", "oneOf", "allOf"):
        for one in node.get(name, ()):
            yield from _arms(one, whole, depth + 1)
    if "type" in node:
        yield _Place(node, whole)
