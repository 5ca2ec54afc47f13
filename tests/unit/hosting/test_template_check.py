from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field

from incm_webhook import Template
from incm_webhook.check.findings import Report
from incm_webhook.check.plugins import check_plugins
from incm_webhook.config.loading import load_settings
from incm_webhook.config.settings import PluginSettings
from incm_webhook.hosting.template_check import template_findings

Write = Callable[[str, str], Path]


class Row(BaseModel):
    """A part of a config."""

    cell: Template


class Config(BaseModel):
    """A config with templates at every depth."""

    title: Template = "{{ subject(alert) }}"
    rows: list[Row] = []
    names: dict[str, Template] = {}
    other: Template | None = Field(None, alias="else")
    text: str = "{{ no template }"


def findings(settings: dict[str, Any] | None = None, **config: Any) -> tuple[list[str], list[str]]:
    return template_findings(
        Config(**config), PluginSettings(use="./noc.py", name="noc", **(settings or {}))
    )


def test_templates_that_fit_every_alert_are_no_finding() -> None:
    assert findings() == ([], [])
    assert findings(names={"a": "{{ plugin }}{{ endpoint }}{{ received_at | date }}"}) == ([], [])
    assert template_findings({"plain": "{{ }"}, PluginSettings(use="x")) == ([], [])


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({"title": "a\n{{ alrt }}"}, "title, line 2"),
        ({"rows": [{"cell": "x"}, {"cell": "{{ alrt }}"}]}, "rows.1.cell, line 1"),
        ({"names": {"a": "{{ alrt }}"}}, "names.a, line 1"),
        ({"else": "{{ alrt }}"}, "else, line 1"),
    ],
)
def test_a_template_that_no_alert_fits_is_an_error(config: dict[str, Any], key: str) -> None:
    errors = [f"config {key}: 'alrt' is undefined; the plugin would reject every alert"]
    assert findings(**config) == (errors, [])


def test_a_template_that_some_alerts_do_not_fit_is_a_warning() -> None:
    errors, (warning,) = findings(title="{{ alert.retention }}")
    assert errors == []
    assert warning.startswith('config title, line 1: this alert has no "retention" (write | def')
    assert warning.endswith(
        "the plugin would reject config_sync_failed, sim_switch, local_config_update, reboot "
        "and 12 more types"
    )
    assert "reject connected, " in findings(title="{{ alert.closed_at }}")[1][0]


def test_only_the_alerts_that_the_plugin_wants_count() -> None:
    title = "{{ alert.retention }} {{ alert.closed_at }}"
    wanted = {"types": ["dis*", "license_expiring"], "status": ["closed"]}
    assert findings(wanted, title=title) == ([], [])
    assert findings({"not": {"status": ["active"]}}, title="{{ alert.closed_at }}") == ([], [])
    unclear = {"not": {"status": ["active"], "orgs": ["ACME"]}}  # only ACME's active ones
    assert len(findings(unclear, title="{{ alert.closed_at }}")[1]) == 1
    errors, warnings = findings({"types": ["fan_*"]}, title=title)
    assert warnings == []
    assert errors[0].endswith("the plugin would reject every alert")
    own = "{% if alert.type == 'fan_failure' %}x{% else %}{{ alert.closed_at }}{% endif %}"
    assert findings({"types": ["fan_failure"]}, title=own) == ([], [])


def test_check_reports_key_line_and_place(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    write(
        "noc.py",
        "from pydantic import BaseModel\n"
        "from incm_webhook import Template\n"
        "class Config(BaseModel):\n"
        "    text: Template\n"
        "def on_alert(alert): ...\n",
    )
    path = write(
        "incm-webhook.toml",
        '[[endpoint]]\npath = "/w"\nsecret_file = "secret"\n'
        '[[plugin]]\nuse = "./noc.py"\nconfig = { text = "{{ alert.retention }}" }\n'
        '[[plugin]]\nuse = "./noc.py"\nname = "two"\nconfig = { text = "a\\n{{ x }}" }\n'
        '[[plugin]]\nuse = "./noc.py"\nname = "three"\nconfig = { text = "a\\n{{ }" }\n',
    )
    check_plugins(load_settings({}, {}, path.parent), Report(), is_served=False)
    out, err = capsys.readouterr()
    output = out + err
    place = '([[plugin]] {} "{}" of ' + f"{path}, line {{}})"
    assert 'plugin noc: config text, line 1: this alert has no "retention"' in output
    assert place.format(1, "noc", 6) in output
    assert "plugin \"two\": its check failed: config text, line 2: 'x' is undefined" in output
    assert place.format(2, "two", 10) in output
    assert 'plugin "three": config text: it is no template: line 2: ' in output
    assert place.format(3, "three", 14) in output
