"""What the bundled plugin `http` costs, against bare aiohttp that does the same posts.

Three programs take turns: `serve` with a plugin that does nothing, `serve` with `http`, and a
script that posts the same bodies with aiohttp. The target is Poco's HTTP server.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import replay
import throughput
from engine import NOOP, Side, bare_poco, serve_turn
from service import Server
from table import Row

CONNECTIONS = 32  # of the load
WARM_UP = 200  # alerts that do not count
_LOOK_S = 0.1  # the posts take seconds, in which reading the metrics would cost a tenth of the CPU
AT_ONCE = 8  # posts: the plugin's own concurrency
OVERHEAD_TARGET_US = 250.0
RATIO_TARGET = 1.6
_BARE = Path(__file__).with_name("peers") / "aiohttp_posts.py"


def measure(place: Path, binary: Path, rounds: int, count: int) -> tuple[list[Row], list[str]]:
    """Let the three programs take turns.

    Args:
        place: where the servers' folders are made.
        binary: poco_plain, built for release.
        rounds: how often.
        count: how many alerts in a turn.

    Returns:
        The rows, and what went wrong.
    """
    first, requests = place / "first-posts", place / "posts"
    bodies = throughput.prepare(WARM_UP + count, "127.0.0.1")[1]
    replay.write(first, bodies[:WARM_UP])
    replay.write(requests, bodies[WARM_UP:])
    size = len(bodies[0].partition(b"\r\n\r\n")[2])
    noop, http = Side(), Side()
    bare: list[float] = []
    problems: list[str] = []
    with bare_poco(binary) as (target, _):
        plugin = (
            f'[egress]\nallow = "127.0.0.1"\n[[plugin]]\nuse = "http"\n'
            f'config = {{ url = "http://{target}/webhook" }}\n'
        )

        def with_noop() -> None:
            problems.extend(_serve(place, noop, (str(NOOP),), "", first, requests))

        def with_http() -> None:
            problems.extend(_serve(place, http, (), plugin, first, requests))

        def without() -> None:
            bare.append(_bare_us(target, count, size))

        turns = [with_noop, with_http, without]
        for number in range(rounds):
            for turn in turns if number % 2 == 0 else reversed(turns):
                turn()
    cost = [one - other for one, other in zip(http.cpu_us, noop.cpu_us, strict=True)]
    ratio = [one / other for one, other in zip(cost, bare, strict=True)]
    return [
        Row(
            "http: CPU for a delivery, minus the no-op plugin",
            cost,
            "us",
            median_at_most=OVERHEAD_TARGET_US,
        ),
        Row("http: the same / bare aiohttp", ratio, "", median_at_most=RATIO_TARGET),
        Row("http: CPU for a post, bare aiohttp", bare, "us"),
        Row("http: CPU for an alert, with the plugin http", http.cpu_us, "us"),
        Row("http: CPU for an alert, with the no-op plugin", noop.cpu_us, "us"),
        Row("http: first request to last settled, with the plugin http", http.settled, "1/s"),
    ], problems


def _serve(
    place: Path,
    side: Side,
    plugins: tuple[str, ...],
    settings: str,
    first: Path,
    requests: Path,
) -> list[str]:
    with (
        tempfile.TemporaryDirectory(dir=place) as folder,
        Server(Path(folder), plugins, plugin_settings=settings) as server,
    ):
        replay.send(first, server.address, CONNECTIONS)  # the first post loads aiohttp
        server.wait_until_open(0)
        problems = serve_turn(side, server, requests, CONNECTIONS, _LOOK_S)
        server.stop()
    return problems


def _bare_us(target: str, count: int, size: int) -> float:
    """Return the CPU time of a post by bare aiohttp."""
    command = [sys.executable, str(_BARE), f"http://{target}/webhook"]
    command += [str(count), str(size), str(AT_ONCE)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout)
