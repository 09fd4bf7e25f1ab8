"""SQL of changes of products."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.sql import SQL
from psycopg.types.json import Jsonb

from chalicelib.catalogue.changes.rules import Product
from chalicelib.catalogue.store import WRITE_CHANGES, Change
from chalicelib.kernel.uow import UnitOfWork

# In the order of ids and with one statement, so that two writers of a thousand products wait instead of deadlocking; the
# product before its variant, as an order's line refers to both in this order. What comes back is what is locked: the rows as
# the last writer left them.
LOCK_PRODUCTS = """
    WITH named AS MATERIALIZED (
        SELECT line, id, upper(sku) AS sku_key FROM jsonb_to_recordset(%(names)s) AS named (line int, id int, sku text)
    ), found AS MATERIALIZED (
        SELECT named.line, true AS is_by_id, p.id AS product_id FROM named JOIN product p ON p.id = named.id
         UNION ALL
        SELECT named.line, false, v.product_id FROM named JOIN variant v ON v.sku_key = named.sku_key
    ), locked AS MATERIALIZED (
        SELECT p.id, v.id AS variant_id, v.is_listed, p.name, p.description, p.category_id, v.sku,
               p.unit_price_minor AS unit_price, p.bulk_price_minor AS bulk_price, p.bulk_quantity, p.unit_size, p.brand,
               p.in_stock, p.image_url
          FROM product p JOIN variant v ON v.product_id = p.id AND v.is_default
         WHERE p.id IN (SELECT product_id FROM found)
         ORDER BY p.id
           FOR NO KEY UPDATE OF p, v
    )
    SELECT found.line, found.is_by_id, locked.* FROM found JOIN locked ON locked.id = found.product_id
"""
WRITE_PRODUCTS = (
    SQL("""
    WITH change AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(%(changes)s)
            AS change (product_id int, product jsonb, variant_id int, variant jsonb)
    )""")
    + WRITE_CHANGES
)


@dataclass(frozen=True)
class Name:
    """A product as line `line` of a request names it: by id, by a SKU of one of its variants, or by both."""

    line: int
    id: int | None
    sku: str | None


@dataclass(frozen=True)
class Locked:
    """A product that is ours until the commit, with its default variant."""

    id: int
    variant_id: int
    is_listed: bool
    product: Product


@dataclass(frozen=True)
class Found:
    """Where the names of a request lead to: line -> product by its id, by its SKU."""

    by_id: dict[int, Locked]
    by_sku: dict[int, Locked]


def lock_products(uow: UnitOfWork, names: Sequence[Name]) -> Found:
    """Products with their default variants, locked in the order of their ids; one statement for any number."""
    rows = uow.rows(LOCK_PRODUCTS, {"names": Jsonb([vars(name) for name in names])})
    found = Found({}, {})
    for row in rows:
        line, way = row.pop("line"), found.by_id if row.pop("is_by_id") else found.by_sku
        of_variant = {name: row.pop(name) for name in ("id", "variant_id", "is_listed")}
        way[line] = Locked(product=Product(**row), **of_variant)
    return found


def write_products(uow: UnitOfWork, changes: Sequence[Change]) -> None:
    """Writes the columns that are named; one statement for any number. Raises psycopg.errors.UniqueViolation."""
    rows: list[dict[str, Any]] = [vars(change) for change in changes]
    uow.execute(WRITE_PRODUCTS, {"changes": Jsonb(rows), "now": uow.now})
