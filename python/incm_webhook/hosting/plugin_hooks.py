"""Finds the functions of a plugin to call, and those that look like one but are never called."""

import difflib
import inspect
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from incm_webhook.errors import PluginError
from incm_webhook.hosting.importing import guarded
from incm_webhook.hosting.loaded_plugin import Hook, hook_of
from incm_webhook.hosting.plugin_config import constructor_parameters, label
from incm_webhook.plugin import PluginMark, mark_of

__all__ = [
    "class_hooks",
    "construct",
    "function_hooks",
    "handlers_in",
    "hook_names",
    "misspelt_in_class",
    "uncalled_in_module",
]

# The hooks besides the handler, with their arguments.
_OTHERS = {"setup": "", "check": "", "connect": "", "on_dead": "alert, ctx, reason", "close": ""}
_ARGUMENTS = {"handle": "alert", "handle_batch": "alerts", **_OTHERS}
# Names that other programs use for the hooks, without underscores.
_MEANT = {
    "teardown": "close",
    "shutdown": "close",
    "startup": "setup",
    "onalert": "handle",
    "onalerts": "handle_batch",
    "onbatch": "handle_batch",
    "ondeadletter": "on_dead",
}
_OF_THEIR_OWN = {"handler", "handles", "handled", "checks", "checked", "closes", "closed"}
_OF_THEIR_OWN |= {"connected", "connection", "reconnect", "disconnect"}
_NEAR = 0.8


def handlers_in(handler: type) -> list[str]:
    """List those of handle and handle_batch that a class has."""
    return [name for name in ("handle", "handle_batch") if callable(getattr(handler, name, None))]


def construct(handler: type, config: Any) -> object:
    """Construct the instance of a plugin class.

    Raises:
        PluginError: the constructor failed.
    """
    takes_config = bool(constructor_parameters(handler))
    return guarded(lambda: handler(config) if takes_config else handler(), label(handler))


def class_hooks(handler: type, instance: object) -> dict[str, Hook]:
    """Make the hooks of a plugin class.

    Raises:
        PluginError: the class has no handler or two, or a hook takes the wrong arguments; or its
            decorator names hooks.
    """
    names = handlers_in(handler)
    if len(names) != 1:
        has = "both handle and handle_batch" if names else "neither handle nor handle_batch"
        raise PluginError(f"{label(handler)} has {has}: it needs exactly one of them")
    mark = mark_of(handler)
    if mark is not None and mark.hooks:
        first = next(iter(mark.hooks))
        raise PluginError(
            f"{label(handler)} is a class: write a method {first}, not @plugin({first}=...)"
        )
    return {
        name: hook_of(getattr(instance, name), arguments, f"{label(handler)}.{name}")
        for name, arguments in _ARGUMENTS.items()
        if callable(getattr(instance, name, None))
    }


def function_hooks(
    handler: Callable[..., Any], mark: PluginMark | None, module: ModuleType | None
) -> dict[str, Hook]:
    """Make the hooks of a plugin function: those of its decorator, and of on_alert its module's.

    Raises:
        PluginError: a hook cannot be called, or takes the wrong arguments.
    """
    hooks = {"handle": hook_of(handler, "alert", label(handler))}
    given = dict(mark.hooks) if mark else {}
    if module is not None and vars(module).get("on_alert") is handler:
        given = {name: vars(module)[name] for name in _in_module(module)} | given
    for name, function in given.items():
        what = f"{label(handler)}, {name}"
        if not callable(function):
            raise PluginError(f"{what} must be a function, not {type(function).__name__}")
        hooks[name] = hook_of(function, _OTHERS[name], what)
    return hooks


def hook_names(handler: object, module: ModuleType | None) -> list[str]:
    """List the functions of a plugin that are called, by the names of the hooks.

    Raises:
        PluginError: as `function_hooks`.
    """
    if not isinstance(handler, type) and callable(handler):
        hooks = function_hooks(handler, mark_of(handler), module)
        return [name for name in _ARGUMENTS if name in hooks]
    return [name for name in _ARGUMENTS if callable(getattr(handler, name, None))]


def misspelt_in_class(handler: type) -> list[str]:
    """Warn about methods of a class that are probably meant as hooks but are never called."""
    warnings = []
    for name in dir(handler):
        meant = _meant(name)
        if meant and not hasattr(handler, meant) and callable(getattr(handler, name, None)):
            warnings.append(
                f"{label(handler)}.{name} is never called; did you mean {meant}? A class has "
                "setup, handle or handle_batch, on_dead, check, connect, close"
            )
    return warnings


def uncalled_in_module(module: ModuleType, hooks: Mapping[str, Hook]) -> list[str]:
    """Warn about functions beside a plugin function that look like its hooks but are not called.

    Args:
        module: the module of the plugin function.
        hooks: the hooks that it has.
    """
    warnings = []
    called = [hook.function for hook in hooks.values()]
    for name, value in vars(module).items():
        if value in called or not _is_of(value, module):
            continue
        meant = name if name in _OTHERS else _meant(name)
        if name in _OTHERS and name in _in_module(module):
            why = f"is never called: write @plugin(..., {name}={name})"
        elif name in _OTHERS:
            wanted = _OTHERS[name] or "nothing or (ctx)"
            why = f"is never called: a hook of that name takes {wanted}"
        elif meant in _OTHERS and meant not in hooks and _takes(value, _OTHERS[meant]):
            why = f"is never called; did you mean {meant}?"
        else:
            continue
        warnings.append(f"the function {name} {why}")
    return warnings


def _in_module(module: ModuleType) -> list[str]:
    """List the functions of a module that are hooks by name and arguments."""
    return [
        name
        for name, arguments in _OTHERS.items()
        if _is_of(found := vars(module).get(name), module) and _takes(found, arguments)
    ]


def _meant(name: str) -> str | None:
    """Return the hook whose name is similar; None when none is, or when the name is a hook."""
    if name.startswith("_") or name in _ARGUMENTS or name in _OF_THEIR_OWN:
        return None
    plain = {one.replace("_", ""): one for one in _ARGUMENTS}
    short = name.replace("_", "").lower()
    near = difflib.get_close_matches(short, plain, n=1, cutoff=_NEAR)
    return _MEANT.get(short) or (plain[near[0]] if near else None)


def _is_of(value: object, module: ModuleType) -> bool:
    return inspect.isfunction(value) and value.__module__ == module.__name__


def _takes(function: Any, arguments: str) -> bool:
    """Return whether a function takes these arguments, or the context alone when there are none."""
    names = list(inspect.signature(function).parameters)
    if arguments:
        return len(names) == arguments.count(",") + 1
    return not names or names in (["ctx"], ["context"], ["_ctx"], ["_context"])
