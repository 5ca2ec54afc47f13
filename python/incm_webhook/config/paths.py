"""Paths of URLs: which spellings are one path, and which endpoint takes it."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from incm_webhook._core import normal_path

__all__ = ["endpoint_of", "normal_path"]


class _HasPath(Protocol):
    @property
    def path(self) -> str: ...
    @property
    def strict_slash(self) -> bool: ...


_Endpoint = TypeVar("_Endpoint", bound=_HasPath)


def endpoint_of(path: str, endpoints: Sequence[_Endpoint]) -> _Endpoint | None:
    """Find the endpoint of a path as the server does.

    Args:
        path: in any spelling, without a query.
        endpoints: have a `path` and say whether a slash at its end counts (`strict_slash`).

    Returns:
        The one that has just this path, else one that does not care for a slash at the end.

    Threads: any.
    Source: RFC 3986, section 6.2.2.
    """
    wanted = normal_path(path)
    just_this = [one for one in endpoints if normal_path(one.path) == wanted]
    bare = _without_last_slash(wanted)
    loose = [
        one
        for one in endpoints
        if not one.strict_slash and _without_last_slash(normal_path(one.path)) == bare
    ]
    return next(iter([*just_this, *loose]), None)


def _without_last_slash(path: str) -> str:
    return path if len(path) < 2 or path.endswith("//") else path.removesuffix("/")
