"""The parent process that holds the sockets open, restarts the server, and replaces it."""

import array
import contextlib
import logging
import os
import select
import signal
import socket
import struct
import time
from collections.abc import Sequence
from types import FrameType

from incm_webhook.log import write_failure
from incm_webhook.supervise.child import SIGNALS, Child, ending_of, start
from incm_webhook.supervise.sd_listen_fds import take_passed
from incm_webhook.supervise.sd_notify import CLOSED, PREPARED, Notifier

_LOOK_S = 0.5
_PAUSE_S = 5.0  # a longer gap means that the container or machine was paused, servers included
_GOOD_LIFE_S = 1.0  # a child that served this long did not die young
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
_MOST_KEPT = 8
_CANNOT_START = (2, 3, 4)
_CANNOT_LISTEN = 3
_CREDENTIALS = struct.Struct("3i")

_log = logging.getLogger("incm_webhook.supervisor")


def _has_lived(child: Child, now: float) -> bool:
    return child.ready and now - child.ready_at >= _GOOD_LIFE_S


class Supervisor:
    """Runs one server after the other on the same sockets, which stay open all the time.

    SIGHUP starts a new server with the same command. When the new server is prepared, the old one
    is asked to stop, and the new one serves as soon as it has the inbox. A new server that cannot
    be prepared changes nothing. A server that dies is replaced at once; when servers keep dying
    young, the pauses grow. SIGTERM and SIGINT stop the server and then this process; a second
    signal kills the server.

    Threads: runs in the main thread; no other thread may exist.
    Source: systemd's notify protocol with its descriptor store; docs/promises.md, P10.
    """

    def __init__(self, command: Sequence[str]) -> None:
        """Prepare to start servers with this command line."""
        self._command = command
        self._above = Notifier(os.environ)
        self._kept: dict[str, int] = {}
        self._serving: Child | None = None  # has the inbox, or is about to open it
        self._next: Child | None = None  # will take over
        self._leaving: list[Child] = []  # have handed over, and have not ended yet
        self._served = False  # whether any server has been ready
        self._reload = False
        self._stops = 0
        self._status = 0
        self._young_deaths = 0
        self._restart_at: float | None = 0.0
        self._looked = time.monotonic()

    def run(self) -> int:
        """Supervise until a signal; return the last server's exit status."""
        try:
            self._inherit()
        except ValueError as error:
            write_failure(str(error))
            return _CANNOT_LISTEN
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._notify.bind("")  # an abstract name that the kernel chooses
        self._notify.setblocking(False)  # noqa: FBT003 - the only way to say it
        woken, wake = socket.socketpair()
        for one in (woken, wake):
            one.setblocking(False)  # noqa: FBT003
        signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        for number in SIGNALS:
            signal.signal(number, self._note)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        while self._goes_on():
            select.select([self._notify, woken], [], [], _LOOK_S)
            with contextlib.suppress(BlockingIOError):
                woken.recv(4096)
            self._read_notifications()
            self._reap()
        return self._status

    def _inherit(self) -> None:
        """Keep the sockets that a service manager passed; ValueError as take_passed()."""
        os.environ.pop("INCM_WEBHOOK_SUPERVISE", None)
        for name, one in take_passed(os.environ).items():
            self._keep(name, one.detach())

    def _note(self, number: int, frame: FrameType | None) -> None:
        del frame
        if number == signal.SIGHUP:
            self._reload = True
        elif number in (signal.SIGTERM, signal.SIGINT):
            self._stops += 1

    def _children(self) -> list[Child]:
        both = [child for child in (self._serving, self._next) if child is not None]
        return [*both, *self._leaving]

    def _goes_on(self) -> bool:
        """Do what is due now; False when the supervisor should end."""
        now = time.monotonic()
        pause = now - self._looked
        self._looked = now
        for child in self._children():
            if pause > _PAUSE_S:
                child.exclude_pause(pause)
            if problem := child.check(now):
                _log.error("server %d %s", child.pid, problem)
        if self._serving is not None and _has_lived(self._serving, now):
            self._young_deaths = 0
        if self._stops:
            for child in self._children():
                child.kill() if self._stops > 1 else child.stop()
            return bool(self._children())
        if self._serving is None and self._next is None:
            if self._restart_at is None:
                return False
            if now >= self._restart_at:
                self._reload = False
                self._serving = self._start(None)
                if self._serving is None:
                    self._restart_at = now + _LONGEST_PAUSE_S
        elif self._reload and self._next is None and self._serving and self._serving.ready:
            self._reload = False
            self._next = self._start(self._serving.pid)
        self._above.beat()
        return True

    def _start(self, before: int | None) -> Child | None:
        name = "@" + self._notify.getsockname()[1:].decode()
        try:
            child = start(self._command, name, self._kept, before)
        except OSError as error:
            _log.error("cannot start a server: %s", error.strerror)
            return None
        _log.info("starting server %d%s", child.pid, f" to follow {before}" if before else "")
        return child

    def _reap(self) -> None:
        """Collect ended processes: servers, and orphans that this process gets as PID 1."""
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return
                for child in self._children():
                    if child.pid == pid:
                        self._ended(child, os.waitstatus_to_exitcode(status))

    def _ended(self, child: Child, status: int) -> None:
        for _, descriptor in child.changes:
            if descriptor is not None:
                os.close(descriptor)
        if child in self._leaving:
            self._leaving.remove(child)
            return
        if child.stopping and status == -signal.SIGTERM:
            status = 0  # it was asked to stop before it could handle the signal
        ending = ending_of(status)
        if child.stopping or not self._stops:
            self._status = status if status >= 0 else 128 - status
        if child is self._next:
            self._next = None
            if self._serving is not None:
                left = "another follows" if self._serving.stopping else "nothing is changed"
                _log.error("the new server %s: %s", ending, left)
                return
        else:
            self._serving = None
            if self._next is not None:
                if not self._next.prepared:
                    _log.error("server %d %s", child.pid, ending)
                return  # the next server can open the inbox now
        if self._serving is not None or self._stops:
            return
        ended_by_itself = status == 0 and not child.stopping
        if ended_by_itself or (not self._served and status in _CANNOT_START):
            self._restart_at = None
            return
        now = time.monotonic()
        self._young_deaths = 0 if _has_lived(child, now) else self._young_deaths + 1
        pause = _FIRST_PAUSE_S * 2.0 ** min(self._young_deaths - 2, 16)
        pause = min(pause, _LONGEST_PAUSE_S) if self._young_deaths > 1 else 0.0
        self._restart_at = now + pause
        when = f"in {pause:g} s" if pause else "at once"
        _log.error("server %d %s: another %s", child.pid, ending, when)

    def _read_notifications(self) -> None:
        """Read what the children have sent."""
        room = socket.CMSG_SPACE(_CREDENTIALS.size) + socket.CMSG_SPACE(4 * _MOST_KEPT)
        while True:
            try:
                data, ancillary, *_ = self._notify.recvmsg(65536, room)
            except BlockingIOError:
                return
            sender, descriptors = 0, array.array("i")
            for _, kind, content in ancillary:
                if kind == socket.SCM_CREDENTIALS:
                    sender = _CREDENTIALS.unpack(content)[0]
                elif kind == socket.SCM_RIGHTS:
                    descriptors.frombytes(content[: len(content) // 4 * 4])
            lines = dict(
                line.partition("=")[::2] for line in data.decode(errors="replace").splitlines()
            )
            child = next((one for one in self._children() if one.pid == sender), None)
            if child is not None:
                self._apply(child, lines, descriptors)
            for one in descriptors:
                os.close(one)

    def _apply(self, child: Child, fields: dict[str, str], descriptors: "array.array[int]") -> None:
        """Apply a message of a child; a descriptor to keep is removed from `descriptors`."""
        name = fields.get("FDNAME", "stored")
        if "FDSTOREREMOVE" in fields:
            child.changes.append((name, None))
        if "FDSTORE" in fields and descriptors and len(child.changes) < _MOST_KEPT:
            child.changes.append((name, descriptors.pop(0)))
        if PREPARED in fields:
            child.prepared = True
            child.seen_at = time.monotonic()
            if child is self._next and self._serving is not None:
                self._serving.stop()
        if "READY" in fields:
            self._ready(child, serves=CLOSED not in fields)
        if child.ready:
            self._change_kept(child)
        if "WATCHDOG" in fields or "EXTEND_TIMEOUT_USEC" in fields:
            child.seen_at = time.monotonic()
        if fields.get("EXTEND_TIMEOUT_USEC", "").isdecimal() and child.stopping:
            child.kill_at = time.monotonic() + int(fields["EXTEND_TIMEOUT_USEC"]) / 1e6 + 5.0
        if "STATUS" in fields and child.ready:
            self._above.send(f"STATUS={fields['STATUS']}")

    def _ready(self, child: Child, *, serves: bool) -> None:
        child.ready = True
        self._served = self._served or serves
        child.seen_at = child.ready_at = time.monotonic()
        if child is self._next:
            if self._serving is not None:
                self._leaving.append(self._serving)
            self._serving, self._next = child, None
            _log.info("server %d has taken over", child.pid)
        self._above.send("READY=1")

    def _change_kept(self, child: Child) -> None:
        """Apply a child's changes to the kept descriptors, once it can no longer fail to start."""
        for name, descriptor in child.changes:
            if name in self._kept:
                os.close(self._kept.pop(name))
            if descriptor is not None:
                self._keep(name, descriptor)
        child.changes.clear()

    def _keep(self, name: str, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - the only way to say it
        self._kept[name] = descriptor
