"""Sets the log up as the settings say."""

import logging
from dataclasses import replace

from incm_webhook.config.log import LogSettings
from incm_webhook.log import is_debug, set_up_logging
from incm_webhook.log_levels import LogLevels


def apply_log_settings(settings: LogSettings, *, dev: bool = False) -> None:
    """Set the levels and the style of the log of this process; may be called again.

    Args:
        settings: `[log]`.
        dev: log from DEBUG on, unless the settings have levels.
    """
    levels = settings.all_levels
    if is_debug() or (dev and levels == LogLevels()):
        levels = replace(levels, own=logging.DEBUG)
    set_up_logging(levels=levels, style=settings.format)
