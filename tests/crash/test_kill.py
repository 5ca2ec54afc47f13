"""P2, P3, P4: `kill -9` at any moment, under load."""

from pathlib import Path

from crash.conftest import Figures
from crash.loop import Loop


def test_kill_9_loses_nothing_stores_nothing_twice_and_delivers_all(
    tmp_path: Path, cycles: int, seed: int, figures: Figures
) -> None:
    loop = Loop(tmp_path, seed)
    loop.run(cycles)
    found = loop.audit()
    figures.add("kill -9", cycles, found)
    found.assert_clean(f"--crash-cycles {cycles} --crash-seed {seed}")
    assert found.acknowledged > 0
