"""The place where CloudFormation waits for a custom resource's answer: takes PUTs, as the signed URL does."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Sink:
    """Where answers arrive. `statuses` are the replies of the first requests; after them it is 200."""

    url: str
    statuses: list[int] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)
    content_types: list[str | None] = field(default_factory=list)
    requests: int = 0


@contextmanager
def response_sink() -> Iterator[Sink]:
    """A sink on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:  # the standard library calls it by this name
            body = self.rfile.read(int(self.headers["Content-Length"]))
            sink.requests += 1
            status = sink.statuses.pop(0) if sink.statuses else 200
            if status == 200:
                sink.answers.append(json.loads(body))
                sink.content_types.append(self.headers["Content-Type"])
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        sink = Sink(f"http://127.0.0.1:{server.server_address[1]}/answer?X-Amz-Signature=abc")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield sink
        server.shutdown()
        thread.join()
