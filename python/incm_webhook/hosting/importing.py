"""Runs the code of plugins, and describes its failures in one line with file and line number."""

import contextlib
import importlib
import importlib.machinery
import importlib.util
import itertools
import re
import sys
import traceback
import typing
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from incm_webhook.errors import PluginError
from incm_webhook.process import forked
from incm_webhook.text.failures import OwnCode, fit
from incm_webhook.text.printable import printable, text_of

_serial = itertools.count(1)
_PREFIX = "incm_webhook_file_"  # of the names of modules that are files


class _FreshLoader(importlib.machinery.SourceFileLoader):
    """Compiles the file on each import, and writes no __pycache__ beside the operator's file."""

    def get_code(self, fullname: str) -> Any:  # noqa: ARG002 - the name is inherited
        return self.source_to_code(self.get_data(self.path), self.path)


def import_file(path: Path) -> ModuleType:
    """Run a plugin file as a module of its own.

    Args:
        path: a Python file.

    Returns:
        A new module on each call, in sys.modules under a unique name.

    Raises:
        PluginError: there is no such file, or running it fails.
    """
    if not path.is_file():
        raise PluginError(
            f"there is no file {path}: a relative path begins at the folder of the configuration, "
            "or for a flag at the working directory"
        )
    name = f"{_PREFIX}{next(_serial)}_{re.sub(r'[^A-Za-z0-9_]', '_', path.stem)}"
    loader = _FreshLoader(name, str(path))
    module = importlib.util.module_from_spec(
        typing.cast("Any", importlib.util.spec_from_file_location(name, path, loader=loader))
    )
    sys.modules[name] = module  # dataclasses and pydantic look up their module there
    try:
        guarded(lambda: loader.exec_module(module), path)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def forget_file(module: str) -> None:
    """Let go of a module of `import_file` that is not used any more; ignore any other name."""
    if module.startswith(_PREFIX):
        sys.modules.pop(module, None)


def import_module(name: str) -> ModuleType:
    """Import an installed module; PluginError when that fails."""
    module: ModuleType = guarded(lambda: importlib.import_module(name), name)
    return module


def guarded(action: Callable[[], Any], what: Path | str) -> Any:
    """Run code of a plugin, and turn its exceptions into PluginError.

    Args:
        action: the code to run.
        what: the file or the name that is being loaded, for the message.

    Returns:
        The result of the action.

    Raises:
        PluginError: the action raised an exception or SystemExit; KeyboardInterrupt passes through.
    """
    try:
        return forked.run_here(action, f"loading {what}")
    except PluginError:
        raise
    except SyntaxError as error:
        text = f": {error.text.strip()}" if error.text else ""
        place = f"{error.filename or what}:{error.lineno or 1}"
        raise PluginError(f"{printable(place)}: {fit(f'{error.msg}{text}')}") from None
    except (Exception, SystemExit) as error:
        raise PluginError(failure(error, what)) from None


def failure(error: BaseException, what: Path | str) -> str:
    """Describe an exception of a plugin's code: "file:line: Type: text", with its own line.

    Args:
        error: the exception.
        what: the plugin's file, the name of its module, or a label for messages.
    """
    every = traceback.extract_tb(error.__traceback__)
    frames = [
        one for one in every if "importlib" not in one.filename and not _is_ours(one.filename)
    ]
    code = OwnCode((str(what),)) if isinstance(what, Path) else _code_of_name(what)
    own = [one for one in frames if code.name_of(one.filename)] or frames
    place = f"{own[-1].filename}:{own[-1].lineno}" if own else str(what)
    if isinstance(error, SystemExit):
        text = f"it ends the program (exit {text_of(error.code)}): leave that call out"
    else:
        text = f"{type(error).__name__}: {text_of(error)}"
    hint = ""
    if isinstance(error, ModuleNotFoundError) and isinstance(what, Path):
        hint = "; install it into this Python (a plugin file cannot import the files beside it)"
    return f"{printable(place)}: {fit(text)}{hint}"


def _is_ours(filename: str) -> bool:
    return filename in (__file__, forked.__file__)


def _code_of_name(name: str) -> OwnCode:
    """Return the files of a module that could not be imported, or of its package."""
    with contextlib.suppress(Exception):  # the name may not be that of a module, or of a broken one
        spec = importlib.util.find_spec(name.partition(".")[0])
        if spec is not None and spec.has_location and spec.origin is not None:
            folder = spec.submodule_search_locations is not None
            return OwnCode((str(Path(spec.origin).parent) if folder else spec.origin,))
    return OwnCode()
