"""Removes known secrets and the secret parts of URLs from a text.

A URL keeps the parts that help to find a fault: `https://hooks.slack.com/services/…`. Its user,
password, query and path are removed, because the path of a webhook is as good as a password. Only a
first segment of the path stays, when it is a plain word and more segments follow.
"""

import json
import re
import threading
from urllib.parse import quote

_HIDDEN = "***"
SHORTEST_HIDDEN = 4  # characters of a secret; shorter ones occur in ordinary words
_SHORTEST_OF_URL = 8  # characters of a part of a URL's path
_LONGEST_LISTED = 5000  # spellings that are kept at most

_END = r"""\s"'<>()`{}|\\"""  # the characters that end a URL in a text
# Some programs write JSON with \\/ for each /.
_URL = re.compile(rf"\b([A-Za-z][A-Za-z0-9+.-]{{1,20}}:\\?/\\?/)((?:[^{_END}]|\\(?![nrtx]))+)")
# A percent-encoded URL, in the query of another URL.
_ENCODED_URL = re.compile(
    r"\b([A-Za-z][A-Za-z0-9+.-]{1,20}%(?:25)*3A(?:%(?:25)*2F){2})[^\s\"'<>&;]+", re.IGNORECASE
)
# Paths as in messages of urllib3 and requests, and in access logs: "with url: /services/T0/B0",
# "POST /hook HTTP".
_BARE_PATH = re.compile(rf"(\burl: |\b(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) )(/[^{_END}]+)")
_AUTHORIZATION = re.compile(
    r"\b(Bearer|Basic|Token|GenieKey|Splunk)(\s+)(?=\S*[\d=])[A-Za-z0-9._~+/=:-]{8,}", re.IGNORECASE
)
_SCHEME = r"(?:Bearer|Basic|Token|Bot|Key|Api-?Key|GenieKey|Splunk|Negotiate|NTLM)\s+"
_SIGNED = r"(?:Digest|Hawk|OAuth|AWS4-HMAC-SHA256)\s"
_QUOTE = r"\\?[\"']"  # with a backslash in JSON that is nested in JSON
_HEADER = re.compile(
    rf"\b(authorization|x-api-key|api-key|x-auth-key|x-auth-token)({_QUOTE})?(\s*[:=]\s*)({_QUOTE})?"
    rf"(?:({_SIGNED})[^\r\n]+|({_SCHEME})?[^\s\"'\\,;)]+)",
    re.IGNORECASE,
)
_COOKIE = re.compile(rf"\b(cookie(?:{_QUOTE})?\s*:\s*(?:{_QUOTE})?)[^\r\n\"'\\]+", re.IGNORECASE)
_NAME = (
    r"(?:password|passwd|passphrase|pwd|secret|token"
    r"|(?:api|access|account|auth|private|shared|signing)[-_]?key)"
)
_MEMBER = re.compile(rf"({_NAME}{_QUOTE}\s*[:=]\s*)({_QUOTE})(?:(?!\2)[^\n])*(?=\2)", re.IGNORECASE)
_ASSIGNED = re.compile(
    rf"({_NAME}=)(?:([\"'])(?:(?!\2)[^\n])*(?=\2)|(?!None\b|null\b|True\b|False\b)[^\s&;,\"'<>()\]}}]+)",
    re.IGNORECASE,
)
_INPUT = re.compile(r", input_value=.*?, input_type=")  # pydantic shows the rejected value
_WORD = re.compile(r"[A-Za-z][A-Za-z_.-]{0,23}[0-9]{0,2}")


