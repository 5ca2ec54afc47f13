"""The certificate of the alerts' listener: its files for the core, and how long it is good."""

from datetime import UTC, datetime

from incm_webhook._core import TlsFiles
from incm_webhook.settings_server import TlsSettings

SOON_DAYS = 14  # a certificate that ends earlier is warned about

_DAY_S = 86400


def tls_files_of(settings: TlsSettings) -> TlsFiles:
    """Give the core the files of TLS."""
    ca = settings.client_ca_file
    return TlsFiles(
        certificate=str(settings.certificate_file),
        private_key=str(settings.private_key_file),
        client_ca=None if ca is None else str(ca),
    )


def certificate_warning(settings: TlsSettings, now: float) -> str | None:
    """Say that the certificate is about to end, or has ended.

    Args:
        settings: the PEM files.
        now: Unix seconds.

    Returns:
        A sentence; None when it is good for at least `SOON_DAYS`.

    Raises:
        ConfigError: a file cannot be used, or the key does not fit the certificate.
    """
    left = tls_files_of(settings).certificate_end() - now
    if left >= SOON_DAYS * _DAY_S:
        return None
    day = _day(now + left)
    if left < 0:
        return f"the certificate {settings.certificate_file} ended on {day}: renew it, then reload"
    return (
        f"the certificate {settings.certificate_file} ends on {day}, in {int(left // _DAY_S)} "
        "days: renew it, then reload"
    )


def certificate_sentence(settings: TlsSettings, now: float) -> str:
    """Say until when the certificate is good, or what certificate_warning() says."""
    warning = certificate_warning(settings, now)
    if warning:
        return f"warning: {warning}"
    day = _day(tls_files_of(settings).certificate_end())
    return f"{settings.certificate_file}, good until {day}"


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()
