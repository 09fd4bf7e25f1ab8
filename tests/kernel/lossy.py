"""A wire to PostgreSQL that breaks at a COMMIT, before it arrives or with its answer."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal

Moment = Literal["before", "after"]


class LossyWire:
    """Passes bytes between libpq and a server on loopback, until it is told to break."""

    def __init__(self, port: int) -> None:
        self._server_port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._breaks_at: Moment | None = None
        self.broken = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def break_at_commit(self, moment: Moment) -> None:
        """Cuts the next connection that commits: ``before`` the server hears of it, or ``after`` it has done it."""
        self._breaks_at = moment

    def close(self) -> None:
        """Takes no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._server_port))
                threading.Thread(target=self._pass_on, args=(client, server), daemon=True).start()

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        """Question and answer in turn, as libpq speaks: it waits for the one before it asks the next."""
        answering = threading.Thread(target=_copy, args=(server, client), daemon=True)
        with client, server, suppress(OSError):
            answering.start()
            while data := client.recv(65536):
                if b"COMMIT" in data and self._breaks_at is not None:
                    self._cut(client, server, data, answering)
                    return
                server.sendall(data)

    def _cut(self, client: socket.socket, server: socket.socket, data: bytes, answering: threading.Thread) -> None:
        moment, self._breaks_at = self._breaks_at, None
        self.broken += 1
        client.shutdown(socket.SHUT_RDWR)  # first, so that the answer finds nobody
        if moment == "after":
            server.sendall(data)
        server.shutdown(socket.SHUT_WR)  # what was sent is still done, then the server hangs up
        answering.join(10)


def _copy(source: socket.socket, target: socket.socket) -> None:
    """To the end of the source, even when the target is gone."""
    with suppress(ConnectionResetError):
        while data := source.recv(65536):
            with suppress(OSError):
                target.sendall(data)


@contextmanager
def wire_to(port: int) -> Iterator[LossyWire]:
    """A wire to a server's port, while the block runs."""
    wire = LossyWire(port)
    try:
        yield wire
    finally:
        wire.close()
