"""A plugin that fails fills no log, and one that fails half of the time is logged once."""

import logging
import random

import pytest

from incm_webhook.config.settings import RetrySettings
from incm_webhook.delivery.breaker import Breaker
from incm_webhook.delivery.standing import Standing
from incm_webhook.text.failure_log import QUIET_S, FailureLog
from incm_webhook.text.failures import Account


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def account(kind: str, text: str = "t") -> Account:
    return Account(f"{kind}: {text}", kind, "Traceback ...")


@pytest.fixture
def clock(caplog: pytest.LogCaptureFixture) -> Clock:
    caplog.set_level(logging.INFO)
    return Clock()


def test_the_first_failure_is_logged_at_once_and_the_next_together(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    log = FailureLog("plugin p", logging.getLogger("incm_webhook.x"), clock)
    for number in range(1, 1001):
        log.note(logging.WARNING, f"alert {number} failed", account("ValueError (p.py:4)"))
    log.log_due()
    assert caplog.messages == ["alert 1 failed"]
    clock.now += QUIET_S
    log.log_due()
    log.log_due()
    assert caplog.messages[1:] == [
        "plugin p: failed 999 more times in 60 s, the last: alert 1000 failed"
    ]


def test_failures_without_end_are_a_line_a_minute_and_their_end_is_one(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    log = FailureLog("plugin p", logging.getLogger("incm_webhook.x"), clock)
    for number in range(6000):  # ten minutes
        log.note(logging.WARNING, f"alert {number}", account("ValueError (p.py:4)"))
        clock.now += 0.1
    for _ in range(300):
        clock.now += 1
        log.log_due()
    assert caplog.messages[0] == "alert 0"
    assert all("times in 6" in one for one in caplog.messages[1:-1])
    assert 10 <= len(caplog.messages) <= 12
    assert caplog.messages[-1] == (
        "plugin p: has not failed for 60 s as before: ValueError (p.py:4)"
    )


def test_one_failure_that_does_not_repeat_is_one_line(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    log = FailureLog("plugin p", logging.getLogger("incm_webhook.x"), clock)
    log.note(logging.WARNING, "one", account("ValueError (p.py:4)"))
    clock.now += 10 * QUIET_S
    log.log_due()
    log.log_due(everything=True)
    assert caplog.messages == ["one"]


def test_a_line_about_many_failures_says_how_many_and_which_was_the_last(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    log = FailureLog("plugin p", logging.getLogger("incm_webhook.x"), clock)
    for number in (1, 2, 3):
        log.note(logging.WARNING, "failed", account("E", str(number)), {"alert_id": number})
    log.log_due(everything=True)
    facts = [getattr(one, "facts", None) for one in caplog.records]
    assert facts == [
        {"alert_id": 1, "error": "E: 1"},
        {"alert_id": 3, "error": "E: 3", "failures": 2},
    ]


def test_another_kind_of_failure_is_logged_at_once(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    log = FailureLog("plugin p", logging.getLogger("incm_webhook.x"), clock)
    log.note(logging.WARNING, "one", account("ValueError (p.py:4)"))
    log.note(logging.WARNING, "two", account("ValueError (p.py:5)"))
    log.note(logging.ERROR, "three", account("ValueError (p.py:5)"))
    assert caplog.messages == ["one", "two", "three"]


def test_kinds_without_end_are_logged_together(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    log = FailureLog("plugin p", logging.getLogger("incm_webhook.x"), clock)
    for number in range(10_000):
        log.note(logging.WARNING, f"alert {number}", account(f"E{number}"))
    log.log_due(everything=True)
    assert len(caplog.messages) < 40
    assert "failed 9,967 more times" in caplog.messages[-1]


def test_what_was_held_back_is_logged_at_the_end(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    log = FailureLog("plugin p", logging.getLogger("incm_webhook.x"), clock)
    log.note(logging.WARNING, "one", account("E"))
    log.note(logging.WARNING, "two", account("E"))
    log.log_due(everything=True)
    assert caplog.messages == ["one", "plugin p: failed once more in 0 s, the last: two"]


def test_the_traceback_goes_along_for_those_who_want_it(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    log = FailureLog("plugin p", logging.getLogger("incm_webhook.x"), clock)
    log.note(logging.WARNING, "one", account("E"))
    assert getattr(caplog.records[0], "traceback", None) == "Traceback ..."


def run(rate: float, seconds: int, per_second: int, clock: Clock) -> None:
    """Let a plugin fail at a rate, with a breaker, as the dispatcher does."""
    rng = random.Random(7)
    breaker = Breaker(5, RetrySettings(), rng, clock)
    standing = Standing("p", clock)
    alert = 0
    end = clock.now + seconds
    while clock.now < end:
        clock.now += 1 / per_second
        standing.look()
        if breaker.wait() > 0:
            continue
        breaker.begin()
        alert += 1
        if rng.random() < rate:
            standing.failed()
            pause = breaker.failed(alert)
            if pause:
                standing.opened(5, pause)
        else:
            standing.worked()
            breaker.succeeded()


def test_a_target_that_fails_45_percent_does_not_flap_in_the_log(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    run(0.45, seconds=3600, per_second=20, clock=clock)
    assert len(caplog.messages) == 1
    assert "5 alerts in a row failed" in caplog.messages[0]


def test_a_target_that_comes_back_is_logged_soon(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    standing = Standing("p", clock)
    standing.opened(5, 1.0)
    standing.opened(5, 2.0)
    for _ in range(25):
        standing.worked()
    assert [one.split(": ")[1] for one in caplog.messages] == [
        "5 alerts in a row failed; its deliveries wait, one is tried in 1.0 s",
        "works again",
    ]


def test_where_few_alerts_come_no_failure_for_a_while_is_enough(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    standing = Standing("p", clock)
    standing.opened(5, 1.0)
    standing.look()
    standing.worked()
    clock.now += 29
    standing.look()
    assert len(caplog.messages) == 1
    clock.now += 1
    standing.look()
    assert caplog.messages[1] == "plugin p: works again"
