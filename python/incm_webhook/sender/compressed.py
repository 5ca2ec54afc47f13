"""Recognises bodies that were compressed on the way, and unpacks them."""

import zlib

_MOST_BYTES = 16 * 1024**2  # of what a stranger's body may become
_MARKS: dict[str, bytes | tuple[bytes, ...]] = {
    "gzip": b"\x1f\x8b",
    "zstd": b"\x28\xb5\x2f\xfd",
    "bzip2": b"BZh",
    "xz": b"\xfd7zXZ\x00",
    "deflate": (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"),
}
_UNPACKED_HERE = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


def compression_of(body: bytes) -> str | None:
    """Name what compressed a body, by its first bytes; None when nothing known did."""
    return next((name for name, mark in _MARKS.items() if body.startswith(mark)), None)


def unpacked(body: bytes) -> bytes | None:
    """Unpack a body that gzip or deflate compressed.

    Returns:
        What it was; None when it is not compressed so, is cut off, or would be over 16 MiB.
    """
    window = _UNPACKED_HERE.get(compression_of(body) or "")
    if window is None:
        return None
    packed = zlib.decompressobj(window)
    try:
        plain = packed.decompress(body, _MOST_BYTES)
    except zlib.error:
        return None
    return plain if packed.eof else None
