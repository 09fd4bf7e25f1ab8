"""The warehouse floor: people with scanners, open orders, more bins and lots, and what a batch comes to."""

from dataclasses import dataclass
from datetime import date
from itertools import count
from typing import Any

from chalicelib import catalogue, orders, places, robots, stock
from tests.client import Client, Reply
from tests.factories.identity import make_warehouse_user
from tests.factories.stock import Shelf
from tests.tenant import Tenant

_numbers = count(1)


@dataclass(frozen=True)
class Floor:
    """A person who may pick, pack and ship at the tenant's warehouse."""

    tenant: Tenant
    client: Client

    def wave(self, *placed: orders.Order) -> Reply:
        """Starts a wave."""
        body = {"so_ids": [o.id for o in placed], "warehouse_id": self.tenant.warehouse_id}
        return self.client.post("/api/picking/wave-create", body)

    def tasks(self, batch_id: int) -> list[dict[str, Any]]:
        """The tasks of a batch, in the order of the path."""
        shown: list[dict[str, Any]] = self.client.get(f"/api/picking/batch/{batch_id}").json["tasks"]
        return shown

    def confirm(self, task_id: int, barcode: str, quantity: int) -> Reply:
        """Confirms a pick."""
        body = {"pick_task_id": task_id, "scanned_barcode": barcode, "quantity_picked": quantity}
        return self.client.post("/api/picking/confirm", body)

    def short(self, task_id: int, available: int) -> Reply:
        """Reports a short pick."""
        return self.client.post("/api/picking/short", {"pick_task_id": task_id, "quantity_available": available})

    def complete(self, batch_id: int) -> Reply:
        """Ends a batch."""
        return self.client.post("/api/picking/complete-batch", {"batch_id": batch_id})

    def cancel(self, batch_id: int) -> Reply:
        """Gives a batch up."""
        return self.client.post("/api/picking/cancel-batch", {"batch_id": batch_id})

    def verify(self, order: orders.Order, barcode: str, quantity: int = 1) -> Reply:
        """Verifies an item on the packing table."""
        body = {"so_id": order.id, "scanned_barcode": barcode, "quantity": quantity}
        return self.client.post("/api/packing/verify", body)

    def pack(self, order: orders.Order) -> Reply:
        """Closes the parcel."""
        return self.client.post("/api/packing/complete", {"so_id": order.id})

    def fulfil(self, order: orders.Order, **more: Any) -> Reply:
        """Ships the parcel."""
        body = {"so_id": order.id, "tracking_number": "1Z999AA10123456784", "carrier": "UPS", **more}
        return self.client.post("/api/shipping/fulfill", body)

    def pick_all(self, *placed: orders.Order) -> int:
        """Waves orders, picks every task and completes the batch; its id."""
        batch_id: int = self.wave(*placed).json["batch_id"]
        for task in self.tasks(batch_id):
            reply = self.confirm(task["pick_task_id"], task["sku"], task["quantity_to_pick"])
            assert reply.status == 200, reply.json
        assert self.complete(batch_id).status == 200
        return batch_id

    def state(self, order: orders.Order) -> str:
        """The order's state now."""
        return str(self.now(order).state)

    def now(self, order: orders.Order) -> orders.Order:
        """The order as it is now."""
        with self.tenant.uow() as uow:
            return orders.get(uow, order.id)


def make_floor(tenant: Tenant, *functions: str, **fields: Any) -> Floor:
    """A scanner user with these functions, else pick, pack and ship."""
    user = make_warehouse_user(tenant, *(functions or ("pick", "pack", "ship")), **fields)
    return Floor(tenant, user.client())


def place(tenant: Tenant, *lines: tuple[Shelf, int], barcode: str | None = None) -> orders.Order:
    """An order entered at the warehouse, which may be picked at once: (shelf, quantity) pairs."""
    new = orders.NewOrder(
        channel="wms",
        payment_method="net30",
        customer_id=None,
        delivery={"delivery_name": "Ana Reyes", "delivery_address": "12 Harbor Street", "delivery_city": "Chicago"},
        barcode=barcode,
        warehouse_id=lines[0][0].warehouse_id,
    )
    with tenant.uow() as uow:
        return orders.place(
            uow, new, [orders.Asked(catalogue.Item(quantity=units, sku=shelf.sku)) for shelf, units in lines]
        )


