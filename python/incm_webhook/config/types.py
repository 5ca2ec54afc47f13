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
from incm_webhook.config.quantities import (
    format_duration,
    format_size,
    parse_duration,
    parse_size,
)
from incm_webhook.config.rate import Rate, parse_rate
from incm_webhook.config.written import Written, one_or_list


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


_QUANTITY = r"^\s*[0-9]+(\.[0-9]+)?\s*"
DURATION = {"type": "string", "pattern": f"{_QUANTITY}(ms|s|m|h|d|w)\\s*$"}
_SIZE = {"type": "string", "pattern": f"{_QUANTITY}([KkMmGg]?[Ii]?[Bb])?\\s*$"}
_RATE = {"type": "string", "pattern": r"^\s*[0-9]{1,9}\s*/\s*[smh]\s*$"}

Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    Written("duration", {"anyOf": [{"type": "number", "minimum": 0}, DURATION]}, format_duration),
]
PositiveDuration = Annotated[
    float,
    BeforeValidator(positive_duration),
    Written(
        "duration",
        {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, DURATION]},
        format_duration,
    ),
]
Size = Annotated[
    int,
    BeforeValidator(parse_size),
    Written("size", {"anyOf": [{"type": "integer", "minimum": 0}, _SIZE]}, format_size),
]
Texts = Annotated[
    tuple[Annotated[StrictStr, Field(min_length=1)], ...],
    BeforeValidator(as_list),
    Written("text or list of text", one_or_list({"type": "string", "minLength": 1}), list),
]
Numbers = Annotated[
    tuple[Annotated[StrictInt, Field(ge=-(2**63), le=2**63 - 1)], ...],
    BeforeValidator(as_list),
    Written("whole number or list of them", one_or_list({"type": "integer"}), list),
]
RateSetting = Annotated[
    Rate | None,
    BeforeValidator(parse_rate),
    PlainSerializer(lambda rate: rate and str(rate)),
    Written("rate", _RATE, lambda rate: None if rate is None else str(rate)),
]
