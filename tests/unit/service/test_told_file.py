"""What is told about the server over a restart."""

import logging
from pathlib import Path

import pytest

from incm_webhook.service.health_watch import HealthWatch
from incm_webhook.service.told_file import ToldFile

from .test_health_watch import BROKEN, Found, Server


def restarted(server: Server, path: Path) -> HealthWatch:
    watch = server.watch()
    watch.remember(ToldFile(path))
    return watch


def test_what_ended_between_two_servers_is_told_by_the_second(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    file = tmp_path / "inbox.db.told"
    server = Server(found=[BROKEN, Found("silent", "endpoint /hq", "no alert")])
    restarted(server, file).look()
    assert file.stat().st_mode & 0o777 == 0o600
    server.found, server.raised = [], []
    caplog.clear()
    watch = restarted(server, file)
    watch.look()
    assert server.raised == [("endpoint_active", "")], "the plugin has hardly run"
    assert "endpoint /hq: it gets alerts again" in caplog.text
    server.now += 30
    watch.look()
    assert server.raised[1:] == [("plugin_recovered", "noc")]
    assert "no route to host" in server.bodies[-1]["content"]
    assert not list(tmp_path.iterdir()), "nothing is left to remember"
    restarted(server, file).look()
    assert len(server.raised) == 2


def test_what_still_holds_at_the_start_is_told_again_and_its_end_once(tmp_path: Path) -> None:
    server = Server(found=[BROKEN])
    restarted(server, tmp_path / "told").look()
    watch = restarted(server, tmp_path / "told")
    for _ in range(2):
        watch.look()
    assert server.raised == [("plugin_failing", "noc")] * 2
    server.found = []
    for _ in range(2):
        watch.look()
    assert server.raised[2:] == [("plugin_recovered", "noc")]


def test_an_end_that_cannot_be_stored_survives_another_restart(tmp_path: Path) -> None:
    server = Server(found=[Found("silent", "endpoint /hq")])
    restarted(server, tmp_path / "told").look()
    server.found, server.storable = [], False
    restarted(server, tmp_path / "told").look()
    server.storable = True
    restarted(server, tmp_path / "told").look()
    assert server.raised == [("endpoint_silent", ""), ("endpoint_active", "")]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"told": 1}',
        '{"told": [1]}',
        '{"told": [{"kind": 1, "subject": "a", "text": "", "since": null, "reason": ""}]}',
        '{"told": [{"kind": "disk", "subject": "a", "text": "", "since": "", "reason": ""}]}',
    ],
)
def test_a_file_that_another_program_wrote_is_named_and_replaced(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str
) -> None:
    file = tmp_path / "told"
    file.write_text(content)
    server = Server(found=[BROKEN])
    restarted(server, file).look()
    assert f"{file}: it is not what this program wrote" in caplog.text
    assert server.raised == [("plugin_failing", "noc")]
    assert [one.subject for one in ToldFile(file).read()] == ["plugin noc"]


def test_a_folder_that_cannot_be_written_is_named_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = Server(found=[BROKEN, Found("disk", "disk")])
    restarted(server, tmp_path / "none" / "told").look()
    assert caplog.text.count("trouble that ends while no server runs is not told") == 1
    assert len(server.raised) == 2
