"""SQL of vendors and of what they offer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg.sql import SQL

from chalicelib.kernel.paging import Window
from chalicelib.kernel.uow import UnitOfWork

_VENDOR = SQL("v.id, v.name, v.website, v.phone, v.email, v.contact_name, v.address, v.notes, v.is_active")
LIST_VENDORS = SQL("""
    SELECT {columns} FROM vendor v WHERE v.is_active OR %(inactive)s ORDER BY v.name, v.id LIMIT %(limit)s OFFSET %(offset)s
""").format(columns=_VENDOR)
FIND_VENDOR = SQL("SELECT {columns} FROM vendor v WHERE v.id = %(vendor_id)s").format(columns=_VENDOR)
LOCK_VENDOR = FIND_VENDOR + SQL(" FOR UPDATE")
CREATE_VENDOR = SQL("""
    INSERT INTO vendor AS v (name, website, phone, email, contact_name, address, notes, is_active, created_at, updated_at)
    VALUES (%(name)s, %(website)s, %(phone)s, %(email)s, %(contact_name)s, %(address)s, %(notes)s, %(is_active)s, %(now)s,
            %(now)s)
    RETURNING {columns}
""").format(columns=_VENDOR)
UPDATE_VENDOR = """
    UPDATE vendor
       SET name = %(name)s, website = %(website)s, phone = %(phone)s, email = %(email)s, contact_name = %(contact_name)s,
           address = %(address)s, notes = %(notes)s, is_active = %(is_active)s, updated_at = %(now)s
     WHERE id = %(id)s
"""
# Its products go with it; how many they are is counted by the same statement, before they do.
DELETE_VENDOR = """
    WITH offered AS (SELECT count(*) AS products FROM procurement_product WHERE vendor_id = %(vendor_id)s),
         gone AS (DELETE FROM vendor WHERE id = %(vendor_id)s)
    SELECT products FROM offered
"""

_PRODUCT = SQL("""p.id, p.vendor_id, p.name, p.category, p.description, p.model_number, p.est_price_min_minor,
                  p.est_price_max_minor, p.lead_time_days, p.notes, p.is_active""")
_PAGE_OF_PRODUCTS = SQL("""
       AND (p.is_active OR %(inactive)s)
     ORDER BY p.name, p.id LIMIT %(limit)s OFFSET %(offset)s
""")
LIST_PRODUCTS = (
    SQL("SELECT {columns} FROM procurement_product p WHERE true").format(columns=_PRODUCT) + _PAGE_OF_PRODUCTS
)
LIST_PRODUCTS_OF_CATEGORY = (
    SQL("SELECT {columns} FROM procurement_product p WHERE p.category_key = lower(%(category)s)").format(
        columns=_PRODUCT
    )
    + _PAGE_OF_PRODUCTS
)
LIST_PRODUCTS_OF_VENDOR = (
    SQL("SELECT {columns} FROM procurement_product p WHERE p.vendor_id = %(vendor_id)s").format(columns=_PRODUCT)
    + _PAGE_OF_PRODUCTS
)
LOCK_PRODUCT = SQL("SELECT {columns} FROM procurement_product p WHERE p.id = %(product_id)s FOR UPDATE").format(
    columns=_PRODUCT
)
CREATE_PRODUCT = SQL("""
    INSERT INTO procurement_product AS p (vendor_id, name, category, description, model_number, est_price_min_minor,
                est_price_max_minor, lead_time_days, notes, is_active, created_at, updated_at)
    VALUES (%(vendor_id)s, %(name)s, %(category)s, %(description)s, %(model_number)s, %(est_price_min_minor)s,
            %(est_price_max_minor)s, %(lead_time_days)s, %(notes)s, %(is_active)s, %(now)s, %(now)s)
    RETURNING {columns}
""").format(columns=_PRODUCT)
UPDATE_PRODUCT = """
    UPDATE procurement_product
       SET vendor_id = %(vendor_id)s, name = %(name)s, category = %(category)s, description = %(description)s,
           model_number = %(model_number)s, est_price_min_minor = %(est_price_min_minor)s,
           est_price_max_minor = %(est_price_max_minor)s, lead_time_days = %(lead_time_days)s, notes = %(notes)s,
           is_active = %(is_active)s, updated_at = %(now)s
     WHERE id = %(id)s
