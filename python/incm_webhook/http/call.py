"""One request of a plugin: checked arguments, and a description without secrets."""

import json as json_module
import re
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Protocol
from urllib.parse import urlencode

from yarl import URL

from incm_webhook.text.redaction import parts_of_url, redacted

DEFAULT_TIMEOUT_S = 10.0
_METHOD = re.compile(r"[A-Z]{1,20}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_SHORTEST_VALUE = 8  # characters of a header's value that an answer could repeat
_SHOWN_HEADERS = {"content-type", "accept", "user-agent", "accept-language"}


class Secret(Protocol):
    """A pydantic SecretStr."""

    def get_secret_value(self) -> str:
        """Return the text."""


Text = str | Secret
Data = bytes | str | Mapping[str, str]
Params = Mapping[str, str | int | float]


class Call:
    """A request that can be sent.

    Errors: ValueError or TypeError from the constructor, without the URL, because it may be secret.
    Threads: immutable.

    Attributes:
        method: in capitals.
        url: with the parameters; secret.
        headers: secret, too.
        body: the bytes to send, or None.
        seconds: how long the whole request may take.
    """

    __slots__ = ("body", "headers", "method", "seconds", "url")

    def __init__(
        self,
        method: str,
        url: Text,
        *,
        json: Any = None,
        data: Data | None = None,
        headers: Mapping[str, Text] | None = None,
        params: Params | None = None,
        timeout: float | None = None,
        until: float | None = None,
    ) -> None:
        self.method = method.upper()
        if not _METHOD.fullmatch(self.method):
            raise ValueError(f"an HTTP method is a word such as POST, not {method[:40]!r}")
        text = _text(url, "the URL")
        self.url = _url(text).extend_query(params) if params else _url(text)
        self.headers = {
            name: value if isinstance(value, str) else _text(value, f"the header {name}")
            for name, value in (headers or {}).items()
        }
        names = _checked_names(tuple(self.headers.items()))
        if "authorization" in names and self.url.raw_user is not None:
            raise ValueError("the URL has a user, and there is a header Authorization: give one")
        self.body = self._body(json, data, typed="content-type" in names)
        self.seconds = _seconds(timeout, until)

    def _body(self, json: Any, data: Data | None, *, typed: bool) -> bytes | None:
        if json is not None and data is not None:
            raise TypeError("give json or data, not both")
        if json is not None:
            body: bytes | str = json_module.dumps(json, allow_nan=False)
            kind = "application/json"
        elif data is None:
            return None
        elif isinstance(data, bytes | str):
            body = data
            kind = "application/octet-stream" if isinstance(data, bytes) else "text/plain"
        elif isinstance(data, Mapping):
            body = urlencode(data)
            kind = "application/x-www-form-urlencoded"
        else:
            raise TypeError(f"data is bytes, a text or a mapping, not {type(data).__name__}")
        if not typed:
            utf8 = "; charset=utf-8" if kind == "text/plain" else ""
            self.headers["Content-Type"] = kind + utf8
        return body if isinstance(body, bytes) else body.encode("utf-8", "replace")

    def __str__(self) -> str:
        """Describe the request without secrets: "POST https://hooks.slack.com/services/…"."""
        return f"{self.method} {redacted(str(self.url))}"

    def without_secrets(self, text: str) -> str:
        """Remove what this request kept secret from a text, such as an answer that repeats it."""
        values = [
            value
            for name, value in self.headers.items()
            if name.lower() not in _SHOWN_HEADERS and len(value) >= _SHORTEST_VALUE
        ]
        for part in sorted([*parts_of_url(str(self.url)), *values], key=len, reverse=True):
            text = text.replace(part, "***")
        return redacted(text)


def _text(value: Text, what: str) -> str:
    if isinstance(value, str):
        return value
    found = getattr(value, "get_secret_value", lambda: None)()
    if not isinstance(found, str):
        raise TypeError(f"{what} is a text or a SecretStr, not {type(value).__name__}")
    return found


@lru_cache(256)
def _url(text: str) -> URL:
    wrong = ValueError('wants a URL such as "https://example.com/path"')
    if not text.isprintable() or " " in text:
        raise wrong
    try:
        url = URL(text, encoded=text.isascii())  # a signed URL stays as it is
        if url.scheme not in ("http", "https") or not url.host or url.port == 0:
            raise wrong
    except ValueError:
        raise wrong from None
    return url


@lru_cache(256)
def _checked_names(headers: tuple[tuple[str, str], ...]) -> frozenset[str]:
    """Check header fields, most of which are the same for each request; return their names."""
    for name, text in headers:
        _check_header(name, text)
    return frozenset(name.lower() for name, _ in headers)


def _check_header(name: str, text: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name[:40]!r} is no name of a header")
    if not _VALUE.fullmatch(text):
        raise ValueError(f"the value of the header {name} has characters that no header can")


def _seconds(timeout: float | None, until: float | None) -> float:
    seconds = DEFAULT_TIMEOUT_S if timeout is None else float(timeout)
    if not seconds > 0:
        raise ValueError(f"timeout is a number of seconds above 0, not {timeout!r}")
    return seconds if until is None else min(seconds, until - time.monotonic())
