"""Bodies that a stranger would send to keep the receiver computing, of any length."""

import random
from collections.abc import Iterator


def _repeated(unit: str, size: int, before: str = "", after: str = "") -> bytes:
    times = (size - len(before) - len(after)) // len(unit)
    return (before + unit * times + after).encode()


def _object_of(size: int, key_size: int) -> bytes:
    """An object with different keys, in no order."""
    pick = random.Random(1)
    count = size // (key_size + 5)
    keys = (f"{pick.getrandbits(4 * key_size):0{key_size}x}" for _ in range(count))
    return ("{" + ",".join(f'"{key}":0' for key in keys) + "}").encode()


def shapes(size: int) -> Iterator[tuple[str, bytes]]:
    """Name and make each body, of about so many bytes."""
    yield "one string", _repeated("a", size, '["', '"]')
    yield "letters of two bytes", _repeated("é", size // 2, '["', '"]')
    yield "arrays within arrays", b"[" * size
    yield "objects within objects", _repeated('{"":', size)
    yield "empty objects", _repeated("{},", size, "[", "0]")
    yield "empty strings", _repeated('"",', size, "[", "0]")
    yield "zeros", _repeated("0,", size, "[", "0]")
    yield "spaces", _repeated(" ", size, "[", "]")
    yield "one long integer", _repeated("7", size, "[", "]")
    yield "integers of 4,300 digits", _repeated("7" * 4300 + ",", size, "[", "0]")
    yield "numbers that grow", _repeated("1e15,", size, "[", "0]")
    yield "short fractions", _repeated("0.1,", size, "[", "0]")
    yield "small fractions", _repeated("1e-9,", size, "[", "0]")
    yield "numbers between two doubles", _repeated(f"1.{'0' * 15}1{'3' * 740},", size, "[", "0]")
    yield "escaped line ends", _repeated("\\n", size, '["', '"]')
    yield "escaped letters", _repeated("\\u0041", size, '["', '"]')
    yield "escaped slashes", _repeated("\\/", size, '["', '"]')
    yield "halves of pairs", _repeated("\\ud800", size, '["', '"]')
    yield "one key again and again", _repeated('"":0,', size, "{", '"":0}')
    yield "two keys in turns", _repeated('"":0,"a":0,', size, "{", '"":0}')
    yield "small objects with a key twice", _repeated('{"":0,"":0},', size, "[", "0]")
    yield "objects of 17 equal keys", _repeated("{" + '"":0,' * 16 + '"":0},', size, "[", "0]")
    yield (
        "objects of 16 keys",
        _repeated("{" + ",".join(f'"{c}":0' for c in "abcdefghijklmnop") + "},", size, "[", "0]"),
    )
    yield "different keys", _object_of(size, 6)
    yield "long different keys", _object_of(size, 100)
    yield "no JSON at its end", _repeated("0,", size, "[", "x")
