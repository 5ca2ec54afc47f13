"""The JSON schema of the configuration file, for editors."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import PydanticUndefined

from incm_webhook.config.annotations import model_of
from incm_webhook.config.settings import Settings
from incm_webhook.config.written import as_written, written_of

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE = "#/$defs/{model}"
_SOURCE = {
    "description": "A text that stands in an environment variable or in a file",
    "oneOf": [
        {
            "type": "object",
            "properties": {name: {"type": "string", "minLength": 1}},
            "required": [name],
            "additionalProperties": False,
        }
        for name in ("env", "file")
    ],
}
_Schema = dict[str, Any]


class _Plain(GenerateJsonSchema):
    """Accepts any value for a type without a schema, and leaves defaults to `_written_defaults`."""

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> _Schema:  # noqa: ARG002
        """Return a schema that accepts everything."""
        return {}

    def get_default_value(self, schema: Any) -> Any:  # noqa: ARG002
        """Return no default: in TOML it is written differently."""
        return PydanticUndefined

    def emit_warning(self, kind: Any, detail: str) -> None:
        """Warn about nothing: what has no schema accepts everything."""


def settings_schema(plugins: Mapping[str, type[BaseModel]]) -> _Schema:
    """Make the JSON schema of the file.

    Args:
        plugins: the models of `config`, by the value of `use` that they belong to.

    Returns:
        A schema of draft 2020-12. It refuses unknown keys and wrong types; what depends on several
        keys or on the machine is left to `check`.

    Threads: any.
    """
    schema = _schema_of(Settings)
    definitions = schema.setdefault("$defs", {})
    cases = []
    for use, model in plugins.items():
        name = f"plugin-{use}"
        own = _schema_of(model)
        for inner, one in own.pop("$defs", {}).items():
            definitions[f"{name}-{inner}"] = _renamed(_with_sources(one), f"{name}-")
        own = _renamed(_with_sources(own), f"{name}-")
        own.setdefault("additionalProperties", False)
        definitions[name] = own
        then: _Schema = {"properties": {"config": {"$ref": _REFERENCE.format(model=name)}}}
        if own.get("required"):
            then["required"] = ["config"]
        given = {"properties": {"use": {"const": use}}, "required": ["use"]}
        cases.append({"if": given, "then": then})
    if cases:
        definitions["source"] = _SOURCE
        definitions["PluginSettings"]["allOf"] = cases
    return {"$schema": DIALECT, "title": "Configuration of incm-webhook", **schema}


def _schema_of(model: type[BaseModel]) -> _Schema:
    schema = model.model_json_schema(
        by_alias=True, ref_template=_REFERENCE, schema_generator=_Plain
    )
    _write_defaults(schema, model, schema.get("$defs", {}), set())
    plain: _Schema = _tidy(schema)
    for one in (plain, *plain.get("$defs", {}).values()):
        if "description" in one:
            one["description"] = one["description"].partition("\n\n")[0]
    return plain


def _write_defaults(
    node: _Schema, model: type[BaseModel], definitions: _Schema, seen: set[str]
) -> None:
    """Add the defaults of a model's fields, as they are written in TOML."""
    if model.__name__ in seen:
        return
    seen.add(model.__name__)
    for name, field in model.model_fields.items():
        property_ = node.get("properties", {}).get(field.alias or name)
        inner = None if written_of(field) else model_of(field.annotation)
        if inner is not None:
            if inner.__name__ in definitions:
                _write_defaults(definitions[inner.__name__], inner, definitions, seen)
        elif isinstance(property_, dict) and field.default not in (None, PydanticUndefined):
            value = as_written(field, field.default)
            if isinstance(value, str | int | float | bool) and value != "":
                property_["default"] = value


def _tidy(node: Any) -> Any:
    """Leave out what pydantic adds and an editor does not need, and null, which TOML lacks."""
    if isinstance(node, list):
        return [_tidy(one) for one in node if one != {"type": "null"}]
    if not isinstance(node, dict):
        return node
    tidy = {
        key: {name: _tidy(one) for name, one in value.items()}
        if key in ("properties", "$defs")
        else value
        if key in ("examples", "default", "enum", "const")
        else _tidy(value)
        for key, value in node.items()
        if not (key == "title" and isinstance(value, str)) and not key.startswith("x-")
    }
    arms = tidy.get("anyOf")
    if isinstance(arms, list) and len(arms) == 1:
        del tidy["anyOf"]
        tidy = {**arms[0], **tidy}
    return tidy


def _with_sources(node: Any) -> Any:
    """Allow `{ env = "X" }` and `{ file = "X" }` wherever a plugin takes a text."""
    if isinstance(node, list):
        return [_with_sources(one) for one in node]
    if not isinstance(node, dict):
        return node
    walked = {
        key: {name: _with_sources(one) for name, one in value.items()}
        if key == "properties"
        else value
        if key in ("examples", "default", "enum", "const", "propertyNames")
        else _with_sources(value)
        for key, value in node.items()
    }
    if walked.get("type") != "string":
        return walked
    outer = {
        key: walked.pop(key) for key in ("description", "examples", "default") if key in walked
    }
    return {**outer, "anyOf": [walked, {"$ref": _REFERENCE.format(model="source")}]}


def _renamed(node: Any, prefix: str) -> Any:
    """Let the references of a plugin's schema point at the renamed definitions."""
    if isinstance(node, list):
        return [_renamed(one, prefix) for one in node]
    if not isinstance(node, dict):
        return node
    start = _REFERENCE.format(model="")
    return {
        key: start + prefix + value.removeprefix(start)
        if key == "$ref" and isinstance(value, str) and value != f"{start}source"
        else _renamed(value, prefix)
        for key, value in node.items()
    }
