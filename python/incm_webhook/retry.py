"""When a failed delivery is tried again: pure arithmetic, no clock and no input or output."""

import random
from typing import Protocol


class RetryPolicy(Protocol):
    """How long to wait between attempts; all in seconds. `config.RetrySettings` is one."""

    @property
    def first(self) -> float:
        """Seconds before the second attempt."""

    @property
    def factor(self) -> float:
        """By how much each wait is longer than the one before, at least 1."""

    @property
    def max(self) -> float:
        """Seconds that no wait exceeds."""

    @property
    def give_up(self) -> float:
        """Seconds after the first attempt when a failure becomes a dead letter."""


def delay(policy: RetryPolicy, attempt: int, rng: random.Random) -> float:
    """Say how long to wait after a failed attempt.

    Args:
        policy: the plugin's retry settings.
        attempt: how many attempts have failed, 1 or more.
        rng: where the jitter comes from.

    Returns:
        Seconds: first * factor ** (attempt - 1), at most max, times an even random 0.5 to 1, so
        that what failed together does not come back together.

    Raises:
        ValueError: attempt is less than 1.

    Threads: any; the rng is used once.
    Source: own choice; the settings are contract section 3.
    """
    if attempt < 1:
        raise ValueError(f"attempt counts from 1, not {attempt}")
    try:
        full = policy.first * policy.factor ** (attempt - 1)
    except OverflowError:
        full = policy.max
    return min(full, policy.max) * rng.uniform(0.5, 1.0)


def gives_up(policy: RetryPolicy, first_attempt_age: float) -> bool:
    """Say whether a failure now is the last one.

    Args:
        policy: the plugin's retry settings.
        first_attempt_age: seconds since the first attempt of this delivery.

    Returns:
        Whether the delivery becomes a dead letter instead of being tried again.

    Threads: any.
    Source: contract section 3.
    """
    return first_attempt_age >= policy.give_up
