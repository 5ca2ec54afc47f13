"""Types for the fields of a plugin's configuration model, besides those of pydantic.

    from incm_webhook.fields import PositiveDuration

    class PagerConfig(BaseModel):
        timeout: PositiveDuration = 10.0

A `Duration` is written "500ms", "10s" or "5m", or as a number of seconds, and read as a `float` of
seconds, 0 or more; a `PositiveDuration` is longer than 0. A `Size` is written "64KiB" or "10MB", or
as a number of bytes, and read as an `int` of bytes, 0 or more. Anything else is an error that
describes a valid value.

Importing this module imports pydantic, which `import incm_webhook` does not.
Source: docs/configuration.md, Units.
"""

from incm_webhook.config.types import Duration, PositiveDuration, Size

__all__ = ["Duration", "PositiveDuration", "Size"]
