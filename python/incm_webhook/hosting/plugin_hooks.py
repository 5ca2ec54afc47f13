"""Finds the functions of a plugin to call, and those that look like one but are never called."""

import difflib
import inspect
from types import ModuleType
from typing import Any

from incm_webhook.errors import PluginError
from incm_webhook.hosting.importing import guarded
from incm_webhook.hosting.loaded_plugin import Hook, hook_of
from incm_webhook.hosting.plugin_config import constructor_parameters, label

__all__ = [
    "class_hooks",
    "construct",
    "handlers_in",
    "hook_names",
    "misspelt_in_class",
    "uncalled_in_module",
]

_ARGUMENTS = {
    "handle": "alert",
    "handle_batch": "alerts",
    "setup": "",
    "check": "",
    "connect": "",
    "close": "",
}
# Names that other programs use for the hooks, without underscores.
_MEANT = {
    "teardown": "close",
    "shutdown": "close",
    "startup": "setup",
    "onalert": "handle",
    "onalerts": "handle_batch",
    "onbatch": "handle_batch",
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
        PluginError: the class has no handler or two, or a hook takes the wrong arguments.
    """
    names = handlers_in(handler)
    if len(names) != 1:
        has = "both handle and handle_batch" if names else "neither handle nor handle_batch"
        raise PluginError(f"{label(handler)} has {has}: it needs exactly one of them")
    return {
        name: hook_of(getattr(instance, name), arguments, f"{label(handler)}.{name}")
        for name, arguments in _ARGUMENTS.items()
        if callable(getattr(instance, name, None))
    }


def hook_names(handler: object) -> list[str]:
    """List the functions of a plugin that are called, by the names of the hooks."""
    if not isinstance(handler, type):
        return ["handle"]
    return [name for name in _ARGUMENTS if callable(getattr(handler, name, None))]


def misspelt_in_class(handler: type) -> list[str]:
    """Warn about methods of a class that are probably meant as hooks but are never called."""
    warnings = []
    for name in dir(handler):
        meant = _meant(name)
        if meant and not hasattr(handler, meant) and callable(getattr(handler, name, None)):
            warnings.append(
                f"{label(handler)}.{name} is never called; did you mean {meant}? A class has "
                "setup, handle or handle_batch, check, connect, close"
            )
    return warnings


def uncalled_in_module(module: ModuleType) -> list[str]:
    """Warn about functions beside a plugin function that look like hooks but are never called."""
    warnings = []
    for name, value in vars(module).items():
        meant = name if name in ("setup", "check", "connect", "close") else _meant(name)
        if meant in ("setup", "check", "connect", "close") and _is_hook(value, module):
            warnings.append(
                f"the function {name} is never called: only a class has setup, check, connect, "
                "close"
            )
    return warnings


def _meant(name: str) -> str | None:
    """Return the hook whose name is similar; None when none is, or when the name is a hook."""
    if name.startswith("_") or name in _ARGUMENTS or name in _OF_THEIR_OWN:
        return None
    plain = {one.replace("_", ""): one for one in _ARGUMENTS}
    short = name.replace("_", "").lower()
    near = difflib.get_close_matches(short, plain, n=1, cutoff=_NEAR)
    return _MEANT.get(short) or (plain[near[0]] if near else None)


def _is_hook(value: object, module: ModuleType) -> bool:
    """Return whether a value is a function of this module with no argument but the context."""
    if not inspect.isfunction(value) or value.__module__ != module.__name__:
        return False
    names = list(inspect.signature(value).parameters)
    return not names or names in (["ctx"], ["context"])
