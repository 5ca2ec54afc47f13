"""An inbox on a network file system is warned about."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from incm_webhook.testing import Receiver, make_alert

Serve = Callable[..., Receiver]


def test_an_inbox_on_a_network_file_system_is_warned_about(serve: Serve, tmp_path: Path) -> None:
    library = tmp_path / "network_disk.so"
    source = Path(__file__).with_name("network_disk.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    receiver = serve("log", wrapper=("env", f"LD_PRELOAD={library}"))
    assert receiver.send(make_alert("reboot"))[0] == 200
    line = f"WARN  core: the inbox {receiver.folder / 'inbox.db'} is on NFS, where locks and shared"
    assert line in receiver.output()
    assert "Put it on a disk of this machine" in receiver.output()
    assert receiver.stop() == 0


def test_one_on_a_disk_of_this_machine_is_not(serve: Serve) -> None:
    receiver = serve("log")
    assert "is on " not in receiver.output()
    assert receiver.stop() == 0
