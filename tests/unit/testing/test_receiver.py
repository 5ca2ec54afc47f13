import re
from collections.abc import Callable
from pathlib import Path

import pytest

from incm_webhook.testing import Receiver, ReceiverStarter, make_alert

pytestmark = pytest.mark.slow

REPORT = (
    "def on_alert(alert, ctx):\n open({name!r}, 'a').write(f'{{alert.type}} {{ctx.attempt}} ')\n"
)


def test_a_receiver_takes_whole_tables(tmp_path: Path) -> None:
    code = (
        "from pydantic import BaseModel\n"
        "class Config(BaseModel):\n path: str\n"
        "def on_alert(alert, ctx):\n open(ctx.config.path, 'w').write('done')\n"
    )
    (tmp_path / "noc.py").write_text(code)
    odd = 'a "quoted"\\ n\u00e4me.txt'
    table = {"use": "./noc.py", "config": {"path": odd}, "types": ["reboot"], "timeout": 2.5}
    with Receiver(tmp_path, plugins=[table, "log"]) as receiver:
        assert receiver.send(make_alert("reboot"))[0] == 200
        receiver.wait_until_settled()
    assert (tmp_path / odd).read_text() == "done"


def test_a_receiver_in_the_folder_of_another_one_is_itself(tmp_path: Path) -> None:
    with Receiver(tmp_path) as first:
        assert first.send(make_alert("reboot", id="a"))[0] == 200
    with pytest.raises(RuntimeError, match='there is no plugin "nowhere"'):
        Receiver(tmp_path, plugins=["nowhere"])
    with Receiver(tmp_path) as second:
        assert second.send(make_alert("reboot", id="a"))[0] == 200
        assert second.url != first.url


def test_waiting_ends_when_every_delivery_is_settled(tmp_path: Path) -> None:
    code = "from incm_webhook import Retry, Reject\n"
    code += REPORT.format(name="done")
    code += (
        " if ctx.attempt == 1: raise Retry(0.05)\n if alert.type == 'reboot': raise Reject('')\n"
    )
    (tmp_path / "noc.py").write_text(code)
    with Receiver(tmp_path, plugins=["./noc.py"]) as receiver:
        for kind in ("reboot", "connected"):
            assert receiver.send(make_alert(kind))[0] == 200
        receiver.wait_until_settled()
        calls = re.findall(r"\w+ \d", (tmp_path / "done").read_text())
    assert sorted(calls) == ["connected 1", "connected 2", "reboot 1", "reboot 2"]


def test_a_wait_that_times_out_names_what_is_open_and_its_failure(tmp_path: Path) -> None:
    (tmp_path / "noc.py").write_text("def on_alert(alert):\n raise OSError('the wire is cut')\n")
    with Receiver(tmp_path, plugins=["./noc.py"]) as receiver:
        assert receiver.send(make_alert("reboot"))[0] == 200
        text = ""
        while "wire" not in text:  # until its first attempt has failed
            with pytest.raises(TimeoutError) as caught:
                receiver.wait_until_settled(0.0)
            text = str(caught.value)
    assert text == ("after 0 s not settled: alert 1 for noc (OSError: the wire is cut (noc.py:2))")


def test_waiting_on_a_server_that_is_gone_shows_its_output(tmp_path: Path) -> None:
    with Receiver(tmp_path) as receiver:
        pass
    with pytest.raises(RuntimeError, match=r"the server is gone (.|\n)* stopped"):
        receiver.wait_until_settled()
    with (
        Receiver(tmp_path, arguments=["--admin", "off"]) as mute,
        pytest.raises(RuntimeError, match="no admin listener"),
    ):
        mute.wait_until_settled()


def test_a_receiver_takes_further_tables_of_the_configuration(tmp_path: Path) -> None:
    tables = {"server": {"max_body": "1KiB"}, "endpoint": [{"path": "/noc"}]}
    with Receiver(tmp_path, config=tables) as receiver:
        assert receiver.url.endswith("/noc")
        assert receiver.send(b"x" * 1025)[0] == 413
    with pytest.raises(RuntimeError, match="max_bodi"):
        Receiver(tmp_path, config={"server": {"max_bodi": 1}})


def test_the_fixture_is_a_receiver_that_starts_when_it_is_used(
    incm_receiver: ReceiverStarter,
) -> None:
    assert isinstance(incm_receiver, Receiver)
    assert not (incm_receiver.folder / "secret").exists()
    assert incm_receiver.send(make_alert("reboot"))[0] == 200
    incm_receiver.wait_until_settled()
    assert "reboot" in incm_receiver.output().lower()
    with pytest.raises(AttributeError, match="no attribute 'port'"):
        incm_receiver.port  # type: ignore[attr-defined]  # noqa: B018


def test_the_fixture_starts_further_receivers(
    incm_receiver: ReceiverStarter, write: Callable[[str, str], Path]
) -> None:
    write("noc.py", REPORT.format(name="done"))
    one = incm_receiver(plugins=["./noc.py"])
    other = incm_receiver([{"use": "./noc.py", "types": ["reboot"]}], config={"server": {}})
    for receiver in (one, other):
        assert receiver.send(make_alert("connected"))[0] == 200
        receiver.wait_until_settled()
    assert (one.folder / "done").read_text() == "connected 1 "
    assert not (other.folder / "done").exists()
    assert incm_receiver.stop() == 0
    assert one.process.poll() == other.process.poll() == 0


def test_a_configuration_file_of_the_test_is_used_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "incm-webhook.toml").write_text('[[endpoint]]\npath = "/own"\n')
    with Receiver(tmp_path) as receiver:
        assert receiver.url.endswith("/own")
    (tmp_path / "incm-webhook.toml").rename(tmp_path / "my.toml")
    with Receiver(tmp_path, arguments=["--config", "my.toml"]) as receiver:
        assert receiver.url.endswith("/own")
