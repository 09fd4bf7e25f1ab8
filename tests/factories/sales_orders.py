"""Sales orders as an administrator of the warehouse enters them."""

from dataclasses import dataclass
from itertools import count
from typing import Any

from tests.client import Client, Reply
from tests.factories.identity import make_staff
from tests.factories.stock import Shelf
from tests.tenant import Tenant

PATH = "/api/admin/sales-orders"
_numbers = count(1)


@dataclass(frozen=True)
class Panel:
    """An administrator at the panel."""

    tenant: Tenant
    client: Client

    def create(self, *lines: tuple[Shelf, int], **fields: Any) -> Reply:
        """Enters an order: (shelf, quantity) pairs, and other fields."""
        body = {
            "so_number": f"SO-{next(_numbers):05d}",
            "warehouse_id": self.tenant.warehouse_id,
            "lines": [{"item_id": shelf.variant_id, "quantity_ordered": units} for shelf, units in lines],
            **fields,
        }
        return self.client.post(PATH, body)

    def place(self, *lines: tuple[Shelf, int], **fields: Any) -> int:
        """Enters an order; its id."""
        reply = self.create(*lines, **fields)
        assert reply.status == 200, reply.json
        order_id: int = reply.json["sales_order"]["so_id"]
        return order_id

    def get(self, order_id: int) -> dict[str, Any]:
        """An order with its lines."""
        shown: dict[str, Any] = self.client.get(f"{PATH}/{order_id}").json
        return shown

    def change(self, order_id: int, **fields: Any) -> Reply:
        """Changes an order."""
        return self.client.put(f"{PATH}/{order_id}", fields)

    def cancel(self, order_id: int) -> Reply:
        """Cancels an order."""
        return self.client.post(f"{PATH}/{order_id}/cancel")

    def lines(self, order_id: int, *names: str) -> list[tuple[Any, ...]]:
        """These fields of every line; the part of a name after ``quantity_`` will do."""
        rows = self.get(order_id)["lines"]
        return [tuple(row.get(name, row.get(f"quantity_{name}")) for name in names) for row in rows]


def make_panel(tenant: Tenant) -> Panel:
    """An administrator of the warehouse."""
    return Panel(tenant, make_staff(tenant).client())


def line(shelf: Shelf, units: int, **more: Any) -> dict[str, Any]:
    """A line of a body."""
    return {"item_id": shelf.variant_id, "quantity_ordered": units, **more}
