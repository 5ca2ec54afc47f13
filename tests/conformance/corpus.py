"""Hostile and odd requests, each with the place in the standards and the answers it must get.

9112 is HTTP/1.1, 9110 is HTTP semantics. Rules of our own, stricter than these, are marked as such.
"""

from dataclasses import dataclass

from incm_webhook import sign

SECRET = "conformance"
BODY = b'{"_id": "1"}'
LINE = b"POST /webhook HTTP/1.1\r\n"
HOST = b"Host: x\r\n"
SIGNED = b"X-Signature: " + sign(BODY, SECRET).encode() + b"\r\n"
LENGTH = b"Content-Length: 12\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
END = b"\r\n"


@dataclass(frozen=True)
class Case:
    """One request, or several on one connection, and the status of each answer."""

    name: str
    section: str
    request: bytes
    statuses: tuple[int, ...]


CASES: list[Case] = []


def add(section: str, name: str, request: bytes, *statuses: int) -> None:
    """Put a case into the corpus."""
    CASES.append(Case(f"{section}: {name}", section, request, statuses or (400,)))


def post(
    *,
    line: bytes = LINE,
    host: bytes = HOST,
    fields: bytes = b"",
    framing: bytes = LENGTH,
    body: bytes = BODY,
) -> bytes:
    """Write a request of which one part is odd."""
    return line + host + SIGNED + fields + framing + END + body


def shown(text: bytes) -> str:
    """Make bytes a short name."""
    return repr(text[:40])[2:-1]


GOOD = post()

# The request line.
for _line in [
    b"POST /webhook",
    b"POST",
    b"/webhook HTTP/1.1",
    b"POST  /webhook HTTP/1.1",
    b"POST /webhook  HTTP/1.1",
    b"POST\t/webhook HTTP/1.1",
    b"POST /webhook\tHTTP/1.1",
    b" POST /webhook HTTP/1.1",
    b"\tPOST /webhook HTTP/1.1",
    b"POST /webhook HTTP/1.1 ",
    b"POST /webhook HTTP/1.1\t",
    b"POST /webhook HTTP/1.1 junk",
    b"POST /web hook HTTP/1.1",
    b"POST\x0b/webhook HTTP/1.1",
    b"POST\x0c/webhook HTTP/1.1",
    b"FOO junk junk",
    b"HTTP/1.1 200 OK",
    b"POST  HTTP/1.1",
    b": POST /webhook HTTP/1.1",
    b"POST /webhook HTTP/1.1\x00",
    b"\x00POST /webhook HTTP/1.1",
    b"\xef\xbb\xbfPOST /webhook HTTP/1.1",
]:
    add("9112 3", shown(_line), post(line=_line + END))
for _char in b'"(),/:;<=>?@[\\]{}':
    add(
        "9110 5.6.2",
        f"method with {chr(_char)}",
        post(line=b"PO%cST /webhook HTTP/1.1\r\n" % _char),
    )
add("own limit", "method of 33", post(line=b"P" * 33 + b" /webhook HTTP/1.1\r\n"))
add("9110 9.1", "unknown method", post(line=b"BREW /webhook HTTP/1.1\r\n"), 405)
add("9110 9.1", "methods know case", post(line=b"post /webhook HTTP/1.1\r\n"), 405)
for _method in [b"GET", b"PUT", b"DELETE", b"PATCH", b"TRACE", b"OPTIONS"]:
    _bare = _method + b" /webhook HTTP/1.1\r\n" + HOST + END
    add("9110 9.1", f"{_method.decode()} without body", _bare, 405)
add("9112 2.2", "one empty line before", END + GOOD, 200)
add("9112 2.2", "two empty lines before", END + END + GOOD)
add("9112 2.2", "bare LF before", b"\n" + GOOD)
add("9112 2.2", "bare CR before", b"\r" + GOOD)
add("9112 2.2", "blank and empty line before", b" \r\n" + GOOD)
add("9112 2.2", "request line ends with LF", post(line=b"POST /webhook HTTP/1.1\n"))
add("9112 2.2", "request line ends with CR", post(line=b"POST /webhook HTTP/1.1\r"))
add("9112 2.2", "request line ends with CR CR LF", post(line=b"POST /webhook HTTP/1.1\r\r\n"))
add("9112 2.2", "LF everywhere", GOOD.replace(b"\r\n", b"\n"))
add("9112 2.2", "LF ends the head", LINE + HOST + SIGNED + LENGTH + b"\n" + BODY)
add("9112 2.2", "CR ends the head", LINE + HOST + SIGNED + LENGTH + b"\r" + BODY)

