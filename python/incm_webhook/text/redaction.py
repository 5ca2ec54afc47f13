"""Takes out of a text what nobody may read: known secrets, and the secret parts of URLs.

What stays of a URL is what finds a fault: `https://hooks.slack.com/services/…`. Its user and
password, its query and its path go, but for a first part that is a plain word with more behind it:
the path of a webhook is as good as a password.
"""

import json
import re
import threading
from urllib.parse import quote

_HIDDEN = "***"
_SHORTEST = 4  # characters of a secret: what is shorter stands in every other word
_SHORTEST_OF_URL = 8  # characters of a part of its path
_LONGEST_LISTED = 5000  # spellings that are known at once

_END = r"""\s"'<>()`{}|\\"""  # what ends a URL in a text
# Some write JSON with \\/ for each /.
_URL = re.compile(rf"\b([A-Za-z][A-Za-z0-9+.-]{{1,20}}:\\?/\\?/)((?:[^{_END}]|\\(?![nrtx]))+)")
# In the query of another URL.
_ENCODED_URL = re.compile(
    r"\b([A-Za-z][A-Za-z0-9+.-]{1,20}%(?:25)*3A(?:%(?:25)*2F){2})[^\s\"'<>&;]+", re.IGNORECASE
)
# As urllib3, requests and access logs write them: "with url: /services/T0/B0", "POST /hook HTTP".
_BARE_PATH = re.compile(rf"(\burl: |\b(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) )(/[^{_END}]+)")
_AUTHORIZATION = re.compile(
    r"\b(Bearer|Basic|Token|GenieKey|Splunk)(\s+)(?=\S*[\d=])[A-Za-z0-9._~+/=:-]{8,}", re.IGNORECASE
)
_SCHEME = r"(?:Bearer|Basic|Token|Bot|Key|Api-?Key|GenieKey|Splunk|Negotiate|NTLM)\s+"
_SIGNED = r"(?:Digest|Hawk|OAuth|AWS4-HMAC-SHA256)\s"
_QUOTE = r"\\?[\"']"  # one within JSON within JSON has a backslash
_HEADER = re.compile(
    rf"\b(authorization|x-api-key|api-key|x-auth-token)({_QUOTE})?(\s*[:=]\s*)({_QUOTE})?"
    rf"(?:({_SIGNED})[^\r\n]+|({_SCHEME})?[^\s\"'\\,;)]+)",
    re.IGNORECASE,
)
_COOKIE = re.compile(rf"\b(cookie(?:{_QUOTE})?\s*:\s*(?:{_QUOTE})?)[^\r\n\"'\\]+", re.IGNORECASE)
_NAME = (
    r"(?:password|passwd|passphrase|pwd|secret|token|(?:api|access|account|private|shared)[-_]?key)"
)
_MEMBER = re.compile(rf"({_NAME}{_QUOTE}\s*[:=]\s*)({_QUOTE})(?:(?!\2)[^\n])*(?=\2)", re.IGNORECASE)
_ASSIGNED = re.compile(
    rf"({_NAME}=)(?:([\"'])(?:(?!\2)[^\n])*(?=\2)|(?!None\b|null\b|True\b|False\b)[^\s&;,\"'<>()\]}}]+)",
    re.IGNORECASE,
)
_INPUT = re.compile(r", input_value=.*?, input_type=")  # pydantic shows what it was given
_WORD = re.compile(r"[A-Za-z][A-Za-z_.-]{0,23}[0-9]{0,2}")


class _Known:
    """The secrets that this process knows. Threads: any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards _values
        self._values: set[str] = set()
        self.longest_first: tuple[str, ...] = ()

    def add(self, value: str) -> None:
        with self._lock:
            if len(value) < _SHORTEST or len(self._values) >= _LONGEST_LISTED:
                return
            self._values |= {value, quote(value, safe=""), quote(value)}
            self._values |= {repr(value)[1:-1], json.dumps(value)[1:-1]}
            self.longest_first = tuple(sorted(self._values, key=lambda one: (-len(one), one)))


_known = _Known()


def hide(value: str) -> None:
    """Let no text that passes here show this value from now on; one of under 4 characters may."""
    _known.add(value)


def hide_url(text: str) -> None:
    """Hide what `redacted` would leave out of a text that is a URL, wherever it stands alone.

    An error may tell a path without the host before it. What is short or a single word stays: it
    stands in other texts too.
    """
    match = _URL.fullmatch(text)
    if match is None:
        return
    rest = match[2]
    authority = _up_to(rest, "/?#")
    password = authority.rpartition("@")[0].partition(":")[2]
    first, _, more = rest[len(authority) :].removeprefix("/").partition("/")
    hide(password)
    for part in (first, more, _up_to(more, "?#"), *re.split("[/?#&=]", f"{first}/{more}")):
        if len(part) >= _SHORTEST_OF_URL and not _WORD.fullmatch(part):
            hide(part)


def without_secrets(text: str) -> str:
    """Put *** in the place of each value that was given to `hide`."""
    for value in _known.longest_first:  # a pattern of them all would be slower by far
        if value in text:
            text = text.replace(value, _HIDDEN)
    return text


def beginning(text: str, most: int) -> str:
    """Take the first characters of a text, without the half of a known secret at their end."""
    if len(text) <= most:
        return text
    text = text[:most]
    for value in _known.longest_first:
        for size in range(len(value) - 1, 0, -1):
            if text.endswith(value[:size]):
                return text[:-size]
    return text


def redacted(text: str) -> str:
    """Take known secrets, secret parts of URLs and credentials of HTTP out of a text.

    Args:
        text: any text; it takes time in proportion to its length.

    Returns:
        The same with *** and … in their places; a second time changes nothing more.

    Threads: any. Source: docs/security.md says the rule.
    """
    text = _INPUT.sub(", input_type=", without_secrets(text))
    if "://" in text or ":\\/" in text:
        text = _URL.sub(lambda match: _short_url(match[1], match[2].replace("\\/", "/")), text)
    text = _ENCODED_URL.sub(lambda match: f"{match[1]}…", text)
    text = _BARE_PATH.sub(lambda match: match[1] + _short_path(match[2]), text)
    return _without_named(text)


def _without_named(text: str) -> str:
    """Take out what its name calls a secret: headers, members of JSON, parts of a DSN."""
    text = _HEADER.sub(lambda match: f"{''.join(filter(None, match.groups()))}{_HIDDEN}", text)
    text = _COOKIE.sub(lambda match: f"{match[1]}{_HIDDEN}", text)
    text = _MEMBER.sub(lambda match: f"{match[1]}{match[2]}{_HIDDEN}", text)
    text = _ASSIGNED.sub(lambda match: f"{match[1]}{match[2] or ''}{_HIDDEN}", text)
    return _AUTHORIZATION.sub(lambda match: f"{match[1]}{match[2]}{_HIDDEN}", text)


def _short_url(begin: str, rest: str) -> str:
    authority = _up_to(rest, "/?#")
    if not authority:
        return f"{begin}{rest}"  # file:///... and sqlite:///... are of this machine
    _, colon, port = authority.rpartition("@")[2].rpartition(":")
    if colon and not port.isdigit() and "]" not in port and "@" in rest[len(authority) :]:
        rest = rest.rpartition("@")[2]  # what stood before it was a password with / ? or # in it
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
