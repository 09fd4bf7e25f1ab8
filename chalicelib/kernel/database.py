"""One connection per thread, checked on use.

Lambda runs one request at a time, so a thread is an environment; the local server has several. Against RDS Proxy nothing
may pin a connection: no session state, no prepared statements, every setting local to its transaction.
"""

import threading
import time
from typing import Any

import psycopg
from psycopg.rows import dict_row

from chalicelib.kernel.errors import Unavailable
from chalicelib.kernel.log import logger
from chalicelib.kernel.settings import settings

Connection = psycopg.Connection[dict[str, Any]]

CONNECT_TIMEOUT_S = 5
cursor_factory: type[psycopg.Cursor[Any]] = psycopg.Cursor
"""What executes statements; the local stage's meter puts one here that counts them."""
_local = threading.local()


def connect(url: str) -> Connection:
    """A connection as the kernel wants it: explicit transactions, rows as dicts, no server-side preparation."""
    return psycopg.connect(
        url,
        autocommit=True,
        row_factory=dict_row,
        cursor_factory=cursor_factory,
        prepare_threshold=None,
        connect_timeout=CONNECT_TIMEOUT_S,
    )


def connection() -> Connection:
    """This thread's connection, opened at its first use. Raises Unavailable when PostgreSQL cannot be reached."""
    held: Connection | None = getattr(_local, "connection", None)
    if held is not None and not held.closed:
        return held
    started = time.monotonic()
    try:
        _local.connection = connect(settings().database_url.get_secret_value())
    except psycopg.OperationalError as error:
        logger.error("database unreachable", extra={"seconds": round(time.monotonic() - started, 3)})
        raise Unavailable from error
    opened: Connection = _local.connection
    return opened


def discard() -> None:
    """Forgets this thread's connection after it broke; the next request opens another."""
    held: Connection | None = getattr(_local, "connection", None)
    _local.connection = None
    if held is not None:
        held.close()
