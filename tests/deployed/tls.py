"""TLS in front of a PostgreSQL that has none, as RDS Proxy and Aurora speak it."""

import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

SSL_REQUEST = struct.pack("!ii", 8, 80877103)
"""What a client sends first when it wants TLS (PostgreSQL, "Message Formats", SSLRequest)."""


@contextmanager
def tls_front(certificate: ssl.SSLContext, server_port: int) -> Iterator[int]:
    """A port on loopback that takes TLS connections only and hands what they say on to `server_port`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_accept, args=(listener, certificate, server_port), daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)  # ends accept(), which close() alone does not


def _accept(listener: socket.socket, certificate: ssl.SSLContext, server_port: int) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_serve, args=(client, certificate, server_port), daemon=True).start()


def _serve(client: socket.socket, certificate: ssl.SSLContext, server_port: int) -> None:
    with suppress(OSError), client:
        if client.recv(8, socket.MSG_WAITALL) != SSL_REQUEST:
            return
        client.sendall(b"S")
        with (
            certificate.wrap_socket(client, server_side=True) as secured,
            socket.create_connection(("127.0.0.1", server_port)) as server,
        ):
            # The server talks to a thread of its own; TLS sockets may be read and written by two threads at once.
            back = threading.Thread(target=_copy, args=(server, secured), daemon=True)
            back.start()
            _copy(secured, server)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