def put(
    tenant: Tenant,
    shelf: Shelf,
    units: int,
    *,
    kind: places.BinKind = "Pickable",
    pick_sequence: int = 1_000_000,
    account_id: int | None = None,
    lot_id: int | None = None,
) -> int:
    """More units of a shelf's product, in a new bin or in `account_id`; the bin's account."""
    with tenant.uow() as uow:
        if account_id is None:
            new = places.NewBin(
                warehouse_id=shelf.warehouse_id, code=f"F-{next(_numbers):05d}", kind=kind, pick_sequence=pick_sequence
            )
            account_id = places.create_bin(uow, new).account_id
        move = stock.Move(shelf.variant_id, units, "supplier", account_id, "purchase_received", "test:put", lot_id)
        stock.post(uow, moves=[move])
    return account_id


def make_storage(tenant: Tenant, *, pick_sequence: int = 0) -> tuple[int, list[int]]:
    """A robot storage with a balcony and two boxes on a carrier: the accounts of the staging bin and of the boxes."""
    number = next(_numbers)
    with tenant.uow() as uow:
        level_id = robots.create_level(uow, warehouse_id=tenant.warehouse_id, height_mm=500)
        balcony = robots.create_balcony(
            uow, warehouse_id=tenant.warehouse_id, name=f"BALCONY-{number}", pick_sequence=pick_sequence
        )
        carrier = robots.NewCarrier(code=f"C{number}", level_id=level_id, position_x=1, position_y=1)
        (carrier_id,) = robots.create_carriers(uow, [carrier], warehouse_id=tenant.warehouse_id)
        boxes = [
            robots.NewBox(carrier_id=carrier_id, code=f"C{number}-{n}", section_code=section)
            for n, section in enumerate(("11110000", "00001111"))
        ]
        made = robots.create_boxes(uow, boxes)
    return balcony.staging_account_id, [box.account_id for box in made]


def make_lot(tenant: Tenant, shelf: Shelf, *, expires_on: date | None, status: str = "active") -> int:
    """A lot of a shelf's product."""
    sql = """
        INSERT INTO lot (variant_id, number, status, expires_on, received_at)
        VALUES (%(v)s, %(number)s, %(status)s, %(expires_on)s, '2026-01-01T00:00:00Z') RETURNING id
    """
    number = f"LOT-{next(_numbers):06d}"
    return int(tenant.value(sql, v=shelf.variant_id, number=number, status=status, expires_on=expires_on))


def units_in(tenant: Tenant, shelf: Shelf, kind: str) -> int:
    """Units of a product in the warehouse's outbound or missing account, or at the customer."""
    sql = """
        SELECT coalesce(sum(CASE WHEN m.to_account_id = a.id THEN m.quantity ELSE -m.quantity END), 0)
          FROM stock_move m JOIN account a ON a.id IN (m.from_account_id, m.to_account_id)
         WHERE m.variant_id = %(v)s AND a.kind = %(kind)s
    """
    return int(tenant.value(sql, v=shelf.variant_id, kind=kind))


def held_for(tenant: Tenant, order: orders.Order) -> list[int]:
    """Units held for each line of an order."""
    sql = """
        SELECT coalesce((SELECT sum(quantity) FROM stock_hold h WHERE h.order_line_id = l.id), 0) AS held
          FROM order_line l WHERE l.order_id = %(o)s ORDER BY l.position
    """
    return [int(row["held"]) for row in tenant.rows(sql, o=order.id)]


def check_floor(tenant: Tenant) -> None:
    """Asserts that picked units of tasks, shares and order lines agree, and allocations with tasks to do."""
    wrong_lines = """
        SELECT count(*) FROM order_line l
         WHERE l.picked <> (SELECT coalesce(sum(s.picked), 0) FROM pick_task_share s WHERE s.order_line_id = l.id)
    """
    wrong_tasks = """
        SELECT count(*) FROM pick_task t
         WHERE (t.picked, t.quantity) <> (SELECT sum(s.picked), sum(s.quantity) FROM pick_task_share s WHERE s.task_id = t.id)
    """
    wrong_levels = """
        SELECT count(*) FROM stock_level s
         WHERE s.allocated <> (SELECT coalesce(sum(t.quantity - t.picked), 0) FROM pick_task t
                                WHERE t.status = 'PENDING' AND t.variant_id = s.variant_id AND t.account_id = s.account_id
                                  AND t.lot_id IS NOT DISTINCT FROM s.lot_id)
    """
    assert [tenant.value(sql) for sql in (wrong_lines, wrong_tasks, wrong_levels)] == [0, 0, 0]
