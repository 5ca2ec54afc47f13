"""The model of `[egress]`: where the requests of plugins may go."""

from incm_webhook.config.server import Networks
from incm_webhook.config.types import Table
from incm_webhook.config.written import key
from incm_webhook.http.egress import Egress

# Bundled plugins that connect to any URL of their config without `ctx.http`.
GO_ANYWHERE = {"apprise"}


class EgressSettings(Table):
    """`[egress]`: networks to which `ctx.http` may, or must not, connect.

    Attributes:
        allow: networks that are refused otherwise: loopback, link-local and the like.
        deny: networks that are refused in any case; in a process of its own, a plugin may not
            connect to them without `ctx.http` either.
    """

    allow: Networks = key(
        (),
        "Networks that are refused otherwise: of this machine, link-local, multicast",
        example=["127.0.0.0/8", "::1"],
        without="none",
    )
    deny: Networks = key(
        (), "Networks that are refused in any case", example=["10.20.0.0/16"], without="none"
    )

    @property
    def rules(self) -> Egress:
        """The rules in the form of the HTTP client."""
        return Egress.of(self.allow, self.deny)
