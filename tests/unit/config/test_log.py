"""`[log]`, its flags and variables, and what is known of it before the rest is checked."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from incm_webhook import ConfigError
from incm_webhook.config.early_log import early_log
from incm_webhook.config.loading import Settings, load_settings
from incm_webhook.log_levels import LogLevels

Write = Callable[[str, str], Path]


def load(workdir: Path, environ: dict[str, str] | None = None, **overrides: Any) -> Settings:
    return load_settings({"unsigned": True, **overrides}, environ or {}, workdir)


def error(workdir: Path, environ: dict[str, str] | None = None, **overrides: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        load(workdir, environ, **overrides)
    return str(caught.value)


def test_by_default_people_read_the_log(workdir: Path) -> None:
    log = load(workdir).log
    assert (log.format, log.all_levels, log.access) == ("text", LogLevels(), 0.0)


def test_a_flag_wins_over_the_variable_and_that_over_the_file(workdir: Path, write: Write) -> None:
    write("incm-webhook.toml", '[log]\nformat = "journal"\nlevel = "error"\n')
    variables = {"INCM_WEBHOOK_LOG_FORMAT": "json", "INCM_WEBHOOK_LOG_LEVEL": "warning"}
    log = load(workdir).log
    assert (log.format, log.all_levels.own) == ("journal", logging.ERROR)
    log = load(workdir, variables).log
    assert (log.format, log.all_levels.own) == ("json", logging.WARNING)
    log = load(workdir, variables, log_format="text", log_level="debug").log
    assert (log.format, log.all_levels.own) == ("text", logging.DEBUG)


def test_single_loggers_have_levels_under_the_names_that_the_log_shows(
    workdir: Path, write: Write
) -> None:
    levels = '{ "plugin.pager" = "debug", "incm_webhook.core" = "error", httpx = "info" }'
    write("incm-webhook.toml", f'[log]\nlevel = "warning,httpx=debug"\nlevels = {levels}\n')
    found = load(workdir).log.all_levels
    assert found.own == logging.WARNING
    assert found.others == {
        "incm_webhook.plugin.pager": logging.DEBUG,
        "incm_webhook.core": logging.ERROR,
        "httpx": logging.INFO,
    }
    assert found.of_core == "error"
    assert LogLevels(logging.WARNING).of_core == "warning"


@pytest.mark.parametrize(
    ("value", "share"), [("true", 1.0), ("false", 0.0), ("0.25", 0.25), ("1", 1.0), ("0", 0.0)]
)
def test_access_is_a_switch_or_a_share(
    workdir: Path, write: Write, value: str, share: float
) -> None:
    write("incm-webhook.toml", f"[log]\naccess = {value}\n")
    assert load(workdir).log.access == share


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ('format = "xml"', "[log] format: wants 'text', 'json' or 'journal'"),
        ("format = 3", "[log] format: wants 'text', 'json' or 'journal'"),
        ('level = "loud"', "[log] level: wants debug, info, warning or error"),
        ("access = 1.5", "[log] access: wants true, false, or the share of requests to log"),
        ("access = nan", "[log] access: wants true, false, or the share of requests to log"),
        ('access = "yes"', "[log] access: wants true, false, or the share of requests to log"),
        ("levels = 3", "[log] levels: wants a table of loggers and levels"),
        ('levels = { httpx = "loud" }', '[log] levels: the level of "httpx" is none of debug'),
        ('levels = { "a b" = "info" }', '[log] levels: "a b" can be no logger'),
        ("levels = { httpx = [] }", '[log] levels: the level of "httpx" is none of debug'),
        ('levle = "info"', '[log]: unknown key "levle"; did you mean "level"?'),
    ],
)
def test_a_mistake_is_said_with_its_place(
    workdir: Path, write: Write, key: str, sentence: str
) -> None:
    write("incm-webhook.toml", f"[log]\n{key}\n")
    assert sentence in error(workdir)


def test_a_mistake_in_a_flag_or_a_variable_names_it(workdir: Path) -> None:
    assert error(workdir, log_format="xml").startswith("--log-format: wants 'text'")
    variables = {"INCM_WEBHOOK_LOG_FORMAT": "xml"}
    assert error(workdir, variables).startswith("INCM_WEBHOOK_LOG_FORMAT: wants 'text'")


def test_the_former_place_of_the_level_still_counts(workdir: Path, write: Write) -> None:
    write("incm-webhook.toml", '[server]\nlog_level = "debug"\n')
    assert load(workdir).log.level == LogLevels(logging.DEBUG)
    assert load(workdir, log_level="error").log.level == LogLevels(logging.ERROR)
    write("incm-webhook.toml", '[server]\nlog_level = "loud"\n')
    assert "incm-webhook.toml:2: [log] level: wants debug, info" in error(workdir)
    write("incm-webhook.toml", '[server]\nlog_level = "debug"\n[log]\nlevel = "info"\n')
    assert "incm-webhook.toml:4: [server] log_level: is given as [log] level, too" in error(workdir)


def test_what_is_known_early_follows_the_same_order(workdir: Path, write: Write) -> None:
    assert early_log({}, {}, workdir) == ("text", LogLevels())
    write("incm-webhook.toml", '[log]\nformat = "json"\nlevel = "error"\n')
    assert early_log({}, {}, workdir) == ("json", LogLevels(logging.ERROR))
    variables = {"INCM_WEBHOOK_LOG_FORMAT": "journal"}
    assert early_log({}, variables, workdir)[0] == "journal"
    assert early_log({"log_format": "text"}, variables, workdir)[0] == "text"
    write("other.toml", "")
    assert early_log({"config": "other.toml"}, {}, workdir) == ("text", LogLevels())


@pytest.mark.parametrize(
    "text", ["[[[", "log = 3", "[log]\nformat = 3", "[log]\nlevel = []", "[log]\nformat = {}"]
)
def test_what_is_wrong_early_is_left_to_the_check_of_the_settings(
    workdir: Path, write: Write, text: str
) -> None:
    write("incm-webhook.toml", text)
    assert early_log({}, {}, workdir) == ("text", LogLevels())
    assert early_log({"config": "a\0b"}, {}, workdir) == ("text", LogLevels())
