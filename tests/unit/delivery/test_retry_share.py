"""Retries that last leave half of a plugin's time to alerts that were never attempted."""

from collections import deque
from dataclasses import dataclass
from typing import Any

import pytest

from incm_webhook.delivery.retry_share import LASTS_S, NO_LIMIT, RetryShare


@dataclass(frozen=True)
class One:
    attempt: int


NEW: Any = One(1)
RETRY: Any = One(2)


def share_of(workers: int, retry_s: float | None = None) -> RetryShare:
    share = RetryShare(lambda: workers)
    if retry_s is not None:
        share.ended(retry=True, seconds=retry_s)
    return share


def ready(*deliveries: Any) -> Any:
    return deque(deliveries)


@pytest.mark.parametrize(("workers", "limit"), [(0, 1), (1, 1), (2, 1), (3, 1), (4, 2), (9, 4)])
def test_retries_that_last_get_half_of_the_workers_and_at_least_one(
    workers: int, limit: int
) -> None:
    assert share_of(workers, 30.0).limit([]) == limit
    assert share_of(workers).limit([]) == limit, "nothing is known of them"


def test_brief_retries_get_what_they_find() -> None:
    share = share_of(4, 0.01)
    assert share.limit([]) == share.limit([0.0, LASTS_S / 2]) == NO_LIMIT
    assert share.limit([0.0, LASTS_S]) == 2, "one lasts now"


def test_retries_that_became_brief_are_free_again() -> None:
    share = share_of(4, 30.0)
    for _ in range(30):
        share.ended(retry=True, seconds=0.001)
    assert share.limit([]) == NO_LIMIT


def test_what_was_fetched_and_has_no_place_is_held() -> None:
    share = share_of(4, 30.0)
    taken = ready(RETRY, NEW, RETRY, NEW, RETRY)
    assert share.hold(taken, [1.0]) == [RETRY, RETRY]
    assert list(taken) == [RETRY, NEW, NEW]
    assert share.hold(taken, [1.0, 0.0]) == [RETRY]
    assert share.hold(taken, [1.0, 0.0]) == []
    assert list(taken) == [NEW, NEW]


def test_the_only_worker_gives_new_alerts_as_much_time_as_a_retry_had() -> None:
    share = share_of(1, 30.0)
    assert share.new_first()
    taken = ready(RETRY, NEW)
    assert share.hold(taken, []) == [RETRY]
    assert list(taken) == [NEW]
    for _ in range(3):
        assert share.new_first()
        share.ended(retry=False, seconds=10.0)
    assert not share.new_first()
    assert share.hold(ready(RETRY, NEW), []) == []


def test_the_only_worker_does_a_retry_when_nothing_new_waits() -> None:
    share = share_of(1, 30.0)
    taken = ready(RETRY, RETRY)
    assert share.hold(taken, []) == [RETRY]
    assert list(taken) == [RETRY]


def test_new_alerts_are_owed_the_last_retry_only() -> None:
    share = share_of(1, 30.0)
    share.ended(retry=True, seconds=2.0)
    share.ended(retry=False, seconds=2.0)
    assert not share.new_first()


def test_no_order_is_kept_where_there_are_several_workers_or_retries_are_brief() -> None:
    assert not share_of(2, 30.0).new_first()
    assert not share_of(1, 0.01).new_first()


def test_nothing_stands_behind_a_retry_that_may_last() -> None:
    share = share_of(4, 30.0)
    taken = ready(RETRY, NEW, NEW, RETRY, NEW)
    assert [list(share.burst(taken, 9)) for _ in range(4)] == [
        [[RETRY]],
        [[NEW], [NEW]],
        [[RETRY]],
        [[NEW]],
    ]
    assert list(share_of(4, 0.01).burst(ready(RETRY, NEW, RETRY), 2)) == [[RETRY], [NEW]]
