"""A rate limit lets the count of a period through, and refills evenly."""

import pytest

from incm_webhook.config.rate import Rate, parse_rate
from incm_webhook.delivery.rate_limit import RateLimit


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("text", "rate"),
    [("10/s", Rate(10, 1)), (" 100 / m ", Rate(100, 60)), ("1000/h", Rate(1000, 3600))],
)
def test_a_rate_is_read(text: str, rate: Rate) -> None:
    assert parse_rate(text) == rate
    assert parse_rate(rate) == rate
    assert parse_rate(str(rate)) == rate
    assert parse_rate(None) is None


@pytest.mark.parametrize("text", ["", "10", "0/s", "10/d", "-1/s", "1.5/s", "10/ss", 10, True])
def test_anything_else_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match='such as "10/s"'):
        parse_rate(text)


def test_the_bucket_empties_and_fills() -> None:
    clock = Clock()
    limit = RateLimit(Rate(10, 1), clock)
    assert limit.room(64) == 10
    limit.spend(10)
    assert limit.room(64) == 0
    assert limit.wait() == pytest.approx(0.1)
    clock.now += 0.25
    assert limit.wait() == 0.0
    assert limit.room(64) == 2
    clock.now += 3600
    assert limit.room(64) == 10


def test_what_did_not_go_may_go_again_within_the_count() -> None:
    limit = RateLimit(Rate(10, 1), Clock())
    limit.spend(10)
    limit.give_back(4)
    assert limit.room(64) == 4
    limit.give_back(64)
    assert limit.room(64) == 10


def test_no_rate_limits_nothing() -> None:
    limit = RateLimit(None, Clock())
    limit.spend(1_000_000)
    assert limit.wait() == 0.0
    assert limit.room(64) == 64
