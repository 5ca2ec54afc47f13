"""Computes when a failed delivery is tried again, without a clock, input or output.

The formula is in the core, which also applies it to deliveries that a crash interrupted.
"""

import random
from typing import Protocol

from incm_webhook._core import RetryPolicy as CorePolicy


class RetryPolicy(Protocol):
    """The pauses between attempts. `config.RetrySettings` is an implementation."""

    @property
    def first(self) -> float:
        """The pause before the second attempt, in seconds."""

    @property
    def factor(self) -> float:
        """The ratio of each pause to the one before, at least 1."""

    @property
    def max(self) -> float:
        """The longest pause, in seconds."""

    @property
    def give_up(self) -> float:
        """The time after the first attempt, in seconds, from which a failure is a dead letter."""


_ENOUGH = 1 << 62  # attempts: must fit the core's 64-bit integers


def core_policy(policy: RetryPolicy) -> CorePolicy:
    """Convert a plugin's retry settings to the type of the core."""
    return CorePolicy(
        first=policy.first, factor=policy.factor, max=policy.max, give_up=policy.give_up
    )


def delay(policy: RetryPolicy, attempt: int, rng: random.Random) -> float:
    """Compute the pause after a failed attempt.

    Args:
        policy: the plugin's retry settings.
        attempt: how many attempts have failed, 1 or more.
        rng: the source of the jitter.

    Returns:
        Seconds: first * factor ** (attempt - 1), at most max, times an evenly distributed random
        number from 0.5 to 1, so that deliveries that failed together are not retried together.

    Raises:
        ValueError: attempt is less than 1.

    Threads: any; the rng is used once.
    Source: own choice; the settings are in docs/configuration.md, Every key.
    """
    if attempt < 1:
        raise ValueError(f"attempt counts from 1, not {attempt}")
    return core_policy(policy).pause(min(attempt, _ENOUGH), rng.random())


def gives_up(policy: RetryPolicy, first_attempt_age: float) -> bool:
    """Return whether a failure now is final.

    Args:
        policy: the plugin's retry settings.
        first_attempt_age: seconds since the first attempt of this delivery.

    Returns:
        Whether the delivery becomes a dead letter instead of being tried again.

    Threads: any.
    Source: docs/configuration.md, Every key.
    """
    return core_policy(policy).gives_up(first_attempt_age)
