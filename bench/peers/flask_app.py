"""The vendor's sample receiver in Flask; run by gunicorn."""

import threading

from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue
from vendor import INBOX, Inbox, verified_text

app = Flask(__name__)
_own = threading.local()  # a connection for each thread


def _inbox(path: str) -> Inbox:
    if not hasattr(_own, "inbox"):
        _own.inbox = Inbox(path)
    inbox: Inbox = _own.inbox
    return inbox


@app.post("/webhook")
def webhook() -> ResponseReturnValue:
    text = verified_text(request.get_data(), request.headers.get("X-Signature"))
    if text is None:
        return jsonify(status="wrong signature"), 401
    if INBOX:
        _inbox(INBOX).keep(text)
    return jsonify(status="accepted")
