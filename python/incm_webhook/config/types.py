"""The types that several tables of the configuration share."""

import re
from typing import Annotated
from urllib.parse import quote

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictInt,
    StrictStr,
)

from incm_webhook.config.paths import normal_path
from incm_webhook.config.quantities import parse_duration, parse_size
from incm_webhook.config.rate import Rate, parse_rate


class Table(BaseModel):
    """A table of the configuration; unknown keys are errors, and its values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


def as_list(value: object) -> object:
    """Turn a single text or number into a list of one item."""
    return [value] if isinstance(value, (str, int)) and not isinstance(value, bool) else value


def positive_duration(value: object) -> float:
    """Read a duration that is longer than 0, in seconds.

    Raises:
        ValueError: the value is anything else.
    """
    seconds = parse_duration(value)
    if seconds <= 0:
        raise ValueError("wants a duration longer than 0")
    return seconds


def url_path(value: object) -> str:
    """Check the path of a URL, as clients write it.

    Raises:
        ValueError: no request can have this path.
    """
    if not isinstance(value, str) or not value.startswith("/"):
        raise ValueError('wants a text that begins with "/", such as "/webhook"')
    if "?" in value or "#" in value:
        raise ValueError('wants a path alone, without "?" or "#"')
    if not value.isascii() and value.isprintable():
        raise ValueError(f'wants the path as clients write it: "{quote(value)}"')
    if not value.isprintable() or any(one.isspace() for one in value):
        raise ValueError("must not contain spaces or control characters")
    if re.search("%(?![0-9A-Fa-f]{2})", value):
        raise ValueError('has a "%" without two hexadecimal digits: "%25" is a percent sign')
    if ".." in normal_path(value).split("/"):
        raise ValueError('has a segment "..", which leads elsewhere: write the resulting path')
    return value


Duration = Annotated[float, BeforeValidator(parse_duration)]
PositiveDuration = Annotated[float, BeforeValidator(positive_duration)]
Size = Annotated[int, BeforeValidator(parse_size)]
Texts = Annotated[tuple[Annotated[StrictStr, Field(min_length=1)], ...], BeforeValidator(as_list)]
Numbers = Annotated[
    tuple[Annotated[StrictInt, Field(ge=-(2**63), le=2**63 - 1)], ...], BeforeValidator(as_list)
]
RateSetting = Annotated[
    Rate | None, BeforeValidator(parse_rate), PlainSerializer(lambda rate: rate and str(rate))
]
