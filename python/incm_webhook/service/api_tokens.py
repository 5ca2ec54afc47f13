"""Gives the tokens of the configuration to the admin listener."""

import logging
from typing import TYPE_CHECKING

from incm_webhook.config.settings import Settings

if TYPE_CHECKING:
    from incm_webhook._core import AdminTokens

_log = logging.getLogger("incm_webhook.service")


class ApiTokens:
    """The tokens for the API of the admin listener.

    Attributes:
        core: what the receiver asks.
    """

    def __init__(self, core: "AdminTokens") -> None:
        self.core = core
        self._were_wanted = False

    def apply(self, settings: Settings) -> None:
        """Replace the tokens; log a warning when that opens the API to everybody.

        Raises:
            RuntimeError: a token was not read. Without it the list could become empty, which
                allows everything.
        """
        tokens = []
        for one in settings.admin_token:
            if one.secret is None:
                raise RuntimeError(f"the token {one.name} of [[admin_token]] was not read")
            tokens.append((one.name, one.secret.reveal(), one.may_change))
        self.core.set(tokens)
        if self._were_wanted and not tokens:
            _log.warning(
                "the configuration has no [[admin_token]] any more: whoever reaches the admin "
                "listener may use its API"
            )
        self._were_wanted = bool(tokens)
