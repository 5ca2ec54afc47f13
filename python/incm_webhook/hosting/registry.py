"""Finds a plugin by name, file or module, and makes a LoadedPlugin of it."""

import difflib
import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel, ValidationError

from incm_webhook import __version__
from incm_webhook.config.messages import nearest, sentences
from incm_webhook.config.settings import PluginSettings
from incm_webhook.errors import PluginError
from incm_webhook.hosting.importing import forget_file, import_file, import_module
from incm_webhook.hosting.loaded_plugin import LoadedPlugin, Origin
from incm_webhook.hosting.plugin_config import config_of, label, model_of
from incm_webhook.hosting.plugin_hooks import (
    class_hooks,
    construct,
    function_hooks,
    handlers_in,
    hook_names,
    misspelt_in_class,
    uncalled_in_module,
)
from incm_webhook.log_levels import kept_records
from incm_webhook.plugin import PluginMark, mark_of
from incm_webhook.text.failures import own_code_of, remember
from incm_webhook.text.printable import printable

__all__ = [
    "BUNDLED",
    "Description",
    "LoadedPlugin",
    "file_of",
    "installed",
    "load",
    "load_object",
    "look_at",
]

GROUP = "incm_webhook.plugins"
# The bundled plugins are listed here, so that using one needs no scan of installed packages.
BUNDLED = {
    name: f"incm_webhook.plugins.{name}"
    for name in (
        "alertmanager",
        "apprise",
        "discord",
        "email",
        "exec",
        "http",
        "im",
        "jsonl",
        "log",
        "mqtt",
        "pagerduty",
        "slack",
        "sql",
        "syslog",
        "teams",
        "telegram",
    )
}
_FILE = re.compile(r"(?P<path>.*/[^:]*|[^:]*\.py)(?::(?P<name>[A-Za-z_][\w.-]*))?")
_MODULE = re.compile(r"(?P<module>[A-Za-z_][\w.]*):(?P<name>[A-Za-z_][\w.]*)")


@dataclass(frozen=True, slots=True)
class Description:
    """A plugin as it is before it is configured.

    Attributes:
        origin: where it comes from.
        model: the pydantic model of its config; None when any table will do.
        hooks: which hooks it has, such as "handle_batch" and "close".
        defaults: what it sets for keys of `[[plugin]]`.
    """

    origin: Origin
    model: type[BaseModel] | None
    hooks: tuple[str, ...]
    defaults: Mapping[str, Any]


def installed() -> list[EntryPoint]:
    """List the plugins of other distributions, sorted by name, without loading them.

    This scans all installed packages.
    Threads: any.
    Source: the entry point group `incm_webhook.plugins`.
    """
    from importlib.metadata import entry_points

    others = {point for point in entry_points(group=GROUP) if point.value not in BUNDLED.values()}
    return sorted(others, key=lambda point: point.name)


def hidden_by(name: str) -> list[str]:
    """Warn about installed plugins that this name does not reach, because a bundled one has it."""
    if name not in BUNDLED:
        return []
    return [
        f'the installed plugin "{name}" of {point.dist.name if point.dist else point.module} is '
        f'hidden by the bundled one: write use = "{_written_out(point)}" to use it'
        for point in installed()
        if point.name == name
    ]


def _written_out(point: EntryPoint) -> str:
    """Return the value of `use` that names a plugin by module and object."""
    return point.value if point.attr else f"{point.value}:OBJECT"


