"""From records to what is made of them, kind by kind. Every function here refuses rows for themselves and makes the rest.

What is made is made in a bounded number of statements, whatever the number of records.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from chalicelib import catalogue, orders, places, purchasing
from chalicelib.imports import store
from chalicelib.imports.records import BinRecord, ItemRecord, PurchaseOrderRecord, SalesOrderRecord
from chalicelib.imports.rules import Sorted, sort
from chalicelib.imports.store import Names
from chalicelib.kernel.uow import UnitOfWork

Records = Sequence[Mapping[str, Any]]
OrderRecord = TypeVar("OrderRecord", PurchaseOrderRecord, SalesOrderRecord)
NewOrder = TypeVar("NewOrder")


def import_items(uow: UnitOfWork, records: Records) -> Sorted[Any]:
    """Items with their barcodes; categories that are not there are made. Five statements at most."""
    found = sort(records, ItemRecord)
    names = {record.category for record in found.good.values() if record.category}
    rows = list(found.good)
    for code in catalogue.check_new(uow, [found.good[row].product() for row in rows]) if rows else []:
        what = "SKU" if code.kind == "sku" else "barcode"
        found.refuse(rows[code.line], code.kind, type="duplicate", message=f"Duplicate {what}: {code.value}")
    if found.good:
        ids = catalogue.ensure_categories(uow, names) if names else {}
        catalogue.create_products(uow, [r.product(ids.get(r.category or "")) for r in found.good.values()])
    return found


def import_bins(uow: UnitOfWork, records: Records) -> Sorted[Any]:
    """Bins in zones that are there. Three statements."""
    found = sort(records, BinRecord)
    names = store.resolve(
        uow,
        warehouses={r.warehouse_code for r in found.good.values() if r.warehouse_code},
        zones={r.zone_code for r in found.good.values() if r.zone_code},
    )
    bins = _resolved(found, lambda row, record: _bin(found, row, record, names))
    rows = list(bins)
    for problem in places.check_bins(uow, list(bins.values())) if bins else []:
        found.refuse(rows[problem.line], problem.field, type=problem.obstacle, message=problem.refusal().message)
    made = [bins[row] for row in found.good]
    if made:
        places.create_bins(uow, made)
    return found


def _resolved(found: Sorted[Any], make: Callable[[int, Any], NewOrder | None]) -> dict[int, NewOrder]:
    made = {row: make(row, record) for row, record in list(found.good.items())}
    return {row: each for row, each in made.items() if each is not None}


def _bin(found: Sorted[Any], row: int, record: BinRecord, names: Names) -> places.NewBin | None:
    warehouse_id = _warehouse(found, row, record, names)
    if warehouse_id is None:
        return None
    zone_id = record.zone_id or names.zones.get((warehouse_id, record.zone_code or ""))
    if zone_id is None:
        found.refuse(row, "zone_code", type="unknown", message=f"Zone not found: {record.zone_code}")
        return None
    return places.NewBin(
        warehouse_id=warehouse_id,
        zone_id=zone_id,
        code=record.bin_code,
        barcode=record.bin_barcode,
        kind=record.bin_type,
        aisle=record.aisle,
        row_num=record.row_num,
        level_num=record.level_num,
        position_num=record.position_num,
        pick_sequence=record.pick_sequence,
        putaway_sequence=record.putaway_sequence,
        description=record.description,
    )


def _warehouse(found: Sorted[Any], row: int, record: Any, names: Names) -> int | None:
    warehouse_id: int | None = record.warehouse_id or names.warehouses.get(record.warehouse_code or "")
    if warehouse_id is None:
        found.refuse(row, "warehouse_code", type="unknown", message=f"Warehouse not found: {record.warehouse_code}")
    return warehouse_id


@dataclass(frozen=True)
class Whole:
    """An order as a file tells it: the rows of its lines, and the first row, which says the rest."""

    rows: list[int]
    record: Any
    lines: list[Any]


def _joined(found: Sorted[Any], number_of: Callable[[Any], str], records: Records, name: str) -> list[Whole]:
    """Rows with one number make one order; it is left out as a whole when one of them is wrong or says otherwise."""
    wrong = {problem.row for problem in found.problems}
    spoilt = {str(records[row - 1].get(name, "")).strip(): row for row in sorted(wrong)}
    orders_of: dict[str, Whole] = {}
    for row, record in list(found.good.items()):
        number = number_of(record)
        if number in spoilt:
            message = f"Order {number} is not imported: row {spoilt[number]} is wrong"
            found.refuse(row, name, type="incomplete", message=message)
            continue
        whole = orders_of.setdefault(number, Whole([], record, []))
        whole.rows.append(row)
        whole.lines.extend(record.lines)
    return [whole for whole in orders_of.values() if _agrees(found, whole, name)]


def _agrees(found: Sorted[Any], whole: Whole, name: str) -> bool:
    told = whole.record.model_dump(exclude={"lines"})
    other = next((r for r in whole.rows if found.good[r].model_dump(exclude={"lines"}) != told), None)
    if other is not None:
        _refuse_whole(found, whole, name, "inconsistent", f"Rows {whole.rows[0]} and {other} of one order differ")
    return other is None


def _refuse_whole(found: Sorted[Any], whole: Whole, name: str, kind: str, message: str) -> None:
    for row in whole.rows:
        found.refuse(row, name, type=kind, message=message)


def _names_of(uow: UnitOfWork, orders_of: Iterable[Whole]) -> Names:
    wholes = list(orders_of)
    return store.resolve(
        uow,
        warehouses={w.record.warehouse_code for w in wholes if w.record.warehouse_code},
        skus={line.sku for w in wholes for line in w.lines if line.sku},
    )


def _lines(found: Sorted[Any], whole: Whole, names: Names) -> list[tuple[int, Any]] | None:
    """(item, line) of an order; None, and the order refused, when an SKU is unknown."""
    items = [(line.item_id or names.skus.get((line.sku or "").upper()), line) for line in whole.lines]
    unknown = next((line.sku for item_id, line in items if item_id is None), None)
    if unknown is not None:
        _refuse_whole(found, whole, "sku", "unknown", f"Item not found: {unknown}")
        return None
    return [(item_id, line) for item_id, line in items if item_id is not None]


def import_purchase_orders(uow: UnitOfWork, records: Records) -> Sorted[Any]:
    """Purchase orders, whole or a line a row. Three statements."""
    found = sort(records, PurchaseOrderRecord)
    wholes = _joined(found, lambda record: record.po_number, records, "po_number")
    names = _names_of(uow, wholes)
    pairs = [(w, new) for w in wholes if (new := _purchase_order(found, w, names)) is not None]
    good = _checked(found, pairs, purchasing.check_orders(uow, [new for _, new in pairs]) if pairs else [], "po_number")
    if good:
        purchasing.create_orders(uow, good)
    return found


def _purchase_order(found: Sorted[Any], whole: Whole, names: Names) -> purchasing.NewOrder | None:
    warehouse_id = _warehouse(found, whole.rows[0], whole.record, names)
    if warehouse_id is None:
        _refuse_rest(found, whole, "po_number")
        return None
    lines = _lines(found, whole, names)
    if lines is None:
        return None
    record: PurchaseOrderRecord = whole.record
    return purchasing.NewOrder(
        number=record.po_number,
        warehouse_id=warehouse_id,
        lines=[
            purchasing.NewLine(
                quantity=line.quantity_ordered, position=position, variant_id=item_id, unit_cost_minor=line.unit_cost
            )
            for position, (item_id, line) in enumerate(lines, 1)
        ],
        barcode=record.po_barcode,
        vendor_name=record.vendor_name,
        expected_on=record.expected_date,
        notes=record.notes,
    )


def _refuse_rest(found: Sorted[Any], whole: Whole, name: str) -> None:
    for row in whole.rows[1:]:
        found.refuse(row, name, type="incomplete", message=f"The order is not imported: row {whole.rows[0]} is wrong")


def _checked(
    found: Sorted[Any], pairs: Sequence[tuple[Whole, NewOrder]], wrong: Sequence[Sequence[str]], name: str
) -> list[NewOrder]:
    good = []
    for (whole, new), sentences in zip(pairs, wrong, strict=True):
        if sentences:
            _refuse_whole(found, whole, name, "refused", "; ".join(sentences))
        else:
            good.append(new)
    return good


def import_sales_orders(uow: UnitOfWork, records: Records) -> Sorted[Any]:
    """Sales orders, whole or a line a row; they hold what there is, in the order of the file. Seven statements."""
    found = sort(records, SalesOrderRecord)
    wholes = _joined(found, lambda record: record.so_number, records, "so_number")
    names = _names_of(uow, wholes)
    pairs = [(w, new) for w in wholes if (new := _sales_order(found, w, names)) is not None]
    good = _checked(found, pairs, orders.check_drafts(uow, [new for _, new in pairs]) if pairs else [], "so_number")
    if good:
        orders.place_drafts(uow, good)
    return found


def _sales_order(found: Sorted[Any], whole: Whole, names: Names) -> orders.Draft | None:
    warehouse_id = _warehouse(found, whole.rows[0], whole.record, names)
    if warehouse_id is None:
        _refuse_rest(found, whole, "so_number")
        return None
    lines = _lines(found, whole, names)
    if lines is None:
        return None
    record: SalesOrderRecord = whole.record
    return orders.Draft(
        number=record.so_number,
        warehouse_id=warehouse_id,
        lines=tuple(
            orders.DraftLine(line.quantity_ordered, variant_id=item_id, unit_price_minor=line.unit_price)
            for item_id, line in lines
        ),
        barcode=record.so_barcode,
        delivery_name=record.customer_name,
        delivery_phone=record.customer_phone,
        delivery_address=record.ship_address,
        ship_method=record.ship_method,
        special_notes=record.notes or None,
    )
