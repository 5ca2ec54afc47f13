"""P1, P2: power cuts, which `kill -9` is not: the kernel keeps what a killed process wrote."""

import random
from pathlib import Path

from crash.audit import audit
from crash.conftest import Figures
from crash.loop import Loop
from crash.power import Disk
from crash.senders import body_of, post
from crash.server import Server, recording
from crash.strace import calls_at_start, injecting


def test_a_power_cut_loses_nothing(
    tmp_path: Path, cycles: int, seed: int, figures: Figures
) -> None:
    loop = Loop(tmp_path, seed)
    loop.server.create_inbox()
    disk = Disk(tmp_path, loop.server.inbox)
    rng = random.Random(seed)
    undone = 0

    def cut() -> None:
        nonlocal undone
        if rng.random() < 0.7:  # else only the process is killed, and the next one goes on
            undone += disk.cut(rng if rng.random() < 0.5 else None)

    loop.run(cycles, environ=disk.environ, after_kill=cut)
    found = loop.audit()
    figures.add("power cut", cycles, found)
    found.assert_clean(f"--crash-cycles {cycles} --crash-seed {seed}")
    assert found.acknowledged > 0
    assert undone > 0


def test_the_audit_finds_what_a_disk_without_fsync_loses(
    tmp_path: Path, seed: int, figures: Figures
) -> None:
    loop = Loop(tmp_path, seed)
    loop.server.create_inbox()
    disk = Disk(tmp_path, loop.server.inbox, lies=True)
    loop.run(3, environ=disk.environ, after_kill=disk.cut)
    found = loop.audit()
    figures.add("negative control: fsync does nothing", 3, found)
    assert found.lost
    assert found.integrity == "ok"


def test_a_repetition_of_what_a_kill_left_unsynced_is_on_disk_before_its_200(
    tmp_path: Path,
) -> None:
    bodies = [body_of(random.Random(number)) for number in range(20)]
    with Server(tmp_path, recording("deaf", tmp_path, more='types = ["nothing"]')) as server:
        server.create_inbox()
        disk = Disk(tmp_path, server.inbox)
        # Killed as it is about to sync an alert: the commit is in the kernel's pages alone.
        when = calls_at_start(server, "fdatasync") + 1
        killing = injecting("fdatasync", "signal=KILL", when, tmp_path / "strace.log")
        server.start(wrapper=killing, environ=disk.environ)
        before, _ = post(server.url, bodies)
        server.ended()
        server.start(environ=disk.environ)
        repeated = bodies[: len(before) + 1]
        acknowledged, _ = post(server.url, repeated)
        assert len(acknowledged) == len(repeated)
        server.kill()
        disk.cut()
        server.start()
        server.kill()
        audit(server.inbox, acknowledged).assert_clean()
