"""Makes any text safe for a log or a terminal: one short line without control characters."""

import json


def printable(text: str) -> str:
    r"""Write control characters, line ends and other unprintable characters as escapes.

    Args:
        text: any text, also one from an alert.

    Returns:
        The text on one line; a line end becomes a backslash and an n. Spaces stay.

    Source: docs/promises.md, P16.
    """
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text
    )


def printable_json(text: str) -> str:
    """Write characters that can affect a terminal as JSON escapes: C1 controls, bidi and the like.

    Args:
        text: JSON on one line, in which ASCII control characters are escaped already.

    Returns:
        JSON with the same value.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in text)


def text_of(thing: object) -> str:
    """Return str(thing), or "" when that fails in any way, because it may run a plugin's code."""
    try:
        return str(thing)
    except BaseException:  # even SystemExit: describing a failure must not end the process
        return ""


def shortened(text: str, most: int, whole: int | None = None) -> str:
    """Cut a text to a number of UTF-8 bytes, and append its original length.

    Args:
        text: any text.
        most: the largest size in bytes, including the note about the length.
        whole: the number of characters before the caller cut the text; None when it is not cut.

    Returns:
        The text, or its beginning with a note such as "... (5,000,000 characters)".
    """
    size = len(text) if whole is None else whole
    coded = text.encode("utf-8", "backslashreplace")
    if len(coded) <= most and size <= len(text):
        return text
    note = f"... ({size:,} characters)"
    return coded[: max(0, most - len(note))].decode("utf-8", "ignore") + note
