"""Faults of an HTTP target, as keywords of `HttpTarget.respond`; and a target that talks TLS."""

import ssl
from pathlib import Path
from typing import Any

import trustme

from incm_webhook.testing import HttpTarget

PATIENCE_S = 20.0  # nothing here takes so long; a test that waits longer has failed
_DRIP_S = 0.01

Fault = dict[str, Any]

HANGS: Fault = {"hang": True}
DRIPS_HEAD: Fault = {"drip": _DRIP_S, "headers": {"X": "x" * 5000}}
DRIPS_BODY: Fault = {"drip_body": _DRIP_S, "body": "x" * 10_000}
DROPS: Fault = {"drop": True}
DROPS_UNREAD: Fault = {"drop_unread": True}
RUBBISH: Fault = {"rubbish": True}
STOPS_WITHIN_BODY: Fault = {
    "body": "beginning",
    "headers": {"Content-Length": "1000", "Connection": "close"},
}


def answers(status: int = 200, body: str = "", **headers: str) -> Fault:
    """An ordinary answer; an underscore in the name of a header stands for a dash."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"status": status, "body": body, "headers": named}


def sends_much(size: int = 50 * 1024**2) -> Fault:
    """A body of 50 MB."""
    return {"body": b"x" * size}


class SecureTarget(HttpTarget):
    """A target that talks TLS, with a certificate of an authority of its own.

    Attributes:
        authority: what signed the certificate.
    """

    def __init__(self, *names: str) -> None:
        """Start it; `names` are the hosts of the certificate, by default those of loopback."""
        self.authority = trustme.CA()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        issued = self.authority.issue_cert(*(names or ("127.0.0.1", "localhost")))
        issued.configure_cert(context)
        super().__init__(tls=context)

    def trust(self, folder: Path) -> Path:
        """Write the authority's certificate into a folder, for $SSL_CERT_FILE."""
        path = folder / "authority.pem"
        self.authority.cert_pem.write_to_path(str(path))
        return path
