"""Another installation behind a real socket: the API of this process, served to whoever connects."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from chalicelib.kernel import database
from chalicelib.kernel.settings import settings
from tests.client import Client

ALLOWED = "QM_OUTBOUND_ALLOWED"


@contextmanager
def served(host: str) -> Iterator[str]:
    """The API of the organization of a host name at an address, which connectors may reach while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            sent = {
                name: value for name, value in self.headers.items() if name.lower() not in ("host", "content-length")
            }
            reply = Client(host).call(self.command, self.path, body or None, sent)
            database.discard()  # this thread's
            self.send_response(reply.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        do_GET = do_POST = _answer  # noqa: N815  # names that the base class looks for

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        before = os.environ.get(ALLOWED, "")
        os.environ[ALLOWED] = f"{before} 127.0.0.1:{server.server_port}".strip()
        settings.cache_clear()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            os.environ[ALLOWED] = before
            settings.cache_clear()
            server.shutdown()
            thread.join()
