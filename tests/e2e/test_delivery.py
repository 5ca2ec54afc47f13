"""The delivery engine behind a real server: order, acknowledgement by the plugins, pace."""

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

from e2e.conftest import DEADLINE_S, Reports
from incm_webhook.sender.client import Sender, signature_of
from incm_webhook.testing import Receiver, make_alert

Serve = Callable[..., Receiver]

FAILS_ONCE = """
tried = set()
def on_alert(alert: Alert, ctx: Context) -> None:
    report(id=alert.id, device=alert.device_id, attempt=ctx.attempt)
    if alert.content == "fails once" and alert.id not in tried:
        tried.add(alert.id)
        raise OSError("no Slack today")
"""

# Reports each alert, and ends as the file named after the alert asks, once that is there.
STEERED = """
import pathlib, time
folder = pathlib.Path({folder!r})
def on_alert(alert: Alert, ctx: Context) -> None:
    report(id=alert.id, attempt=ctx.attempt)
    os.close(os.open(folder / alert.id, os.O_RDONLY))  # a FIFO: opens once the test opens it
    outcome = (folder / (alert.id + ".outcome")).read_text()
    if outcome == "reject":
        raise Reject("not mine")
    if outcome == "fail":
        raise OSError("not now")
"""


class Steering:
    """Lets the handler of STEERED end, alert by alert."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def expect(self, name: str) -> None:
        os.mkfifo(self.folder / name)

    def end(self, name: str, outcome: str) -> None:
        (self.folder / f"{name}.outcome").write_text(outcome)
        with (self.folder / name).open("wb"):
            pass


def config(folder: Path, text: str) -> tuple[str, str]:
    path = folder / "incm-webhook.toml"
    path.write_text(text)
    return "--config", str(path)


def test_a_retrying_alert_holds_back_its_own_device_only(
    serve: Serve, reports: Reports, tmp_path: Path
) -> None:
    plugin = reports.plugin(tmp_path / "one.py", FAILS_ONCE)
    settings = f"""
        [[plugin]]
        use = "{plugin}"
        order = "device"
        retry = {{ first = "1s" }}
        """
    receiver = serve(arguments=config(tmp_path, settings))
    receiver.send(make_alert("reboot", id="a1", device_id="A", content="fails once"))
    assert reports.next() == {"id": "a1", "device": "A", "attempt": 1}
    for name, device in (("a2", "A"), ("b1", "B"), ("a3", "A"), ("b2", "B")):
        receiver.send(make_alert("reboot", id=name, device_id=device))
    seen = [reports.next() for _ in range(5)]
    assert [one["id"] for one in seen if one["device"] == "B"] == ["b1", "b2"]
    assert [one["id"] for one in seen if one["device"] == "A"] == ["a1", "a2", "a3"]
    assert seen[0]["device"] == "B", "another device had to wait"


def send_in_background(receiver: Receiver, body: bytes) -> "tuple[threading.Thread, list[int]]":
    statuses: list[int] = []

    def post() -> None:
        with Sender(receiver.url) as sender:
            answer = sender.post(body, signature_of(body, receiver.secret.encode()))
        statuses.append(answer.status)

    thread = threading.Thread(target=post)
    thread.start()
    return thread, statuses


PROCESSED = """
[[endpoint]]
path = "/webhook"
secret_file = "./secret"
ack = "processed"
ack_timeout = "{timeout}"