"""
DELETE_PRODUCT = SQL("DELETE FROM procurement_product p WHERE p.id = %(product_id)s RETURNING {columns}").format(
    columns=_PRODUCT
)


@dataclass(frozen=True)
class Vendor:
    """Whom goods can be bought from."""

    id: int
    name: str
    website: str
    phone: str
    email: str
    contact_name: str
    address: str
    notes: str
    is_active: bool


@dataclass(frozen=True)
class Product:
    """What a vendor offers. Prices are estimates, in minor units of the organization's currency."""

    id: int
    vendor_id: int
    name: str
    category: str
    description: str
    model_number: str
    est_price_min_minor: int | None
    est_price_max_minor: int | None
    lead_time_days: int | None
    notes: str
    is_active: bool


def list_vendors(uow: UnitOfWork, window: Window, *, inactive: bool) -> list[Vendor]:
    """A page of vendors by name; the inactive ones too if asked for."""
    params = {**window, "inactive": inactive}
    return uow.fetch_all(Vendor, LIST_VENDORS, params)


def find_vendor(uow: UnitOfWork, vendor_id: int) -> Vendor | None:
    """A vendor, active or not."""
    return uow.fetch(Vendor, FIND_VENDOR, {"vendor_id": vendor_id})


def lock_vendor(uow: UnitOfWork, vendor_id: int) -> Vendor | None:
    """The same, to be changed."""
    return uow.fetch(Vendor, LOCK_VENDOR, {"vendor_id": vendor_id})


def create_vendor(uow: UnitOfWork, fields: Mapping[str, Any]) -> Vendor:
    """A new vendor."""
    made = uow.fetch(Vendor, CREATE_VENDOR, {**fields, "now": uow.now})
    assert made is not None
    return made


def update_vendor(uow: UnitOfWork, vendor: Vendor) -> None:
    """Writes a vendor that is locked."""
    uow.execute(UPDATE_VENDOR, {**vars(vendor), "now": uow.now})


def delete_vendor(uow: UnitOfWork, vendor_id: int) -> int:
    """Removes a vendor with its products; how many these were."""
    products: int = uow.value(DELETE_VENDOR, {"vendor_id": vendor_id})
    return products


def list_products(
    uow: UnitOfWork, window: Window, *, inactive: bool, vendor_id: int | None = None, category: str | None = None
) -> list[Product]:
    """A page of products by name: a vendor's, or a category's in any case, or all."""
    params = {**window, "inactive": inactive}
    if vendor_id is not None:
        return uow.fetch_all(Product, LIST_PRODUCTS_OF_VENDOR, {**params, "vendor_id": vendor_id})
    if category is not None:
        return uow.fetch_all(Product, LIST_PRODUCTS_OF_CATEGORY, {**params, "category": category})
    return uow.fetch_all(Product, LIST_PRODUCTS, params)


def lock_product(uow: UnitOfWork, product_id: int) -> Product | None:
    """A product, to be changed."""
    return uow.fetch(Product, LOCK_PRODUCT, {"product_id": product_id})


def create_product(uow: UnitOfWork, fields: Mapping[str, Any]) -> Product:
    """A new product. Raises psycopg.errors.ForeignKeyViolation when its vendor is gone."""
    made = uow.fetch(Product, CREATE_PRODUCT, {**fields, "now": uow.now})
    assert made is not None
    return made


def update_product(uow: UnitOfWork, product: Product) -> None:
    """Writes a product that is locked. Raises psycopg.errors.ForeignKeyViolation for a vendor that is not there."""
    uow.execute(UPDATE_PRODUCT, {**vars(product), "now": uow.now})


def delete_product(uow: UnitOfWork, product_id: int) -> Product | None:
    """Removes a product; what it was."""
    return uow.fetch(Product, DELETE_PRODUCT, {"product_id": product_id})
