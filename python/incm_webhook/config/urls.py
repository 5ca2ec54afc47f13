"""The types of config fields that hold the address of an HTTP target."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr


def _checked(text: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not text.isprintable() or " " in text:
        raise ValueError('wants a URL such as "https://example.com/path"')  # not what was given
    return text


def _checked_secret(url: SecretStr) -> SecretStr:
    _checked(url.get_secret_value())
    return url


Url = Annotated[str, AfterValidator(_checked)]
SecretUrl = Annotated[SecretStr, AfterValidator(_checked_secret)]
