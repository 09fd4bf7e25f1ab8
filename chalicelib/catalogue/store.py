"""Every SQL statement of the catalogue.

Lookups compare `variant.sku_key`, never `upper(sku)`: see infra/decisions/0003 for what row-level security
does to indexes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb

from chalicelib.kernel.uow import UnitOfWork

CREATE_CATEGORY = """
    INSERT INTO category (name) VALUES (%(name)s)
        ON CONFLICT (organization_id, name) DO NOTHING
    RETURNING id
"""

# Rows come back in the order of the list: identity values are drawn after the sort, so the n-th smallest id
# is line n.
CREATE_PRODUCTS = """
    WITH wanted AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(%(products)s) AS product (
            line int, category_id int, sku text, name text, description text, brand text, unit_size text,
            unit_price_minor bigint, bulk_price_minor bigint, bulk_quantity int, in_stock boolean,
            image_url text, is_active boolean, weight_g int, cost_minor bigint, is_lot_tracked boolean)
    ), made AS (
        INSERT INTO product (category_id, name, description, brand, unit_size, unit_price_minor,
                             bulk_price_minor, bulk_quantity, in_stock, image_url, is_active, created_at,
                             updated_at)
        SELECT category_id, name, description, brand, unit_size, unit_price_minor, bulk_price_minor,
               bulk_quantity, in_stock, image_url, is_active, %(now)s, %(now)s
          FROM wanted
         WHERE category_id IS NULL OR category_id IN (SELECT id FROM category)
         ORDER BY line
        RETURNING id
    ), paired AS (
        SELECT wanted.*, made.id AS product_id
          FROM (SELECT *, row_number() OVER (ORDER BY line) AS place FROM wanted) wanted
          JOIN (SELECT id, row_number() OVER (ORDER BY id) AS place FROM made) made USING (place)
         WHERE (SELECT count(*) FROM made) = (SELECT count(*) FROM wanted)
    ), stocked AS (
        INSERT INTO variant (product_id, is_default, sku, weight_g, cost_minor, is_lot_tracked, created_at)
        SELECT product_id, true, sku, weight_g, cost_minor, is_lot_tracked, %(now)s
          FROM paired
         ORDER BY product_id
        RETURNING id, product_id, sku
    ), coded AS (
        INSERT INTO barcode (variant_id, code, kind)
        SELECT stocked.id, code.code, code.kind
          FROM jsonb_to_recordset(%(barcodes)s) AS code (line int, code text, kind text)
          JOIN paired USING (line)
          JOIN stocked USING (product_id)
    )
    SELECT product_id, id AS variant_id, sku FROM stocked ORDER BY product_id
"""

VARIANTS_BY_BARCODE = """
    WITH form AS MATERIALIZED (
        SELECT code, upper(code) AS sku_key, rank
          FROM unnest(%(codes)s::text[]) WITH ORDINALITY AS form (code, rank)
    ), hit AS (
        SELECT b.variant_id, form.rank FROM form JOIN barcode b ON b.code = form.code
         UNION ALL
        SELECT v.id, 100 FROM form JOIN variant v ON v.sku_key = form.sku_key WHERE form.rank = 1
    )
    SELECT v.id, v.product_id, v.sku, p.name, p.brand, p.unit_size, v.is_lot_tracked,
           v.is_active AND p.is_active AS is_active
      FROM (SELECT variant_id, min(rank) AS rank FROM hit GROUP BY variant_id) hit
      JOIN variant v ON v.id = hit.variant_id
      JOIN product p ON p.id = v.product_id
     ORDER BY hit.rank, v.id
"""

PRICE = """
    WITH item AS MATERIALIZED (
        SELECT line, product_id, variant_id, upper(sku) AS sku_key
          FROM jsonb_to_recordset(%(items)s) AS item (line int, product_id int, variant_id int, sku text)
    ), found AS MATERIALIZED (
        SELECT item.line, v.id
          FROM item JOIN variant v ON v.product_id = item.product_id AND v.is_default
         UNION ALL
        SELECT item.line, v.id
          FROM item JOIN variant v ON v.id = item.variant_id
         UNION ALL
        SELECT item.line, v.id
          FROM item JOIN variant v ON v.sku_key = item.sku_key
         WHERE item.product_id IS NULL AND item.variant_id IS NULL
    )
    SELECT found.line, v.product_id, v.id AS variant_id, v.sku, p.name, p.brand, p.unit_size,
           p.unit_price_minor, p.bulk_price_minor, p.bulk_quantity, p.in_stock, p.is_active AND v.is_active AS
           is_active
      FROM found
      JOIN variant v ON v.id = found.id
      JOIN product p ON p.id = v.product_id
     ORDER BY found.line
"""


@dataclass(frozen=True)
class ProductIds:
    """What a new product got."""

    product_id: int
    variant_id: int
    sku: str


@dataclass(frozen=True)
class Variant:
    """A stock-keeping unit with the names a person knows it by."""

    id: int
    product_id: int
    sku: str
    name: str
    brand: str
    unit_size: str
    is_lot_tracked: bool
    is_active: bool


@dataclass(frozen=True)
class Offer:
    """What a line of an order would buy, and whether it is sold at all."""

    line: int
    product_id: int
    variant_id: int
    sku: str
    name: str
    brand: str
    unit_size: str
    unit_price_minor: int
    bulk_price_minor: int | None
    bulk_quantity: int | None
    in_stock: bool
    is_active: bool


def create_category(uow: UnitOfWork, name: str) -> int | None:
    """The new category's id, or None when the name is taken."""
    made: int | None = uow.value(CREATE_CATEGORY, {"name": name})
    return made


def create_products(
    uow: UnitOfWork, products: Sequence[dict[str, Any]], barcodes: Sequence[dict[str, Any]]
) -> list[ProductIds]:
    """Products with their default variants and barcodes, in the order given; none when a category is unknown.

    Raises psycopg.errors.UniqueViolation for a SKU or barcode that is taken; the transaction is then lost.
    """
    params = {"products": Jsonb(products), "barcodes": Jsonb(barcodes), "now": uow.now}
    return uow.fetch_all(ProductIds, CREATE_PRODUCTS, params)


def list_variants_by_code(uow: UnitOfWork, codes: Sequence[str]) -> list[Variant]:
    """Variants that carry one of the codes as barcode, best first, then the one of that SKU."""
    return uow.fetch_all(Variant, VARIANTS_BY_BARCODE, {"codes": list(codes)})


def list_offers(uow: UnitOfWork, items: Sequence[dict[str, Any]]) -> list[Offer]:
    """One offer for each item that exists, by `line`."""
    return uow.fetch_all(Offer, PRICE, {"items": Jsonb(items)})
