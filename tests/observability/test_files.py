"""The rules, their tests and the dashboard, without a server."""

import itertools
import json
import re
import subprocess
from typing import Any

import pytest

from observability.dashboard import DASHBOARD, FOLDER, PANELS, SHOWN, expressions

HEADINGS = re.findall(r"^## (\w+)$", (FOLDER / "runbook.md").read_text(), re.MULTILINE)
RULES = (FOLDER / "rules.yml").read_text()


def promtool(*arguments: str) -> None:
    done = subprocess.run(
        ["promtool", *arguments], cwd=FOLDER, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_are_well_formed() -> None:
    promtool("check", "rules", "rules.yml")


def test_each_rule_fires_for_its_fault_and_none_fires_without_one() -> None:
    promtool("test", "rules", "rules_test.yml")
    tested = re.findall(r"^  - name: (\w+)$", (FOLDER / "rules_test.yml").read_text(), re.MULTILINE)
    quiet = re.findall(r"13h, alertname: (\w+)", (FOLDER / "rules_test.yml").read_text())
    alerts = re.findall(r"- alert: (\w+)", RULES)
    assert tested == quiet == alerts


def test_each_rule_has_its_heading_in_the_runbook() -> None:
    alerts = re.findall(r"- alert: (\w+)", RULES)
    assert [one for one in HEADINGS if one.startswith("Incm")] == alerts
    linked = re.findall(r"runbook: docs/observability/runbook\.md#(\w+)$", RULES, re.MULTILINE)
    assert linked == [one.lower() for one in alerts]


def variables(of: str) -> list[dict[str, Any]]:
    return [one for one in DASHBOARD["templating"]["list"] if one["type"] == of]


def test_the_dashboard_has_variables_for_its_data_source_and_servers() -> None:
    assert [one["name"] for one in variables("datasource")] == ["datasource"]
    assert [one["name"] for one in variables("query")] == ["job", "instance"]
    sources = {json.dumps(panel["datasource"]["uid"]) for panel in SHOWN}
    assert sources == {'"${datasource}"'}


@pytest.mark.parametrize("expression", list(expressions()))
def test_each_query_keeps_to_the_chosen_servers_and_the_interval(expression: str) -> None:
    metrics = re.findall(r"(?:incm_webhook|process)_\w+(\{[^}]*\})?", expression)
    assert metrics
    for selector in metrics:
        assert 'job=~"$job"' in selector
        assert 'instance=~"$instance"' in selector
    for interval in re.findall(r"rate\([^[]*\[([^]]+)\]", expression):
        assert interval == "$__rate_interval"


def test_each_panel_says_what_it_shows_and_in_which_unit() -> None:
    for panel in SHOWN:
        assert panel["title"], panel["id"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert all(target["legendFormat"] for target in panel["targets"]), panel["title"]


def test_no_panel_has_the_number_or_the_place_of_another() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    titles = [panel["title"] for panel in SHOWN]
    assert len(set(titles)) == len(titles)
    for one, other in itertools.combinations([panel["gridPos"] for panel in PANELS], 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in PANELS)
