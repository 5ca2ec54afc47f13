"""Does nothing, so that what remains is the way to a plugin."""

from incm_webhook import Alert, Context


def on_alert(alert: Alert, ctx: Context) -> None:
    """Take the alert."""
