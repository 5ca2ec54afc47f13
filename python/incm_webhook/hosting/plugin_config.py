"""Finds the model of a plugin's `config`, and validates the config with it."""

import inspect
import os
import re
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from incm_webhook.config.messages import known_keys, sentences, unknown_key
from incm_webhook.config.settings import PluginSettings
from incm_webhook.errors import PluginError
from incm_webhook.hosting.importing import failure, guarded
from incm_webhook.hosting.plugin_secrets import filled
from incm_webhook.plugin import PluginMark
from incm_webhook.text.printable import printable
from incm_webhook.text.redaction import without_secrets

__all__ = ["config_of", "constructor_parameters", "label", "model_of"]

_PLAIN = (dict, Mapping, typing.Any, object, inspect.Parameter.empty)  # accept the plain table


def label(handler: object) -> str:
    """Name a function or a class for a message."""
    return printable(str(getattr(handler, "__qualname__", None) or repr(handler)))


def constructor_parameters(handler: type) -> list[inspect.Parameter]:
    """List the parameters of a class's constructor that a call may pass by position."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    try:
        return [one for one in inspect.signature(handler).parameters.values() if one.kind in kinds]
    except (TypeError, ValueError):
        return []


def model_of(
    handler: object, module: object, mark: PluginMark | None
) -> tuple[type[BaseModel] | None, list[str]]:
    """Find the model of a plugin's config, and warnings about what is probably meant as one.

    Args:
        handler: the plugin's function or class.
        module: the module that it was found in.
        mark: the mark that `@plugin` left on it.

    Raises:
        PluginError: `@plugin` names something that is not a model.
    """
    declared = mark.config if mark else None
    if declared is not None and not _is_model(declared):
        raise PluginError(
            f"{label(handler)}: @plugin(config=...) needs a pydantic model, not {label(declared)}: "
            "derive it from pydantic.BaseModel"
        )
    if declared is not None:
        return declared, []
    found, where = _declared(handler, module)
    if found is None or _is_model(found):
        return found, []
    return None, [
        f"{where} is not a pydantic model, so config is a plain dict that nothing has checked: "
        "derive it from pydantic.BaseModel"
    ]


def config_of(
    handler: object, module: object, mark: PluginMark | None, spec: PluginSettings, base: Path
) -> tuple[Any, list[str]]:
    """Read the secrets of a plugin's config, and validate it.

    Args:
        handler: the plugin's function or class.
        module: the module that it was found in.
        mark: the mark that `@plugin` left on it.
        spec: the plugin's table.
        base: the folder that relative names of secret files are relative to.

    Returns:
        The model's instance, or the plain dict when there is no model; and warnings.

    Raises:
        PluginError: the config is wrong, or `@plugin` names something that is not a model.
    """
    declared, warnings = model_of(handler, module, mark)
    if declared is None:
        return dict(spec.config), warnings
    source = filled(spec.config, declared, os.environ, base)
    problems = list(source.problems)
    keys = known_keys(declared, ())
    if declared.model_config.get("populate_by_name") or declared.model_config.get(
        "validate_by_name"
    ):
        keys += declared.model_fields
    if "extra" not in declared.model_config:
        problems += [f"config: {unknown_key(key, keys)}" for key in spec.config if key not in keys]
    made = None
    if not source.problems:
        made = _validated(declared, source.config, problems)
    if problems:
        place = spec.place_at(*map(_key_of, problems))
        raise PluginError(without_secrets("; ".join(problems)) + place)
    return made, [*warnings, *source.warnings]


def _validated(model: type[BaseModel], config: dict[str, Any], problems: list[str]) -> Any:
    try:
        return model.model_validate(config)
    except ValidationError as error:
        problems += sentences(error, model, lambda location: ("config", location))
    except Exception as error:
        problems.append(failure(error, "config"))
    return None


def _key_of(problem: str) -> str:
    """Return the key that a problem is about, as its sentence begins: `config.url`."""
    found = re.match(r'config(?:[ .]([^\s:]+))?(?:: unknown key "([^"]+)")?', problem)
    return ".".join(filter(None, ("config", *(found.groups() if found else ()))))


def _is_model(declared: object) -> typing.TypeGuard[type[BaseModel]]:
    return isinstance(declared, type) and issubclass(declared, BaseModel)


def _declared(handler: object, module: object) -> tuple[Any, str]:
    """Find the annotation in a class's __init__, else the module's own `Config`; with its name."""
    parameters = constructor_parameters(handler) if isinstance(handler, type) else []
    if isinstance(handler, type) and parameters:
        hints = guarded(lambda: typing.get_type_hints(handler.__init__), label(handler))  # type: ignore[misc]
        declared = hints.get(parameters[0].name)
        where = f"{label(declared)}, which annotates {label(handler)}.__init__,"
    else:
        declared = vars(module).get("Config") if module is not None else None
        where = "the class Config"
        if not _is_model(declared) and not _is_class_of(declared, module):
            return None, ""
    plain = declared in _PLAIN or typing.get_origin(declared) in _PLAIN
    return (None, "") if plain or not isinstance(declared, type) else (declared, where)


def _is_class_of(value: object, module: object) -> bool:
    name = getattr(module, "__name__", None)
    return isinstance(value, type) and getattr(value, "__module__", None) == name
