"""People who carry units, and bins of every kind to carry them between."""

from dataclasses import dataclass
from itertools import count
from typing import Any

from chalicelib import places, stock
from tests.client import Client, Reply
from tests.factories.identity import make_staff, make_warehouse_user
from tests.factories.places import make_zone
from tests.factories.stock import Shelf
from tests.tenant import Tenant

_numbers = count(1)


@dataclass(frozen=True)
class Carrier:
    """A person who may move and put away at the tenant's warehouse, or an administrator."""

    tenant: Tenant
    client: Client

    def move(self, shelf: Shelf, source: places.Bin, target: places.Bin, quantity: Any = 1, **more: Any) -> Reply:
        """Moves units between bins."""
        return self.client.post("/api/transfers/move", body_of(shelf, source, target, quantity, **more))

    def put_away(self, shelf: Shelf, source: places.Bin, target: places.Bin, quantity: Any = 1, **more: Any) -> Reply:
        """Confirms a put-away."""
        return self.client.post("/api/putaway/confirm", body_of(shelf, source, target, quantity, **more))

    def send(self, shelf: Shelf, source: places.Bin, target: places.Bin, quantity: Any = 1, **more: Any) -> Reply:
        """Moves units to another warehouse."""
        return self.client.post("/api/admin/inter-warehouse-transfer", body_of(shelf, source, target, quantity, **more))

    def pending(self, warehouse_id: int | None = None) -> list[dict[str, Any]]:
        """What waits for put-away."""
        reply = self.client.get(f"/api/putaway/pending/{warehouse_id or self.tenant.warehouse_id}")
        assert reply.status == 200, reply.json
        items: list[dict[str, Any]] = reply.json["pending_items"]
        return items


def body_of(shelf: Shelf, source: places.Bin, target: places.Bin, quantity: Any, **more: Any) -> dict[str, Any]:
    """The body of a move."""
    ends = {"from_bin_id": source.id, "to_bin_id": target.id}
    return {"item_id": shelf.variant_id, **ends, "quantity": quantity, **more}


def make_carrier(tenant: Tenant, *functions: str, **fields: Any) -> Carrier:
    """A scanner user with these functions, else put-away and transfer."""
    return Carrier(tenant, make_warehouse_user(tenant, *(functions or ("putaway", "transfer")), **fields).client())


def make_manager(tenant: Tenant) -> Carrier:
    """An administrator of the warehouse panel."""
    return Carrier(tenant, make_staff(tenant, wms_role="ADMIN", warehouse_ids=[]).client())


def make_bin(
    tenant: Tenant,
    *,
    zone: places.ZoneKind | None = None,
    kind: places.BinKind = "Pickable",
    warehouse_id: int | None = None,
    pick_sequence: int = 500,
) -> places.Bin:
    """A bin, in a zone of its own where a kind of zone is given."""
    warehouse_id = warehouse_id or tenant.warehouse_id
    zone_id = make_zone(tenant, kind=zone, warehouse_id=warehouse_id) if zone else None
    new = places.NewBin(
        warehouse_id=warehouse_id,
        code=f"M-{next(_numbers):05d}",
        zone_id=zone_id,
        kind=kind,
        pick_sequence=pick_sequence,
    )
    with tenant.uow() as uow:
        return places.create_bin(uow, new)


def bin_of(shelf: Shelf) -> places.Bin:
    """The bin that a shelf's product was put into first."""
    return bin_at(shelf.tenant, shelf.account_id)


def bin_at(tenant: Tenant, account_id: int) -> places.Bin:
    """The bin of an account."""
    sql = "SELECT id, account_id, warehouse_id, zone_id, code, barcode, kind FROM bin WHERE account_id = %(a)s"
    return places.Bin(**tenant.rows(sql, a=account_id)[0])


def default_bin(tenant: Tenant, warehouse_id: int | None = None) -> places.Bin:
    """The hidden bin of a warehouse."""
    sql = "SELECT account_id FROM bin WHERE warehouse_id = %(w)s AND kind = 'Default'"
    return bin_at(tenant, tenant.value(sql, w=warehouse_id or tenant.warehouse_id))


def lay(tenant: Tenant, shelf: Shelf, into: places.Bin, units: int, *, lot_id: int | None = None) -> None:
    """More units of a shelf's product, in a bin."""
    with tenant.uow() as uow:
        stock.post(
            uow,
            moves=[
                stock.Move(
                    shelf.variant_id, units, "supplier", into.account_id, "purchase_received", "test:lay", lot_id
                )
            ],
        )


def lying(shelf: Shelf, where: places.Bin) -> dict[str | None, tuple[int, int]]:
    """(on hand, allocated) of a product in a bin, by lot number; levels with nothing are left out."""
    sql = """
        SELECT lot.number, s.on_hand, s.allocated FROM stock_level s LEFT JOIN lot ON lot.id = s.lot_id
         WHERE s.variant_id = %(v)s AND s.account_id = %(a)s AND s.on_hand > 0
    """
    rows = shelf.tenant.rows(sql, v=shelf.variant_id, a=where.account_id)
    return {row["number"]: (row["on_hand"], row["allocated"]) for row in rows}