# Lines as long as what libraries read at once, and half a request behind them.
_HALF = b"Z: /nowhere HTTP/1.1\r\n"
for _size in [4090, 4091, 4092, 4093, 8182, 8183, 8184, 8185]:
    _field = b"A: " + b"b" * (_size - 3) + END
    add("own limit", f"field of {_size}", post(fields=_field + _HALF) + GOOD, 200, 200)
    _line = LINE.replace(b" HTTP", b"?" + b"q" * (_size + 1 - len(LINE)) + b" HTTP")
    add("own limit", f"request line of {_size}", post(line=_line, fields=_HALF) + GOOD, 200, 200)

# The target.
for _target in [
    b"webhook",
    b"*",
    b"x:80",
    b"ftp://x/webhook",
    b"http:/webhook",
    b"http://",
    b"http:///webhook",
    b"http://:80/webhook",
    b"http://a:b:c/webhook",
    b"http://x:99999/webhook",
    b"http://user@x/webhook",
    b"http://[::1/webhook",
    b"//",
    b"?a=b",
    b"\\webhook",
]:
    _status = 404 if _target == b"//" else 400
    add("9112 3.2", shown(_target), post(line=b"POST " + _target + b" HTTP/1.1\r\n"), _status)
for _target in [b"http://x/webhook", b"HTTPS://x:1/webhook?a", b"http://[::1]:80/webhook"]:
    add("9112 3.2.2", shown(_target), post(line=b"POST " + _target + b" HTTP/1.1\r\n"), 200)
for _target in [
    b"http://x",
    b"http://x?/webhook",
    b"http://x//webhook",
    b"http://x/http://x/webhook",
]:
    add("9112 3.2.2", shown(_target), post(line=b"POST " + _target + b" HTTP/1.1\r\n"), 404)
for _target in [
    b"/web\x00hook",
    b"/web\x7fhook",
    b"/webhook\x80",
    b"/w\xc3\xa9bhook",
    b"/webhook#a",
]:
    add("9112 3.2", shown(_target), post(line=b"POST " + _target + b" HTTP/1.1\r\n"))
for _target in [
    b"/",
    b"//webhook",
    b"/webhook//",
    b"/Webhook",
    b"/%57ebhook",
    b"/webhook;a",
    b"/webhook%2F",
    b"/webhook%2f",
    b"/%2fwebhook",
    b"/x/../webhook",
    b"/../webhook",
    b"/x/%2E%2e/webhook",
    b"/webhook/.",
    b"/%2577ebhook",
    b"/webhook%",
    b"/webhook%00",
]:
    # A segment ".." is left alone: who lets only some paths through reads them as they are written.
    _status = 200 if _target == b"/webhook/." else 404
    add("3986 6.2.2", shown(_target), post(line=b"POST " + _target + b" HTTP/1.1\r\n"), _status)
# These are spellings of the endpoint's path; by default it does not care for a slash at the end.
for _target in [b"/webhook/", b"/%77ebhook", b"/./webhook", b"/%2e/web%68ook?a", b"/%77eb%68ook/"]:
    add("3986 6.2.2", shown(_target), post(line=b"POST " + _target + b" HTTP/1.1\r\n"), 200)
add("9112 3.2", "query", post(line=b"POST /webhook?a=b&c HTTP/1.1\r\n"), 200)
add("9112 3.2.3", "CONNECT", b"CONNECT x:443 HTTP/1.1\r\n" + HOST + END)
for _target in [b"/webhook", b"http://x/webhook", b"x:443", b"*"]:
    # What follows is for the server with which the client wanted to be connected.
    _line = b"CONNECT " + _target + b" HTTP/1.1\r\n"
    add("9110 9.3.6", f"CONNECT {shown(_target)}, then more", post(line=_line) + GOOD)
add("9112 3.2.4", "OPTIONS *", b"OPTIONS * HTTP/1.1\r\n" + HOST + END, 404)

# The version.
for _version in [b"HTTP/0.9", b"HTTP/1.2", b"HTTP/1.9", b"HTTP/2.0", b"HTTP/3.0", b"HTTP/9.9"]:
    add("9110 15.6.6", _version.decode(), post(line=b"POST /webhook " + _version + END), 505)
