"""One connection per thread, checked on use.

Lambda runs one request at a time, so a thread is an environment; the local server has several. Against RDS Proxy nothing
may pin a connection: no session state, no prepared statements, every setting local to its transaction.
"""

import threading
import time
from typing import Any

import psycopg
from psycopg.rows import dict_row

from chalicelib.kernel import credentials
from chalicelib.kernel.errors import Unavailable
from chalicelib.kernel.log import count, logger

Connection = psycopg.Connection[dict[str, Any]]

CONNECT_TIMEOUT_S = 5
WAKING_TIMEOUT_S = 60
"""An Aurora cluster that paused lets connections wait until it is awake: 15 s, more after a day (Aurora guide, "Scaling to
zero ACUs"). For steps that may wait; a request answers 503 earlier, and finds the cluster awake when it is repeated."""
REFUSED_RETRY_AFTER_S = 10
"""When to come again after a refused password: a rotation takes about that long."""
cursor_factory: type[psycopg.Cursor[Any]] = psycopg.Cursor
"""What executes statements; the local stage's meter puts one here that counts them."""
_local = threading.local()


def connect(url: str, *, timeout_s: int = CONNECT_TIMEOUT_S) -> Connection:
    """A connection as the kernel wants it: explicit transactions, rows as dicts, no server-side preparation."""
    return psycopg.connect(
        url,
        autocommit=True,
        row_factory=dict_row,
        cursor_factory=cursor_factory,
        prepare_threshold=None,
        connect_timeout=timeout_s,
    )


def connection() -> Connection:
    """This thread's connection, opened at its first use. Raises Unavailable when PostgreSQL cannot be reached."""
    held: Connection | None = getattr(_local, "connection", None)
    if held is not None and not held.closed:
        return held
    started = time.monotonic()
    try:
        opened = _connect_as_application()
    except psycopg.OperationalError as error:
        if _is_refusal(error):
            count("DatabaseRefused")
            logger.error("database refused the password")
            raise Unavailable(retry_after_s=REFUSED_RETRY_AFTER_S) from error
        logger.error("database unreachable", extra={"seconds": round(time.monotonic() - started, 3)})
        raise Unavailable from error
    _local.connection = opened
    return opened


def _connect_as_application() -> Connection:
    """A refused password may have been changed since we read it: it is read again, and a new one tried."""
    known = credentials.of("application")
    try:
        return connect(known)
    except psycopg.OperationalError as error:
        renewed = credentials.of("application", renewed=True) if _is_refusal(error) else known
        if renewed == known:
            raise
    return connect(renewed)


def _is_refusal(error: psycopg.OperationalError) -> bool:
    """Whether the server had asked for the password when it ended the attempt.

    libpq does not hand on the SQLSTATE of a failed connection, and the sentences of PostgreSQL and of RDS Proxy differ.
    """
    return error.pgconn is not None and bool(error.pgconn.used_password)


def discard() -> None:
    """Forgets this thread's connection after it broke; the next request opens another."""
    held: Connection | None = getattr(_local, "connection", None)
    _local.connection = None
    if held is not None:
        held.close()
