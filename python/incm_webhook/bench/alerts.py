"""Makes alerts for a load test: all different, made and signed faster than they can be sent."""

import itertools
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from incm_webhook import alert_types, sign
from incm_webhook.sender.samples import sample, spell

_DEVICES = 20  # of each type


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A made-up alert without its id: the text before and after it, as sent and as signed."""

    sent: tuple[bytes, bytes]
    signed: tuple[bytes, bytes]


class Alerts:
    """Makes alerts that differ from each other, and from those of every other run.

    Shape: made-up alerts of all types and several devices. Two alerts of the same type and device
    differ only in their `_id`.
    Threads: one.
    Source: docs/protocol.md, The request; docs/protocol.md, The fields of an alert.
    """

    def __init__(self, wire: str, secret: bytes | None) -> None:
        """Make the patterns.

        Args:
            wire: a spelling of `samples.spell`.
            secret: the webhook's secret token; None signs nothing.
        """
        self._secret = secret
        self._patterns = itertools.cycle(
            [_pattern(one.name, wire) for _ in range(_DEVICES) for one in alert_types()]
        )
        # Like the platform's ids, these begin with the time; a random run and a number follow.
        begin = int(datetime.now(UTC).timestamp()) & 0xFFFFFFFF
        self._run = f"{begin:08x}{secrets.randbits(32):08x}"
        self._numbers = itertools.count()

    def next(self) -> tuple[bytes, str | None]:
        """Make the next alert.

        Returns:
            The body and its X-Signature, over the canonical text; None without a secret.
        """
        pattern = next(self._patterns)
        alert_id = f"{self._run}{next(self._numbers):08x}".encode()
        body = alert_id.join(pattern.sent)
        if self._secret is None:
            return body, None
        return body, sign(alert_id.join(pattern.signed), self._secret)


def _pattern(alert_type: str, wire: str) -> _Pattern:
    alert = sample(alert_type)
    return _Pattern(_around(alert["_id"], spell(alert, wire)), _around(alert["_id"], spell(alert)))


def _around(alert_id: str, text: bytes) -> tuple[bytes, bytes]:
    before, _, after = text.partition(alert_id.encode())
    return before, after
