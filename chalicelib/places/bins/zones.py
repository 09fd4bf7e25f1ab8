"""Use cases of the zones."""

from chalicelib import stock
from chalicelib.kernel.errors import IntegrityViolation, NotFound
from chalicelib.kernel.paging import paged
from chalicelib.kernel.uow import Row, UnitOfWork
from chalicelib.places import rules
from chalicelib.places import service as places
from chalicelib.places.bins import store
from chalicelib.places.bins.shapes import ChangedZone, NewZone, ZonePage, ZoneQuery, ZoneView
from chalicelib.places.errors import InUse

_COLUMNS = {"zone_code": "code", "zone_name": "name", "zone_type": "kind"}
"""Field of the contract -> column, where they differ."""


def browse(uow: UnitOfWork, query: ZoneQuery) -> ZonePage:
    """A page of zones; none for a warehouse that is not there."""
    rows, total = store.list_zones(uow, query)
    return ZonePage(zones=[ZoneView.of(row) for row in rows], **paged(query, total))


def create(uow: UnitOfWork, new: NewZone) -> ZoneView:
    """A zone. Raises CodeTaken, IntegrityViolation for a warehouse that is not there."""
    try:
        zone_id = places.create_zone(
            uow, warehouse_id=new.warehouse_id, code=new.zone_code, name=new.zone_name, kind=new.zone_type
        )
    except NotFound:
        raise IntegrityViolation from None
    return ZoneView(
        id=zone_id,
        zone_id=zone_id,
        warehouse_id=new.warehouse_id,
        zone_code=new.zone_code,
        zone_name=new.zone_name,
        zone_type=new.zone_type,
        is_active=True,
    )


def update(uow: UnitOfWork, zone_id: int, change: ChangedZone) -> ZoneView:
    """Changes what is named; nothing named changes nothing.

    Between a kind whose stock is sold and one whose stock is not, all that lies in the zone's bins changes with it (see
    `stock.set_availability`). Raises NotFound, CodeTaken, IntegrityViolation for a warehouse that is not there, InUse
    when a zone with bins is to go to another one or a zone with open bins is to be closed, stock.SetAside.
    Ten statements at most.
    """
    row = store.lock_zone(uow, zone_id)
    if row is None:
        raise NotFound("Zone not found")
    before, after = rules.changes(row, change.model_dump(), _COLUMNS)
    if not after:
        return ZoneView.of(row)
    new = {**row, **after}
    is_sold = rules.is_sold(new["kind"])
    turns = is_sold is not rules.is_sold(row["kind"])
    if turns or "warehouse_id" in after or after.get("is_active") is False:
        inside = store.look_into_zone(uow, zone_id, new["warehouse_id"])
        _check_inside(row["code"], inside, after)
        if turns:
            stock.set_availability(uow, inside["account_ids"], is_available=is_sold, document=f"zone:{zone_id}")
    store.update_zone(uow, new)
    uow.audit("update", "zone", zone_id, before=before, after=after)
    return ZoneView.of(new)


def _check_inside(code: str, inside: Row, after: Row) -> None:
    """Raises IntegrityViolation, InUse."""
    if not inside["is_warehouse_known"]:
        raise IntegrityViolation
    if "warehouse_id" in after and inside["account_ids"]:
        raise InUse(f"Zone {code} has bins and stays in its warehouse")
    if after.get("is_active") is False and inside["open_bins"]:
        raise InUse(f"Zone {code} has {inside['open_bins']} open bins; move or close them first")
