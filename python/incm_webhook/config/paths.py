"""Compares the paths of URLs, and finds the endpoint of a path."""

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
        path: the path in any spelling, without a query.
        endpoints: each has a `path`, and a `strict_slash` that tells whether a slash at the end of
            the path matters.

    Returns:
        The endpoint with exactly this path; else one that ignores a slash at the end; else None.

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
