"""Filters by any field, from the configuration to what `inbox show` prints about them."""

from collections.abc import Callable
from pathlib import Path

from e2e.conftest import Command, Reports, admin
from incm_webhook.testing import Receiver, make_alert

Serve = Callable[..., Receiver]

PLUGIN = """
def on_alert(alert: Alert, ctx: Context) -> None:
    report(plugin=ctx.plugin, id=ctx.alert_id)
"""
MARKED = """
@plugin("marked", where={"data.interface": "wan*"}, not_={"devices": ["lab-*"]})
def page(alert: Alert, ctx: Context) -> None:
    report(plugin=ctx.plugin, id=ctx.alert_id)
"""


def test_any_field_chooses_the_plugins(
    serve: Serve, reports: Reports, command: Command, tmp_path: Path
) -> None:
    plugin = str(reports.plugin(tmp_path / "plugin.py", PLUGIN))
    marked = str(reports.plugin(tmp_path / "marked.py", MARKED))
    receiver = serve(
        {"use": plugin, "name": "all"},
        {"use": plugin, "name": "urgent", "where": {"priority": "<= 2", "data.interface": "wan*"}},
        {"use": plugin, "name": "rest", "not": {"where": {"priority": "<= 2"}}},
        {"use": marked, "isolation": "process"},
    )
    for alert in (
        make_alert("modem_wan_connected", data={"interface": "wan1"}, priority=2),
        make_alert("modem_wan_connected", data={"interface": "lan1"}, priority="2"),
        make_alert(
            "modem_wan_connected", data={"interface": "wan2"}, device_id="lab-7", priority=3
        ),
    ):
        assert receiver.send(alert)[0] == 200
    handled = [reports.next() for _ in range(6)]
    assert sorted((one["plugin"], one["id"]) for one in handled) == [
        ("all", 1),
        ("all", 2),
        ("all", 3),
        ("marked", 1),
        ("rest", 3),
        ("urgent", 1),
    ]
    place = admin(receiver)
    assert (
        "· rest    not wanted: its filter not where priority excludes it"
        in (command("inbox", "show", "1", *place)[1])
    )
    out = command("inbox", "show", "2", *place)[1]
    assert "· urgent  not wanted: its filter where data.interface does not match" in out
    assert "· marked  not wanted: its filter where data.interface does not match" in out
    out = command("inbox", "show", "3", *place)[1]
    assert "· urgent  not wanted: its filter where priority does not match" in out
    assert "· marked  not wanted: its filter not devices excludes it" in out


def test_check_names_a_pattern_that_cannot_be_read(command: Command, tmp_path: Path) -> None:
    (tmp_path / "incm-webhook.toml").write_text(
        '[[endpoint]]\nunsigned = true\n[[plugin]]\nuse = "log"\nwhere = { priority = "<= high" }\n'
    )
    for what in ("check", "serve"):
        status, _, err = command(what)
        assert status == 2
        assert '[[plugin]] 1 "log" where: "priority": "<= high" wants a number after "<="' in err
