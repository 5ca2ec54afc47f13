"""Recognises bodies that were compressed on the way, and unpacks them."""

import zlib

_MAX_BYTES = 16 * 1024**2  # of an unpacked body, which may be hostile
_MARKS: dict[str, bytes | tuple[bytes, ...]] = {
    "gzip": b"\x1f\x8b",
    "zstd": b"\x28\xb5\x2f\xfd",
    "bzip2": b"BZh",
    "xz": b"\xfd7zXZ\x00",
    "deflate": (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"),
}
_UNPACKED_HERE = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


def compression_of(body: bytes) -> str | None:
    """Name the compression of a body by its first bytes; None when none is recognised."""
    return next((name for name, mark in _MARKS.items() if body.startswith(mark)), None)


def unpacked(body: bytes) -> bytes | None:
    """Unpack a body that gzip or deflate compressed.

    Returns:
        The unpacked body; None when it has another form, is cut off, or would exceed 16 MiB.
    """
    window = _UNPACKED_HERE.get(compression_of(body) or "")
    if window is None:
        return None
    packed = zlib.decompressobj(window)
    try:
        plain = packed.decompress(body, _MAX_BYTES)
    except zlib.error:
        return None
    return plain if packed.eof else None
