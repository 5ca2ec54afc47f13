"""Watches and breaks the server's system calls with strace.

strace counts the calls of each thread: the N-th fdatasync is the N-th of whichever thread gets
there first. With -D the server stays the test's child, and strace ends after it. --seccomp-bpf
makes the other calls fast, but strace 6.1 injects no signal then.
"""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from crash.server import DEADLINE_S, Server

_STRACE = ("strace", "-D", "-f")
_LINE = re.compile(r"(?P<thread>\d+) +(?P<call>.*)")
_UNFINISHED = " <unfinished ...>"
_RESUMED = re.compile(r"<\.\.\. (\w+) resumed>,? ?(.*)")
_CALL = re.compile(r"(?P<name>\w+)\((?P<file>\d+<[^>]*>)?(?P<rest>.*)")


def injecting(call: str, fault: str, when: int, log: Path) -> list[str]:
    """Return the command that runs a server with a fault.

    Args:
        call: name of the system call.
        fault: as strace spells it: "signal=KILL" before the call, "error=EIO" instead of it.
        when: which call of a thread, from 1 on.
        log: where the calls are written.
    """
    trace = ["-e", f"trace={call}", "-e", f"inject={call}:{fault}:when={when}"]
    return [*_STRACE, "-y", "-o", str(log), *trace]


def delaying(call: str, seconds: float, log: Path) -> list[str]:
    """Return the command that runs a server in which each call of a kind begins later."""
    fault = f"inject={call}:delay_enter={int(seconds * 1e6)}"
    return [*_STRACE, "-y", "-o", str(log), "-e", f"trace={call}", "-e", fault]


def watching(calls: str, log: Path) -> list[str]:
    """Return the command that runs a server and writes these calls, with file names."""
    return [*_STRACE, "-y", "--seccomp-bpf", "-o", str(log), "-e", f"trace={calls}"]


def calls_at_start(server: Server, call: str) -> int:
    """Start and kill a server, and count the calls that its main thread made."""
    log = server.folder / "start.log"
    server.start(wrapper=watching(call, log))
    server.kill()
    return sum(one.thread == server.process.pid for one in calls_of(log))


@dataclass(frozen=True, slots=True)
class Call:
    """A system call.

    Attributes:
        thread: id of the thread; that of the process is the main thread's.
        name: such as "fdatasync".
        file: the path, or "socket:[N]" and the like; "" when there is none.
        rest: the other arguments, and the result.
        begun: the place of its start among all starts and ends.
        ended: the place of its end.
    """

    thread: int
    name: str
    file: str
    rest: str
    begun: int
    ended: int


def calls_of(log: Path) -> Iterator[Call]:
    """Read what a server that has ended did, in the order in which the calls ended."""
    begun: dict[str, tuple[int, str]] = {}
    for place, line in enumerate(_finished(log)):
        matched = _LINE.fullmatch(line)
        assert matched, line
        thread, text = matched["thread"], matched["call"]
        if text.endswith(_UNFINISHED):
            begun[thread] = (place, text.removesuffix(_UNFINISHED))
            continue
        start = place
        if resumed := _RESUMED.fullmatch(text):
            start, head = begun.pop(thread)
            text = f"{head} {resumed[2]}"
        if call := _CALL.fullmatch(text):
            file = (call["file"] or "").partition("<")[2].rstrip(">")
            yield Call(int(thread), call["name"], file, call["rest"], start, place)


def _finished(log: Path) -> list[str]:
    """Wait until strace has written all of it: the end of every thread that it has seen."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        lines = log.read_text(errors="replace").splitlines()
        threads = {line.split()[0] for line in lines if line}
        ended = {line.split()[0] for line in lines if "+++ " in line}
        if lines and threads == ended:
            return lines
        assert time.monotonic() < deadline, f"strace has not ended: {log}"
        time.sleep(0.01)