for _version in [
    b"HTTP/1",
    b"HTTP/11",
    b"HTTP/1.",
    b"HTTP/.1",
    b"HTTP/1.10",
    b"HTTP/01.1",
    b"HTTP/1,1",
    b"HTTP/-1.1",
    b"http/1.1",
    b"Http/1.1",
    b"HTTPS/1.1",
    b"HTTP1.1",
    b"HTTP /1.1",
    b"HTTP/x.y",
    b"ICAP/1.0",
]:
    add("9112 2.3", _version.decode(), post(line=b"POST /webhook " + _version + END))
_OLD = b"POST /webhook HTTP/1.0\r\n"
add("9112 2.3", "1.0 with a length", post(line=_OLD), 200)
add("9112 2.3", "1.0 without Host", post(line=_OLD, host=b""), 200)
add("9112 2.3", "1.0 without a length", post(line=_OLD, framing=b"", body=b""), 411)

# Field lines.
for _char in b' \t"(),/;<=>?@[\\]{}':
    add("9112 5.1", f"name with {chr(_char)!r}", post(fields=b"A%cB: x\r\n" % _char))
for _name in [b"", b"A ", b"A\t", b"A\x00", b"A\x7f", b"A\x80", b"\xff"]:
    add("9112 5.1", f"name {shown(_name)}", post(fields=_name + b": x\r\n"))
for _char in [*range(9), *range(11, 13), *range(14, 32), 127]:
    add("9110 5.5", f"value with byte {_char}", post(fields=b"A: x%cy\r\n" % _char))
# Proxies add such values (the name of a city): they are opaque, and nothing here reads them.
for _char in [0x80, 0xA0, 0xC3, 0xFE, 0xFF]:
    add("9110 5.5", f"value with byte {_char}", post(fields=b"A: x%cy\r\n" % _char), 200)
# What is read stays ASCII text without encoded words, because other programs may decode them.
_READ = [b"Content-Type", b"X-Forwarded-For", b"Connection", b"X-Signature", b"Host"]
for _name in [*_READ, b"Content-Length", b"Transfer-Encoding", b"Expect", b"Content-Encoding"]:
    for _value in [b"x\xffy", b"\xc3\xa9", b"=?utf-8?Q?x?=", b"x=?y"]:
        _field = _name + b": " + _value
        add("9110 5.5, own", shown(_field), post(fields=_field + END))
for _field in [b"A: x\ny", b"A: x\ry", b"A: x\r\ry", b"A: x\n", b"A: x\r", b"A: \n B", b"A\r: x"]:
    add("9112 2.2", f"field {shown(_field)}", post(fields=_field + END))
for _field in [
    b"no colon",
    b"A",
    b"A\r\n x",
    b"A: x\r\n y",
    b"A: x\r\n\ty",
    b"A:\r\n x: y",
    b" A: x",
]:
    add("9112 5.2", f"field {shown(_field)}", post(fields=_field + END))
add("9112 5.2", "first field folded", LINE + b" " + HOST + SIGNED + LENGTH + END + BODY)
add("9112 2.2", "two bytes end a line", post(fields=b"X\n"))
for _field in [
    b"A:",
    b"A:x",
    b"A: \t x \t ",
    b"A: a:b",
    b"A: \t",
    b"!#$%&'*+-.^_`|~: x",
    b"A: x, y",
]:
    add("9112 5", f"field {shown(_field)}", post(fields=_field + END), 200)
# No part of HTTP decodes these: they are the text that they are, also in a query of a Referer.
for _field in [
    b"A: =?utf-8?Q?x?=",
    b"A: =?UTF-32?B?AAAA?=",
    b"A: =?utf-8?Q?=0D=0AEvil:_1?=",
    b"A: =?",
    b"User-Agent: a=?b",
]:
    add("2047 2", shown(_field), post(fields=_field + END), 200)
add("9110 5.3", "two Content-Type", post(fields=b"Content-Type: a\r\n" * 2))
add("9110 5.3", "two X-Signature", post(fields=SIGNED))
add("9110 5.3", "a list field twice", post(fields=b"Accept: a\r\nAccept: b\r\n"), 200)

# Host.
add("9112 3.2", "no Host", post(host=b""))
add("9112 3.2", "two Hosts", post(host=HOST + HOST))
add("9112 3.2", "two Hosts, other case", post(host=HOST + b"hOST: y\r\n"))
add("9112 3.2", "two Hosts in 1.0", post(line=_OLD, host=HOST + HOST))
for _host in [
    b"a b",
    b"a/b",
    b"a@b",
    b"a?b",
    b"a#b",
    b"a\\b",
    b'"a"',
    b"<a>",
    b"a\tb",
    b"http://a",
    b"a:b:c",
    b"a:8o",
    b"a:-1",
    b"a:99999",
    b"[::1",
    b"[::1]80",
    b"[::g]",
    b"[127.0.0.1]",
    b"::1",
    b"]",
    b"%zz",
    b"a%2",
    b"a,b:1,2",
]:
    add("9112 3.2", f"Host {shown(_host)}", post(host=b"Host: " + _host + END))
