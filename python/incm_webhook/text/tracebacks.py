"""Formats tracebacks as Python does, but bounded, without secrets, and at a tenth of the cost.

Python's own formatter parses the source of each line to mark a part of it, and has no limit on
frames and chained exceptions.
"""

import linecache
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, TracebackType

from incm_webhook.text.printable import printable, shortened, text_of
from incm_webhook.text.redaction import beginning, redacted

__all__ = [
    "TRACEBACK_BYTES",
    "trace_of_awaitable",
    "trace_of_thread",
    "traceback_of",
    "without_middle",
]

TRACEBACK_BYTES = 16 * 1024
_LINE_BYTES = 400
_READ_CHARS = 4000  # characters of a text beyond this are never shown
_FIRST_FRAMES, _LAST_FRAMES = 6, 14
_LINKS = 8  # exceptions of a chain that are shown
_LEAVES = 3  # exceptions of a group that are shown
_HERE = str(Path(__file__).parents[1])
_CAUSE = "The above exception was the direct cause of the following exception:"
_CONTEXT = "During handling of the above exception, another exception occurred:"


def traceback_of(error: BaseException) -> str:
    """Format an exception with its traceback and the exceptions that caused it.

    Args:
        error: any exception.

    Returns:
        At most TRACEBACK_BYTES, without control characters except line ends; the middle of a longer
        text is left out. "" when the exception was never raised.
    """
    trace = _theirs(error.__traceback__)
    if trace is None and error.__cause__ is None and error.__context__ is None:
        return ""
    lines = [shortened(printable(redacted(line)), _LINE_BYTES) for line in _chain(error, trace)]
    return without_middle(lines)


def _theirs(trace: TracebackType | None) -> TracebackType | None:
    """Skip our own frames before those of the plugin."""
    while trace is not None and trace.tb_next is not None:
        file = trace.tb_frame.f_code.co_filename
        if not file.startswith(f"{_HERE}/") or file.startswith(f"{_HERE}/plugins/"):
            break
        trace = trace.tb_next
    return trace


def _chain(error: BaseException, trace: TracebackType | None) -> Iterator[str]:
    links: list[tuple[BaseException, str]] = [(error, "")]
    while len(links) < _LINKS:
        last = links[-1][0]
        if last.__cause__ is not None:
            links.append((last.__cause__, _CAUSE))
        elif last.__context__ is not None and not last.__suppress_context__:
            links.append((last.__context__, _CONTEXT))
        else:
            break
    for one, words in reversed(links):
        yield from _one(one, trace if one is error else one.__traceback__)
        if words:
            yield from ("", words, "")


def _one(error: BaseException, trace: TracebackType | None) -> Iterator[str]:
    if trace is not None:
        yield "Traceback (most recent call last):"
        yield from _frames(trace)
    kind = type(error)
    name = kind.__qualname__
    if kind.__module__ not in ("builtins", "__main__"):
        name = f"{kind.__module__}.{name}"
    first, *more = beginning(text_of(error), _READ_CHARS).split("\n")
    yield f"{name}: {first}" if first else name
    yield from more
    for note in tuple(getattr(error, "__notes__", ()))[:_LEAVES]:
        yield from beginning(text_of(note), _READ_CHARS).split("\n")
    if isinstance(error, BaseExceptionGroup):
        for leaf in error.exceptions[:_LEAVES]:
            yield from (f"  | {line}" for line in _one(leaf, leaf.__traceback__))


def _frames(trace: TracebackType) -> Iterator[str]:
    frames = list(traceback.walk_tb(trace))
    left = len(frames) - _FIRST_FRAMES - _LAST_FRAMES
    for number, (frame, line) in enumerate(frames):
        if left > 1 and _FIRST_FRAMES <= number < _FIRST_FRAMES + left:
            if number == _FIRST_FRAMES:
                yield f"  [{left:,} frames left out]"
            continue
        code = frame.f_code
        yield f'  File "{code.co_filename}", line {line}, in {code.co_name}'
        source = linecache.getline(code.co_filename, line, frame.f_globals).strip()
        if source:
            yield f"    {beginning(source, _READ_CHARS)}"


def without_middle(lines: list[str], most: int = TRACEBACK_BYTES) -> str:
    """Join the lines of a traceback to at most `most` bytes.

    When they are too long, the first lines get a quarter of the room, and the last lines the rest.
    """
    text = "\n".join(lines)
    if len(text.encode()) <= most:
        return text
    first = _that_fit(iter(lines), most // 4)
    last = _that_fit(reversed(lines[len(first) :]), most - most // 4 - 60)[::-1]
    left = len(lines) - len(first) - len(last)
    return "\n".join([*first, f"  [{left:,} lines left out]", *last])


def _that_fit(lines: Iterator[str], room: int) -> list[str]:
    kept = []
    for line in lines:
        room -= len(line.encode()) + 1
        if room < 0:
            break
        kept.append(line)
    return kept


def trace_of_thread(thread: int) -> TracebackType | None:
    """Return the current point of a thread as a traceback; None when the thread has ended.

    Args:
        thread: the thread's identifier, from `threading.get_ident()`.
    """
    frame = sys._current_frames().get(thread)
    frames = []
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    return _trace_of(frames)


def trace_of_awaitable(awaitable: object) -> TracebackType | None:
    """Return the point where a coroutine waits as a traceback; None when it is not known."""
    frames: list[FrameType] = []
    while len(frames) < _FIRST_FRAMES + _LAST_FRAMES:
        frame = getattr(awaitable, "cr_frame", None)
        if not isinstance(frame, FrameType):
            break
        frames.append(frame)
        awaitable = getattr(awaitable, "cr_await", None)
    return _trace_of(frames[::-1])


def _trace_of(frames: list[FrameType]) -> TracebackType | None:
    """Make a traceback of frames that are given with the innermost first."""
    trace: TracebackType | None = None
    for frame in frames:
        trace = TracebackType(trace, frame, frame.f_lasti, frame.f_lineno or 1)
    return trace
