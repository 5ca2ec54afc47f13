import json

import pytest

from incm_webhook import alert_types
from incm_webhook.cli.program import main


def test_the_known_types_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["types"]) == 0
    heads, *lines = capsys.readouterr().out.splitlines()
    assert heads.split() == ["TYPE", "SHOWN", "AS", "OPPOSITE", "FAMILY", "CLEARS"]
    assert [line.split()[0] for line in lines] == [one.name for one in alert_types(own=True)]
    assert len(lines) == 26 + 18
    by_name = {line.split()[0]: line.split()[1:] for line in lines}
    assert by_name["connected"][-3:] == ["disconnected", by_name["disconnected"][-2], "yes"]
    assert by_name["reboot"][-3:] == ["-", "reboot", "-"]


def test_the_same_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["types", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    keys = ("name", "label", "opposite", "family", "clears")
    assert rows == [{key: getattr(one, key) for key in keys} for one in alert_types(own=True)]


def test_it_takes_no_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["types", "reboot"]) == 2
    assert "unexpected extra argument" in capsys.readouterr().err