for _host in [
    b"",
    b"x:80",
    b"x:",
    b"[::1]:80",
    b"[::1]",
    b"EXAMPLE.com",
    b"a_b",
    b"a%20b",
    b"127.0.0.1",
]:
    add("9112 3.2", f"Host {shown(_host)}", post(host=b"Host: " + _host + END), 200)

# Content-Length.
for _length in [
    b"",
    b"abc",
    b"+12",
    b"-12",
    b"-0",
    b"1,2",
    b"12,12",
    b"12, 12",
    b"12 12",
    b"12;x",
    b"12.0",
    b"1e1",
    b"0x0c",
    b"'12'",
    b'"12"',
    b"12\x00",
    b"\xd9\xa1\xd9\xa2",
    b"00000000012",
    b"99999999999",
    b"18446744073709551628",
    b"=?utf-8?Q?12?=",
]:
    add("9110 8.6", f"length {shown(_length)}", post(framing=b"Content-Length: " + _length + END))
for _length in [b"12", b"\t12 ", b"0000000012"]:
    _fields = b"Content-Length:" + _length + END
    add("9110 8.6", f"length {shown(_length)}", post(framing=_fields), 200)
add("9112 6.3", "same length twice", post(framing=LENGTH + LENGTH))
add("9112 6.3", "two lengths", post(framing=LENGTH + b"Content-Length: 0\r\n"))
add("9112 6.3", "length, other case", post(framing=LENGTH + b"content-length: 12\r\n"))
add("9112 5.1", "blank after Content-Length", post(framing=b"Content-Length : 12\r\n"))
add("9110 15.5.12", "no length", post(framing=b"", body=b""), 411)
add("9110 15.5.12", "no length, but a body", post(framing=b""), 411)
add("9110 15.5.14", "too long a body", post(framing=b"Content-Length: 9999999999\r\n"), 413)
add("9112 6.3", "body shorter than its length", post(framing=b"Content-Length: 13\r\n"))
add("9112 6.3", "body without a byte", post(body=b""))
add("9112 6", "length 0", post(framing=b"Content-Length: 0\r\n", body=b""), 401)

# Transfer-Encoding.
_CHUNKS = b"c\r\n" + BODY + b"\r\n0\r\n\r\n"
for _coding in [
    b"",
    b"identity",
    b"gzip",
    b"gzip, chunked",
    b"chunked, gzip",
    b"chunked, chunked",
    b"chunked, identity",
    b",chunked",
    b"chunked,",
    b"xchunked",
    b"chunkedx",
    b"chunked;a=b",
    b'"chunked"',
    b"chunk ed",
    b"chun\tked",
    b"\x0bchunked",
    b"=?utf-8?Q?chunked?=",
]:
    _fields = b"Transfer-Encoding: " + _coding + END
    add("9112 6.1", f"coding {shown(_coding)}", post(framing=_fields, body=_CHUNKS))
for _fields in [
    LENGTH + CHUNKED,
    CHUNKED + LENGTH,
    CHUNKED + b"Content-Length: 0\r\n",
    CHUNKED + CHUNKED,
    b"Transfer-Encoding: identity\r\n" + CHUNKED,
    CHUNKED + b"Transfer-Encoding: identity\r\n" + LENGTH,
    b"Transfer-Encoding : chunked\r\n",
    b"Transfer-Encoding\t: chunked\r\n",
    b"Transfer-Encoding:\r\n chunked\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n" + LENGTH,
    b"Transfer_Encoding: chunked\r\nTransfer-Encoding: x\r\n",
]:
    add("9112 6.1", shown(_fields), post(framing=_fields, body=_CHUNKS))
add("9112 6.1", "1.0", post(line=_OLD, framing=CHUNKED, body=_CHUNKS))
add("9112 6.1", "case", post(framing=b"transfer-ENCODING:\tChunked \r\n", body=_CHUNKS), 200)
add("9112 6.1", "not this field", post(framing=LENGTH + b"Transfer_Encoding: chunked\r\n"), 200)

