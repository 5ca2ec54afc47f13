import random
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incm_webhook._core import RetryPolicy as CorePolicy
from incm_webhook.config.settings import RetrySettings
from incm_webhook.delivery.retry import core_policy, delay, gives_up


@dataclass(frozen=True)
class Policy:
    first: float = 1.0
    factor: float = 2.0
    max: float = 600.0
    give_up: float = 86400.0


@given(
    attempt=st.integers(1, 10**9),
    first=st.floats(0.001, 1e6),
    factor=st.floats(1, 100),
    longest=st.floats(0.001, 1e6),
    seed=st.integers(),
)
def test_a_wait_is_between_half_of_the_full_one_and_the_full_one(
    attempt: int, first: float, factor: float, longest: float, seed: int
) -> None:
    policy = Policy(first, factor, longest)
    try:
        full = min(first * factor ** (attempt - 1), longest)
    except OverflowError:
        full = longest
    wait = delay(policy, attempt, random.Random(seed))
    assert full * 0.5 <= wait <= full


def test_waits_double_up_to_the_longest() -> None:
    class NoJitter(random.Random):
        def random(self) -> float:
            return 1.0

    waits = [delay(Policy(max=10), attempt, NoJitter()) for attempt in range(1, 7)]
    assert waits == [1, 2, 4, 8, 10, 10]


def test_attempts_count_from_one() -> None:
    with pytest.raises(ValueError, match="counts from 1"):
        delay(Policy(), 0, random.Random(1))


def test_gives_up_when_the_time_is_over() -> None:
    assert not gives_up(Policy(give_up=60), 59.9)
    assert gives_up(Policy(give_up=60), 60)


def test_settings_are_a_policy() -> None:
    assert delay(RetrySettings(), 1, random.Random(1)) <= 1
    assert gives_up(RetrySettings(), 86400)


def test_the_core_knows_the_default_settings() -> None:
    # It follows them for the interrupted deliveries of a plugin that is not configured any more.
    for attempt in range(1, 15):
        assert CorePolicy().pause(attempt, 1.0) == core_policy(RetrySettings()).pause(attempt, 1.0)
    give_up = RetrySettings().give_up
    assert [CorePolicy().gives_up(age) for age in (give_up - 0.1, give_up)] == [False, True]
