"""Makes any text fit for a log or a terminal: one line, short, with nothing that they obey."""

import json


def printable(text: str) -> str:
    r"""Write control characters, line ends and other unprintable characters as escapes.

    Args:
        text: any text, also one that an alert brought.

    Returns:
        The text on one line, such as "a\nb" with a backslash and an n; spaces stay.

    Source: docs/promises.md, P16.
    """
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text
    )


def printable_json(text: str) -> str:
    """Write what a terminal obeys or shows elsewhere as escapes of JSON: C1, bidi and the like.

    Args:
        text: JSON on one line; control characters of ASCII are escaped in it already.

    Returns:
        The same JSON, to be parsed as before.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in text)


def said_by(thing: object) -> str:
    """Say str(thing), or nothing when that fails in any way: it may be code of a plugin."""
    try:
        return str(thing)
    except BaseException:  # an exit too: who describes a failure does not fail with it
        return ""


def shortened(text: str, most: int, whole: int | None = None) -> str:
    """Cut a text to so many bytes of UTF-8, and say how long it was.

    Args:
        text: any text.
        most: bytes, those of the note about its length included.
        whole: how many characters it had before others cut it; None when nobody did.

    Returns:
        The text, or its beginning and, such as "... (5,000,000 characters)".
    """
    size = len(text) if whole is None else whole
    coded = text.encode("utf-8", "backslashreplace")
    if len(coded) <= most and size <= len(text):
        return text
    note = f"... ({size:,} characters)"
    return coded[: max(0, most - len(note))].decode("utf-8", "ignore") + note
