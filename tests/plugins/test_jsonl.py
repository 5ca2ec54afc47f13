import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from incm_webhook import Alert, Context
from incm_webhook.config.settings import PluginSettings
from incm_webhook.hosting.registry import load
from incm_webhook.testing import make_alert, run_plugin


class Writer:
    """The plugin as the service holds it."""

    def __init__(self, path: Path, **config: Any) -> None:
        settings = PluginSettings(use="jsonl", config={"path": str(path), **config})
        self.plugin = load(settings, path.parent)

    def write(self, *alerts: Alert) -> None:
        from datetime import UTC, datetime

        moment = datetime(2025, 1, 6, 10, 1, 39, 120000, tzinfo=UTC)
        deliveries = [
            Context(
                attempt=1,
                delivery_key=f"key{number}",
                alert_id=number,
                endpoint="/webhook",
                received_at=moment,
            )
            for number in range(1, len(alerts) + 1)
        ]
        self.plugin.handle(list(alerts), self.plugin.context(deliveries))


def test_a_line_holds_everything(workdir: Path) -> None:
    raw = b'\xef\xbb\xbf{"_id": "1",\r\n "n": 1.50, "n": "\\u4ed3\xe4\xbb\x93"}\n'
    writer = Writer(workdir / "a.jsonl", fsync=True)
    writer.write(Alert.from_json(raw), make_alert())
    writer.plugin.close()
    first, second = (workdir / "a.jsonl").read_bytes().splitlines()
    assert first == (
        b'{"inbox_id":1,"received_at":"2025-01-06T10:01:39.120Z","endpoint":"/webhook",'
        b'"delivery_key":"key1","alert":{"_id": "1",   "n": 1.50, "n": "\\u4ed3\xe4\xbb\x93"} }'
    )
    assert json.loads(second)["inbox_id"] == 2
    assert (workdir / "a.jsonl").stat().st_mode & 0o777 == 0o640 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_the_default_path_is_the_working_directory(workdir: Path) -> None:
    assert run_plugin("jsonl", make_alert(), make_alert()) == ["delivered"] * 2
    assert len((workdir / "alerts.jsonl").read_text().splitlines()) == 2


def test_each_line_is_one_write(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Writer(workdir / "a.jsonl")
    writes: list[bytes] = []
    real = os.write

    def write(descriptor: int, data: bytes) -> int:
        writes.append(bytes(data))
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", write)
    writer.write(make_alert(), make_alert())
    assert len(writes) == 2
    assert all(one.endswith(b"}\n") and one.count(b"\n") == 1 for one in writes)


def test_a_short_write_is_completed(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Writer(workdir / "a.jsonl")
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:100]))
    writer.write(make_alert(), make_alert())
    lines = (workdir / "a.jsonl").read_text().splitlines()
    assert [json.loads(line)["inbox_id"] for line in lines] == [1, 2]


def test_a_full_disk_leaves_no_part_of_a_line(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Writer(workdir / "a.jsonl")
    writer.write(make_alert())
    whole = (workdir / "a.jsonl").read_bytes()
    real, left = os.write, [50]

    def full(descriptor: int, data: bytes) -> int:
        if not left[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = real(descriptor, data[: left[0]])
        left[0] -= written
        return written

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space left"):
            writer.write(make_alert())
    assert (workdir / "a.jsonl").read_bytes() == whole
    writer.write(make_alert())
    lines = (workdir / "a.jsonl").read_text().splitlines()
    assert [json.loads(line)["inbox_id"] for line in lines] == [1, 1]


def test_a_file_that_ends_within_a_line_gets_a_line_end(workdir: Path) -> None:
    (workdir / "a.jsonl").write_bytes(b'{"torn": ')
    Writer(workdir / "a.jsonl").write(make_alert())
    torn, line = (workdir / "a.jsonl").read_bytes().splitlines()
    assert torn == b'{"torn": '
    assert json.loads(line)["inbox_id"] == 1


def test_a_rotated_file_is_made_anew(workdir: Path) -> None:
    writer = Writer(workdir / "a.jsonl")
    writer.write(make_alert())
    (workdir / "a.jsonl").rename(workdir / "a.jsonl.1")
    writer.write(make_alert())
    for name in ("a.jsonl", "a.jsonl.1"):
        assert len((workdir / name).read_text().splitlines()) == 1


def test_check_says_what_is_missing(workdir: Path) -> None:
    Writer(workdir / "a.jsonl").plugin.check()
    assert not (workdir / "a.jsonl").exists()
    with pytest.raises(FileNotFoundError, match="does not exist"):
        Writer(workdir / "no" / "a.jsonl").plugin.check()
    with pytest.raises(IsADirectoryError, match="is a folder"):
        Writer(workdir).plugin.check()


def test_closing_twice_is_harmless(workdir: Path) -> None:
    writer = Writer(workdir / "a.jsonl")
    writer.plugin.close()
    writer.plugin.close()
    writer.write(make_alert())
    assert (workdir / "a.jsonl").stat().st_size
    writer.plugin.close()
