"""Use cases of dispatch."""

from chalicelib import orders, picking, places, stock
from chalicelib.dispatch import rules, store
from chalicelib.dispatch.facts import ShipmentCreated
from chalicelib.dispatch.shapes import NewShipment, ShipLine, ShipmentFulfilled, ShipOrder, ShipView
from chalicelib.kernel.errors import BadRequest, NotFound
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.orders import Line, Order


def show_order(uow: UnitOfWork, code: str) -> ShipView:
    """An order by barcode or number. Raises NotFound, BadRequest when it may not leave yet or has left."""
    order = orders.find_by_code(uow, code)
    if order is None or not uow.actor.sees_warehouse(order.warehouse_id):
        raise NotFound("Order not found")
    status = orders.wms_status(order)
    _check_may_leave(uow, order, status)
    return ShipView(
        sales_order=_header(order, status),
        lines=[_line(line) for line in order.lines],
        total_items=sum(line.picked for line in order.lines),
        total_lines=len(order.lines),
    )


def _header(order: Order, status: str) -> ShipOrder:
    address = (order.delivery_address, order.delivery_city, order.delivery_state, order.delivery_zip)
    return ShipOrder(
        so_id=order.id,
        so_number=order.number,
        so_barcode=order.barcode,
        customer_name=order.delivery_name,
        status=status,
        ship_method=order.ship_method,
        ship_address=", ".join(part for part in address if part),
        warehouse_id=order.warehouse_id,
    )


def _line(line: Line) -> ShipLine:
    return ShipLine(
        so_line_id=line.id,
        line_number=line.position,
        item_id=line.variant_id,
        sku=line.sku,
        item_name=line.name,
        quantity_ordered=line.quantity,
        quantity_picked=line.picked,
        quantity_packed=line.packed,
    )


def fulfil(uow: UnitOfWork, parcel: NewShipment) -> ShipmentFulfilled:
    """Records a parcel: everything picked for the order leaves to the customer, in one posting. Ten statements.

    Raises NotFound, BadRequest when the order may not leave yet or has left.
    """
    order = orders.lock_order(uow, parcel.so_id)
    if not uow.actor.sees_warehouse(order.warehouse_id):
        raise NotFound("Order not found")
    _check_may_leave(uow, order, orders.wms_status(order))
    ship_method = parcel.ship_method or order.ship_method
    units = picking.picked_units(uow, [line.id for line in order.lines])
    shipment_id = store.insert_shipment(
        uow,
        order_id=order.id,
        warehouse_id=order.warehouse_id,
        tracking_number=parcel.tracking_number,
        carrier=parcel.carrier,
        ship_method=ship_method,
        units=units,
    )
    stock.post(uow, moves=[_leave(order, u) for u in units])
    orders.record_shipment(uow, order, tracking_number=parcel.tracking_number, carrier=parcel.carrier)
    total = sum(u.quantity for u in units)
    uow.tell(ShipmentCreated(shipment_id=shipment_id, order_id=order.id, warehouse_id=order.warehouse_id, units=total))
    return ShipmentFulfilled(
        message="Shipment fulfilled",
        fulfillment_id=shipment_id,
        so_number=order.number,
        tracking_number=parcel.tracking_number,
        carrier=parcel.carrier,
        ship_method=ship_method,
        lines_shipped=len({u.order_line_id for u in units}),
        total_quantity=total,
    )


def _leave(order: Order, units: picking.PickedUnits) -> stock.Move:
    return stock.Move(
        units.variant_id,
        units.quantity,
        "outbound",
        "customer",
        "shipment",
        order.document,
        lot_id=units.lot_id,
        warehouse_id=order.warehouse_id,
    )


def _check_may_leave(uow: UnitOfWork, order: Order, status: str) -> None:
    required = places.floor_settings(uow.organization.settings).require_packing_before_shipping
    reason = rules.why_not(order.state, status, is_packing_required=required) or orders.why_stopped(order)
    if reason is not None:
        raise BadRequest(reason)
