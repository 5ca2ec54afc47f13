"""A plugin whose target is down is probed, not hammered."""

import math
import random
from collections.abc import Sequence

import pytest

from incm_webhook.config.settings import RetrySettings
from incm_webhook.delivery.breaker import LONGEST_PAUSE_S, Breaker


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def make(threshold: int = 3, **policy: float) -> tuple[Breaker, Clock]:
    clock = Clock()
    return Breaker(threshold, RetrySettings(**policy), random.Random(1), clock), clock


def fail(breaker: Breaker, *alert_ids: int) -> float:
    pause = 0.0
    for alert_id in alert_ids:
        breaker.begin()
        pause = breaker.failed(alert_id)
    return pause


def test_different_alerts_that_fail_in_a_row_open_it() -> None:
    breaker, clock = make(first=8)
    assert fail(breaker, 1, 2) == 0.0
    assert breaker.wait() == 0.0
    pause = fail(breaker, 3)
    assert 4 <= pause <= 8
    assert breaker.is_open
    assert breaker.wait() == pytest.approx(pause)
    clock.now += pause + 1e-9
    assert breaker.wait() == 0.0


def test_one_alert_that_fails_again_and_again_opens_nothing() -> None:
    breaker, _ = make()
    assert fail(breaker, *[1] * 100, 2) == 0.0
    assert not breaker.is_open


@pytest.mark.parametrize(
    ("threshold", "alert_ids", "shown"),
    [(0, [1, 2, 3, *[4] * 100], False), (0, range(10_000), True), (5, range(5), False)],
)
def test_failures_show_where_they_never_open_it(
    threshold: int, alert_ids: Sequence[int], *, shown: bool
) -> None:
    breaker, _ = make(threshold)
    fail(breaker, *alert_ids)
    assert breaker.is_failing == shown
    assert breaker.is_open == (threshold == 5)
    assert len(breaker._failed) <= 5, "it remembers no more than it needs"
    breaker.succeeded()
    assert not breaker.is_failing


def test_a_success_between_them_starts_the_count_anew() -> None:
    breaker, _ = make()
    fail(breaker, 1, 2)
    assert not breaker.succeeded()
    assert fail(breaker, 3, 4) == 0.0


def test_only_one_probe_at_a_time() -> None:
    breaker, clock = make()
    clock.now += fail(breaker, 1, 2, 3)
    breaker.begin()
    assert breaker.wait() == math.inf
    breaker.withdrawn()
    assert breaker.wait() == 0.0


def test_a_probe_that_fails_waits_longer_up_to_a_minute() -> None:
    breaker, clock = make(first=8, max=3600)
    pauses = [fail(breaker, 1, 2, 3)]
    for _ in range(8):
        clock.now += pauses[-1]
        pauses.append(fail(breaker, 9))
    assert 8 <= pauses[1] <= 16
    assert pauses[-1] == LONGEST_PAUSE_S
    assert breaker.wait() == LONGEST_PAUSE_S


def test_a_probe_that_succeeds_closes_it() -> None:
    breaker, clock = make()
    clock.now += fail(breaker, 1, 2, 3)
    breaker.begin()
    assert breaker.succeeded()
    assert breaker.wait() == 0.0
    assert not breaker.is_open


def test_late_failures_of_before_it_opened_do_not_lengthen_the_pause() -> None:
    breaker, _ = make()
    pause = fail(breaker, 1, 2, 3)
    assert breaker.failed(4) == 0.0
    assert breaker.wait() == pytest.approx(pause)


def test_zero_never_opens() -> None:
    breaker, _ = make(threshold=0)
    assert fail(breaker, *range(1000)) == 0.0
    assert not breaker.is_open


@pytest.mark.parametrize("threshold", [0, 3])
def test_an_unavailable_target_opens_it_at_once_and_lengthens_the_pause(threshold: int) -> None:
    breaker, clock = make(threshold=threshold, first=8, max=3600)
    pauses = []
    for _ in range(8):
        pauses.append(breaker.unavailable())
        assert breaker.unavailable() == 0.0, "one that began before it opened"
        assert breaker.wait() == pytest.approx(pauses[-1])
        clock.now += pauses[-1]
        breaker.begin()
    assert 4 <= pauses[0] <= 8 <= pauses[1] <= 16
    assert pauses[-1] == LONGEST_PAUSE_S
    assert breaker.failed(1) == LONGEST_PAUSE_S, "a probe that fails does not close it"
    breaker.begin()
    assert breaker.succeeded()
    assert not breaker.is_open


def test_it_opens_before_it_forgets() -> None:
    # Who looks in between, without the lock, must not see a breaker that knows of no failure.
    breaker, _ = make(threshold=2)
    seen = []

    class Failed(set[int]):
        def clear(self) -> None:
            seen.append(breaker.is_open)
            super().clear()

    breaker._failed = Failed()
    fail(breaker, 1, 2)
    assert seen == [True]
    assert breaker.succeeded()
    assert not breaker.is_open
