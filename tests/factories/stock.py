"""Stock on a shelf, with the books whole: units come from the supplier as a move."""

from dataclasses import dataclass
from itertools import count

from chalicelib import catalogue, places, stock
from tests.tenant import Tenant

_numbers = count(1)


@dataclass(frozen=True)
class Shelf:
    """A product that lies in one bin."""

    tenant: Tenant
    product_id: int
    variant_id: int
    sku: str
    barcode: str
    bin_id: int
    account_id: int
    warehouse_id: int

    def levels(self) -> tuple[int, int]:
        """(on hand, allocated) in the bin."""
        rows = self.tenant.rows(
            "SELECT on_hand, allocated FROM stock_level WHERE variant_id = %(v)s AND account_id = %(a)s AND lot_id IS NULL",
            v=self.variant_id,
            a=self.account_id,
        )
        return (rows[0]["on_hand"], rows[0]["allocated"]) if rows else (0, 0)

    def free(self) -> int:
        """Available units at the warehouse: on hand less held."""
        return int(
            self.tenant.value(
                "SELECT on_hand - held FROM availability WHERE variant_id = %(v)s AND warehouse_id = %(w)s",
                v=self.variant_id,
                w=self.warehouse_id,
            )
            or 0
        )


def make_shelf(
    tenant: Tenant,
    *,
    free: int = 10,
    price_minor: int = 1250,
    sku: str | None = None,
    warehouse_id: int | None = None,
    bulk_price_minor: int | None = None,
    bulk_quantity: int | None = None,
) -> Shelf:
    """A product with `free` units in a bin of its own."""
    number = next(_numbers)
    sku = sku or f"SKU-{number:05d}"
    warehouse_id = warehouse_id or tenant.warehouse_id
    barcode = f"BC{number:08d}"
    with tenant.uow() as uow:
        product = catalogue.create_product(
            uow,
            catalogue.NewProduct(
                sku=sku,
                name=f"Product {number}",
                unit_price_minor=price_minor,
                bulk_price_minor=bulk_price_minor,
                bulk_quantity=bulk_quantity,
                barcodes=(barcode,),
            ),
        )
        bin_ = places.create_bin(
            uow, places.NewBin(warehouse_id=warehouse_id, code=f"A-{number:05d}", pick_sequence=number)
        )
        if free:
            put = stock.Move(product.variant_id, free, "supplier", bin_.account_id, "purchase_received", "test:shelf")
            stock.post(uow, moves=[put])
    return Shelf(tenant, product.product_id, product.variant_id, sku, barcode, bin_.id, bin_.account_id, warehouse_id)


def check_books(tenant: Tenant) -> None:
    """Asserts that the ledger, the levels, availability, holds and open order lines say the same."""
    from chalicelib import orders

    with tenant.uow() as uow:
        books, holds = stock.check_books(uow), orders.check_holds(uow)
    assert books.is_whole, books
    assert holds.wrong_lines == 0, holds
