"""The types of the alerts that the server raises about itself."""

OWN_PREFIX = "incm_webhook."
CANARY = "incm_webhook.canary"


def is_own_type(pattern: str) -> bool:
    """Return whether a type, or a pattern of types, is one of the server's own."""
    return pattern.startswith(OWN_PREFIX)
