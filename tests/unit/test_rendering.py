import copy
import json
import pickle
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from incm_webhook import Alert, Context, PluginError, Reject, Template
from incm_webhook.rendering import MOST_BYTES
from incm_webhook.testing import make_alert, run_plugin

NOON = datetime(2025, 1, 6, 12, 0, 5, tzinfo=UTC)
CTX = Context(plugin="noc", endpoint="/w", received_at=NOON, delivery_key="k-1")
ALERT = make_alert(
    "disconnected",
    entity_name="pump-7",
    serial_number="EF1",
    retention="7500",
    timestamp=NOON,
    data={"interface": "wan1", "nothing": None, "list": [1, 2]},
    org={"_id": "o1", "name": "ACME", "plan": "gold"},
    closedAt=None,
    extraField=5,
)
LABELS = "Device;Serial number;Group;Organisation;Time;Offline for at least"


def rendered(source: str, alert: Alert = ALERT, **values: Any) -> str:
    return CTX.render(source, alert, **values)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ alert.entity_name }} {{ alert.label }}", "pump-7 Disconnect from Platform"),
        ("{{ plugin }} {{ endpoint }} {{ delivery_key }}", "noc /w k-1"),
        ("{{ received_at | date }}", "2025-01-06 12:00:05 UTC"),
        ("{{ alert.timestamp | date('%H:%M %Z', zone='Europe/Berlin') }}", "13:00 CET"),
        ("{{ alert.retention | duration }}", "2 h 5 min"),
        ("{{ ('ö' * 10) | truncate_bytes(8) }}", "öö…"),
        ("{{ 'a\nb' | one_line }}", "a b"),
        ("{{ 'abcdef' | one_line(3) }}", "ab…"),
        ("{{ alert.data.interface }} {{ alert.org.plan }}", "wan1 gold"),
        ("{{ alert.extra.extraField }}", "5"),
        ("{{ alert.data['list'] | join('-') }}", "1-2"),
        ("{{ '<b>' }}{{ '<b>' | e }}", "<b>&lt;b&gt;"),
        ("{{ subject(alert) }}", "Disconnect from Platform: pump-7 (EF1) — ACME"),
        ("{{ severity(alert) }} {{ is_clear(alert) }}", "critical False"),
        ("{{ colour(alert) }}", "#b3261e"),
        ("{{ facts(alert) | map('first') | join(';') }}", LABELS),
        ("{{ '{{ alert }}' }}", "{{ alert }}"),
        ("{{ alert.entity_name | tojson }}", '"pump-7"'),
        ("{{ alert.org | tojson }}", '{"_id": "o1", "name": "ACME", "plan": "gold"}'),
        ("{{ [alert.timestamp, alert.closed_at] | tojson }}", '["2025-01-06T12:00:05Z", null]'),
        ("{{ alert.closed_at | tojson }}", "null"),
        ("{{ '\ud800' | tojson }}", '"\\ud800"'),
        ("{{ '\ud800' }}", "\ufffd"),
    ],
)  # fmt: skip
def test_a_template_sees_the_alert_and_its_delivery(source: str, expected: str) -> None:
    assert rendered(source) == expected


def test_further_values_are_names() -> None:
    assert CTX.render("{{ room }} {{ alert.entity_name }}", ALERT, room="A", alert=1) == "A pump-7"


def test_the_whole_alert_can_be_written_as_json() -> None:
    assert json.loads(rendered("{{ alert | tojson }}")) == ALERT.to_dict()


@pytest.mark.parametrize(
    "source",
    [
        "{{ alert.closed_at | default('-') }}",
        "{{ alert.data.nothing | default('-') }}",
        "{{ alert.data.missing.deeper['still'].more | default('-') }}",
        "{{ alert.org.missing | default('-') }}",
        "{% if alert.closed_at %}closed{% else %}-{% endif %}",
        "{% if alert.data.missing == 'x' %}x{% else %}-{% endif %}",
        "{% if alert.data.missing != 'x' %}-{% endif %}",
        "{% if alert.closed_at is defined %}x{% else %}-{% endif %}",
        "{% if alert.closed_at == none %}-{% endif %}",
        "{% if alert.closed_at in ['x'] %}x{% else %}-{% endif %}",
    ],
)
def test_what_an_alert_lacks_can_be_tested_and_replaced(source: str) -> None:
    assert rendered(source) == "-"


