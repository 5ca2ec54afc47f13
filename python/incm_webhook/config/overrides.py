"""Collects the settings that flags and environment variables override."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from incm_webhook.config.messages import nearest
from incm_webhook.errors import ConfigError
from incm_webhook.log import printable

PREFIX = "INCM_WEBHOOK_"
# The overrides: key of `overrides` -> (place in the file, flag). The name of the environment
# variable is INCM_WEBHOOK_ and the key in capitals.
OVERRIDES: dict[str, tuple[tuple[str, ...], str]] = {
    "listen": (("server", "listen"), "--listen"),
    "admin": (("server", "admin"), "--admin"),
    "metrics": (("server", "metrics"), "--metrics"),
    "ready_file": (("server", "ready_file"), "--ready-file"),
    "log_level": (("log", "level"), "--log-level"),
    "log_format": (("log", "format"), "--log-format"),
    "inbox": (("inbox", "url"), "--inbox"),
    "path": (("endpoint", "path"), "--path"),
    "secret_file": (("endpoint", "secret_file"), "--secret-file"),
    "unsigned": (("endpoint", "unsigned"), "--unsigned"),
    "plugin": (("plugin",), "--plugin"),
}
# Variables that do not set a key of the file.
_OTHERS = ("CONFIG", "SUPERVISE", "DEV", "WATCH", "DEBUG", "ADMIN_TOKEN")
_OURS = ("SUPERVISOR", "TAKEOVER")  # passed from one process of this program to another
# Kubernetes sets variables for each service in all pods; a service may be named incm-webhook.
_KUBERNETES = re.compile(
    r"SERVICE_(HOST|PORT\w*)=.*|PORT(_[0-9]+_\w+)?=\S*://.*|PORT_[0-9]+_\w+=.*"
)
_WORDS = {"1": True, "true": True, "yes": True, "on": True}
_WORDS |= {"0": False, "false": False, "no": False, "off": False}


@dataclass(frozen=True, slots=True)
class Override:
    """One setting from a flag or the environment: its value, and the name of its origin."""

    value: Any
    origin: str
    is_flag: bool


def gather(overrides: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Override]:
    """Collect the given settings; a flag overrides its variable, and empty variables are ignored.

    Raises:
        ConfigError: a variable must be true or false, and is neither.
    """
    given = {}
    for key in ("config", *OVERRIDES):
        flag = OVERRIDES[key][1] if key in OVERRIDES else "--config"
        value = overrides.get(key)
        variable = f"{PREFIX}{key.upper()}"
        if value is not None and not (key == "plugin" and not value):
            given[key] = Override(value, flag, is_flag=True)
        elif environ.get(variable):
            given[key] = Override(
                _from_text(key, variable, environ[variable]), variable, is_flag=False
            )
    return given


def _from_text(key: str, variable: str, text: str) -> Any:
    if key == "plugin":
        return tuple(text.split())
    if key == "unsigned":
        if text.lower() not in _WORDS:
            raise ConfigError(f"{variable}: wants true or false, not {text!r}")
        return _WORDS[text.lower()]
    return text


def unknown_variables(environ: Mapping[str, str], raw: object) -> list[str]:
    """Warn about variables that begin with our prefix but are never read, mostly typing errors.

    Args:
        environ: the environment.
        raw: the tables of the file; a variable that `{ env = "NAME" }` names in them is read.

    Returns:
        A sentence for each variable, with the nearest known name.
    """
    settings = {f"{PREFIX}{name}" for name in (*map(str.upper, OVERRIDES), *_OTHERS)}
    known = {*settings, *(f"{PREFIX}{name}" for name in _OURS), *_named(raw)}
    return [
        f"the environment variable {printable(name)} is not known and has no effect"
        f"{nearest(name, settings)}"
        for name in sorted(environ)
        if name.startswith(PREFIX)
        and name not in known
        and not _KUBERNETES.fullmatch(f"{name.removeprefix(PREFIX)}={environ[name]}")
    ]


def _named(raw: object) -> Iterator[str]:
    """Yield the NAME of every `{ env = "NAME" }`, at any depth."""
    if isinstance(raw, dict):
        if isinstance(raw.get("env"), str):
            yield raw["env"]
        for one in raw.values():
            yield from _named(one)
    elif isinstance(raw, (list, tuple)):
        for one in raw:
            yield from _named(one)