class _Known:
    """The known secrets of this process. Threads: any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards _values
        self._values: set[str] = set()
        self.longest_first: tuple[str, ...] = ()

    def add(self, value: str) -> None:
        with self._lock:
            if len(value) < SHORTEST_HIDDEN or len(self._values) >= _LONGEST_LISTED:
                return
            self._values |= {value, quote(value, safe=""), quote(value)}
            self._values |= {repr(value)[1:-1], json.dumps(value)[1:-1]}
            self.longest_first = tuple(sorted(self._values, key=lambda one: (-len(one), one)))


_known = _Known()


def hide(value: str) -> None:
    """Remove this value from every later text; values of fewer than 4 characters are ignored."""
    _known.add(value)


def hide_url(text: str) -> None:
    """Hide the secret parts of a URL also where they occur without the URL around them.

    An error message may contain a path without its host. Parts that are short or a single word are
    not hidden, because they occur in other texts too.
    """
    for part in parts_of_url(text):
        hide(part)


def parts_of_url(text: str) -> list[str]:
    """List the parts of a URL that give access: its password, and long parts of path and query."""
    match = _URL.fullmatch(text)
    if match is None:
        return []
    rest = match[2]
    authority = _up_to(rest, "/?#")
    password = authority.rpartition("@")[0].partition(":")[2]
    first, _, more = rest[len(authority) :].removeprefix("/").partition("/")
    parts = [first, more, _up_to(more, "?#"), *re.split("[/?#&=]", f"{first}/{more}")]
    found = [one for one in parts if len(one) >= _SHORTEST_OF_URL and not _WORD.fullmatch(one)]
    return [password, *found] if len(password) >= SHORTEST_HIDDEN else found


def without_secrets(text: str) -> str:
    """Replace each value that was given to `hide` with ***."""
    for value in _known.longest_first:  # one pattern for all values would be much slower
        if value in text:
            text = text.replace(value, _HIDDEN)
    return text


def beginning(text: str, most: int) -> str:
    """Return the first `most` characters of a text, without a part of a known secret at the end."""
    if len(text) <= most:
        return text
    text = text[:most]
    for value in _known.longest_first:
        for size in range(len(value) - 1, 0, -1):
            if text.endswith(value[:size]):
                return text[:-size]
    return text


def redacted(text: str) -> str:
    """Remove known secrets, secret parts of URLs and HTTP credentials from a text.

    Args:
        text: any text; the time grows linearly with its length.

    Returns:
        The text with *** and … in place of what was removed; another call changes nothing.

    Threads: any.
    Source: docs/security.md.
    """
    text = _INPUT.sub(", input_type=", without_secrets(text))
    if "://" in text or ":\\/" in text:
        text = _URL.sub(lambda match: _short_url(match[1], match[2].replace("\\/", "/")), text)
    text = _ENCODED_URL.sub(lambda match: f"{match[1]}…", text)
    text = _BARE_PATH.sub(lambda match: match[1] + _short_path(match[2]), text)
    return _without_named(text)


def _without_named(text: str) -> str:
    """Remove values whose name marks them as secret: headers, JSON members, parts of a DSN."""
    text = _HEADER.sub(lambda match: f"{''.join(filter(None, match.groups()))}{_HIDDEN}", text)
    text = _COOKIE.sub(lambda match: f"{match[1]}{_HIDDEN}", text)
    text = _MEMBER.sub(lambda match: f"{match[1]}{match[2]}{_HIDDEN}", text)
    text = _ASSIGNED.sub(lambda match: f"{match[1]}{match[2] or ''}{_HIDDEN}", text)
    return _AUTHORIZATION.sub(lambda match: f"{match[1]}{match[2]}{_HIDDEN}", text)


def _short_url(begin: str, rest: str) -> str:
    authority = _up_to(rest, "/?#")
    if not authority:
        return f"{begin}{rest}"  # file:///... and sqlite:///... name files of this machine
    _, colon, port = authority.rpartition("@")[2].rpartition(":")
    if colon and not port.isdigit() and "]" not in port and "@" in rest[len(authority) :]:
        rest = rest.rpartition("@")[2]  # the part before it was a password with / ? or #
        authority = _up_to(rest, "/?#")
    host = authority.rpartition("@")[2]
    return f"{begin}{host}{_short_path(rest[len(authority) :])}"


def _short_path(tail: str) -> str:
    path = _up_to(tail, "?#")
    shown = path
    if path.strip("/"):
        first, more = path.removeprefix("/").partition("/")[::2]
        shown = f"/{first}/…" if more and _WORD.fullmatch(first) else "/…"
    if len(path) < len(tail):
        shown += f"{tail[len(path)]}…"
    return shown


def _up_to(text: str, ends: str) -> str:
    return re.split(f"[{ends}]", text, maxsplit=1)[0]
