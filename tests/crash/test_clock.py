"""P13: the wall clock jumps while the server serves."""

import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from crash.senders import Connection, body_of, spelled
from crash.server import PLUGINS, Server

# Where Debian, Ubuntu and Fedora put it; the copy for programs with threads.
_LIBRARIES = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib64/faketime/libfaketimeMT.so.1")
_START = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)
_TOLERANCE_S = 120  # how far the clock runs on within the test


class WallClock:
    """A wall clock that is set by a file; the monotonic clock is left alone.

    Attributes:
        environ: the variables that put a server under it.
    """

    def __init__(self, folder: Path) -> None:
        found = [one for pattern in _LIBRARIES for one in Path("/").glob(pattern[1:])]
        assert found, "libfaketime is not installed: apt-get install faketime"
        self._file = folder / "faketime"
        self.set(_START)
        self.environ = {
            "LD_PRELOAD": str(found[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "TZ": "UTC",
        }

    def set(self, moment: datetime) -> None:
        """Let it jump; it runs on from there."""
        new = self._file.with_suffix(".new")
        new.write_text(f"@{moment:%Y-%m-%d %H:%M:%S}\n")
        new.replace(self._file)


@pytest.fixture
def clock(tmp_path: Path) -> WallClock:
    """A wall clock at noon of 1 May 2026."""
    return WallClock(tmp_path)


def attempts(server: Server, title: str) -> list[dict[str, Any]]:
    """Wait until the plugin has handled an alert at its third attempt; return all of them."""
    path = server.folder / "clock.log"

    def lines() -> list[dict[str, Any]]:
        if not path.exists():
            return []
        parsed = [json.loads(line) for line in path.read_text().splitlines()]
        return [one for one in parsed if one["title"] == title]

    assert server.until(lambda: len(lines()) == 3)
    return lines()


@pytest.mark.parametrize(
    "jumped",
    [
        datetime(2026, 5, 1, 13, 0, 0, tzinfo=UTC),
        datetime(2026, 5, 1, 11, 0, 0, tzinfo=UTC),
        datetime(1970, 1, 2, 0, 0, 0, tzinfo=UTC),
        datetime(2038, 1, 20, 0, 0, 0, tzinfo=UTC),
    ],
    ids=["an hour on", "an hour back", "1970", "2038"],
)
def test_a_jump_of_the_clock_changes_displayed_times_only(
    tmp_path: Path, clock: WallClock, jumped: datetime
) -> None:
    rng = random.Random(1)
    table = (
        f'use = "{PLUGINS / "clock.py"}"\nconfig = {{ path = "{tmp_path}/clock.log" }}\n'
        'retry = { first = "10ms", max = "10ms" }'
    )
    test_message = body_of(rng)
    del test_message["_id"]

    with Server(tmp_path, table) as server:
        server.start(environ=clock.environ)
        with Connection(server.url) as connection:

            def post(body: dict[str, Any]) -> str:
                answer = connection.post(*spelled(rng, body))
                assert answer
                assert answer.status == 200
                status: str = json.loads(answer.body)["status"]
                return status

            for moment, expected in ((_START, "accepted"), (jumped, "duplicate")):
                clock.set(moment)
                assert post(test_message) == expected
                title = f"at {moment}"
                assert post({**body_of(rng), "title": title}) == "accepted"
                for number, attempt in enumerate(attempts(server, title), start=1):
                    assert attempt["attempt"] == number
                    assert close(attempt["now"], moment)
                    assert close(attempt["received_at"], moment)
            clock.set(_START)
            assert post(test_message) == "duplicate"
        server.drain()


def close(seconds: float, moment: datetime) -> bool:
    """Whether a clock that was set to a moment may show this."""
    return 0 <= seconds - moment.timestamp() < _TOLERANCE_S
