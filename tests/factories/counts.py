"""People who count bins, and those who decide about what they found."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb

from chalicelib import stock
from tests.client import Client, Reply
from tests.factories.identity import make_staff, make_warehouse_user
from tests.factories.stock import Shelf
from tests.tenant import Tenant

Lines = list[dict[str, Any]]


@dataclass(frozen=True)
class Counter:
    """Somebody who counts at the tenant's warehouse."""

    tenant: Tenant
    client: Client
    username: str

    def open(self, *bin_ids: int, **more: Any) -> Reply:
        """Opens counts of bins."""
        body = {"warehouse_id": self.tenant.warehouse_id, "bin_ids": list(bin_ids), **more}
        return self.client.post("/api/inventory/cycle-count/create", body)

    def opened(self, bin_id: int) -> int:
        """The id of a bin's open count."""
        reply = self.open(bin_id)
        assert reply.status == 200, reply.json
        return int(reply.json["counts"][0]["count_id"])

    def show(self, count_id: int) -> Reply:
        """A count."""
        return self.client.get(f"/api/inventory/cycle-count/{count_id}")

    def lines(self, count_id: int) -> Lines:
        """Its lines."""
        found: Lines = self.show(count_id).json["lines"]
        return found

    def submit(self, count_id: int, *lines: dict[str, Any], **headers: str) -> Reply:
        """Hands a count in."""
        body = {"count_id": count_id, "lines": list(lines)}
        return self.client.post("/api/inventory/cycle-count/submit", body, **headers)

    def count(self, shelf: Shelf, counted: int) -> Reply:
        """Opens a count of a shelf's bin, which holds that item alone or nothing, and hands in what lies there."""
        count_id = self.opened(shelf.bin_id)
        lines = self.lines(count_id)
        if not lines:
            return self.submit(count_id, found(shelf, counted))
        assert [line["item_id"] for line in lines] == [shelf.variant_id]
        return self.submit(count_id, *as_counted(lines, counted))

    def propose(self, shelf: Shelf, counted: int) -> int:
        """The id of the adjustment that counting a shelf's bin proposes."""
        reply = self.count(shelf, counted)
        assert (reply.status, reply.json["status"]) == (200, "VARIANCE"), reply.json
        return int(reply.json["summary"]["adjustments"][0]["adjustment_id"])


@dataclass(frozen=True)
class Reviewer:
    """An administrator."""

    tenant: Tenant
    client: Client
    username: str

    def decide(self, *decisions: tuple[int, str], **headers: str) -> Reply:
        """(adjustment, action) pairs."""
        body = {"decisions": [{"adjustment_id": i, "action": action} for i, action in decisions]}
        return self.client.post("/api/admin/adjustments/review", body, **headers)

    def approve(self, *adjustment_ids: int) -> Reply:
        """Approves adjustments."""
        return self.decide(*[(adjustment_id, "approve") for adjustment_id in adjustment_ids])

    def reject(self, *adjustment_ids: int) -> Reply:
        """Rejects adjustments."""
        return self.decide(*[(adjustment_id, "reject") for adjustment_id in adjustment_ids])

    def pending(self, query: str = "") -> Lines:
        """Adjustments that wait for a decision."""
        shown: Lines = self.client.get(f"/api/admin/adjustments/pending{query}").json["adjustments"]
        return shown

    def direct(self, shelf: Shelf, units: int, **more: Any) -> Reply:
        """Adjusts a shelf's bin directly."""
        body = {
            "item_id": shelf.variant_id,
            "bin_id": shelf.bin_id,
            "quantity": units,
            "reason": "Found behind the rack",
        }
        return self.client.post("/api/admin/adjustments/direct", {**body, **more})


def make_counter(tenant: Tenant, **fields: Any) -> Counter:
    """A scanner user who may count."""
    user = make_warehouse_user(tenant, "count", **fields)
    return Counter(tenant, user.client(), user.username)


def make_reviewer(tenant: Tenant) -> Reviewer:
    """An administrator of the warehouse."""
    admin = make_staff(tenant, wms_role="ADMIN")
    return Reviewer(tenant, admin.client(), admin.username)


def as_counted(lines: Iterable[dict[str, Any]], *counted: int) -> Lines:
    """What a counter hands in for lines, in their order."""
    pairs = zip(lines, counted, strict=True)
    return [{"count_line_id": line["count_line_id"], "counted_quantity": units} for line, units in pairs]


def found(shelf: Shelf, counted: int, **more: Any) -> dict[str, Any]:
    """What a counter hands in for an item that was not expected."""
    return {"unexpected": True, "item_id": shelf.variant_id, "counted_quantity": counted, **more}


def set_floor(tenant: Tenant, **settings: Any) -> None:
    """Changes settings of the floor, as a panel sends them."""
    sql = "UPDATE organization SET settings = settings || %(s)s WHERE id = %(id)s"
    tenant.as_owner(sql, s=Jsonb(settings), id=tenant.id)


def move(tenant: Tenant, shelf: Shelf, units: int, to: Shelf) -> bool:
    """Moves units of a shelf's product to another shelf's bin; False when they are not there or not free."""
    moved = stock.Move(shelf.variant_id, units, shelf.account_id, to.account_id, "bin_transfer", "test:move")
    try:
        with tenant.uow() as uow:
            stock.post(uow, moves=[moved])
    except stock.Allocated:
        return False
    return True


def units_of(tenant: Tenant, shelf: Shelf) -> dict[str, int]:
    """Units of a shelf's product by bin code, where there are any."""
    sql = """
        SELECT b.code, sum(s.on_hand)::int AS units FROM stock_level s JOIN bin b ON b.account_id = s.account_id
         WHERE s.variant_id = %(v)s GROUP BY b.code HAVING sum(s.on_hand) > 0 ORDER BY b.code
    """
    return {row["code"]: row["units"] for row in tenant.rows(sql, v=shelf.variant_id)}
