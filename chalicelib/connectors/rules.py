"""Connectors: the life of a sync, when it is tried again, and how texts of strangers become ours."""

from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from chalicelib.kernel.money import parse_amount
from chalicelib.kernel.shapes import QUANTITY_MAX
from chalicelib.kernel.states import Machine

SyncType = Literal["orders", "items", "inventory", "fulfillment"]
Direction = Literal["in", "out"]
SyncStatus = Literal["idle", "running", "error"]
SyncEvent = Literal["start", "finish", "fail"]
SYNC_TYPES: tuple[SyncType, ...] = ("orders", "items", "inventory", "fulfillment")

SYNC: Machine[SyncStatus, SyncEvent] = Machine(
    "sync",
    {
        ("idle", "start"): "running",
        ("error", "start"): "running",
        ("running", "finish"): "idle",
        ("running", "fail"): "error",
    },
)
"""A running sync whose lease has ended counts as failed, and so can be started."""

LEASE = timedelta(minutes=10)
"""Renewed by every step; longer than a message may take to come back after its worker died (kernel/jobs.py)."""
MESSAGE_MAX = 500
ERRORS_MAX = 8
"""After so many failures in a row nobody tries again but a person or the regular schedule."""
WAITS_MAX = 20
"""How often a sync waits in a row, as it was asked to, before that counts as a failure."""
WAIT_MAX_S = 15 * 60
FIRST_RETRY_S, LAST_RETRY_S = 60, 6 * 3600
FAILED_ORDERS_LAST = timedelta(days=30)
"""While an order that could not be imported is younger, all orders are asked for again: it may be possible now."""
OVERLAP = timedelta(minutes=10)
"""Orders are asked for from so long before the last success: clocks differ, and what is known is not taken twice."""


def printable(text: str) -> str:
    """A stranger's text as one line without anything that does not print."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def message(text: str) -> str:
    """As `printable`, cut to what a sync state and the answer of a test may say."""
    return printable(text)[:MESSAGE_MAX]


def retry_at(now: datetime, consecutive_errors: int, *, is_hopeless: bool, after_s: float = 0.0) -> datetime | None:
    """When a failed sync is tried again: doubled with every failure; None: not by itself."""
    if is_hopeless or consecutive_errors >= ERRORS_MAX:
        return None
    wait_s = min(LAST_RETRY_S, FIRST_RETRY_S * 2 ** (consecutive_errors - 1))
    return now + timedelta(seconds=max(wait_s, min(after_s, LAST_RETRY_S)))


def next_at(now: datetime, sync_minutes: int | None) -> datetime | None:
    """When a sync is due again after a success; None: when somebody asks for it."""
    return None if sync_minutes is None else now + timedelta(minutes=sync_minutes)


def asked_since(last_success_at: datetime | None) -> str | None:
    """From which time on orders are asked for; None: all."""
    return None if last_success_at is None else (last_success_at - OVERLAP).isoformat().replace("+00:00", "Z")


def text_of(value: Any, most: int) -> str:
    """A stranger's value as a line of text of ours; empty for what is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return ""
    return printable(str(value).encode("utf-8", "replace").decode())[:most]


def id_of(value: Any) -> str:
    """A stranger's id: whole, or none at all. Empty when it cannot be one."""
    text = text_of(value, 256)
    return text if len(text) <= 128 and text == str(value) else ""


def units_of(value: Any) -> int | None:
    """A whole number of units above zero, written as number or text; None for anything else."""
    number = _number(value)
    if number is None or number != number.to_integral_value() or not 0 < number <= QUANTITY_MAX:
        return None
    return int(number)


def minor_of(value: Any) -> int | None:
    """An amount in minor units, written as number or text; None for what is negative or no amount."""
    number = _number(value)
    if number is None or number < 0:
        return None
    try:
        return parse_amount(number)
    except ValueError:
        return None


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal) or len(str(value)) > 40:
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) < 20 else None