def load(spec: PluginSettings, base: Path) -> LoadedPlugin:
    """Load one configured plugin, without setting it up.

    Each call compiles and runs a file again, so two uses of one file have two separate modules. A
    bundled, installed or importable module runs once per process: two uses share the module, but
    each has its own instance when the plugin is a class.

    Args:
        spec: its `[[plugin]]` table. `use` is a file (it contains a slash or ends in .py, and may
            be followed by ":name"), "package.module:object", or a bundled or installed name.
        base: the folder that relative files are relative to.

    Returns:
        The plugin; its settings are `spec` over the decorator's defaults.

    Raises:
        PluginError: the plugin is not found, fails on import (also by SystemExit), has no handler
            or several, or does not accept its configuration. One message, no traceback.

    Threads: one at a time.
    Source: docs/contract.md, Python.
    """
    found: object = None
    try:
        found, origin = _find(spec.use, base)
        return load_object(found, spec, origin, base)
    except PluginError as error:
        key = "__name__" if isinstance(found, ModuleType) else "__module__"
        forget_file(str(getattr(found, key, "")))  # else each reload that fails keeps one more
        where = "" if spec.place and spec.place in str(error) else spec.place_at("use")
        raise PluginError(f'plugin "{spec.name}": {error}{where}') from None


def load_object(
    found: object, spec: PluginSettings, origin: Origin | None = None, base: Path = Path()
) -> LoadedPlugin:
    """Make a plugin of a module, a function or a class.

    Args:
        found: the object that is or contains the handler.
        spec: the name, filters and config; `use` is ignored.
        origin: where the object comes from; None derives it from the object.
        base: the folder that relative names of secret files are relative to.

    Returns:
        The plugin.

    Raises:
        PluginError: as for `load`.
    """
    handler = _pick(found) if isinstance(found, ModuleType) else found
    mark = mark_of(handler)
    settings = _with_defaults(spec, mark)
    module = found if isinstance(found, ModuleType) else inspect.getmodule(found)
    config, warnings = config_of(handler, module, mark, spec, base)
    if isinstance(handler, type):
        hooks = class_hooks(handler, construct(handler, config))
        warnings += misspelt_in_class(handler)
    elif callable(handler):
        hooks = function_hooks(handler, mark, module)
        warnings += uncalled_in_module(found, hooks) if isinstance(found, ModuleType) else []
    else:
        raise PluginError(f"{label(handler)} is neither a function nor a class")
    if origin is None:
        origin = _origin_of(str(getattr(module, "__name__", "this program")), module)
    if module is not None:
        kept_records.add_own(module.__name__)
    origin = _with_summary(origin, handler, module)
    code = own_code_of(module)
    remember(code)
    return LoadedPlugin(settings, config, hooks, origin, code, tuple(warnings))


def look_at(use: str, base: Path = Path()) -> Description:
    """Describe a plugin without configuring it.

    Args:
        use: a value of the key `use`.
        base: the folder that relative files are relative to.

    Raises:
        PluginError: the plugin does not exist, fails on import, or holds no handler or several.
    """
    try:
        found, origin = _find(use, base)
        handler = _pick(found) if isinstance(found, ModuleType) else found
        module = found if isinstance(found, ModuleType) else inspect.getmodule(found)
        mark = mark_of(handler)
        model, _ = model_of(handler, module, mark)
        hooks = tuple(hook_names(handler, module))
    except PluginError as error:
        raise PluginError(f'plugin "{use}": {error}') from None
    return Description(
        _with_summary(origin, handler, module),
        model,
        hooks,
        dict(mark.defaults) if mark else {},
    )


def _with_summary(origin: Origin, handler: object, module: object) -> Origin:
    documented = [handler.__doc__, getattr(module, "__doc__", None)]
    text = next((text.strip() for text in documented if isinstance(text, str) and text.strip()), "")
    summary = printable(text.splitlines()[0]) if text else ""
    return Origin(origin.text, origin.version, summary)


def file_of(use: str, base: Path) -> Path | None:
    """Return the file that a value of `use` names; None when it names no file."""
    file = _FILE.fullmatch(use)
    return base / file["path"] if file else None


def _find(use: str, base: Path) -> tuple[object, Origin]:
    file = _FILE.fullmatch(use)
    if file:
        path = base / file["path"]
        module = import_file(path)
        try:
            return _member(module, file["name"]), _origin_of(str(path), module)
        except PluginError:
            forget_file(module.__name__)
            raise
    dotted = _MODULE.fullmatch(use)
    if dotted:
        module = import_module(dotted["module"])
        return _member(module, dotted["name"]), _origin_of(dotted["module"], module)
    if use in BUNDLED:
        return import_module(BUNDLED[use]), Origin("bundled", __version__, "")
    return _find_installed(use)


