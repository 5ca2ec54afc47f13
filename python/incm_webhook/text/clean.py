"""Makes text from outside safe to put into a message for people, and writes times and durations."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

ELLIPSIS = "…"
_LINE_ENDS = re.compile("\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]")
# What is invisible and can change how the text around it is shown or read: control characters
# (also NUL and ESC), marks that turn the direction of writing, blanks without width, tags, and code
# points that Unicode reserves. The joiners U+200C and U+200D stay: scripts and emoji need them.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b"
    "\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\ufffe\uffff"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_SURROGATES = re.compile("[\ud800-\udfff]")
_BLANKS = re.compile(r"\s+")
_READ_AHEAD = 16  # a line is looked for in this many times its longest length
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def without_controls(text: str) -> str:
    r"""Remove from a text what could do harm in a terminal, a header or a chat.

    Args:
        text: any text, also one from an alert.

    Returns:
        The text without control characters, marks of writing direction and other invisible
        characters. Every kind of line end is a \n, tabs stay, and half a surrogate pair becomes
        U+FFFD, so that the result can be encoded in UTF-8. The markup of a target (HTML, Markdown,
        mentions) is not escaped.

    Threads: any.
    """
    if text.isprintable():
        return text
    return _SURROGATES.sub("\ufffd", _INVISIBLE.sub("", _LINE_ENDS.sub("\n", text)))


def one_line(text: str, limit: int = 200) -> str:
    """Write a text on one line of limited length.

    Args:
        text: any text, also one from an alert.
        limit: the largest number of characters of the result, at least 1.

    Returns:
        The text as `without_controls` returns it, with a single blank in place of each run of
        blanks and line ends, and none at either end. A longer text is cut, and ends with "…".

    Threads: any.
    """
    start = text[: limit * _READ_AHEAD]
    line = _BLANKS.sub(" ", without_controls(start)).strip()
    if len(line) <= limit and len(start) == len(text):
        return line
    return line[: limit - 1].rstrip() + ELLIPSIS


def truncate_bytes(text: str, limit: int) -> str:
    """Cut a text to a number of bytes in UTF-8.

    Args:
        text: any text; half a surrogate pair becomes U+FFFD.
        limit: the largest size of the result in bytes, 0 or more.

    Returns:
        The text, or its beginning with "…" (3 bytes; left out when the limit is smaller). No
        character is cut in two.

    Threads: any.
    """
    # A character has at least one byte, so that what follows the first `limit + 1` is cut anyway.
    coded = _SURROGATES.sub("\ufffd", text[: limit + 1]).encode()
    if len(coded) <= limit:
        return coded.decode()
    mark = ELLIPSIS if limit >= len(ELLIPSIS.encode()) else ""
    return coded[: limit - len(mark.encode())].decode("utf-8", "ignore") + mark


def encodable(text: str) -> str:
    """Replace each half of a surrogate pair by U+FFFD, so that the text has a form in UTF-8."""
    return _SURROGATES.sub("\ufffd", text)


def duration(seconds: float | timedelta) -> str:
    """Write a duration with its two largest units, as in "2 h 5 min", "30 d" or "45 s".

    Args:
        seconds: a number of seconds, or a timedelta; fractions are left out.

    Returns:
        The text; "0 s" for less than a second, and "-5 min" for minus five minutes.

    Raises:
        TypeError: seconds is neither.
        ValueError: seconds is not finite.

    Threads: any.
    """
    if isinstance(seconds, timedelta):
        seconds = seconds.total_seconds()
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"a duration is a number of seconds, not {type(seconds).__name__}")
    try:
        left = abs(int(seconds))
    except (OverflowError, ValueError):
        raise ValueError(f"a duration is a finite number of seconds, not {seconds}") from None
    sign = "-" if seconds < 0 and left else ""
    for number, (size, unit) in enumerate(_UNITS):
        if left >= size:
            first, rest = divmod(left, size)
            smaller = _UNITS[number + 1 : number + 2]
            more = [f"{rest // one} {name}" for one, name in smaller if rest >= one]
            return sign + " ".join([f"{first} {unit}", *more])
    return "0 s"


def moment(time: datetime, zone: str = "UTC", form: str = "%Y-%m-%d %H:%M:%S %Z") -> str:
    """Write a time with its zone, as in "2025-01-06 10:01:38 UTC".

    Args:
        time: an aware time.
        zone: the IANA name of the zone to write it in, such as "Europe/Berlin".
        form: the format, with the codes of `datetime.strftime`.

    Returns:
        The text.

    Raises:
        TypeError: time is not a datetime.
        ValueError: the time has no zone, or the zone does not exist on this machine.

    Threads: any.
    """
    if not isinstance(time, datetime):
        raise TypeError(f"a date is written from a time, not from {type(time).__name__}")
    if time.tzinfo is None:
        raise ValueError("the time has no zone")
    try:
        return time.astimezone(ZoneInfo(zone)).strftime(form)
    except (KeyError, ValueError, OSError):
        raise ValueError(f'there is no time zone "{one_line(zone, 40)}"') from None
    except OverflowError:
        return time.strftime(form)  # the first or last day of the calendar
