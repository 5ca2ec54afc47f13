"""Every fetched delivery is settled or given back, whatever happens to it in Python."""

import http.client
import json
from pathlib import Path

from incm_webhook import _core


def serve(folder: Path) -> _core.Receiver:
    receiver = _core.Receiver(
        listen="127.0.0.1:0",
        admin=None,
        inbox=f"sqlite:{folder / 'inbox.db'}",
        endpoints=[_core.Endpoint("/alerts", [])],
        routes=[_core.Route("all", _core.Filter())],
    )
    receiver.start()
    return receiver


def send(receiver: _core.Receiver, first: int, last: int, size: int) -> None:
    connection = http.client.HTTPConnection(receiver.address)
    for number in range(first, last + 1):
        body = json.dumps({"_id": f"id-{number}", "data": {"text": "x" * size}})
        connection.request("POST", "/alerts", body, {"Content-Type": "application/json"})
        with connection.getresponse() as answer:
            assert answer.status == 200
            answer.read()
    connection.close()


def take(receiver: _core.Receiver) -> list[tuple[int, int]]:
    return [(one.alert_id, one.attempt) for one in receiver.fetch("all", 9, 0.0)]


def test_a_delivery_that_nobody_holds_any_more_is_given_back(tmp_path: Path) -> None:
    receiver = serve(tmp_path)
    send(receiver, 1, 3, 10)
    assert take(receiver) == [(1, 1), (2, 1), (3, 1)]
    held = receiver.fetch("all", 1, 0.0)
    assert take(receiver) == [(2, 1), (3, 1)]
    receiver.settle_failed(held, [("retry", 0.0)], "why", 0.0, "")
    del held
    send(receiver, 4, 4, 10)  # a commit after it
    assert sorted(take(receiver)) == [(1, 2), (2, 1), (3, 1), (4, 1)]
    receiver.stop()


def test_a_delivery_may_outlive_its_receiver(tmp_path: Path) -> None:
    receiver = serve(tmp_path)
    send(receiver, 1, 1, 10)
    (held,) = receiver.fetch("all", 1, 0.0)
    receiver.stop()
    del receiver
    assert held.alert_id == 1
    del held
