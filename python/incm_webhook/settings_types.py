"""What keys of several tables of the configuration are made of."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, StrictStr

from incm_webhook.durations import parse_duration, parse_size


class Table(BaseModel):
    """A table: unknown keys are errors, values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


def as_list(value: object) -> object:
    """Take a single text or number for a list of one."""
    return [value] if isinstance(value, (str, int)) and not isinstance(value, bool) else value


def positive_duration(value: object) -> float:
    """Read a duration that is longer than 0, in seconds.

    Raises:
        ValueError: anything else.
    """
    seconds = parse_duration(value)
    if seconds <= 0:
        raise ValueError("wants a duration longer than 0")
    return seconds


Duration = Annotated[float, BeforeValidator(parse_duration)]
PositiveDuration = Annotated[float, BeforeValidator(positive_duration)]
Size = Annotated[int, BeforeValidator(parse_size)]
Texts = Annotated[tuple[Annotated[StrictStr, Field(min_length=1)], ...], BeforeValidator(as_list)]
Numbers = Annotated[
    tuple[Annotated[StrictInt, Field(ge=-(2**63), le=2**63 - 1)], ...], BeforeValidator(as_list)
]
