"""What /metrics and /readyz?verbose of a real server say."""

import json
import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol
from urllib.error import HTTPError
from urllib.request import urlopen

from e2e.conftest import DEADLINE_S
from incm_webhook import alert_types
from incm_webhook.testing import Receiver, make_alert

Serve = Callable[..., Receiver]


class Serves(Protocol):
    """A server with an admin listener."""

    admin_url: str

    def output(self) -> str: ...


ROOT = Path(__file__).parents[2]
FAILS = "def on_alert(alert): raise ConnectionError('the pager is down')\n"


def page(receiver: Serves, path: str) -> tuple[int, str]:
    try:
        with urlopen(receiver.admin_url + path, timeout=DEADLINE_S) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def metrics(receiver: Serves) -> dict[str, float]:
    """The samples by name and labels, without the prefix."""
    lines = page(receiver, "/metrics")[1].splitlines()
    samples = [line.rpartition(" ") for line in lines if not line.startswith("#")]
    return {name.removeprefix("incm_webhook_"): float(value) for name, _, value in samples}


def wait_for(receiver: Serves, condition: Callable[[dict[str, float]], bool]) -> dict[str, float]:
    deadline = time.monotonic() + DEADLINE_S
    while not condition(found := metrics(receiver)):
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    return found


def wait_for_one(receiver: Receiver, name: str) -> None:
    wait_for(receiver, lambda now: now[name] == 1)


def plugin(folder: Path, code: str, **settings: object) -> dict[str, object]:
    (folder / "pager.py").write_text(code)
    return {"name": "pager", "use": "./pager.py", **settings}


def test_the_page_has_the_families_of_the_documentation(serve: Serve) -> None:
    receiver = serve("log")
    text = page(receiver, "/metrics")[1]
    families = set(re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE))
    table = (ROOT / "docs/http-api.md").read_text().partition("\n## Metrics\n")[2]
    cells = re.findall(r"^\|(.+?)\|", table.partition("\n## ")[0], re.MULTILINE)
    listed = {code.partition("{")[0] for cell in cells for code in re.findall(r"`([^`]+)`", cell)}
    without = {"incm_webhook_tls_certificate_not_after_timestamp_seconds"}  # neither TLS nor canary
    without |= {one for one in listed if one.startswith("incm_webhook_canary_")}
    assert families == listed - without
    for family in families:  # each has a sample, although nothing has happened
        assert re.search(rf"^{family}(_count|_bucket)?(\{{.*\}})? \S+$", text, re.MULTILINE), family


def test_every_value_of_a_label_is_there_from_the_start(serve: Serve) -> None:
    seen = metrics(serve("log"))
    types = [*(one.name for one in alert_types()), "other"]
    for kind in types:
        assert seen[f'alerts_accepted_total{{endpoint="/webhook",type="{kind}"}}'] == 0
    assert seen['alerts_duplicate_total{endpoint="/webhook"}'] == 0
    assert seen['last_alert_timestamp_seconds{endpoint="/webhook"}'] == 0
    for outcome in ("delivered", "retry", "unavailable", "rejected", "dead"):
        assert seen[f'delivery_attempts_total{{plugin="log",outcome="{outcome}"}}'] == 0
    for code in (200, 400, 401, 404, 429, 503):
        assert seen[f'requests_total{{code="{code}"}}'] == 0
    for state in ("new", "retrying", "dead"):
        assert seen[f'deliveries{{plugin="log",state="{state}"}}'] == 0
    for reason in ("timeout", "memory", "died"):
        assert seen[f'plugin_restarts_total{{plugin="log",reason="{reason}"}}'] == 0
    assert seen['delivery_oldest_age_seconds{plugin="log"}'] == 0
    assert seen["ready"] == seen["config_last_reload_successful"] == 1


