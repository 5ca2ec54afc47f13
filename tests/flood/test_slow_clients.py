"""Slow clients in all the ways of slowhttptest, and 10,000 silent ones, beside a good client."""

import socket
from contextlib import ExitStack

import pytest

from .canary import Canary
from .conftest import Serve, connect, slowhttptest

SLOW_HEADERS = ("-H",)
SLOW_BODY = ("-B", "-t", "POST", "-s", "8192")
RANGE = ("-R",)
SLOW_READ = ("-X", "-t", "POST", "-w", "1", "-y", "2", "-k", "3")
MODES = {"headers": SLOW_HEADERS, "body": SLOW_BODY, "range": RANGE, "read": SLOW_READ}


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
@pytest.mark.parametrize("places", [16_384, 100], ids=["places", "few_places"])
def test_slow_clients_do_not_hurt_a_good_one(
    serve: Serve, mode: tuple[str, ...], places: int
) -> None:
    """500 slow clients: fewer than there are places, and five times as many."""
    receiver = serve(f"[server]\nmax_connections = {places}\n")
    with Canary(receiver) as canary:
        with slowhttptest(receiver, *mode) as goes_on:
            while goes_on():
                canary.sing()
        canary.check(most_connections=min(places, 600))
        canary.wait_for_rest()
        canary.check(most_connections=min(places, 600))
    assert receiver.stop() == 0


def test_ten_thousand_silent_clients_and_500_slow_ones(serve: Serve, many_files: int) -> None:
    """Where the hard limit of descriptors does not allow 10,000 clients: as many as it does."""
    count = min(10_000, many_files * 3 // 4 - 1000)
    receiver = serve('[server]\nheader_timeout = "5m"\nkeep_alive = "5m"\n')
    with Canary(receiver) as canary, ExitStack() as opened:
        silent: list[socket.socket] = []
        for number in range(count):
            source = f"127.0.0.{2 + number % 50}"
            silent.append(opened.enter_context(connect(receiver, source)))
            if number % 100 == 0:
                canary.sing()
        for mode in (SLOW_HEADERS, SLOW_BODY):
            with slowhttptest(receiver, *mode, seconds=3) as goes_on:
                while goes_on():
                    canary.sing()
        canary.check(most_connections=count + 1200)
        assert canary.most_files > count  # they were all there
        opened.close()
        canary.wait_for_rest()
        canary.check(most_connections=count + 1200)
    assert receiver.stop() == 0
