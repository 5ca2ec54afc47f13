"""The checks of `incm-webhook check` before a server starts, one module for each subject."""
