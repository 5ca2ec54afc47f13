"""Reads the settings. A flag overrides the environment, which overrides the file, then defaults."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from incm_webhook.config import advice, messages
from incm_webhook.config.admin_token import read_tokens
from incm_webhook.config.file import DEFAULT_FILE, read_toml
from incm_webhook.config.lines import KeyPath
from incm_webhook.config.log import move_log_level
from incm_webhook.config.messages import Location
from incm_webhook.config.origins import Origins, below, line_of, named_in, override_of
from incm_webhook.config.overrides import OVERRIDES, Override, gather, unknown_variables
from incm_webhook.config.paths import normal_path
from incm_webhook.config.secrets import FoundSecrets, Secret, locate_secret_file, read_secret_file
from incm_webhook.config.server import ServerSettings
from incm_webhook.config.settings import (
    EndpointSettings,
    InboxSettings,
    PluginSettings,
    RetrySettings,
    SecretSource,
    Settings,
    default_plugin_name,
    inbox_path,
)
from incm_webhook.errors import ConfigError

__all__ = [
    "EndpointSettings",
    "InboxSettings",
    "PluginSettings",
    "RetrySettings",
    "SecretSource",
    "ServerSettings",
    "Settings",
    "load_settings",
]

_TABLES = ("server", "log", "trace", "inbox", "egress", "canary")
_LISTS = ("endpoint", "plugin", "admin_token")


@dataclass(slots=True)
class _Draft:
    """The settings while they are merged: raw tables, folders, and the origins of keys."""

    raw: dict[str, Any]
    source: Path | None
    base: Path
    cwd: Path
    environ: Mapping[str, str]
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)  # a sentence each, with its line
    unknown: list[str] = field(default_factory=list)  # a sentence for each unknown variable
    origins: dict[tuple[str, ...], str] = field(default_factory=dict)

    def add(self, problem: str, *location: str | int) -> None:
        """Note a problem of a key, with the line where the file has it."""
        line = None if override_of(location, self.origins) else line_of(location, self.lines)
        self.problems.append(problem if line is None else f"line {line}: {problem}")


def load_settings(
    overrides: Mapping[str, Any],
    environ: Mapping[str, str],
    cwd: Path,
    *,
    endpoints: bool = True,
    secretless: bool = False,
    secrets: bool = True,
) -> Settings:
    """Read, merge and check all settings, and read the secrets.

    Args:
        overrides: the values of flags: config, listen, admin, ready_file, log_level, log_format,
            inbox, path, secret_file, unsigned, plugin (a sequence). A key that is None or missing
            is not given.
        environ: INCM_WEBHOOK_* variables (an empty one is not given), $STATE_DIRECTORY,
            $CREDENTIALS_DIRECTORY, and the variables that `{ env = "NAME" }` names.
        cwd: the folder that relative paths in flags and variables are relative to; the file
            incm-webhook.toml in it is read when no other file is named.
        endpoints: False ignores endpoints, and reads no secret, for commands that serve none.
        secretless: True allows endpoints without a secret, for commands that only compare.
        secrets: False reads no secret, for commands that only show where it is.

    Returns:
        Frozen settings with absolute paths, with secrets read, and with `warnings` filled.

    Raises:
        ConfigError: the settings are wrong; the text has a sentence for each mistake, without
            secrets.

    Threads: any; reads files, writes none.
    Source: docs/configuration.md, Where a value comes from.
    """
    given = gather(overrides, environ)
    draft = _read(given.get("config"), cwd, environ)
    draft.unknown = unknown_variables(environ, draft.raw)
    _check_shape(draft)
    _merge_server(draft, given)
    if endpoints:
        _merge_endpoint(draft, given)
        for one in draft.raw["endpoint"] if secretless else ():
            if not ("secret" in one or "secret_file" in one):
                one["unsigned"] = True
    else:
        draft.raw["endpoint"] = [{"unsigned": True}]
        draft.raw["canary"].pop("endpoint", None)  # which names one of those that are ignored
    _merge_plugins(draft, given)
    settings = _validate(draft, secrets=secrets and endpoints)
    in_file = draft.source is not None and ("plugin",) not in draft.origins
    for index, plugin in enumerate(settings.plugin if in_file else ()):
        plugin.hold(
            f"{heading('plugin', index, draft)} of {draft.source}",
            below(("plugin", index), draft.lines),
        )
    origins = Origins(draft.source, draft.lines, draft.origins)
    settings.hold(draft.source, draft.base, [], origins)
    warnings = [*advice.warnings_of(settings), *draft.unknown]
    settings.hold(draft.source, draft.base, warnings, origins)
    return settings


def _read(named: Override | None, cwd: Path, environ: Mapping[str, str]) -> _Draft:
    path = cwd / (named.value if named else DEFAULT_FILE)
    if named is None and not path.exists():
        return _Draft({}, None, cwd, cwd, environ)
    raw, lines = read_toml(path)
    return _Draft(raw, path, path.parent, cwd, environ, lines)


def _check_shape(draft: _Draft) -> None:
    """Note values that should be tables but are not, and remove them from the draft."""
    for name in _TABLES:
        if not isinstance(draft.raw.setdefault(name, {}), dict):
            draft.add(f"{name}: must be a table: write [{name}]", name)
            draft.raw[name] = {}
    for name in _LISTS:
        tables = draft.raw.setdefault(name, [])
        if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
            draft.add(f"{name}: must be a list of tables: write [[{name}]] above each", name)
            draft.raw[name] = [{"unsigned": True}] if name == "endpoint" else []
    if "endpoint" not in draft.raw or not draft.raw["endpoint"]:
        for key in draft.raw:  # a misspelt [[endpoint]] is one error, not also a missing secret
            if key != "endpoint" and key.lower().removesuffix("s") == "endpoint":
                draft.raw["endpoint"] = [{"unsigned": True}]
                break


def _merge_server(draft: _Draft, given: Mapping[str, Override]) -> None:
    draft.lines = move_log_level(draft.raw, draft.lines)
    if "log_level" in draft.raw["server"]:
        del draft.raw["server"]["log_level"]
        draft.add("[server] log_level: is given as [log] level, too: keep that", "log", "level")
    for key, ((table, *rest), _) in OVERRIDES.items():
        if table in _TABLES and key in given:
            draft.raw[table][rest[0]] = given[key].value
            draft.origins[table, rest[0]] = given[key].origin
    server, inbox = draft.raw["server"], draft.raw["inbox"]
    if isinstance(server.get("ready_file"), str):
        server["ready_file"] = _base_of(draft, "server", "ready_file") / server["ready_file"]
    tls = server.get("tls")
    for key, name in tls.items() if isinstance(tls, dict) else ():
        if isinstance(name, str):
            tls[key] = str(locate_secret_file(name, draft.base, draft.environ))
    authority = draft.raw["canary"].get("ca_file")
    if isinstance(authority, str):
        draft.raw["canary"]["ca_file"] = str(
            locate_secret_file(authority, draft.base, draft.environ)
        )
    if "url" not in inbox:
        state = draft.environ.get("STATE_DIRECTORY", "").split(":")[0]
        inbox["url"] = f"sqlite://{draft.base / state / 'inbox.db'}"
    elif isinstance(inbox["url"], str):
        try:
            path = _base_of(draft, "inbox", "url") / inbox_path(inbox["url"])
            inbox["url"] = f"sqlite://{path}"
        except ValueError:
            pass  # the model finds the same problem and reports its place


def _base_of(draft: _Draft, *key: str) -> Path:
    return draft.cwd if key in draft.origins else draft.base


def _merge_endpoint(draft: _Draft, given: Mapping[str, Override]) -> None:
    endpoints = draft.raw["endpoint"]
    wanted = {key: given[key] for key in ("path", "secret_file", "unsigned") if key in given}
    if wanted and len(endpoints) > 1:
        names = " and ".join(one.origin for one in wanted.values())
        draft.problems.append(
            f"{names} can apply to one endpoint only, and {draft.source} has {len(endpoints)}: "
            "write it there, under the right [[endpoint]]"
        )
        return
    if not endpoints:
        endpoints.append({})
    endpoint = endpoints[0]
    for key, override in wanted.items():
        draft.origins["endpoint", key] = override.origin
    if "path" in wanted:
        endpoint["path"] = wanted["path"].value
    secret, unsigned = wanted.get("secret_file"), wanted.get("unsigned")
    if secret is not None:
        endpoint.pop("secret", None)
        found = locate_secret_file(str(secret.value), draft.cwd, draft.environ)
        endpoint["secret_file"] = str(found)
        if unsigned is None or (secret.is_flag and not unsigned.is_flag):
            endpoint.pop("unsigned", None)  # the higher source wins, but never makes it unsigned
            unsigned = None
    if unsigned is not None:
        endpoint["unsigned"] = unsigned.value


def _merge_plugins(draft: _Draft, given: Mapping[str, Override]) -> None:
    base = draft.base
    if "plugin" in given:
        base = draft.cwd
        draft.raw["plugin"] = [{"use": spec} for spec in given["plugin"].value]
        draft.origins["plugin",] = given["plugin"].origin
    for table in draft.raw["plugin"]:
        use = table.get("use")
        if isinstance(use, str) and is_file(use):
            table["use"] = str(base / use)


def is_file(use: str) -> bool:
    """Return whether `use` names a file: it has a slash, or ends in .py or .py:name."""
    return "/" in use or use.endswith(".py") or ".py:" in use


def _place(draft: _Draft, location: Location) -> tuple[str, Location]:
    """Return the name of the table of an error: a flag, a variable or a heading."""
    if not location:
        return "", ()
    table, *rest = location
    if table in _TABLES:
        origin = draft.origins.get((str(table), *(str(part) for part in rest[:1])))
        return (origin, rest[1:]) if origin else (f"[{table}]", rest)
    if table in _LISTS and rest and isinstance(rest[0], int):
        return heading(str(table), rest[0], draft), rest[1:]
    return "", location


def heading(table: str, index: int, draft: _Draft) -> str:
    """Return a name for one `[[endpoint]]` or `[[plugin]]`: its number, and its path or name."""
    name = _name_of(table, draft.raw[table][index])
    if (table,) in draft.origins:
        return f"{draft.origins[table,]} {name}"
    if draft.source is None:
        return f'{table} "{name}"'
    return f"[[{table}]] {index + 1}" + (f' "{name}"' if name else "")


def _name_of(table: str, raw: Mapping[str, Any]) -> str:
    """Return the path of a raw endpoint or the name of a raw plugin, or the default for it."""
    if table == "endpoint":
        return str(raw.get("path", EndpointSettings.model_fields["path"].default))
    return str(raw.get("name") or default_plugin_name(str(raw.get("use", ""))))


def _validate(draft: _Draft, *, secrets: bool) -> Settings:
    settings = None
    _check_unique(draft, "endpoint", "path", normal_path)
    _check_unique(draft, "plugin", "name", str)
    try:
        settings = Settings.model_validate(draft.raw)
    except ValidationError as error:
        for location, sentence in messages.located_sentences(
            error, Settings, lambda location: _place(draft, location)
        ):
            draft.add(sentence, *named_in(sentence, location, draft.lines))
    if settings is not None and secrets:
        for index, endpoint in enumerate(settings.endpoint):
            _read_secrets(draft, index, endpoint)
        for problem in settings.trace.read(draft.environ, draft.base):
            draft.add(f"[trace] {problem}", "trace", "headers")
        found = read_tokens(settings.admin_token, draft.environ, draft.base)
        for index, key, problem in found:
            place = heading("admin_token", index, draft)
            draft.add(f"{place} {key}: {problem}", "admin_token", index, key)
    if draft.problems:
        raise ConfigError(_report(draft))
    assert settings is not None  # noqa: S101 - no settings means problems
    return settings


def _check_unique(draft: _Draft, table: str, key: str, normal: Callable[[str], str]) -> None:
    names = [_name_of(table, raw) for raw in draft.raw[table]]
    values = [normal(name) for name in names]
    for index, value in enumerate(values):
        first = values.index(value)
        if first < index:
            spelled = "" if names[first] == names[index] else f', which spells it "{names[first]}"'
            draft.add(
                f'{heading(table, index, draft)}: {key} "{names[index]}" is used by [[{table}]] '
                f"{first + 1}{spelled}: give each its own {key}",
                *(table, index, key),
            )


def _read_secrets(draft: _Draft, index: int, endpoint: EndpointSettings) -> None:
    found = FoundSecrets()
    files = [("secret_file", SecretSource(file=name)) for name in endpoint.secret_file]
    for key, source in [*files, *(("secret", one) for one in endpoint.secret)]:
        try:
            secret, path = _read_secret(draft, source)
        except ConfigError as error:
            draft.add(f"{heading('endpoint', index, draft)}: {error}", "endpoint", index, key)
            continue
        found.add(secret, path, _called(source, path))
    endpoint.hold(found)


def _called(source: SecretSource, path: Path | None) -> str:
    if path is not None:
        return f"the secret file {path}"
    return f"the secret in the variable {source.env}" if source.env else "the secret"


def _read_secret(draft: _Draft, source: SecretSource) -> tuple[Secret, Path | None]:
    if source.inline is not None:
        return source.inline, None
    if source.env is not None:
        value = draft.environ.get(source.env, "")
        if not value:
            raise ConfigError(f"the environment variable {source.env} is not set, or empty")
        return Secret(value.encode(errors="surrogateescape")), None
    assert source.file is not None  # noqa: S101 - the only one left
    path = locate_secret_file(source.file, draft.base, draft.environ)
    return read_secret_file(path), path


def _report(draft: _Draft) -> str:
    problems = [*draft.problems, *draft.unknown]
    if draft.source is None:
        return "\n  ".join(problems)
    if len(problems) == 1:
        line, colon, rest = problems[0].removeprefix("line ").partition(": ")
        has_line = problems[0].startswith("line ") and line.isdigit() and bool(colon)
        return f"{draft.source}:{line}: {rest}" if has_line else f"{draft.source}: {problems[0]}"
    return "\n  ".join([f"{draft.source}: {len(problems)} errors:", *problems])
