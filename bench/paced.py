"""Sends alerts at a fixed rate, whatever the answers take.

Each alert is sent at its time, and if all connections are busy then, its answer's time counts from
there: so a pause of the server is seen in every answer that it delayed.
"""

import selectors
import time
from collections import deque
from collections.abc import Sequence

import throughput

_IDLE_S = 1.0
_CREDIT_S = 0.05  # between making the connections and the first alert


def send(
    address: str, requests: Sequence[bytes], rate: float, connections: int
) -> tuple[list[throughput.Answer], dict[int, float]]:
    """Send requests at a fixed rate; return the answers, and by number the wall clock then."""
    idle = deque(throughput.Talker(address) for _ in range(connections))
    selector = selectors.DefaultSelector()
    for talker in idle:
        selector.register(talker.socket, selectors.EVENT_READ, talker)
    answers: list[throughput.Answer] = []
    answered_at: dict[int, float] = {}
    begin = time.perf_counter() + _CREDIT_S
    sent, starved = 0, False
    while len(answers) < len(requests):
        now = time.perf_counter()
        while sent < len(requests) and idle and begin + sent / rate <= now:
            talker = idle.popleft()
            talker.send(sent, requests[sent])
            if starved:
                talker.sent_at = begin + sent / rate
            sent += 1
        starved = not idle
        waits_for_time = sent < len(requests) and idle
        pause = max(0.0, begin + sent / rate - now) if waits_for_time else _IDLE_S
        for key, _ in selector.select(pause):
            answer = key.data.receive()
            if answer is None:
                continue
            if answer.status != 200:
                raise RuntimeError(f"an alert at a fixed rate was answered with {answer.status}")
            answers.append(answer)
            answered_at[answer.number] = time.time()
            idle.append(key.data)
    for talker in idle:
        talker.socket.close()
    return answers, answered_at