# Chunks.
for _chunks in [
    _CHUNKS,
    b"C\r\n" + BODY + b"\r\n0\r\n\r\n",
    b"00c\r\n" + BODY + b"\r\n000\r\n\r\n",
    b"1\r\n{\r\nb\r\n" + BODY[1:] + b"\r\n0\r\n\r\n",
    b'c;a;b=c;d="e f"\r\n' + BODY + b"\r\n0;x\r\n\r\n",
    b"c ;a\r\n" + BODY + b"\r\n0\r\n\r\n",
    b"c \t; a = b ;\tc= d\r\n" + BODY + b"\r\n0\r\n\r\n",
    b'c;a="\\"\\\\;\xc3\xa9\t";b=""\r\n' + BODY + b"\r\n0\r\n\r\n",
    b"c\r\n" + BODY + b"\r\n0\r\nA: b\r\nC: d\r\n\r\n",
    b"c\r\n" + BODY + b"\r\n0\r\nContent-Length: 99\r\n\r\n",
    b"c\r\n" + BODY + b"\r\n0\r\nA: \xc3\xa9 =?\r\n\r\n",
]:
    add("9112 7.1", shown(_chunks), post(framing=CHUNKED, body=_chunks), 200)
for _chunks in [
    b"",
    b"\r\n",
    b"zz\r\n",
    b"-c\r\n" + BODY,
    b"+c\r\n" + BODY,
    b"0xc\r\n" + BODY,
    b" c\r\n" + BODY,
    b"c \r\n" + BODY,
    b"c\t\r\n" + BODY,
    b"c;\r\n" + BODY,
    b"c;;a\r\n" + BODY,
    b"c;=a\r\n" + BODY,
    b"c;a=\r\n" + BODY,
    b"c;a b\r\n" + BODY,
    b"c;a \r\n" + BODY,
    b"c;a=b c\r\n" + BODY,
    b"c;a@b\r\n" + BODY,
    b'c;a="b\r\n' + BODY,
    b'c;a="b\\\r\n' + BODY,
    b'c;"a"\r\n' + BODY,
    b'c;a="b"c\r\n' + BODY,
    b'c;a="\x7f"\r\n' + BODY,
    b'c;a="\x01b\r\n' + BODY,
    b"c a\r\n" + BODY,
    b";a\r\n" + BODY,
    b"c,c\r\n" + BODY,
    b"c\n" + BODY,
    b"c\r" + BODY,
    b"c\n\r" + BODY,
    b"c;a\n" + BODY,
    b"c;\x00\r\n" + BODY,
    b"c;\xff\r\n" + BODY,
    b"c;a\rb\r\n" + BODY,
    b"c\r\n" + BODY,
    b"c\r\n" + BODY + b"0\r\n\r\n",
    b"c\r\n" + BODY + b"\n0\r\n\r\n",
    b"c\r\n" + BODY + b"\r0\r\n\r\n",
    b"c\r\n" + BODY + b"xx0\r\n\r\n",
    b"b\r\n" + BODY + b"\r\n0\r\n\r\n",
    b"d\r\n" + BODY + b"\r\n0\r\n\r\n",
    b"c\r\n" + BODY + b"\r\n",
    b"c\r\n" + BODY + b"\r\n0\r\n",
    b"c\r\n" + BODY + b"\r\n0\r\nA: b\r\n",
    b"c\r\n" + BODY + b"\r\n0\r\nno colon\r\n\r\n",
    b"c\r\n" + BODY + b"\r\n0\r\nA : b\r\n\r\n",
    b"c\r\n" + BODY + b"\r\n0\r\nA: b\r\n c\r\n\r\n",
    b"c\r\n" + BODY + b"\r\n0\r\nA: \x00\r\n\r\n",
    b"c\r\n" + BODY + b"\r\n0\r\nA: b\n\n",
    b"c\r\n" + BODY + b"\r\n0\n\n",
    b"c;" + b"x" * 300 + b"\r\n" + BODY,
    b"0" * 300 + b"c\r\n" + BODY,
]:
    add("9112 7.1", shown(_chunks), post(framing=CHUNKED, body=_chunks))
for _chunks in [b"fffffff\r\n", b"ffffffffffffffff\r\n", b"10000000000000000c\r\n" + BODY]:
    add("9112 7.1", shown(_chunks), post(framing=CHUNKED, body=_chunks), 413)
_TRAILERS = b"0\r\nA: " + b"x" * 5000 + b"\r\n\r\n"
add("own limit", "5 KB of trailers", post(framing=CHUNKED, body=_TRAILERS), 431)

