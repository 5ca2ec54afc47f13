"""Moments as people write and read them: "2h" ago, "10:00", in the time zone of the machine."""

from datetime import UTC, datetime, time, timedelta, tzinfo

from incm_webhook.durations import parse_duration


def parse_moment(text: str, now: datetime, *, past: bool, zone: tzinfo | None = None) -> datetime:
    """Read a moment.

    Args:
        text: "2h" (so long ago), "2026-11-24T10:00", "2026-11-24" or "10:00"; ISO 8601 as far as
            `datetime.fromisoformat` reads it.
        now: aware.
        past: a time of day that is still to come means yesterday's.
        zone: is meant where the text names none; None: the machine's, with its summer time.

    Returns:
        The moment in UTC.

    Raises:
        ValueError: anything else; the text says what is wanted.
    """
    text = text.strip()
    try:
        return now.astimezone(UTC) - timedelta(seconds=parse_duration(text))
    except ValueError:
        pass
    try:
        if ":" not in text[:3]:
            return _in(zone, datetime.fromisoformat(text)).astimezone(UTC)
        of_day, day = time.fromisoformat(text), now.astimezone(zone).date()
        moment = _in(zone, datetime.combine(day, of_day))
        if past and moment > now:
            moment = _in(zone, datetime.combine(day - timedelta(days=1), of_day))
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):  # the latter: at the ends of the calendar
        wanted = 'wants a time such as "2h" (ago), "10:00" or "2026-11-24T10:00"'
        raise ValueError(f"{wanted}, not {text!r}") from None


def _in(zone: tzinfo | None, moment: datetime) -> datetime:
    if moment.tzinfo is not None:
        return moment
    return moment.astimezone() if zone is None else moment.replace(tzinfo=zone)


def local_time(rfc3339: str, day_of: str | None = None) -> str:
    """Write a moment of the API in the machine's time zone.

    Args:
        rfc3339: the moment.
        day_of: another moment; on its day the date is left out.

    Returns:
        Such as "2026-11-24 10:00:03" or "10:00:03".
    """
    moment = datetime.fromisoformat(rfc3339).astimezone()
    same_day = day_of and datetime.fromisoformat(day_of).astimezone().date() == moment.date()
    return moment.strftime("%H:%M:%S" if same_day else "%Y-%m-%d %H:%M:%S")


def roughly(seconds: float) -> str:
    """Write a span the way one says it: "8 ms", "40 s", "2 h 5 min", "3 d 4 h"."""
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    if seconds < 10:
        return f"{seconds:.1f} s".replace(".0 ", " ")
    whole = round(seconds)
    for unit, name, small_unit, small_name in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= unit:
            rest = whole % unit // small_unit
            return f"{whole // unit} {name}" + (f" {rest} {small_name}" if rest else "")
    return f"{whole} s"
