"""Threads that post alerts without a pause and log every 200 to disk before they go on."""

import hashlib
import http.client
import json
import os
import random
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from crash.server import DEADLINE_S, SECRETS
from incm_webhook import canonical_json, sign
from incm_webhook.sender.samples import WIRES, sample, spell

SENDERS = 8
_REPEATED = 0.3  # share of posts that repeat an earlier body, in any spelling
_NOW = datetime(2025, 1, 6, 10, 1, 39, tzinfo=UTC)  # so that a seed gives the same bodies again
_TYPES = ("disconnected", "connected", "reboot", "license_expired", "a_type_of_tomorrow")


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A 200: an alert that is stored, by the answer, under this number."""

    number: int
    status: str
    id: str
    digest: str


def digest_of(text: bytes) -> str:
    """Return what is the same for every spelling of a body."""
    return hashlib.sha256(canonical_json(text)).hexdigest()


def body_of(rng: random.Random, *, padding: int = 0) -> dict[str, Any]:
    """Make up an alert that differs from all others, with so many bytes of text more."""
    body = sample(rng.choice(_TYPES), now=_NOW, rng=rng)
    body["content"] += " 仓" + "x" * padding
    return body


def spelled(rng: random.Random, body: dict[str, Any]) -> tuple[bytes, str]:
    """Spell and sign a body, in one of the ways and under one of the secrets that are accepted."""
    text = spell(body, rng.choice(WIRES))
    return text, sign(rng.choice((text, canonical_json(text))), rng.choice(SECRETS))


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    headers: dict[str, str]
    body: bytes


class Connection:
    """One connection that is kept alive, and never repeats a request by itself.

    Shape: use it in a `with` statement. Threads: one.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._path = parts.path
        self._connection = http.client.HTTPConnection(parts.netloc, timeout=DEADLINE_S)

    def post(self, text: bytes, signature: str) -> Answer | None:
        """Post a body; None when there was no whole answer, because the server died."""
        try:
            self._connection.request("POST", self._path, text, {"X-Signature": signature})
            response = self._connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        except (ConnectionError, http.client.HTTPException):
            self._connection.close()
            return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()


def acknowledged_by(answer: Answer, text: bytes) -> Acknowledged:
    """Read a 200."""
    assert answer.status == 200, answer
    facts = json.loads(answer.body)
    return Acknowledged(facts["id"], facts["status"], str(json.loads(text)["_id"]), digest_of(text))


def post(
    url: str, bodies: Sequence[dict[str, Any]], seed: int = 0
) -> tuple[list[Acknowledged], list[Answer]]:
    """Post bodies one after the other over one connection, until nothing answers.

    Returns:
        What was acknowledged, and the other answers.
    """
    rng = random.Random(seed)
    acknowledged: list[Acknowledged] = []
    others: list[Answer] = []
    with Connection(url) as connection:
        for body in bodies:
            text, signature = spelled(rng, body)
            answer = connection.post(text, signature)
            if answer is None:
                break
            if answer.status == 200:
                acknowledged.append(acknowledged_by(answer, text))
            else:
                others.append(answer)
    return acknowledged, others


class Senders:
    """More threads than InCloud Manager would have, each with a connection of its own.

    Shape: use it in a `with` statement: the threads begin, post while a server is announced, and
    end. Threads: announce() from one thread.

    Attributes:
        refused: answers other than 200.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.refused: list[Answer] = []
        self._folder = folder
        self._seed = seed
        self._changed = threading.Condition()
        self._generation = 0  # guarded by _changed, as the next two
        self._url: str | None = None
        self._finished = False
        self._history: list[dict[str, Any]] = []  # list.append is atomic
        self._threads = [
            threading.Thread(target=self._send, args=(number,), name=f"sender-{number}")
            for number in range(SENDERS)
        ]

    def announce(self, url: str | None) -> None:
        """Set where the server listens now; None when it is gone."""
        with self._changed:
            self._generation += 1
            self._url = url
            self._changed.notify_all()

    def acknowledged(self) -> list[Acknowledged]:
        """Read what the threads have logged, as another process would after a crash of this one."""
        return [
            Acknowledged(**json.loads(line))
            for path in sorted(self._folder.glob("sender-*.log"))
            for line in path.read_text().splitlines()
        ]

    def _next_server(self, last: int) -> tuple[int, str] | None:
        with self._changed:
            self._changed.wait_for(
                lambda: self._finished or (self._url and self._generation > last)
            )
            return None if self._finished or not self._url else (self._generation, self._url)

    def _gone(self, generation: int) -> bool:
        with self._changed:
            return self._finished or self._generation != generation

    def _send(self, number: int) -> None:
        rng = random.Random(f"{self._seed}/{number}")
        log = os.open(
            self._folder / f"sender-{number}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640
        )
        body: dict[str, Any] | None = None
        generation = 0
        while server := self._next_server(generation):
            generation = server[0]
            with Connection(server[1]) as connection:
                while not self._gone(generation):
                    body = body or self._choose(rng)
                    text, signature = spelled(rng, body)
                    answer = connection.post(text, signature)
                    if answer is None:
                        break  # and the same body again, as InCloud Manager does
                    body = None
                    self._note(log, answer, text)
        os.close(log)

    def _choose(self, rng: random.Random) -> dict[str, Any]:
        if self._history and rng.random() < _REPEATED:
            return rng.choice(self._history)
        body = body_of(rng)
        self._history.append(body)
        return body

    def _note(self, log: int, answer: Answer, text: bytes) -> None:
        if answer.status != 200:
            self.refused.append(answer)
            return
        os.write(log, json.dumps(asdict(acknowledged_by(answer, text))).encode() + b"\n")
        os.fsync(log)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._changed:
            self._finished = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
