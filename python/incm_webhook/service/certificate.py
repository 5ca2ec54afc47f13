"""Checks the certificate of the alert listener, and passes its files to the core."""

import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from incm_webhook._core import TlsFiles
from incm_webhook.config.server import TlsSettings
from incm_webhook.log import printable

SOON_DAYS = 14  # a certificate that expires within this time gets a warning

_DAY_S = 86400

_log = logging.getLogger("incm_webhook.service")


def tls_files_of(settings: TlsSettings) -> TlsFiles:
    """Convert the settings of TLS to the type of the core."""
    ca = settings.client_ca_file
    return TlsFiles(
        certificate=str(settings.certificate_file),
        private_key=str(settings.private_key_file),
        client_ca=None if ca is None else str(ca),
    )


@dataclass(frozen=True, slots=True)
class CertificateView:
    """The result of a check of the certificate.

    Attributes:
        good_until: the last day of the certificate.
        faults: reasons for which clients refuse it, a sentence each.
        warnings: what will become a fault, or may be one, a sentence each.
    """

    good_until: str
    faults: list[str]
    warnings: list[str]


def look_at_certificate(settings: TlsSettings, now: float) -> CertificateView:
    """Check the certificate as a client would.

    Args:
        settings: the PEM files.
        now: the current time, in Unix seconds.

    Raises:
        ConfigError: a file cannot be used, or the key does not belong to the certificate.
    """
    facts = tls_files_of(settings).look()
    file = settings.certificate_file
    view = CertificateView(_day(facts.not_after), [], [])
    left = facts.not_after - now
    if facts.not_before > now:
        view.faults.append(
            f"the certificate {file} is valid from {_moment(facts.not_before)} on: set the clock "
            "of this machine, or wait"
        )
    if left < 0:
        view.faults.append(
            f"the certificate {file} expired on {view.good_until}: renew it, then reload"
        )
    elif left < SOON_DAYS * _DAY_S:
        view.warnings.append(
            f"the certificate {file} expires on {view.good_until}, in {int(left // _DAY_S)} days: "
            "renew it, then reload"
        )
    if facts.first_to_end:
        called = (
            f'the certificate "{printable(facts.first_to_end)}" in {file}, which issued the others,'
        )
        _note_end(view, called, facts.first_end, now)
    if facts.missing_issuer and facts.issuer_is_published:
        view.faults.append(
            f'the certificate {file} was issued by "{printable(facts.missing_issuer)}", whose '
            "certificate is missing in the file, and most clients do not fetch it: append it "
            "(certbot calls the whole fullchain.pem)"
        )
    elif facts.missing_issuer:
        view.warnings.append(
            f'the certificate {file} was issued by "{printable(facts.missing_issuer)}", which this '
            "machine does not trust: make sure that clients trust it, or append its certificate "
            "to the file"
        )
    return view


def log_certificate(settings: TlsSettings | None) -> None:
    """Log what is wrong with the certificate; does nothing without TLS."""
    if settings is None:
        return
    view = look_at_certificate(settings, time.time())
    for fault in view.faults:
        _log.error(fault)
    for warning in view.warnings:
        _log.warning(warning)


def _note_end(view: CertificateView, called: str, end: float, now: float) -> None:
    if end < now:
        view.faults.append(
            f"{called} expired on {_day(end)}, so clients refuse the whole chain: replace it with "
            "its successor, then reload"
        )
    elif end - now < SOON_DAYS * _DAY_S:
        view.warnings.append(
            f"{called} expires on {_day(end)}, in {int((end - now) // _DAY_S)} days: replace it "
            "with its successor, then reload"
        )


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(sep=" ").replace("+00:00", " UTC")
