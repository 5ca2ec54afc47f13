from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from incm_webhook import Alert, ConfigError, Context, plugin
from incm_webhook.config.loading import PluginSettings, load_settings
from incm_webhook.errors import PluginError
from incm_webhook.hosting.channel import pack_settings, unpack_settings
from incm_webhook.hosting.registry import load_object
from incm_webhook.hosting.trial import wanted_by
from incm_webhook.service.native import filter_of

Write = Callable[[str, str], Path]
SIGNED = '[[endpoint]]\nsecret_file = "secret"\n'
ALERT = Alert.from_json(
    '{"type": "modem_wan_connected", "priority": 2, "deviceId": "lab-1",'
    ' "data": {"interface": "wan1", "a.b": "dot", "up": true, "signal": -71.5}}'
)


def loaded(workdir: Path, write: Write, lines: str) -> PluginSettings:
    write("incm-webhook.toml", f"{SIGNED}[[plugin]]\nuse = 'log'\n{lines}\n")
    (settings,) = load_settings({}, {}, workdir).plugin
    return settings


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("""where = { "data.interface" = ["lan*", "wan*"], priority = "<= 2" }""", True),
        ("""where = { "data.interface" = ["lan*", "wan*"], priority = "< 2" }""", False),
        ("""where = { data.interface = "wan?" }""", True),
        ("""where = { data = { interface = "wan?", up = true } }""", True),
        ("""where = { 'data."a.b"' = "dot" }""", True),
        ("""where = { "data.a.b" = "dot" }""", False),
        ("""where = { "data.signal" = "-80..-70" }""", True),
        ("""where = { "data.signal" = -71.50 }""", True),
        ("""where = { "data.signal" = -71 }""", False),
        ("""where = { "data.up" = false }""", False),
        ("""where = { absent = "*" }""", False),
        ("""where = {}""", True),
        ("""not = { where = { absent = "*" } }""", True),
        ("""not = { where = { absent = "*", priority = 2 } }""", False),
        ("""not = { devices = "lab-*" }""", False),
        ("""not = { devices = "lab-*", types = "reboot" }\ntypes = "modem_*" """, False),
        ("""not = { devices = "roof", types = ["reboot"], priority = [1, 3] }""", True),
        ("""not = {}""", True),
    ],
)
def test_filters_choose(workdir: Path, write: Write, line: str, wanted: bool) -> None:
    settings = loaded(workdir, write, line)
    assert filter_of(settings).matches(ALERT, "/webhook") is wanted
    # A process of its own gets the settings as text.
    again = unpack_settings(pack_settings(settings))
    assert again.core_filter == settings.core_filter


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            "where = 'wan*'",
            'where: wants a table of paths, such as { "data.interface" = ["wan*"] }',
        ),
        ("""where = { "data..x" = 1 }""", 'where: "data..x" has an empty key; wanted is a path'),
        ("""where = { 'data."x' = 1 }""", "has a quote that is not closed"),
        ("""where = { priority = "<= two" }""", 'where: "priority": "<= two" wants a number after'),
        ("""where = { priority = [1, "3..1"] }""", '"priority": "3..1" wants the smaller number'),
        ("""where = { priority = "1.." }""", "wants a number on both sides of the dots"),
        ("""where = { priority = "" }""", "a pattern must not be empty"),
        ("""where = { priority = [] }""", '"priority" wants at least one pattern'),
        ("""where = { priority = nan }""", "is not a number that JSON can have"),
        ("""where = { priority = [[1]] }""", '"priority" wants patterns: texts, numbers, true or'),
        ("""where = { createdAt = 2026-01-01 }""", '"createdAt" wants patterns: texts, numbers'),
        ("""where = { data.x = 1, "data.x" = 2 }""", 'has the path "data.x" twice'),
        ("""where = { """ + ", ".join(f"k{i} = 1" for i in range(65)) + "}", "at most 64 paths"),
        ("not = ['reboot']", "not: wants a table, such as { key = value }"),
        ("not = { type = 'x' }", 'not: unknown key "type"; did you mean "types"?'),
        ("not = { not = {} }", 'not: unknown key "not"'),
        ("not = { priority = 'high' }", "not.priority[1]: wants a whole number"),
        ("not = { where = { a = '>' } }", 'not.where: "a": ">" wants a number after ">"'),
        ("unwanted = { types = 'x' }", 'unknown key "unwanted"'),
        ("wher = { a = 1 }", 'unknown key "wher"; did you mean "where"?'),
    ],
)
def test_a_filter_that_cannot_be_read_is_named(
    workdir: Path, write: Write, line: str, words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(workdir, write, line)
    (message,) = str(caught.value).splitlines()
    assert f"{workdir / 'incm-webhook.toml'}" in message
    assert '[[plugin]] 1 "log"' in message
    assert words in message


def test_the_decorator_takes_the_same_filters() -> None:
    @plugin("page", where={"data.interface": "wan*"}, not_={"devices": ["roof"]})
    def page(alert: Alert, ctx: Context) -> None: ...

    def settings(**keys: Any) -> PluginSettings:
        return load_object(page, PluginSettings(use="page", **keys)).settings

    assert filter_of(settings()).matches(ALERT, "/")
    assert wanted_by(settings()) == "where data.interface wan*; not devices roof"
    assert not filter_of(settings(where={"data.interface": ["lan*"]})).matches(ALERT, "/")
    assert not filter_of(settings(**{"not": {"devices": "lab-1"}})).matches(ALERT, "/")
    shown = settings(where={"data.up": True, "priority": ["<= 2", 7, 1.5]}, types=["modem_*"])
    assert wanted_by(shown) == (
        "types modem_*; where data.up true; where priority <= 2, 7, 1.5; not devices roof"
    )


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"where": {"data..x": 1}}, '@plugin("page") where: "data..x" has an empty key'),
        ({"where": {"x": b"1"}}, '@plugin("page") where: "x" wants patterns'),
        ({"where": {1: "x"}}, '@plugin("page") where: wants a table of paths'),
        ({"not_": {"kind": 1}}, '@plugin("page") not: unknown key "kind"'),
    ],
)
def test_the_decorator_is_checked_when_the_plugin_is_loaded(
    keys: dict[str, Any], words: str
) -> None:
    @plugin("page", **keys)
    def page(alert: Alert, ctx: Context) -> None: ...

    with pytest.raises(PluginError) as caught:
        load_object(page, PluginSettings(use="page"))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("where = { deviceid = 'x' }", 'where deviceid: "deviceid" is not a documented key'),
        ("where = { device_id = 'x' }", 'of an alert; did you mean "deviceId"?'),
        ("not = { where = { Data.x = 1 } }", 'plugin log: not: where Data.x: "Data" is not a'),
        ("where = { 'data.x' = 'wan1 ' }", 'where data.x: "wan1 " begins or ends with a space'),
        ("not = { types = ['disconected'] }", 'not: "disconected" is not a known alert type'),
        ("not = { endpoints = ['/x'] }", 'not: endpoints: there is no endpoint "/x"'),
        ("not = { status = 'open' }", 'not: status: "open" is not a known status'),
        ("not = { orgs = ' Nord' }", 'not orgs: " Nord" begins or ends with a space'),
    ],
)
def test_a_filter_that_is_probably_wrong_is_warned_about(
    workdir: Path, write: Write, line: str, words: str
) -> None:
    write("incm-webhook.toml", f"{SIGNED}[[plugin]]\nuse = 'log'\n{line}\n")
    (warning,) = load_settings({}, {}, workdir).warnings
    assert words in warning


def test_other_keys_than_the_documented_ones_are_fine(workdir: Path, write: Write) -> None:
    write(
        "incm-webhook.toml",
        f"{SIGNED}[[plugin]]\nuse = 'log'\nwhere = {{ severity = 1, 'data.anything' = 'x' }}\n",
    )
    assert load_settings({}, {}, workdir).warnings == []
