"""The part of the admin API that lists alerts, for tests that choose its answers."""

import json
import threading
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

Row = tuple[int, str, str]  # number, endpoint, body


class InboxApi:
    """Serves `GET /api/v1/alerts` on a free port of loopback.

    Attributes:
        url: what --verify-inbox takes.
        rows: gives the alerts, by number.
        answers: instead of an answer of its own, status and body; empty for none.
        asked: the query of each request.
    """

    def __init__(self, rows: Callable[[], Iterable[Row]]) -> None:
        self.rows = rows
        self.answers: list[tuple[int, bytes]] = []
        self.asked: list[dict[str, str]] = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                assert parts.path == "/api/v1/alerts"
                query = {key: values[0] for key, values in parse_qs(parts.query).items()}
                api.asked.append(query)
                page = json.dumps(api._page(query)).encode()
                status, body = api.answers.pop(0) if api.answers else (200, page)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def _page(self, query: dict[str, str]) -> dict[str, Any]:
        rows = list(self.rows())
        if query["order"] == "desc":
            found = rows[::-1]
        else:
            found = [row for row in rows if row[0] > int(query["after"])]
        page = found[: int(query["limit"])]
        alerts = [
            {"id": number, "endpoint": endpoint, "body": body} for number, endpoint, body in page
        ]
        return {"alerts": alerts, "next": page[-1][0] if len(page) < len(found) else None}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