def _find_installed(name: str) -> tuple[object, Origin]:
    points = [point for point in installed() if point.name == name]
    if not points:
        known = {*BUNDLED, *(point.name for point in installed())}
        raise PluginError(
            f'there is no plugin "{name}"{nearest(name, known)}; '
            'a file is written "./file.py", an object "package.module:object"'
        )
    if len(points) > 1:
        places = " and ".join(f'"{point.value}"' for point in points)
        raise PluginError(f'"{name}" is installed more than once: write use = {places}')
    module = import_module(points[0].module)
    found = _member(module, points[0].attr) if points[0].attr else module
    dist = points[0].dist
    text = dist.name if dist else points[0].module
    return found, Origin(text, dist.version if dist else None, "")


def _origin_of(text: str, module: object) -> Origin:
    version = getattr(module, "__version__", None)
    return Origin(text, version if isinstance(version, str) else None, "")


def _member(module: ModuleType, name: str | None) -> object:
    if not name:
        return module
    found: object = module
    for part in name.split("."):
        if not hasattr(found, part):
            break
        found = getattr(found, part)
    else:
        return found
    marked = {mark.name: value for value, mark in _marked(module)}
    if name in marked:
        return marked[name]
    own = [key for key, value in vars(module).items() if _is_own(value, module)]
    raise PluginError(f'{module.__file__} has no "{name}"{nearest(name, {*own, *marked})}')


def _is_own(value: object, module: ModuleType) -> bool:
    return callable(value) and getattr(value, "__module__", None) == module.__name__


def _marked(module: ModuleType) -> list[tuple[object, PluginMark]]:
    found = []
    for value in {id(value): value for value in vars(module).values()}.values():
        mark = mark_of(value) if _is_own(value, module) else None
        if mark:
            found.append((value, mark))
    return found


def _pick(module: ModuleType) -> object:
    """Choose the one handler of a module."""
    candidates = {mark.name: value for value, mark in _marked(module)}
    if callable(vars(module).get("on_alert")):
        candidates = {
            "on_alert": vars(module)["on_alert"],
            **{name: one for name, one in candidates.items() if one is not module.on_alert},
        }
    if not candidates:
        candidates = {
            key: value
            for key, value in vars(module).items()
            if isinstance(value, type) and _is_own(value, module) and handlers_in(value)
        }
    if not candidates:
        own = [key for key, value in vars(module).items() if _is_own(value, module)]
        near = difflib.get_close_matches("on_alert", own, n=1, cutoff=0.7)
        hint = f" ({near[0]} has a similar name, but is not one)" if near else ""
        raise PluginError(
            f"{module.__file__} has no handler{hint}: write `def on_alert(alert, ctx)`, or mark a "
            "function or class with @plugin"
        )
    if len(candidates) > 1:
        names = ", ".join(candidates)
        first = next(iter(candidates))
        raise PluginError(
            f'{module.__file__} holds several plugins ({names}): pick one, such as ":{first}" '
            "after the file or module in use"
        )
    return next(iter(candidates.values()))


def _with_defaults(spec: PluginSettings, mark: PluginMark | None) -> PluginSettings:
    if mark is None:
        return spec
    merged = {**mark.defaults, **spec.model_dump(exclude_unset=True, by_alias=True)}
    if isinstance(mark.defaults.get("retry"), dict):
        merged["retry"] = {**mark.defaults["retry"], **spec.retry.model_dump(exclude_unset=True)}
    try:
        return PluginSettings.model_validate(merged)
    except ValidationError as error:
        problems = sentences(
            error, PluginSettings, lambda location: (f'@plugin("{mark.name}")', location)
        )
        raise PluginError("; ".join(problems)) from None
