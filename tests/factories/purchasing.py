"""Purchase orders and the dock where their goods come in."""

from dataclasses import dataclass
from itertools import count
from typing import Any

from chalicelib import purchasing
from tests.client import Client, Reply
from tests.factories.identity import make_staff, make_warehouse_user
from tests.factories.stock import Shelf
from tests.tenant import Tenant

_numbers = count(1)


@dataclass(frozen=True)
class Ordered:
    """A purchase order."""

    tenant: Tenant
    id: int
    number: str

    def status(self) -> str:
        """Its status now."""
        return str(self.tenant.value("SELECT status FROM purchase_order WHERE id = %(id)s", id=self.id))

    def received(self) -> list[int]:
        """Units received of each line, by position."""
        rows = self.tenant.rows(
            "SELECT received FROM purchase_order_line WHERE purchase_order_id = %(id)s ORDER BY position", id=self.id
        )
        return [row["received"] for row in rows]

    def receipts(self) -> tuple[int, int]:
        """(standing, cancelled) receipts."""
        sql = """
            SELECT count(*) FILTER (WHERE cancelled_at IS NULL) AS standing, count(cancelled_at) AS cancelled
              FROM receipt WHERE purchase_order_id = %(id)s
        """
        row = self.tenant.rows(sql, id=self.id)[0]
        return row["standing"], row["cancelled"]


@dataclass(frozen=True)
class Dock:
    """A person who may receive at the tenant's warehouse."""

    client: Client

    def look_up(self, code: str) -> Reply:
        """A purchase order by barcode or number."""
        return self.client.get(f"/api/receiving/po/{code}")

    def receive(self, ordered: Ordered, *items: tuple[Shelf, int] | dict[str, Any], **more: Any) -> Reply:
        """Takes goods in: (shelf, units) pairs go into the shelf's bin."""
        body = {"po_id": ordered.id, "items": [item(each) for each in items], **more}
        return self.client.post("/api/receiving/receive", body)

    def cancel(self, *receipt_ids: int, **more: Any) -> Reply:
        """Takes receipts back."""
        return self.client.post("/api/receiving/cancel", {"receipt_ids": list(receipt_ids), **more})


def item(each: tuple[Shelf, int] | dict[str, Any]) -> dict[str, Any]:
    """An item as a scanner sends it."""
    if isinstance(each, dict):
        return each
    shelf, units = each
    return {"item_id": shelf.variant_id, "quantity": units, "bin_id": shelf.bin_id}


def make_dock(tenant: Tenant, **fields: Any) -> Dock:
    """A scanner user with the function receive."""
    return Dock(make_warehouse_user(tenant, "receive", **fields).client())


def make_admin(tenant: Tenant) -> Client:
    """An administrator of the warehouse."""
    return make_staff(tenant, wms_role="ADMIN").client()


def make_purchase_order(tenant: Tenant, *lines: tuple[Shelf, int], **fields: Any) -> Ordered:
    """A purchase order over (shelf, units) pairs, one line each."""
    new = [
        purchasing.NewLine(variant_id=shelf.variant_id, quantity=units, position=n)
        for n, (shelf, units) in enumerate(lines, 1)
    ]
    default = {
        "number": f"PO-{next(_numbers):05d}",
        "warehouse_id": tenant.warehouse_id,
        "vendor_name": "Harbor Supply",
    }
    order = purchasing.NewOrder(lines=new, **{**default, **fields})
    with tenant.uow() as uow:
        [po_id] = purchasing.create_orders(uow, [order])
    return Ordered(tenant, po_id, order.number)