[[plugin]]
use = "{plugin}"
retry = {{ first = "10ms" }}
breaker = 0
concurrency = 1
"""


def processed(
    serve: Serve, reports: Reports, tmp_path: Path, timeout: str = "1h"
) -> tuple[Receiver, Steering]:
    steering = Steering(tmp_path / "steering")
    plugin = reports.plugin(tmp_path / "two.py", STEERED.format(folder=str(steering.folder)))
    text = PROCESSED.format(plugin=plugin, timeout=timeout)
    return serve(arguments=config(tmp_path, text)), steering


def test_processed_answers_when_the_plugin_has_handled_it(
    serve: Serve, reports: Reports, tmp_path: Path
) -> None:
    receiver, steering = processed(serve, reports, tmp_path)
    steering.expect("x1")
    first, statuses = send_in_background(receiver, make_alert("reboot", id="x1").raw)
    assert reports.next() == {"id": "x1", "attempt": 1}
    assert statuses == [], "answered before the plugin was done"
    steering.end("x1", "fail")
    assert reports.next() == {"id": "x1", "attempt": 2}
    assert statuses == [], "answered after a failed attempt"
    steering.end("x1", "ok")
    first.join(DEADLINE_S)
    assert statuses == [200]


def test_processed_gives_up_waiting_and_the_repetition_joins(
    serve: Serve, reports: Reports, tmp_path: Path
) -> None:
    receiver, steering = processed(serve, reports, tmp_path, "100ms")
    steering.expect("x1")
    body = make_alert("reboot", id="x1").raw
    status, problem = receiver.send(body)
    assert status == 500
    assert problem["type"] == "urn:incm-webhook:problem:not-processed"
    assert receiver.send(body)[0] == 500, "the plugin still has it"
    assert reports.next() == {"id": "x1", "attempt": 1}
    steering.end("x1", "ok")
    while (answer := receiver.send(body))[0] != 200:
        assert answer[0] == 500
    assert answer == (200, {"status": "duplicate", "id": 1})
    assert reports.none_waits(), "the repetition made a second delivery"


def test_processed_does_not_wait_for_what_was_rejected(
    serve: Serve, reports: Reports, tmp_path: Path
) -> None:
    receiver, steering = processed(serve, reports, tmp_path)
    steering.expect("x1")
    body = make_alert("reboot", id="x1").raw
    first, statuses = send_in_background(receiver, body)
    reports.next()
    steering.end("x1", "reject")
    first.join(DEADLINE_S)
    assert statuses == [500]
    assert receiver.send(body)[0] == 500


def test_nearly_full_disks_are_answered_503_and_logged(serve: Serve, tmp_path: Path) -> None:
    receiver = serve("log", arguments=config(tmp_path, '[inbox]\nreserve = "1000000GiB"\n'))
    status, problem = receiver.send(make_alert("reboot"))
    assert (status, problem["type"]) == (503, "urn:incm-webhook:problem:disk-low")
    with Sender(receiver.admin_url + "/readyz") as sender:
        assert sender.post(b"").status == 405
    assert "nearly full" in receiver.output()


def test_a_plugin_that_is_not_configured_any_more_keeps_its_deliveries(
    serve: Serve, reports: Reports, tmp_path: Path
) -> None:
    plugin = reports.plugin(tmp_path / "one.py", FAILS_ONCE)
    receiver = serve(plugin, "log")
    receiver.send(make_alert("reboot", id="a1", content="fails once"))
    assert reports.next()["attempt"] == 1
    receiver.stop()
    serve("log").stop()
    assert reports.none_waits()
    serve(plugin, "log")
    again = reports.next()
    assert (again["id"], again["attempt"] > 1) == ("a1", True)


def test_alerts_from_before_a_plugin_are_not_delivered_to_it(
    serve: Serve, reports: Reports, tmp_path: Path
) -> None:
    receiver = serve("log")
    receiver.send(make_alert("reboot", id="before"))
    receiver.stop()
    receiver = serve("log", reports.plugin(tmp_path / "one.py", FAILS_ONCE))
    receiver.send(make_alert("reboot", id="after"))
    assert json.dumps(reports.next()).count("after") == 1
    assert reports.none_waits()


HANGS_AGAIN = """
hang = threading.Event()
def on_alert(alert: Alert, ctx: Context) -> None:
    report(id=alert.id, attempt=ctx.attempt)
    if alert.content == "go":
        hang.set()
    elif alert.content == "hangs" and ctx.attempt == 1:
        raise Retry(after=0)
    elif alert.content == "hangs":
        hang.wait()
"""


def test_alerts_that_hang_again_leave_half_of_the_workers_to_new_ones(
    serve: Serve, reports: Reports, tmp_path: Path
) -> None:
    plugin = reports.plugin(tmp_path / "one.py", "import threading\n" + HANGS_AGAIN)
    settings = f"""
        [[plugin]]
        use = "{plugin}"
        concurrency = 2
        timeout = "1h"
        breaker = 0
        """
    receiver = serve(arguments=config(tmp_path, settings))
    hanging = [f"h{number}" for number in range(8)]
    for name in hanging:
        receiver.send(make_alert("reboot", id=name, content="hangs"))
    first = [reports.next() for _ in range(9)]
    assert sorted(one["id"] for one in first if one["attempt"] == 1) == hanging
    assert [one["attempt"] for one in first].count(2) == 1, "the rest waits for the one that hangs"
    new = [f"n{number}" for number in range(20)]
    for name in new:
        receiver.send(make_alert("reboot", id=name))
    assert [reports.next()["id"] for _ in new] == new
    receiver.send(make_alert("reboot", id="go", content="go"))
    assert reports.next()["id"] == "go"
    retried = {one["id"] for one in first if one["attempt"] == 2}
    assert retried | {reports.next()["id"] for _ in range(7)} == set(hanging)
