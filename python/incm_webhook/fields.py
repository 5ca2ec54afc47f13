"""Types for the fields of a plugin's configuration model, besides those of pydantic.

    from incm_webhook.fields import PositiveDuration

    class PagerConfig(BaseModel):
        timeout: PositiveDuration = 10.0

A `Duration` is written "500ms", "10s" or "5m", or as a number of seconds, and read as a `float` of
seconds, 0 or more; a `PositiveDuration` is longer than 0. A `Size` is written "64KiB" or "10MB", or
as a number of bytes, and read as an `int` of bytes, 0 or more. A `Url` is a `str` with an http or
https URL that has a host; a `SecretUrl` is the same as a `SecretStr`, for a URL whose path or query
gives access. Anything else is an error that describes a valid value, and does not repeat it where
it may be secret.

Importing this module imports pydantic, which `import incm_webhook` does not.
Source: docs/configuration.md, Units.
"""

from incm_webhook.config.types import Duration, PositiveDuration, Size
from incm_webhook.config.urls import SecretUrl, Url

__all__ = ["Duration", "PositiveDuration", "SecretUrl", "Size", "Url"]
