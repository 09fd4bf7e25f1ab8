"""Use cases of the overview."""

from datetime import timedelta

from chalicelib import picking, places
from chalicelib.kernel.uow import Row, UnitOfWork
from chalicelib.overview import store
from chalicelib.overview.shapes import COUNT_MAX, Activity, Dashboard, ShortPick, ShortPickQuery, ShortPicks


def dashboard(uow: UnitOfWork, warehouse_id: int | None) -> Dashboard:
    """The figures of all warehouses or of one, in one statement. Raises Forbidden for a foreign warehouse."""
    if warehouse_id is not None:
        uow.actor.check_warehouse(warehouse_id)
    row = store.figures(uow, warehouse_id)
    states = {name: row.pop(name) for name in ("pending", "released", "confirmed", "picking", "picked", "packed")}
    is_packing_required = places.floor_settings(uow.organization.settings).require_packing_before_shipping
    activity = [Activity.of(each) for each in row.pop("recent_activity")]
    return Dashboard(
        open_sos=min(COUNT_MAX, states["pending"] + states["confirmed"]),
        orders_ready_to_pick=min(COUNT_MAX, states["released"] + states["confirmed"]),
        orders_in_picking=states["picking"],
        ready_to_pack=states["picked"] if is_packing_required else 0,
        ready_to_ship=states["packed"] + (0 if is_packing_required else states["picked"]),
        orders_packed=states["packed"],
        require_packing=is_packing_required,
        recent_activity=activity,
        **row,
    )


def short_picks(uow: UnitOfWork, query: ShortPickQuery) -> ShortPicks:
    """What picks did not find in the last days. Raises Forbidden for a foreign warehouse."""
    if query.warehouse_id is not None:
        uow.actor.check_warehouse(query.warehouse_id)
    rows = store.list_short_picks(uow, uow.now - timedelta(days=query.days), query.warehouse_id)
    totals = [row.pop("total") for row in rows]
    return ShortPicks(short_picks=[_short_pick(row) for row in rows], total=max(totals, default=0), days=query.days)


def _short_pick(row: Row) -> ShortPick:
    created_at, is_wave = row.pop("batch_created_at"), row.pop("is_wave")
    worked_by, username = row.pop("worked_by"), row.pop("username")
    return ShortPick(
        batch_number=picking.batch_number(row["batch_id"], created_at, is_wave=is_wave),
        shortage=row["quantity_to_pick"] - row["quantity_picked"],
        reported_by=username or worked_by,
        so_numbers=row.pop("so_numbers") or [],
        **row,
    )
