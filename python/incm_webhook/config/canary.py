"""The model of `[canary]`: the alert that the server posts to itself through its outer URL."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, model_validator

from incm_webhook.config.types import PositiveDuration, Table, url_path
from incm_webhook.config.urls import Url
from incm_webhook.config.written import Written, key


def _plain(url: str) -> str:
    parts = urlsplit(url)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError('wants a URL without name, password, "?" or "#": what devices post to')
    return url


class CanarySettings(Table):
    """`[canary]`: a signed alert that comes back, or else the server is not ready. Units: seconds.

    Attributes:
        every: how often; None sends none.
        url: where to; None posts to the alert listener itself.
        endpoint: the path of the endpoint whose secret signs; None takes the first endpoint.
        timeout: how long one may take in all, after the host's address is known.
        overdue: how long none may come back; None is twice `every`, and three times
            `timeout`.
        ca_file: the authority that signed the certificate of `url`; None trusts those of the
            system.
        others: whether the answer of another server with the same secret counts.
    """

    every: Annotated[PositiveDuration, Field(ge=1, le=86400)] | None = key(
        None, 'How often a canary is sent; "1s" to "1d"', example="5m", without="none is sent"
    )
    url: Annotated[Url, AfterValidator(_plain)] | None = key(
        None,
        "Where it is posted: the URL that InCloud Manager posts to, with proxy, TLS and DNS",
        example="https://alerts.example.com/webhook",
        without="the alert listener itself",
    )
    endpoint: (
        Annotated[
            str,
            BeforeValidator(url_path),
            Written("path", {"type": "string", "pattern": "^/[^?#]*$"}),
        ]
        | None
    ) = key(
        None,
        "Path of the [[endpoint]] whose first secret signs it",
        example="/webhook",
        without="the first endpoint",
    )
    timeout: Annotated[PositiveDuration, Field(le=300)] = key(
        10.0, "For one canary in all, from the connecting to its answer; at most 5 min"
    )
    overdue: PositiveDuration | None = key(
        None,
        "When none has come back for so long, the server is not ready; longer than `every`",
        example="12m",
        without="twice `every`, and three times `timeout`",
    )
    ca_file: Path | None = key(
        None,
        "Authority that signed the certificate of `url`, as a PEM file",
        example="ca.pem",
        without="the authorities of the system",
    )
    others: StrictBool = key(
        default=False,
        meaning="Accept the answer of another server with the same secret, as behind a load "
        "balancer",
    )

    @property
    def overdue_after(self) -> float:
        """How long none may come back, in seconds; 0 when none is sent."""
        if self.every is None:
            return 0.0
        # One that is lost is none; the next but one has all of its time.
        return self.overdue or 2 * self.every + 3 * self.timeout

    @model_validator(mode="after")
    def _overdue_comes_after_the_next(self) -> "CanarySettings":
        if self.every is not None and self.overdue is not None and self.overdue <= self.every:
            raise ValueError(
                "overdue is not longer than every, so each canary would be overdue: leave it out, "
                "or make it at least twice as long"
            )
        return self
