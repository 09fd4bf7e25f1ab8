"""Messages, and what became of them."""

from itertools import count
from typing import Any

from chalicelib import messaging
from tests.tenant import Tenant

_numbers = count(1)


def make_sms(tenant: Tenant, *, to: str | None = None, body: str = "Hello", **more: Any) -> tuple[int, str]:
    """A queued text message that somebody waits for: (id, number it goes to)."""
    number = to or f"+1312555{next(_numbers):04d}"
    with tenant.uow() as uow:
        return messaging.send_sms(uow, number, body, kind="test", **{"is_expected": True, **more}), number


def make_mail(tenant: Tenant, *, to: str = "ana@example.com", **more: Any) -> int:
    """A queued mail."""
    context = {"name": "Ana", "link": "https://shop.example.test/verify/abc", "hours": 24}
    with tenant.uow() as uow:
        return messaging.send_mail(uow, to, "verify_email", context, kind="test", **more)


def message(tenant: Tenant, message_id: int) -> dict[str, Any]:
    """The row of a message."""
    sql = "SELECT state, provider_id, attempts, error_code, body_text, body_html FROM message WHERE id = %(id)s"
    return tenant.rows(sql, id=message_id)[0]
