"""When a failed delivery is tried again: pure arithmetic, no clock and no input or output.

The formula is the core's, which also follows it for what a crash interrupted.
"""

import random
from typing import Protocol

from incm_webhook._core import RetryPolicy as CorePolicy


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


_ENOUGH = 1 << 62  # attempts; the core's integers have an end


def core_policy(policy: RetryPolicy) -> CorePolicy:
    """Give the core a plugin's retry settings."""
    return CorePolicy(
        first=policy.first, factor=policy.factor, max=policy.max, give_up=policy.give_up
    )


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
    Source: own choice; the settings are in docs/configuration.md, Every key.
    """
    if attempt < 1:
        raise ValueError(f"attempt counts from 1, not {attempt}")
    return core_policy(policy).pause(min(attempt, _ENOUGH), rng.random())


def gives_up(policy: RetryPolicy, first_attempt_age: float) -> bool:
    """Say whether a failure now is the last one.

    Args:
        policy: the plugin's retry settings.
        first_attempt_age: seconds since the first attempt of this delivery.

    Returns:
        Whether the delivery becomes a dead letter instead of being tried again.

    Threads: any.
    Source: docs/configuration.md, Every key.
    """
    return core_policy(policy).gives_up(first_attempt_age)
