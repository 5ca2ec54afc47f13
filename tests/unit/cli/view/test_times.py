import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest

from incm_webhook.cli.view.times import local_time, parse_moment, roughly, time_column, zone_now

ZONE = timezone(timedelta(hours=2))
NOW = datetime(2026, 11, 24, 9, 30, tzinfo=ZONE)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2h", datetime(2026, 11, 24, 7, 30, tzinfo=ZONE)),
        (" 90d ", datetime(2026, 8, 26, 9, 30, tzinfo=ZONE)),
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=ZONE)),
        ("2026-11-24T10:00", datetime(2026, 11, 24, 10, 0, tzinfo=ZONE)),
        ("2026-11-24 10:00:05.5", datetime(2026, 11, 24, 10, 0, 5, 500000, tzinfo=ZONE)),
        ("2026-11-24T10:00Z", datetime(2026, 11, 24, 12, 0, tzinfo=ZONE)),
        ("09:00", datetime(2026, 11, 24, 9, 0, tzinfo=ZONE)),
    ],
)
@pytest.mark.parametrize("past", [True, False])
def test_times_that_people_write(text: str, moment: datetime, past: bool) -> None:
    assert parse_moment(text, NOW, past=past, zone=ZONE) == moment


def test_a_time_of_day_to_come_means_yesterday_where_the_past_is_meant() -> None:
    evening = datetime(2026, 11, 24, 22, 0, tzinfo=ZONE)
    assert parse_moment("22:00", NOW, past=True, zone=ZONE) == evening - timedelta(days=1)
    assert parse_moment("22:00", NOW, past=False, zone=ZONE) == evening


OFFSETS = [
    f"{time}{offset}"
    for time in ("2026-11-24T10:00", "2026-11-24 10:00:00", "10:00")
    for offset in ("+24:00", "-99:00", "+10:60", "+1099")
]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2",
        "-2h",
        "25:00",
        "10:7",
        "2026-13-01",
        "99999999999w",
        "1:2:3:4",
        *OFFSETS,
    ],
)
def test_other_texts_are_explained(text: str) -> None:
    with pytest.raises(ValueError, match='wants a time such as "2h"'):
        parse_moment(text, NOW, past=True)


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine in Berlin: two hours before UTC in summer, one in winter."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("berlin")
def test_a_time_in_summer_is_in_summer_time_also_in_winter() -> None:
    now = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
    moment = parse_moment("2026-07-01T10:00", now, past=True)
    assert moment == datetime(2026, 7, 1, 8, 0, tzinfo=UTC)
    assert local_time(moment.isoformat()) == "2026-07-01 10:00:00 UTC+02:00"
    morning_after = datetime(2026, 10, 25, 8, 0, tzinfo=UTC)
    assert parse_moment("22:00", morning_after, past=True) == datetime(2026, 10, 24, 20, tzinfo=UTC)
    assert parse_moment("12h", morning_after, past=True) == datetime(2026, 10, 24, 20, tzinfo=UTC)


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31T23:59-23:00"])
def test_the_ends_of_the_calendar_are_explained(text: str) -> None:
    with pytest.raises(ValueError, match='wants a time such as "2h"'):
        parse_moment(text, datetime(2026, 11, 24, tzinfo=UTC), past=True)


def test_the_date_is_left_out_on_the_same_day() -> None:
    full = local_time("2026-11-24T10:00:03.999Z")
    day, clock, zone = full.split()
    assert local_time("2026-11-24T10:00:03.999Z", "2026-11-24T10:00:00Z") == clock
    assert local_time("2026-11-24T10:00:03.999Z", "2026-11-20T10:00:00Z") == f"{day} {clock}"
    assert zone == zone_now()


@pytest.mark.usefixtures("berlin")
def test_a_column_of_times_says_its_zone() -> None:
    summer, winter = "2026-07-01T08:00:00.000Z", "2026-11-24T08:00:00.000Z"
    assert time_column("WHEN", [winter, None, winter]) == (
        "WHEN (UTC+01:00)",
        ["2026-11-24 09:00:00", "-", "2026-11-24 09:00:00"],
    )
    assert time_column("WHEN", [summer, None, winter]) == (
        "WHEN",
        ["2026-07-01 10:00:00 UTC+02:00", "-", "2026-11-24 09:00:00 UTC+01:00"],
    )
    assert time_column("WHEN", [None]) == ("WHEN", ["-"])


@pytest.mark.usefixtures("berlin")
def test_the_two_hours_of_the_same_name_are_distinguished() -> None:
    first, second = "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"
    assert local_time(first) == "2026-10-25 02:30:00 UTC+02:00"
    assert local_time(second, beside=first) == "02:30:00 UTC+01:00"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (0.0084, "8 ms"),
        (1, "1 s"),
        (4.54, "4.5 s"),
        (40, "40 s"),
        (60, "1 min"),
        (125, "2 min 5 s"),
        (7500, "2 h 5 min"),
        (3 * 86400 + 4 * 3600 + 59, "3 d 4 h"),
    ],
)
def test_spans_are_rounded(seconds: float, text: str) -> None:
    assert roughly(seconds) == text
