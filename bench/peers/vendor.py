"""What every Python peer does with a request: the vendor's verifier, and one commit if asked to.

Variables configure it: PEER_SECRET is the secret token, PEER_INBOX a database to keep alerts in;
without it nothing is stored.
"""

import base64
import hashlib
import hmac
import json
import os
import sqlite3

SECRET = os.environ["PEER_SECRET"].encode()
INBOX = os.environ.get("PEER_INBOX")


def verified_text(body: bytes, signature: str | None) -> bytes | None:
    """Check a signature as the sender's guide does: over the body, parsed and printed again.

    Returns:
        The text that was signed, or None when the signature is missing or wrong.
    """
    text = json.dumps(json.loads(body), ensure_ascii=False).encode()
    right = base64.b64encode(hmac.new(SECRET, text, hashlib.sha256).digest()).decode()
    return text if signature is not None and hmac.compare_digest(right, signature) else None


class Inbox:
    """One table of alerts: an alert is on the disk when `keep` returns, and there only once.

    Write-ahead log and synchronous=FULL, as in incm-webhook: each commit waits for an fsync. Used
    by one thread at a time.
    """

    def __init__(self, path: str) -> None:
        self._database = sqlite3.connect(
            path, timeout=60.0, isolation_level=None, check_same_thread=False
        )
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS alert (key BLOB PRIMARY KEY, text BLOB NOT NULL)"
        )

    def keep(self, text: bytes) -> None:
        """Store an alert unless it is there: one transaction, committed."""
        self._database.execute(
            "INSERT OR IGNORE INTO alert VALUES (?, ?)", (hashlib.sha256(text).digest(), text)
        )
