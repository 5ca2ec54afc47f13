"""What a report says about machine and disk, also where the system does not tell."""

import os
from pathlib import Path

import pytest

from incm_webhook.bench import disk, machine


def test_a_machine_that_tells_nothing_is_described(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "_PROC", tmp_path)
    monkeypatch.setattr(machine, "_CGROUPS", tmp_path)
    found = machine.machine()
    for name in ("cpu", "cpu_limit", "memory", "memory_available", "memory_limit"):
        assert found[name] is None, name
    assert machine.cpu_seconds(1) is None
    assert machine.peak_resident_bytes(1) is None


@pytest.mark.parametrize(
    ("quota", "most", "limit", "memory"),
    [
        ("150000 100000\n", "536870912\n", 1.5, 536870912),
        ("max 100000\n", "max\n", None, None),
    ],
)
def test_the_limits_of_a_container_are_those_of_its_control_group(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    quota: str,
    most: str,
    limit: float | None,
    memory: int | None,
) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "cgroup").write_text("1:cpu:/other\n0::/service\n")
    (tmp_path / "service").mkdir()
    (tmp_path / "service" / "cpu.max").write_text(quota)
    (tmp_path / "service" / "memory.max").write_text(most)
    monkeypatch.setattr(machine, "_PROC", tmp_path)
    monkeypatch.setattr(machine, "_CGROUPS", tmp_path)
    found = machine.machine()
    assert (found["cpu_limit"], found["memory_limit"]) == (limit, memory)


@pytest.mark.parametrize("line", ["model name\t: Some CPU", "Model\t\t: Some CPU"])
def test_the_processor_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\n{line}\n")
    monkeypatch.setattr(machine, "_PROC", tmp_path)
    assert machine.machine()["cpu"] == "Some CPU"


@pytest.mark.parametrize("turns", [True, False])
def test_a_partition_turns_as_its_disk_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, turns: bool
) -> None:
    number = tmp_path.stat().st_dev
    partition = tmp_path / "devices" / "sda" / "sda1"
    partition.mkdir(parents=True)
    (partition.parent / "queue").mkdir()
    (partition.parent / "queue" / "rotational").write_text("1\n" if turns else "0\n")
    blocks = tmp_path / "block"
    blocks.mkdir()
    (blocks / f"{os.major(number)}:{os.minor(number)}").symlink_to(partition)
    monkeypatch.setattr(disk, "_BLOCKS", blocks)
    found = disk.disk(tmp_path)
    assert (found["device"], found["rotating"]) == ("sda1", turns)


def test_a_file_system_without_a_disk_of_its_own_is_described(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "_BLOCKS", tmp_path)
    found = disk.disk(tmp_path)
    assert (found["device"], found["rotating"]) == (None, None)
    assert 0 < found["free"] <= found["size"]


def test_syncs_are_limited_in_time_and_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "MOST_SYNCS", 3)
    assert disk.sync_times(tmp_path)["count"] == 3
    monkeypatch.setattr(disk, "MOST_SYNC_S", 0.0)
    found = disk.sync_times(tmp_path)
    assert found["count"] == 1
    bucket = pytest.approx(found["max_ms"], rel=0.02, abs=0.002)
    assert found["p50_ms"] == bucket
    assert list(tmp_path.iterdir()) == []
