"""AWS services away, each for itself: nobody listens, everything is answered 500, or nothing is answered at all."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

from chalicelib.adapters import objects
from chalicelib.kernel import dynamo, queues
from tests.circuits import close_all

Service = Literal["dynamodb", "sqs", "s3"]
How = Literal["refused", "error", "hanging", "slow down"]
WAYS: tuple[How, ...] = ("refused", "error", "hanging", "slow down")
CODES = {"dynamodb": "ProvisionedThroughputExceededException", "sqs": "RequestThrottled", "s3": "SlowDown"}


class Broken(ThreadingHTTPServer):
    """A service that is of no use, and counts who asks."""

    daemon_threads = True

    def __init__(self, service: Service, how: How) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.service, self.how = service, how
        self.over = threading.Event()
        self.asked = 0
        self._counting = threading.Lock()

    def count(self) -> None:
        with self._counting:
            self.asked += 1

    def handle_error(self, *_: Any) -> None:
        """Clients hang up; that is the point."""


class _Handler(BaseHTTPRequestHandler):
    def _answer(self) -> None:
        server = self.server
        assert isinstance(server, Broken)
        server.count()
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if server.how == "hanging":
            server.over.wait(60)
            return
        status, code = (500, "InternalFailure") if server.how == "error" else (400, CODES[server.service])
        if server.service == "s3":
            status = 503 if status == 400 else status
            media, body = "application/xml", f"<Error><Code>{code}</Code></Error>"
        else:
            media, body = "application/x-amz-json-1.0", f'{{"__type": "com.amazonaws#{code}", "message": "no"}}'
        self.send_response(status)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def __getattr__(self, name: str) -> Any:
        """Every method is answered alike: the base class looks for ``do_GET`` and so on."""
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@contextmanager
def away(service: Service, how: How) -> Iterator[Broken]:
    """For this block, what the platform asks of one service goes nowhere; the others work."""
    name = f"AWS_ENDPOINT_URL_{service.upper()}"
    with Broken(service, how) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        os.environ[name] = "http://127.0.0.1:9" if how == "refused" else f"http://127.0.0.1:{server.server_port}"
        _forget_clients()
        try:
            yield server
        finally:
            del os.environ[name]
            _forget_clients()
            server.over.set()
            server.shutdown()
            close_all()


def _forget_clients() -> None:
    dynamo._client.cache_clear()
    dynamo.see_again()
    queues._client.cache_clear()
    queues.url.cache_clear()
    objects._client.cache_clear()
