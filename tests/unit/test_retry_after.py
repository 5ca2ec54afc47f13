"""The value of an HTTP answer's Retry-After can be passed on unchanged."""

import re
from typing import Any

import pytest

from incm_webhook import Alert, Retry
from incm_webhook.hosting.attempt import failure_of
from incm_webhook.retry_after import seconds_until
from incm_webhook.testing import make_alert, run_plugin
from incm_webhook.text.failures import OwnCode

NOW = 1_800_000_000.0  # 2027-01-15 08:00:00


@pytest.mark.parametrize(
    ("after", "seconds"),
    [
        (0, 0.0),
        (30, 30.0),
        (1.5, 1.5),
        ("30", 30.0),
        (" 120 ", 120.0),
        ("1.5", 1.5),
        ("Fri, 15 Jan 2027 08:01:30 GMT", 90.0),
        ("Friday, 15-Jan-27 08:01:30 GMT", 90.0),
        ("Fri Jan 15 08:01:30 2027", 90.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
    ],
)
def test_a_wait(after: object, seconds: float) -> None:
    assert seconds_until(after, lambda: NOW) == seconds


@pytest.mark.parametrize(
    "after",
    [
        -1,
        float("nan"),
        float("inf"),
        10**400,
        True,
        "",
        "soon",
        "-3",
        "nan",
        "1_0",
        "30s",
        b"3",
        [],
    ],
)
def test_what_is_no_wait(after: object) -> None:
    with pytest.raises(ValueError, match=r"Retry\(after=\.\.\.\) wants seconds, 0 or more, or a"):
        seconds_until(after, lambda: NOW)


def test_a_wrong_wait_names_the_line_and_leaves_the_wait_to_the_settings() -> None:
    def asks(alert: Alert) -> None:
        raise Retry(after="soon" * 1000)

    (error,) = run_plugin(asks, make_alert("reboot"))
    assert isinstance(error, ValueError)
    failure = failure_of(error, OwnCode((__file__,)))
    assert failure.after is None
    assert re.fullmatch(
        r"ValueError: Retry\(after=\.\.\.\) wants .*\.\.\. \(test_retry_after\.py:\d+\)",
        failure.account.line,
    )


@pytest.mark.parametrize(("set_to", "seconds"), [("30", 30.0), (-1, None), ("soon", None)])
def test_a_subclass_may_set_it(set_to: Any, seconds: float | None) -> None:
    class Later(Retry):
        after = set_to

        def __init__(self) -> None:
            pass

    assert failure_of(Later(), OwnCode()).after == seconds
