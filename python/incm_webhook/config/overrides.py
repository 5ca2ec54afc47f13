"""What flags and environment variables say instead of the configuration file."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from incm_webhook.config.messages import nearest
from incm_webhook.errors import ConfigError
from incm_webhook.log import printable

PREFIX = "INCM_WEBHOOK_"
# Where an override belongs: key of `overrides` -> (its place in the file, flag). Its environment
# variable is INCM_WEBHOOK_ and the key in capitals.
OVERRIDES: dict[str, tuple[tuple[str, ...], str]] = {
    "listen": (("server", "listen"), "--listen"),
    "admin": (("server", "admin"), "--admin"),
    "metrics": (("server", "metrics"), "--metrics"),
    "ready_file": (("server", "ready_file"), "--ready-file"),
    "log_level": (("server", "log_level"), "--log-level"),
    "inbox": (("inbox", "url"), "--inbox"),
    "path": (("endpoint", "path"), "--path"),
    "secret_file": (("endpoint", "secret_file"), "--secret-file"),
    "unsigned": (("endpoint", "unsigned"), "--unsigned"),
    "plugin": (("plugin",), "--plugin"),
}
_OTHERS = ("CONFIG", "SUPERVISE", "DEBUG")  # variables that are no setting of the file
_OURS = ("SUPERVISOR", "TAKEOVER")  # what one process of this program tells another
# Kubernetes describes each service to all pods; one may well be called incm-webhook.
_KUBERNETES = re.compile(
    r"SERVICE_(HOST|PORT\w*)=.*|PORT(_[0-9]+_\w+)?=\S*://.*|PORT_[0-9]+_\w+=.*"
)
_WORDS = {"1": True, "true": True, "yes": True, "on": True}
_WORDS |= {"0": False, "false": False, "no": False, "off": False}


@dataclass(frozen=True, slots=True)
class Override:
    """One setting from a flag or the environment: its value, and what the operator calls it."""

    value: Any
    origin: str
    is_flag: bool


def gather(overrides: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Override]:
    """Find what is given, a flag before its variable; an empty variable is not given.

    Raises:
        ConfigError: a variable wants true or false.
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
    """Name the variables that look like ours and that nothing reads: a typing error, mostly.

    Args:
        environ: the environment.
        raw: the tables of the file; what `{ env = "NAME" }` names there is read.

    Returns:
        A sentence each, with the nearest known name.
    """
    settings = {f"{PREFIX}{name}" for name in (*map(str.upper, OVERRIDES), *_OTHERS)}
    known = {*settings, *(f"{PREFIX}{name}" for name in _OURS), *_named(raw)}
    return [
        f"the environment variable {printable(name)} is not known and does nothing"
        f"{nearest(name, settings)}"
        for name in sorted(environ)
        if name.startswith(PREFIX)
        and name not in known
        and not _KUBERNETES.fullmatch(f"{name.removeprefix(PREFIX)}={environ[name]}")
    ]


def _named(raw: object) -> Iterator[str]:
    """Every NAME of an `{ env = "NAME" }`, wherever it stands."""
    if isinstance(raw, dict):
        if isinstance(raw.get("env"), str):
            yield raw["env"]
        for one in raw.values():
            yield from _named(one)
    elif isinstance(raw, (list, tuple)):
        for one in raw:
            yield from _named(one)
