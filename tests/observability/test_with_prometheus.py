"""A real Prometheus scrapes a real server: every query finds data, every rule is evaluated."""

import subprocess
import urllib.request

import pytest

from incm_webhook.testing import Receiver, make_alert
from observability.dashboard import expressions, filled_in
from observability.prometheus import Prometheus

# These have a sample only with TLS or with a canary; rules_test.yml has these cases.
NOT_HERE = {
    "incm_webhook_canary_overdue",
    "incm_webhook_tls_certificate_not_after_timestamp_seconds",
}


def test_the_page_of_a_real_server_is_well_formed(served: Receiver) -> None:
    with urllib.request.urlopen(f"{served.admin_url}/metrics") as page:
        text = page.read()
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


@pytest.mark.parametrize("expression", list(expressions()))
def test_each_query_of_the_dashboard_has_data(prometheus: Prometheus, expression: str) -> None:
    found = prometheus.wait_for(filled_in(expression))
    assert all(sample["value"][1] != "" for sample in found)


def test_each_rule_is_evaluated_and_none_fires_but_for_the_dead_letters(
    prometheus: Prometheus, served: Receiver
) -> None:
    assert served.send(make_alert("reboot"))[0] == 200  # a scrape has seen the count before
    prometheus.wait_for('ALERTS{alertname="IncmWebhookDeadLetters",alertstate="firing"}')
    rules = [one for group in prometheus.ask("rules")["groups"] for one in group["rules"]]
    assert len(rules) > 15
    assert {one["name"]: one.get("lastError", "") for one in rules if one["health"] != "ok"} == {}
    firing = {one["name"] for one in rules if one["state"] == "firing"}
    assert firing == {"IncmWebhookDeadLetters"}


def test_each_metric_of_a_rule_is_one_that_the_server_has(prometheus: Prometheus) -> None:
    names = set(prometheus.ask("label/__name__/values")) | NOT_HERE
    for group in prometheus.ask("rules")["groups"]:
        for rule in group["rules"]:
            words = rule["query"].replace("(", " ").replace("{", " ").replace("[", " ").split()
            used = {word for word in words if word.startswith("incm_webhook_")}
            assert used <= names, rule["name"]
