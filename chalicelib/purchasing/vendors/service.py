"""Use cases of vendors and what they offer."""

from dataclasses import asdict, replace

from chalicelib.kernel.errors import Invalid, NotFound
from chalicelib.kernel.paging import window
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.purchasing.vendors import rules, store
from chalicelib.purchasing.vendors.shapes import (
    ListQuery,
    NewProduct,
    NewVendor,
    ProductChanges,
    ProductQuery,
    VendorChanges,
)
from chalicelib.purchasing.vendors.store import Product, Vendor


def list_vendors(uow: UnitOfWork, query: ListQuery) -> list[Vendor]:
    """A page of vendors by name."""
    return store.list_vendors(uow, window(query), inactive=query.inactive)


def get_vendor(uow: UnitOfWork, vendor_id: int) -> tuple[Vendor, list[Product]]:
    """A vendor with its products. Raises NotFound."""
    vendor = _vendor(store.find_vendor(uow, vendor_id))
    first = ListQuery(per_page=rules.PRODUCTS_SHOWN)
    return vendor, store.list_products(uow, window(first), inactive=True, vendor_id=vendor_id)


def create_vendor(uow: UnitOfWork, new: NewVendor) -> Vendor:
    """Makes a vendor; several may have one name."""
    vendor = store.create_vendor(uow, new.columns())
    uow.audit("create", "vendor", vendor.id, after=asdict(vendor))
    return vendor


def update_vendor(uow: UnitOfWork, vendor_id: int, changes: VendorChanges) -> Vendor:
    """Changes the fields that were given; two at once change one after the other. Raises NotFound."""
    before = _vendor(store.lock_vendor(uow, vendor_id))
    after = replace(before, **changes.columns())
    if after != before:
        store.update_vendor(uow, after)
        uow.audit("update", "vendor", vendor_id, before=asdict(before), after=asdict(after))
    return after


def delete_vendor(uow: UnitOfWork, vendor_id: int) -> None:
    """Removes a vendor and all its products, for good. Raises NotFound.

    Purchase orders keep the name that stands on them. To keep the vendor as well, make it inactive instead.
    """
    before = _vendor(store.lock_vendor(uow, vendor_id))
    products = store.delete_vendor(uow, vendor_id)
    uow.audit("delete", "vendor", vendor_id, before={**asdict(before), "products": products})


def list_products(uow: UnitOfWork, query: ProductQuery) -> list[Product]:
    """A page of the products of all vendors, by name; an empty category means all."""
    return store.list_products(uow, window(query), inactive=query.inactive, category=query.category or None)


def list_products_of(uow: UnitOfWork, vendor_id: int, query: ListQuery) -> list[Product]:
    """A page of a vendor's products. Raises NotFound."""
    _vendor(store.find_vendor(uow, vendor_id))
    return store.list_products(uow, window(query), inactive=query.inactive, vendor_id=vendor_id)


def create_product(uow: UnitOfWork, vendor_id: int, new: NewProduct) -> Product:
    """Adds a product to a vendor. Raises Invalid for prices that are no range, NotFound, also for a vendor just removed."""
    _check_range(new.est_price_min, new.est_price_max, "est_price_min")
    _vendor(store.find_vendor(uow, vendor_id))
    product = store.create_product(uow, new.columns(vendor_id))
    uow.audit("create", "procurement_product", product.id, after=asdict(product))
    return product


def update_product(uow: UnitOfWork, product_id: int, changes: ProductChanges) -> Product:
    """Changes the fields that were given; two at once change one after the other.

    Raises NotFound, Invalid for a vendor that is not there, and when the least price would be more than the most.
    """
    before = _product(store.lock_product(uow, product_id))
    after = replace(before, **changes.columns())
    sent = "est_price_max" if changes.est_price_min is None else "est_price_min"
    _check_range(after.est_price_min_minor, after.est_price_max_minor, sent)
    if after.vendor_id != before.vendor_id and store.find_vendor(uow, after.vendor_id) is None:
        raise Invalid.field("vendor_id", message="There is no such vendor", type="unknown_vendor")
    if after != before:
        store.update_product(uow, after)
        uow.audit("update", "procurement_product", product_id, before=asdict(before), after=asdict(after))
    return after


def _check_range(least: int | None, most: int | None, field: str) -> None:
    if not rules.is_range(least, most):
        raise Invalid.field(field, message="est_price_min should not be more than est_price_max", type="price_range")


def delete_product(uow: UnitOfWork, product_id: int) -> None:
    """Removes a product, for good. Raises NotFound."""
    gone = _product(store.delete_product(uow, product_id))
    uow.audit("delete", "procurement_product", product_id, before=asdict(gone))


def _vendor(found: Vendor | None) -> Vendor:
    if found is None:
        raise NotFound("Vendor not found")
    return found


def _product(found: Product | None) -> Product:
    if found is None:
        raise NotFound("Product not found")
    return found