@pytest.mark.parametrize(
    ("source", "line", "field"),
    [
        ("{{ alert.closed_at }}", 1, 'this alert has no "closed_at"'),
        ("a\n{{ alert.entity_name }}\n{{ alert.data.missing }}", 3, 'this alert has no "missing"'),
        ("{{ alert.data.nothing }}", 1, 'this alert has no "nothing"'),
        ("{{ alert.data['missing'] }}", 1, 'this alert has no "missing"'),
        ("{{ alert.data.missing.deeper }}", 1, 'this alert has no "missing"'),
        ("\n\n{{ alert.closed_at | date }}", 3, 'this alert has no "closed_at"'),
        ("{{ alert.closed_at | one_line }}", 1, 'this alert has no "closed_at"'),
        ("{{ alert.closed_at | duration }}", 1, 'this alert has no "closed_at"'),
        ("{{ alert.closed_at ~ 'x' }}", 1, 'this alert has no "closed_at"'),
        ("{% for x in alert.data.missing %}{% endfor %}", 1, 'this alert has no "missing"'),
        ("{{ alert.entityname }}", 1, 'an alert has no "entityname" (did you mean "entity_name"?)'),
        ("{% if alert.entityname %}{% endif %}", 1, 'an alert has no "entityname"'),
        ("{{ alert.entityname | tojson }}", 1, 'an alert has no "entityname"'),
        ("{{ alrt.type }}", 1, "'alrt' is undefined"),
        ("{{ plugin.missing }}", 1, "has no attribute 'missing'"),
        ("{{ alert.entity_name + 1 }}", 1, "TypeError"),
        ("{{ 1 // 0 }}", 1, "ZeroDivisionError"),
        ("{{ alert.entity_name | date }}", 1, "a date is written from a time, not from str"),
        ("{{ received_at | date(zone='Mars') }}", 1, 'there is no time zone "Mars"'),
        ("{% include 'x' %}", 1, "no loader"),
        ("{{ alert.__class__ }}", 1, "unsafe"),
        ("{{ ''.__class__.__mro__ }}", 1, "unsafe"),
        ("{{ alert._data }}", 1, ""),
        ("{{ alert.data.update({}) }}", 1, ""),
        ("{{ subject.__globals__ }}", 1, "unsafe"),
        ("{{ range(10**9) | list }}", 1, "Range too big"),
        ("{{ 'x' * 10**9 }}", 1, "too large"),
        ("{{ 10**9 * [1] }}", 1, "too large"),
        ("{{ 10 ** 100000 }}", 1, "too large"),
    ],
)  # fmt: skip
def test_an_error_names_the_line_and_the_field(source: str, line: int, field: str) -> None:
    with pytest.raises(Reject) as caught:
        rendered(source)
    assert str(caught.value).startswith(
        f"the template cannot be rendered with this alert: line {line}: "
    )
    assert field in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_text_of_an_alert_is_never_a_template() -> None:
    hostile = make_alert("reboot", content="{{ 7 * 7 }}{% for %}", entity_name="{{ plugin }}")
    assert rendered("{{ alert.content }} {{ alert.entity_name }}", hostile) == (
        "{{ 7 * 7 }}{% for %} {{ plugin }}"
    )


def test_the_text_is_cut_at_64_kib() -> None:
    text = rendered("{% for one in range(99999) %}{{ alert.entity_name }}ö{% endfor %}")
    assert MOST_BYTES - 4 < len(text.encode()) <= MOST_BYTES
    assert text.endswith("…")
    assert len(rendered("{{ 'ö' * 500000 }}").encode()) <= MOST_BYTES
    assert rendered("{{ 'x' * 65536 }}") == "x" * 65536
    huge = make_alert("reboot", content="x" * 10**6)
    assert len(rendered("{{ alert.content }}", huge).encode()) == MOST_BYTES


def test_a_wrong_template_is_an_error_of_the_plugin() -> None:
    with pytest.raises(PluginError, match=r"the template is no template: line 2: .*'nofilter'"):
        rendered("\n{{ alert | nofilter }}")
    with pytest.raises(PluginError, match="line 1"):
        rendered("{% if %}")


class Config(BaseModel):
    """A config with templates in several places."""

    title: Template = "{{ alert.label }}"
    bodies: list[Template] = []
    maybe: Template | None = None


def test_a_field_of_a_model_is_checked_when_the_config_is_validated() -> None:
    with pytest.raises(ValidationError, match=r"title\n.*line 2: unexpected"):
        Config(title="a\n{{ }")
    with pytest.raises(ValidationError, match=r"bodies.1\n.*line 1"):
        Config(bodies=["a", "{% x %}"])
    config = Config(title="{{ alert.closed_at }}", maybe="x")
    assert config.title == "{{ alert.closed_at }}"
    with pytest.raises(Reject, match=r'the template "title" cannot be rendered .* "closed_at"'):
        rendered(config.title)
    for other in (pickle.loads(pickle.dumps(config)), copy.deepcopy(config)):
        with pytest.raises(Reject, match='the template "title"'):
            rendered(other.title)
    assert Config.model_json_schema()["properties"]["title"]["type"] == "string"


def test_a_handler_renders_with_the_names_of_its_delivery() -> None:
    seen = []

    class Noc:
        def __init__(self, config: Config) -> None:
            self.config = config

        def handle_batch(self, alerts: list[Alert], ctx: Context) -> None:
            for alert, one in zip(alerts, ctx.each, strict=True):
                seen.append(one.render(self.config.title, alert))

    title = "{{ alert.type }} {{ plugin }} {{ delivery_key }}"
    run_plugin(Noc, make_alert("reboot"), make_alert("sim_switch"), config={"title": title})
    assert seen == ["reboot Noc test-1", "sim_switch Noc test-2"]


def test_jinja_is_loaded_with_the_first_template_only() -> None:
    code = (
        "import sys, incm_webhook; from incm_webhook import message, Template\n"
        "from incm_webhook.testing import make_alert, run_plugin\n"
        "from incm_webhook.config.settings import PluginSettings\n"
        "from incm_webhook.hosting import registry\n"
        "from pathlib import Path\n"
        "registry.load(PluginSettings(use='log'), Path.cwd())\n"
        "registry.load(PluginSettings(use='jsonl'), Path.cwd())\n"
        "assert 'jinja2' not in sys.modules\n"
        "incm_webhook.Context().render('x', make_alert())\n"
        "assert 'jinja2' in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
