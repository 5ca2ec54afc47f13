"""Formats the merged configuration for `config show`, without secrets."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from incm_webhook.config.origins import Origin
from incm_webhook.config.plugin import PluginSettings
from incm_webhook.config.settings import Settings
from incm_webhook.config.written import NOTHING, as_written, fields_of, written_of
from incm_webhook.errors import PluginError
from incm_webhook.log import printable
from incm_webhook.text.toml import toml_of

_Location = tuple[str | int, ...]


def lines_of(settings: Settings, *, origin: bool) -> Iterator[str]:
    """Yield the lines of TOML that describe settings.

    Args:
        settings: the settings; their secrets are not needed.
        origin: whether each value is followed by its origin.
    """
    yield f"# {printable(str(settings.source or 'no configuration file'))}"
    for heading, location, table in _tables(settings):
        yield ""
        yield heading
        rows: list[tuple[str, Origin | None]] = []
        for name, field in fields_of(type(table)).items():
            key = field.alias or name
            value = _value(settings, table, name)
            if value in (None, "", [], {}):
                extra = field.json_schema_extra
                without = extra.get(NOTHING, "") if isinstance(extra, dict) else ""
                rows.append((f"# {key} is not set: {without}", None))
                continue
            rows.append((f"{key} = {toml_of(value)}", settings.origins.of((*location, key))))
        yield from _with_origins(rows) if origin else (printable(text) for text, _ in rows)


def json_of(settings: Settings) -> dict[str, Any]:
    """Return settings as an object of JSON.

    Returns:
        `source`, the path of the file or null; `config`, the tables as in the file, where a value
        that is not set is null; `origins`, by place such as "server.listen" and
        "plugin[1].use", each with `from` (flag, environment, file or default), `name` and `line`.
    """
    config: dict[str, Any] = {"admin_token": [], "endpoint": [], "plugin": []}
    origins = {}
    for _, location, table in _tables(settings):
        values = {}
        for name, field in fields_of(type(table)).items():
            key = field.alias or name
            values[key] = _value(settings, table, name)
            place = _dotted((*location, key))
            origins[place] = _json_of_origin(settings.origins.of((*location, key)))
        if len(location) == 1:
            config[str(location[0])] = values
        else:
            config[str(location[0])].append(values)
    source = None if settings.source is None else str(settings.source)
    return {"source": source, "config": config, "origins": origins}


def _tables(settings: Settings) -> Iterator[tuple[str, _Location, BaseModel]]:
    for name in type(settings).model_fields:
        found = getattr(settings, name)
        if isinstance(found, BaseModel):
            yield f"[{name}]", (name,), found
            continue
        for index, one in enumerate(found):
            yield f"[[{name}]]", (name, index), one


def _value(settings: Settings, table: BaseModel, name: str) -> Any:
    """Return what would be written for a field; None when nothing would be."""
    value = getattr(table, name)
    if isinstance(table, PluginSettings) and name == "config":
        return _config_of(table, settings.base)
    return _written(table, name, value)


def _written(table: BaseModel, name: str, value: Any) -> Any:
    field = type(table).model_fields[name]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, BaseModel) and not written_of(field):
        inner = {
            one.alias or key: _written(value, key, getattr(value, key))
            for key, one in type(value).model_fields.items()
        }
        return {key: one for key, one in inner.items() if one not in (None, "", [], {})}
    return as_written(field, value)


def _config_of(spec: PluginSettings, base: Path) -> dict[str, Any]:
    from incm_webhook.hosting.registry import look_at
    from incm_webhook.hosting.shown_config import shown

    if not spec.config:
        return {}
    try:
        model = look_at(spec.use, base).model
    except PluginError:
        model = None
    return shown(spec.config, model)


def _with_origins(rows: list[tuple[str, Origin | None]]) -> Iterator[str]:
    width = min(max((len(text) for text, origin in rows if origin), default=0), 60)
    for text, origin in rows:
        line = printable(text)
        yield f"{line:<{width}}  # {printable(str(origin))}" if origin else line


def _json_of_origin(origin: Origin) -> dict[str, Any]:
    return {"from": origin.kind, "name": origin.name or None, "line": origin.line}


def _dotted(location: _Location) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
