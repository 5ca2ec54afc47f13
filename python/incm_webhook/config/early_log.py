"""Finds out how to log before the configuration is checked: its mistakes are log lines, too.

The supervisor uses nothing else of the configuration, so this imports no model.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast, get_args

from incm_webhook.config.file import DEFAULT_FILE, read_toml
from incm_webhook.errors import ConfigError
from incm_webhook.log_levels import LogLevels, parse_log_levels
from incm_webhook.text.log_lines import LogStyle


def early_log(
    overrides: Mapping[str, Any], environ: Mapping[str, str], cwd: Path
) -> tuple[LogStyle, LogLevels]:
    """Return the style and the levels that flag, variable or file ask for.

    Args:
        overrides: the values of flags, as `load_settings` takes them.
        environ: the environment.
        cwd: the working directory.

    Returns:
        Style and levels. What is wrong or cannot be read counts as not given, because
        `load_settings` reports it.
    """

    def given(key: str) -> Any:
        return overrides.get(key) or environ.get(f"INCM_WEBHOOK_{key.upper()}")

    table = _log_table(cwd / (given("config") or DEFAULT_FILE))
    style = given("log_format") or table.get("format")
    try:
        levels = parse_log_levels(given("log_level") or table.get("level"))
    except ValueError:
        levels = LogLevels()
    return (cast("LogStyle", style) if style in get_args(LogStyle) else "text"), levels


def _log_table(file: Path) -> dict[str, Any]:
    try:
        if not file.is_file():  # a pipe gives its content once, and load_settings needs it
            return {}
        table = read_toml(file)[0].get("log", {})
    except (ConfigError, ValueError):
        return {}
    return table if isinstance(table, dict) else {}
