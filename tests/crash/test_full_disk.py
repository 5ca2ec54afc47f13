"""P7, P15: a file system that fills, and is freed while the server runs."""

import random
import shutil
from pathlib import Path

from crash.audit import audit
from crash.senders import Acknowledged, Connection, acknowledged_by, body_of, spelled
from crash.server import Server, recording
from crash.small_disk import SmallDisk

_DISK_BYTES = 6 * 1024**2
_ALERT_BYTES = 20_000
_BALLAST_BYTES = 2 * 1024**2
_REFUSALS = 5


def test_a_full_disk_is_503_loses_nothing_and_passes_when_there_is_room(tmp_path: Path) -> None:
    rng = random.Random(1)
    acknowledged: list[Acknowledged] = []

    def post(connection: Connection) -> int:
        text, signature = spelled(rng, body_of(rng, padding=_ALERT_BYTES))
        answer = connection.post(text, signature)
        assert answer, "no answer"
        if answer.status == 200:
            acknowledged.append(acknowledged_by(answer, text))
        else:
            assert int(answer.headers["Retry-After"]) > 0
        return answer.status

    with SmallDisk(tmp_path / "disk", _DISK_BYTES) as disk:
        ballast = disk.outside / "ballast"
        ballast.write_bytes(bytes(_BALLAST_BYTES))
        plugin = recording("plain", tmp_path)
        with Server(tmp_path, plugin, inbox=disk.path / "inbox.db") as server:
            server.start(wrapper=disk.wrapper())
            with Connection(server.url) as connection:
                while post(connection) == 200:
                    assert len(acknowledged) < _DISK_BYTES / _ALERT_BYTES
                before = len(acknowledged)
                assert before > 0
                for _ in range(_REFUSALS):  # a smaller commit may still fit
                    post(connection)
                ballast.unlink()
                assert post(connection) == 200
                server.drain()
            server.kill()
            server.start(wrapper=disk.wrapper())
            server.drain()
            server.kill()
        inbox = shutil.copytree(disk.outside, tmp_path / "copy") / "inbox.db"
        found = audit(inbox, acknowledged, {"plain": tmp_path / "plain.log"})
    found.assert_clean()
    assert found.acknowledged > before
