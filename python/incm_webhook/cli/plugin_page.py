"""What `plugins NAME` prints: where a plugin comes from, what its config takes, its hooks."""

import inspect
import json
import os
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic.fields import FieldInfo

from incm_webhook.cli.view.table import columns_of, layout, screen_width, wrap
from incm_webhook.config.loading import load_settings
from incm_webhook.config.type_names import is_union, toml_or_text, type_name
from incm_webhook.config.written import as_written, written_of
from incm_webhook.errors import ConfigError
from incm_webhook.hosting.registry import BUNDLED, Description, installed, look_at
from incm_webhook.log import printable

_HEADS = ("KEY", "TYPE", "DEFAULT", "MEANING")
_ITEM = re.compile(r"^(?P<indent> *)(?P<name>\w+)(?: \([^)]*\))?: (?P<text>.*)$")


def print_plugin(name: str, config: str | None, *, as_json: bool) -> int:
    """Describe one plugin.

    Args:
        name: a plugin of the configuration file, or a value of `use`.
        config: the configuration file; None for ./incm-webhook.toml, if it exists.
        as_json: print the JSON schema of its config instead.

    Returns:
        0.

    Raises:
        PluginError: there is no such plugin, or it cannot be loaded.
        ConfigError: the named configuration file is wrong.
    """
    use, base = _use_of(name, config)
    found = look_at(use, base)
    if as_json:
        schema = {"type": "object"} if found.model is None else found.model.model_json_schema()
        click.echo(json.dumps(schema, ensure_ascii=False, indent=2))
        return 0
    for line in _page(name, found):
        click.echo(line)
    return 0


def _use_of(name: str, config: str | None) -> tuple[str, Path]:
    """Look a name up in the configuration; what it does not have is a value of `use`."""
    cwd = Path.cwd()
    if config is None and not (cwd / "incm-webhook.toml").exists():
        return name, cwd
    try:
        settings = load_settings({"config": config}, os.environ, cwd, endpoints=False)
    except ConfigError:
        known = name in BUNDLED or any(point.name == name for point in installed())
        if config is not None or not (known or re.search("[/:.]", name)):
            raise
        return name, cwd  # a plugin that needs no configuration can be described without
    for one in settings.plugin:
        if one.name == name:
            return one.use, settings.base
    return name, cwd


def _page(name: str, found: Description) -> Iterator[str]:
    width = screen_width()
    version = f" {found.origin.version}" if found.origin.version else ""
    yield printable(f"{name}: {found.origin.text}{version}")
    if found.origin.summary:
        yield found.origin.summary
    yield f"hooks: {', '.join(found.hooks)}"
    if found.defaults:
        yield printable(
            f"sets: {', '.join(f'{k} = {toml_or_text(v)}' for k, v in found.defaults.items())}"
        )
    yield ""
    if found.model is None:
        yield "config: any table, since it has no model"
    elif not found.model.model_fields:
        yield "config: nothing to set"
    else:
        yield from _table(found.model, width)


def _table(model: type[BaseModel], width: int | None) -> list[str]:
    rows = list(_rows(model, ""))
    lines = layout(_HEADS[:3], [row[:3] for row in rows], width=None)
    left = max(map(columns_of, lines)) + 2
    room = None if width is None else max(width - left, 20)
    table = []
    for line, meaning in zip(lines, ["MEANING", *(row[3] for row in rows)], strict=True):
        first, *more = wrap(printable(meaning), room)
        table.append(f"{line}{' ' * (left - columns_of(line))}{first}".rstrip())
        table += [" " * left + one.lstrip() for one in more]
    return table


def _rows(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, str, str]]:
    meanings = _attributes(model)
    for name, field in model.model_fields.items():
        key = prefix + (field.alias or name)
        meaning = field.description or meanings.get(name, "")
        inner = _model_in(field.annotation)
        how = written_of(field)
        kind = how.name if how else "table" if inner else type_name(field.annotation)
        yield key, kind, _default(field), meaning
        if inner is not None and prefix.count(".") < 3:  # a model may contain itself
            yield from _rows(inner, f"{key}.")


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model that an annotation is, perhaps beside None."""
    options = typing.get_args(annotation) if is_union(annotation) else (annotation,)
    models = [one for one in options if isinstance(one, type) and issubclass(one, BaseModel)]
    return models[0] if len(models) == 1 and len(options) <= 2 else None


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if field.default_factory is not None:
        try:
            value = field.get_default(call_default_factory=True)
        except (TypeError, ValueError):  # it depends on the other fields
            return "by the others"
    if value is None:
        return "-"
    if isinstance(value, SecretStr | SecretBytes):
        return '"***"' if value.get_secret_value() else '""'
    if isinstance(value, BaseModel):
        return "-"
    return toml_or_text(as_written(field, value) if written_of(field) else value)


def _attributes(model: type[BaseModel]) -> dict[str, str]:
    """Read the section Attributes of a docstring in Google's style: name and meaning."""
    text = inspect.getdoc(model) or ""
    section = re.split(r"^\w[\w ]*:$", text.partition("\nAttributes:\n")[2], flags=re.MULTILINE)[0]
    found: dict[str, str] = {}
    last, outer = "", -1
    for line in section.splitlines():
        item = _ITEM.match(line)
        if item and (outer < 0 or len(item["indent"]) <= outer):
            last, outer = item["name"], len(item["indent"])
            found[last] = item["text"]
        elif last and line.strip():
            found[last] += f" {line.strip()}"
    return found
