"""What an `HttpTarget` has received, and how it answers."""

import threading
from dataclasses import dataclass

from incm_webhook.testing.http_connection import RecordedRequest, Response


@dataclass
class _Rule:
    path: str
    response: Response
    left: int


class Answers:
    """Records requests, and chooses the answer of each as `HttpTarget.respond` says.

    Threads: any.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()  # guards what follows
        self._requests: list[RecordedRequest] = []
        self._next: list[_Rule] = []
        self._usual = {"": Response()}  # by the beginning of the path

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests so far, in the order in which they were complete."""
        with self._changed:
            return list(self._requests)

    def wait(self, count: int, timeout: float) -> list[RecordedRequest]:
        """Wait for `count` requests, at most `timeout` seconds; return all so far."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._requests) >= count, timeout)
            return list(self._requests)

    def add(self, response: Response, path: str, times: int | None) -> None:
        """Answer so: `times` requests whose path begins with `path`, or all after those."""
        with self._changed:
            if times is None:
                self._usual[path] = response
            else:
                self._next.append(_Rule(path, response, times))

    def drops_unread(self) -> bool:
        """Return whether to reset a connection before its next request is read."""
        with self._changed:
            first = next((rule for rule in self._next if not rule.path), None)
            if first is None:
                return self._usual[""].drop_unread
            return first.response.drop_unread and self._take(first).drop_unread

    def record(self, request: RecordedRequest) -> Response:
        """Record a request, and choose its answer."""
        with self._changed:
            self._requests.append(request)
            self._changed.notify_all()
            for rule in self._next:
                if request.path.startswith(rule.path) and not rule.response.drop_unread:
                    return self._take(rule)
            fitting = [path for path in self._usual if request.path.startswith(path)]
            return self._usual[max(fitting, key=len)]

    def _take(self, rule: _Rule) -> Response:
        rule.left -= 1
        if not rule.left:
            self._next.remove(rule)
        return rule.response
