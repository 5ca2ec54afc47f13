"""P2, P3, P9: plugins that hang, spin, exit, or end the whole process, in its own threads.

A plugin in a process of its own (`isolation = "process"`) belongs beside these: it may end its
process without ending the receiver.
"""

import random
import time
from pathlib import Path
from typing import Any

import pytest

from crash.audit import audit, lines_of, reading
from crash.senders import body_of, post
from crash.server import PLUGINS, Server, recording

ALERTS = 50
EXIT_STATUS = 9  # of plugins/hostile.py


BRIEF = '{ first = "10ms", max = "10ms", give_up = "0s" }'


def hostile(folder: Path, retry: str = BRIEF) -> Server:
    """Return a server with a hostile plugin, and one that records."""
    table = f'use = "{PLUGINS / "hostile.py"}"\ntimeout = "200ms"\nretry = {retry}'
    return Server(folder, recording("plain", folder), table)


def titled(title: str, number: int) -> dict[str, Any]:
    """Return an alert that asks the hostile plugin for something."""
    return {**body_of(random.Random(f"{title} {number}")), "title": title}


def delivered(server: Server) -> set[str]:
    """Return the `_id`s that the recording plugin has handled."""
    return {line["id"] for line in lines_of(server.folder / "plain.log") if line["delivered"]}


@pytest.mark.parametrize("title", ["hang", "spin", "exit", "interrupt"])
def test_a_hostile_plugin_delays_no_answer_and_no_other_plugin(tmp_path: Path, title: str) -> None:
    with hostile(tmp_path) as server:
        server.start()
        asking, _ = post(server.url, [titled(title, number) for number in range(3)])
        others, refused = post(server.url, [titled("", number) for number in range(ALERTS)])
        assert (len(asking), len(others), refused) == (3, ALERTS, [])
        assert server.until(lambda: len(delivered(server)) == 3 + ALERTS)
        assert server.until(lambda: server.metric('inbox_deliveries{state="dead"}') == 3)
        assert server.until(lambda: server.metric('inbox_deliveries{state="open"}') == 0)
        server.kill()
        audit(server.inbox, [*asking, *others], {"plain": tmp_path / "plain.log"}).assert_clean()


def test_a_plugin_that_ends_the_process_meets_growing_waits(tmp_path: Path) -> None:
    with hostile(tmp_path, '{ first = "2s" }') as server:
        server.start()
        asking, _ = post(server.url, [titled("end the process", 0)])
        assert server.ended() == EXIT_STATUS
        server.spawn()  # due at once: it ends again
        assert server.ended() == EXIT_STATUS
        for attempts, wait_ms in ((2, 2000), (3, 4000)):  # halves of full waits of 4 and 8 s
            before_ms = time.time() * 1000
            server.start()
            found = waiting(server)
            assert found[0] == attempts
            assert found[1] >= before_ms + wait_ms
            if attempts == 2:
                assert server.ended() == EXIT_STATUS
        others, _ = post(server.url, [titled("", number) for number in range(ALERTS)])
        assert others
    with Server(tmp_path, recording("plain", tmp_path)) as server:
        server.start()
        everything = [*asking, *others]
        assert server.until(lambda: delivered(server) >= {one.id for one in everything})
        server.kill()
        audit(server.inbox, everything, {"plain": tmp_path / "plain.log"}).assert_clean()


def waiting(server: Server) -> tuple[int, int]:
    """Return attempts and due time of the hostile plugin's delivery."""
    with reading(server.inbox) as database:
        found: tuple[int, int] = database.execute(
            "SELECT attempts, due_at_ms FROM delivery JOIN plugin ON plugin_id = id"
            " WHERE name = 'hostile'"
        ).fetchone()
        return found