def test_alerts_are_counted_by_endpoint_and_known_type(serve: Serve) -> None:
    receiver = serve("log")
    before = time.time()
    alert = make_alert("reboot")
    assert [receiver.send(alert)[0] for _ in range(2)] == [200, 200]
    assert receiver.send(make_alert("no_such_type"))[0] == 200
    assert receiver.send(make_alert("reboot"), signature="wrong")[0] == 401
    seen = wait_for(
        receiver,
        lambda now: now['delivery_attempts_total{plugin="log",outcome="delivered"}'] == 2,
    )
    assert seen['alerts_accepted_total{endpoint="/webhook",type="reboot"}'] == 1
    assert seen['alerts_accepted_total{endpoint="/webhook",type="other"}'] == 1
    assert seen['alerts_duplicate_total{endpoint="/webhook"}'] == 1
    assert seen['requests_total{code="200"}'] == 3
    assert seen['requests_total{code="401"}'] == 1
    assert before - 1 <= seen['last_alert_timestamp_seconds{endpoint="/webhook"}'] <= time.time()
    assert seen["answer_duration_seconds_count"] == 4
    assert 0 < seen["answer_duration_seconds_sum"] < DEADLINE_S
    assert seen["commit_alerts_sum"] == 2
    assert seen["commit_duration_seconds_count"] >= seen["commit_alerts_count"] >= 1
    assert seen['delivery_attempt_duration_seconds_count{plugin="log"}'] == 2
    assert seen['delivery_latency_seconds_count{plugin="log"}'] == 2
    assert seen['delivery_latency_seconds_bucket{plugin="log",le="+Inf"}'] == 2
    assert seen['inbox_file_bytes{file="inbox"}'] > 0


def test_the_attempts_of_a_failing_plugin_are_counted_by_outcome(
    serve: Serve, tmp_path: Path
) -> None:
    code = (
        "from incm_webhook import Reject, Unavailable\n"
        "def on_alert(alert):\n"
        "    if alert.type == 'reboot': raise Reject('no')\n"
        "    if alert.type == 'connected': raise Unavailable('no route')\n"
        "    raise ConnectionError('the pager is down')\n"
    )
    retry = {"first": "1h", "max": "2h"}
    receiver = serve(plugin(tmp_path, code, breaker=0, retry=retry, concurrency=1))

    def attempts(outcome: str) -> str:
        return f'delivery_attempts_total{{plugin="pager",outcome="{outcome}"}}'

    for kind, outcome in (("reboot", "rejected"), ("sim_fail", "retry")):
        assert receiver.send(make_alert(kind))[0] == 200
        wait_for_one(receiver, attempts(outcome))
    assert receiver.send(make_alert("connected"))[0] == 200
    seen = wait_for(
        receiver,
        lambda now: (
            now[attempts("unavailable")] >= 1
            and now['plugin_breaker_open{plugin="pager"}'] == 1
            and now['delivery_oldest_age_seconds{plugin="pager"}'] > 0
        ),
    )
    assert seen[attempts("delivered")] == seen[attempts("dead")] == 0
    assert seen['delivery_latency_seconds_count{plugin="pager"}'] == 0
    seen = wait_for(receiver, lambda now: now['deliveries{plugin="pager",state="dead"}'] == 1)
    assert seen['deliveries{plugin="pager",state="retrying"}'] == 1
    assert seen['deliveries{plugin="pager",state="new"}'] == 1
    assert seen['inbox_deliveries{state="open"}'] == 2


def test_calls_that_hang_are_counted(serve: Serve, tmp_path: Path) -> None:
    code = "import time\ndef on_alert(alert): time.sleep(3600)\n"
    settings = {"timeout": "200ms", "concurrency": 2, "retry": {"first": "1h", "max": "2h"}}
    receiver = serve(plugin(tmp_path, code, breaker=0, **settings))
    assert receiver.send(make_alert())[0] == 200
    wait_for(receiver, lambda now: now['plugin_hanging_calls{plugin="pager"}'] == 1)