# Connection: what follows is not served after the last answer.
for _option in [
    b"close",
    b"Close",
    b"te, close",
    b"close, te",
    b"a,,close ,b",
    b"keep-alive, close",
]:
    _request = post(fields=b"Connection: " + _option + END)
    add("9112 9.6", f"Connection {shown(_option)}", _request + GOOD, 200)
_TWO = b"Connection: te\r\nConnection: close\r\n"
add("9112 9.6", "close in the second field", post(fields=_TWO) + GOOD, 200)
add("9112 9.3", "1.0 ends by itself", post(line=_OLD) + GOOD, 200)
_KEPT = b"Connection: Keep-Alive\r\n"
add("9112 9.3", "1.0 goes on when asked to", post(line=_OLD, fields=_KEPT) + GOOD, 200, 200)
add("9112 9.3", "1.1 goes on", post(fields=b"Connection: closed\r\n") + GOOD, 200, 200)

# Pipelining, and bodies that look like requests.
_SMUGGLED = b"GET /smuggled HTTP/1.1\r\n" + HOST + END
_SIZED = b"Content-Length: %d\r\n" % len(_SMUGGLED)
add("9112 9.3.2", "three requests", GOOD * 3, 200, 200, 200)
add("9112 9.3.2", "chunked, then a length", post(framing=CHUNKED, body=_CHUNKS) + GOOD, 200, 200)
add("9112 9.3.2", "empty line between", GOOD + END + GOOD, 200, 200)
add("9112 9.3.2", "junk after", GOOD + b"junk\r\n", 200, 400)
add("9112 9.3.2", "good, bad, good", GOOD + b"BAD\r\n" + GOOD, 200, 400)
add("9112 11.2", "a request for a body", post(framing=_SIZED, body=_SMUGGLED), 401)
add(
    "9112 11.2",
    "a body of 404 is no request",
    post(line=b"POST /no HTTP/1.1\r\n", framing=_SIZED, body=_SMUGGLED),
    404,
)
add(
    "9112 11.2",
    "a body of GET is no request",
    b"GET /webhook HTTP/1.1\r\n" + HOST + _SIZED + END + _SMUGGLED,
    405,
)
add(
    "9112 11.2",
    "a request in the trailers",
    post(framing=CHUNKED, body=_CHUNKS[:-2] + b"A: b\r\n" + _SMUGGLED),
)

# Expect.
add("9110 10.1.1", "100-continue", post(fields=b"Expect: 100-continue\r\n"), 200)
add("9110 10.1.1", "case", post(fields=b"expect: 100-CONTINUE\r\n"), 200)
add("9110 10.1.1", "ignored in 1.0", post(line=_OLD, fields=b"Expect: 100-continue\r\n"), 200)
for _expect in [b"", b"foo", b"200-ok", b"100-continue, foo", b"100-continue;q=1"]:
    _request = post(fields=b"Expect: " + _expect + END)
    add("9110 10.1.1", f"Expect {shown(_expect)}", _request, 417)

# Limits, all own.
add("9110 15.5.15", "9 KB of target", post(line=b"POST /" + b"a" * 9000 + b" HTTP/1.1\r\n"), 414)
add("9110 15.5.15", "no end of line", b"POST /" + b"a" * 9000, 414)
add("6585 5", "65 fields", post(fields=b"A: b\r\n" * 62), 431)
add("6585 5", "64 fields", post(fields=b"A: b\r\n" * 61), 200)
add("6585 5", "a value of 9 KB", post(fields=b"A: " + b"x" * 9000 + END), 431)
add("6585 5", "a name of 300", post(fields=b"A" * 300 + b": x\r\n"), 431)
add("6585 5", "17 KB of head", post(fields=(b"A: " + b"x" * 4000 + END) * 5), 431)
add("9112 2.2", "64 KB of NUL", b"\x00" * 65536)

# Other protocols.
add("8446 5.1", "TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xaa" * 32)
add("9113 3.4", "HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505)
add("4253 4.2", "SSH", b"SSH-2.0-OpenSSH_9.2\r\n")
add("5321 4.1", "SMTP", b"EHLO x\r\n")
add("PROXY v1", "PROXY line", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + GOOD)
add("PROXY v2", "PROXY header", b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + b"\x01" * 12 + GOOD)
add("own", "SOCKS 5", b"\x05\x01\x00")
add("9110 7.8", "upgrade is ignored", post(fields=b"Upgrade: h2c\r\nConnection: upgrade\r\n"), 200)
