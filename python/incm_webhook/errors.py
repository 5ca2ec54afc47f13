"""The errors of incm-webhook: those of the native core, of plugins and of sending."""

from incm_webhook._core import (
    AlertError,
    CanonicalError,
    ClosedError,
    ConfigError,
    Error,
    InboxError,
    InboxInUseError,
    InboxUnavailableError,
    ListenError,
    SignatureError,
)

__all__ = [
    "AlertError",
    "CanonicalError",
    "ClosedError",
    "ConfigError",
    "Error",
    "InboxError",
    "InboxInUseError",
    "InboxUnavailableError",
    "ListenError",
    "PluginError",
    "SendError",
    "SignatureError",
    "UnreachableError",
    "UrlError",
    "exit_status",
]

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_CANNOT_START = 3
EXIT_PLUGIN = 4


class PluginError(Error):
    """A plugin cannot be loaded, configured or set up.

    The text is a sentence for the operator that names the plugin, the place (file and line where
    there is one) and what to change. Source: docs/contract.md, Exit statuses (exit status 4).
    """


class SendError(Error):
    """A message could not be sent, or its answer could not be read; the text is a sentence."""


class UrlError(SendError):
    """The given text is not a URL, or not the URL of an HTTP service."""


class UnreachableError(SendError):
    """The server cannot be reached: the connection is refused, or there is no address or route."""


def unreadable(error: OSError) -> str:
    """Say why a file cannot be read, for the end of a message, and what to do about rights."""
    reason = (error.strerror or str(error)).lower()
    return f"{reason}: let this user read it" if isinstance(error, PermissionError) else reason


def exit_status(error: BaseException) -> int:
    """Return the exit status of a command that failed with this error.

    Args:
        error: the exception that ended the command.

    Returns:
        2 for errors in the configuration, a secret or a URL, 3 for those of the listener and the
        inbox, 4 for those of a plugin, else 1.

    Source: docs/contract.md, Exit statuses.
    """
    if isinstance(error, (ConfigError, UrlError)):
        return EXIT_USAGE
    if isinstance(error, (ListenError, InboxError)):
        return EXIT_CANNOT_START
    if isinstance(error, PluginError):
        return EXIT_PLUGIN
    return EXIT_FAILED