def test_the_ends_of_a_process_are_counted_by_their_reason(serve: Serve, tmp_path: Path) -> None:
    code = (
        "import os, time\n"
        "def on_alert(alert):\n"
        "    if alert.type == 'reboot': os._exit(5)\n"
        "    if alert.type == 'connected': time.sleep(3600)\n"
    )
    settings = {"timeout": "2s", "isolation": "process", "retry": {"first": "1h", "max": "2h"}}
    receiver = serve(plugin(tmp_path, code, breaker=0, **settings))
    for kind, reason in (("reboot", "died"), ("connected", "timeout")):
        assert receiver.send(make_alert(kind))[0] == 200
        wait_for_one(receiver, f'plugin_restarts_total{{plugin="pager",reason="{reason}"}}')
    assert receiver.send(make_alert("disconnected"))[0] == 200  # another process starts for it


def test_the_last_reload_is_shown_with_its_mistake(serve: Serve, tmp_path: Path) -> None:
    config, good = tmp_path / "incm-webhook.toml", '[[plugin]]\nuse = "log"\n'
    config.write_text(good)
    receiver = serve()
    started = metrics(receiver)["config_last_reload_success_timestamp_seconds"]
    assert started > 0
    config.write_text(good + "\n[server\n")
    os.kill(receiver.process.pid, signal.SIGHUP)
    seen = wait_for(receiver, lambda now: now["config_last_reload_successful"] == 0)
    assert seen["config_last_reload_success_timestamp_seconds"] == started
    status, text = page(receiver, "/readyz?verbose")
    assert status == 200
    assert re.match(
        r"ready\nconfiguration: the last reload failed, so the configuration before it is used"
        r" since \d{4}-\S+Z: .*incm-webhook\.toml",
        text,
    )
    config.write_text(good)
    os.kill(receiver.process.pid, signal.SIGHUP)
    seen = wait_for(receiver, lambda now: now["config_last_reload_successful"] == 1)
    assert seen["config_last_reload_success_timestamp_seconds"] > started
    assert page(receiver, "/readyz?verbose") == (200, "ready\n")


def test_what_is_wrong_is_listed_with_since_when(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "pager.py").write_text(FAILS)
    (tmp_path / "incm-webhook.toml").write_text(
        '[server]\nmetrics = "127.0.0.1:0"\n[[plugin]]\nname = "pager"\nuse = "./pager.py"\n'
        'breaker = 1\nretry = { first = "1h", max = "2h" }\n'
    )
    receiver = serve()
    assert receiver.send(make_alert())[0] == 200
    wait_for(receiver, lambda now: now['plugin_breaker_open{plugin="pager"}'] == 1)
    status, text = page(receiver, "/readyz?verbose")
    assert status == 200
    line = r"ready\nplugin pager: failing since \d{4}-\d\d-\d\dT[\d:.]+Z"
    assert re.fullmatch(line + ": .*ConnectionError: the pager is down.*\n", text)
    shown = json.loads((receiver.folder / "ready.json").read_text())["metrics_url"]
    with urlopen(f"{shown}/readyz?verbose", timeout=DEADLINE_S) as answer:
        assert re.fullmatch(line + "\n", answer.read().decode())


def test_an_inbox_that_is_gone_is_not_ready_and_says_since_when(serve: Serve) -> None:
    receiver = serve("log")
    (receiver.folder / "inbox.db").rename(receiver.folder / "moved.db")
    deadline = time.monotonic() + DEADLINE_S
    while " since " not in page(receiver, "/readyz?verbose")[1]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    status, text = page(receiver, "/readyz?verbose")
    assert status == 503
    assert re.match(
        r"not ready\ninbox: the file of the inbox was moved, removed, replaced or overwritten"
        r" since \d{4}-\S+Z\n",
        text,
    )
    assert metrics(receiver)["ready"] == 0
