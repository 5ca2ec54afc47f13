"""P7, P15: a file system that fills, and is freed while the server runs."""

import json
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crash.audit import audit
from crash.senders import Acknowledged, Connection, acknowledged_by, body_of, spelled
from crash.server import Server, recording
from crash.small_disk import SmallDisk

_DISK_BYTES = 6 * 1024**2
_ALERT_BYTES = 20_000
_BALLAST_BYTES = 2 * 1024**2
_REFUSALS = 5


class Filling:
    """A server on a small disk, and alerts to fill it with.

    Attributes:
        disk: the disk; a ballast file takes a third of it.
        server: serves until the test ends.
        acknowledged: every 200.
    """

    def __init__(self, disk: SmallDisk, server: Server, connection: Connection) -> None:
        self.disk = disk
        self.server = server
        self.acknowledged: list[Acknowledged] = []
        self._connection = connection
        self._rng = random.Random(1)

    def post(self) -> bool:
        """Post a new alert; False when it cannot be stored now."""
        text, signature = spelled(self._rng, body_of(self._rng, padding=_ALERT_BYTES))
        answer = self._connection.post(text, signature)
        assert answer, "no answer"
        if answer.status == 200:
            self.acknowledged.append(acknowledged_by(answer, text))
            return True
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) > 0
        return False

    def fill(self) -> None:
        """Post until one cannot be stored, and some more: a smaller commit might fit."""
        while self.post():
            assert len(self.acknowledged) < _DISK_BYTES / _ALERT_BYTES
        assert self.acknowledged
        for _ in range(_REFUSALS):
            self.post()

    def free(self) -> None:
        """Remove the ballast."""
        (self.disk.outside / "ballast").unlink()


@contextmanager
def filling(folder: Path, reserve: str) -> Iterator[Filling]:
    """Start a server on a small disk; at the end restart it there, and audit."""
    with SmallDisk(folder / "disk", _DISK_BYTES) as disk:
        (disk.outside / "ballast").write_bytes(bytes(_BALLAST_BYTES))
        plugin = recording("plain", folder)
        inbox = disk.path / "inbox.db"
        with Server(folder, plugin, inbox=inbox, reserve=reserve) as server:
            server.start(wrapper=disk.wrapper())
            with Connection(server.url) as connection:
                filled = Filling(disk, server, connection)
                yield filled
            server.kill()
            server.start(wrapper=disk.wrapper())
            server.drain()
        copy = shutil.copytree(disk.outside, folder / "copy") / "inbox.db"
    audit(copy, filled.acknowledged, {"plain": folder / "plain.log"}).assert_clean()


def test_a_full_disk_is_503_loses_nothing_and_passes_when_there_is_room(tmp_path: Path) -> None:
    with filling(tmp_path, "0") as filled:
        filled.fill()
        filled.free()
        assert filled.post()
        filled.server.drain()


def test_readiness_follows_what_can_be_stored_without_a_reserve(tmp_path: Path) -> None:
    with filling(tmp_path, "0") as filled:
        server = filled.server
        filled.fill()
        status, page = server.admin("/readyz")
        assert status == 503
        assert json.loads(page)["type"] == "urn:incm-webhook:problem:cannot-store"
        assert "full" in json.loads(page)["detail"]
        filled.free()
        assert server.until(lambda: server.admin("/readyz")[0] == 200)  # although nothing is sent
        assert filled.post()
        server.drain()


def test_the_reserve_refuses_before_the_disk_is_full_and_deliveries_go_on(tmp_path: Path) -> None:
    reserve_bytes = 2 * 1024**2
    with filling(tmp_path, "2MiB") as filled:
        filled.fill()
        assert filled.disk.free() > reserve_bytes / 2
        assert filled.server.admin("/readyz")[0] == 503
        filled.server.drain()
        filled.free()
        assert filled.server.until(filled.post)  # it looks at the disk now and then
