"""Orders that are paid by check."""

from dataclasses import dataclass
from typing import Any

from urllib3 import encode_multipart_formdata

from tests.client import Client, Reply
from tests.factories.credit import CreditOrder, make_credit_order
from tests.factories.identity import make_staff
from tests.factories.pictures import picture
from tests.tenant import Tenant

ROUTING = "021000021"  # a bank's, published


def form(**fields: Any) -> tuple[bytes, str]:
    """A multipart body and its type: bytes are files."""
    parts = {name: (f"{name}.png", value) if isinstance(value, bytes) else str(value) for name, value in fields.items()}
    return encode_multipart_formdata(parts)


def upload(api: Client, **fields: Any) -> Reply:
    """POST upload-check."""
    body, media = form(**fields)
    return api.post("/api/payments/upload-check", body, content_type=media)


@dataclass(frozen=True)
class CheckOrder:
    """An order of a customer who pays by check, and a member of staff."""

    order: CreditOrder
    staff: Client

    def upload(self, api: Client | None = None, **fields: Any) -> Reply:
        """Both sides of a check."""
        default = {"order_number": self.order.number, "check_front": picture(400, 200), "check_back": picture(200, 100)}
        return upload(api or self.staff, **{**default, **fields})

    def approve(self, api: Client | None = None) -> Reply:
        """POST approve."""
        return (api or self.staff).post(f"/api/staff/checks/{self.order.number}/approve")

    def reject(self, api: Client | None = None, **body: Any) -> Reply:
        """POST reject."""
        return (api or self.staff).post(f"/api/staff/checks/{self.order.number}/reject", body or None)

    def payments(self) -> list[str]:
        """States of the order's payments by check, the oldest first."""
        rows = self.order.shopper.tenant.rows(
            "SELECT state FROM payment WHERE order_id = %(id)s AND provider = 'check' ORDER BY id", id=self.order.id
        )
        return [row["state"] for row in rows]

    def hold_expires_at(self) -> Any:
        """Until when the order keeps its stock."""
        sql = "SELECT hold_expires_at FROM sales_order WHERE id = %(id)s"
        return self.order.shopper.tenant.value(sql, id=self.order.id)


def make_check_order(tenant: Tenant, **fields: Any) -> CheckOrder:
    """An unpaid order of 25.00 to be paid by check."""
    order = make_credit_order(tenant, **{"payment_method": "check", **fields})
    return CheckOrder(order, make_staff(tenant, commerce_role="staff").client("commerce"))


def make_uploaded_check(tenant: Tenant) -> str:
    """The number of an order whose check, both sides, waits for a decision."""
    check = make_check_order(tenant)
    assert check.upload().status == 200
    return check.order.number
