"""Receives InCloud Manager alert webhooks, stores them durably and hands them to plugins.

A plugin imports what it needs from here and from nowhere else in this package.
"""

from incm_webhook.process import early as _early  # noqa: F401 - first: see there

try:
    from incm_webhook._core import (
        Alert,
        AlertType,
        Verdict,
        Verifier,
        __version__,
        alert_types,
        canonical_json,
        sign,
        verify,
    )
except ImportError as error:
    raise ImportError(
        "the native core of incm-webhook (incm_webhook._core) is missing or does not fit this "
        "Python: install the package with `pip install .` in the source tree, or install the wheel "
        f"for this version of Python ({error})"
    ) from error

from incm_webhook.errors import (
    AlertError,
    CanonicalError,
    ConfigError,
    Error,
    InboxError,
    ListenError,
    PluginError,
    SignatureError,
)
from incm_webhook.http.answer import Answer
from incm_webhook.http.outcome import outcome_of
from incm_webhook.plugin import Context, Reject, Retry, Unavailable, plugin
from incm_webhook.template import Template

__all__ = [
    "Alert",
    "AlertError",
    "AlertType",
    "Answer",
    "CanonicalError",
    "ConfigError",
    "Context",
    "Error",
    "InboxError",
    "ListenError",
    "PluginError",
    "Reject",
    "Retry",
    "SignatureError",
    "Template",
    "Unavailable",
    "Verdict",
    "Verifier",
    "__version__",
    "alert_types",
    "canonical_json",
    "outcome_of",
    "plugin",
    "sign",
    "verify",
]
