"""Every SQL statement of the catalogue.

Lookups compare `variant.sku_key`, never `upper(sku)`: see infra/decisions/0010 for what row-level security
does to indexes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg.sql import SQL
from psycopg.types.json import Jsonb

from chalicelib.catalogue.rules import Code, Place
from chalicelib.kernel.uow import Row, UnitOfWork

CREATE_CATEGORY = """
    INSERT INTO category (name, description)
    SELECT %(name)s, %(description)s
     WHERE NOT EXISTS (SELECT FROM category WHERE lower(name) = lower(%(name)s))
        ON CONFLICT (organization_id, name) DO NOTHING
    RETURNING id
"""
HAS_CATEGORY = "SELECT EXISTS (SELECT FROM category WHERE id = %(category_id)s)"

# Rows come back in the order of the list: identity values are drawn after the sort, so the n-th smallest id
# is line n.
CREATE_PRODUCTS = """
    WITH wanted AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(%(products)s) AS product (
            line int, category_id int, sku text, name text, description text, brand text, unit_size text,
            unit_price_minor bigint, bulk_price_minor bigint, bulk_quantity int, in_stock boolean,
            image_url text, is_active boolean, weight_g int, cost_minor bigint, is_lot_tracked boolean, reorder_point int)
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
        INSERT INTO variant (product_id, is_default, sku, weight_g, cost_minor, is_lot_tracked, reorder_point, created_at)
        SELECT product_id, true, sku, weight_g, cost_minor, is_lot_tracked, reorder_point, %(now)s
          FROM paired
         ORDER BY product_id
        RETURNING id, product_id, sku
    ), coded AS (
        INSERT INTO barcode (variant_id, code, kind)
        SELECT stocked.id, code.code, code.kind
          FROM jsonb_to_recordset(%(barcodes)s) AS code (line int, place int, code text, kind text)
          JOIN paired USING (line)
          JOIN stocked USING (product_id)
         ORDER BY code.line, code.place
    )
    SELECT product_id, id AS variant_id, sku FROM stocked ORDER BY product_id
"""

# Categories of these names, in any case, made where there are none; the oldest of several that differ in case only.
ENSURE_CATEGORIES = """
    WITH wanted AS MATERIALIZED (
        SELECT name, lower(name) AS key FROM unnest(%(names)s::text[]) AS wanted (name)
    ), found AS MATERIALIZED (
        SELECT wanted.name, min(c.id) AS id FROM wanted JOIN category c ON lower(c.name) = wanted.key GROUP BY wanted.name
    ), made AS (
        INSERT INTO category (name)
        SELECT min(name) FROM wanted WHERE name NOT IN (SELECT name FROM found) GROUP BY key ORDER BY key
            ON CONFLICT (organization_id, name) DO UPDATE SET name = excluded.name
        RETURNING id, name
    )
    SELECT name, id FROM found
     UNION ALL
    SELECT wanted.name, made.id FROM made JOIN wanted ON wanted.key = lower(made.name)
"""
# SKUs and barcodes (in every form of a GTIN) that other items have.
LIST_TAKEN = """
    WITH wanted AS MATERIALIZED (
        SELECT line, kind, value, form, upper(value) AS sku_key
          FROM jsonb_to_recordset(%(codes)s) AS wanted (line int, kind text, value text, form text)
    )
    SELECT wanted.line, wanted.kind, wanted.value
      FROM wanted JOIN variant v ON v.sku_key = wanted.sku_key
     WHERE wanted.kind = 'sku' AND v.id IS DISTINCT FROM %(but_for)s::int
     UNION
    SELECT wanted.line, wanted.kind, wanted.value
      FROM wanted JOIN barcode b ON b.code = wanted.form
     WHERE wanted.kind = 'barcode' AND b.variant_id IS DISTINCT FROM %(but_for)s::int
     ORDER BY line, kind DESC, value
"""

# Every change of products and items goes through here. The CTE `change (product_id, product, variant_id, variant)` comes
# before it: columns by name, and only those that are named are written. Their rows are locked (changes/store.py).
WRITE_CHANGES = SQL(""", product_changed AS (
        UPDATE product p
           SET (category_id, name, description, brand, unit_size, unit_price_minor, bulk_price_minor, bulk_quantity, in_stock,
                image_url, is_active, updated_at)
             = (SELECT n.category_id, n.name, n.description, n.brand, n.unit_size, n.unit_price_minor, n.bulk_price_minor,
                       n.bulk_quantity, n.in_stock, n.image_url, n.is_active, %(now)s::timestamptz
                  FROM jsonb_populate_record(p, change.product) n)
          FROM change
         WHERE p.id = change.product_id
    )
    UPDATE variant v
       SET (sku, name, weight_g, cost_minor, is_lot_tracked, reorder_point, is_active)
         = (SELECT n.sku, n.name, n.weight_g, n.cost_minor, n.is_lot_tracked, n.reorder_point, n.is_active
              FROM jsonb_populate_record(v, change.variant) n)
      FROM change
     WHERE v.id = change.variant_id AND change.variant <> '{}'
""")

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

# What every product is shown from; %(...)s parameters and the selection `page (id, place)` come before it. Available is
# what one order can have, for an order ships from one warehouse (decision 0004).
_CARD = SQL("""
    SELECT page.place, p.id, v.id AS variant_id, v.sku, p.name, p.description, p.brand, p.unit_size, p.category_id,
           c.name AS category, p.unit_price_minor, p.bulk_price_minor, p.bulk_quantity, p.in_stock, p.image_url,
           p.is_active, v.weight_g, v.is_lot_tracked, p.created_at, p.updated_at,
           (SELECT coalesce(array_agg(b.code ORDER BY b.id), '{}') FROM barcode b WHERE b.variant_id = v.id) AS barcodes,
           (SELECT coalesce(max(a.on_hand - a.held), 0)
              FROM availability a JOIN warehouse w ON w.id = a.warehouse_id
             WHERE a.variant_id = v.id AND w.is_active) AS available
      FROM page
      JOIN product p ON p.id = page.id
      JOIN variant v ON v.product_id = p.id AND v.is_default
      LEFT JOIN category c ON c.id = p.category_id
""")
# A page past the end has no products but still a total, hence the outer join. The count stops at `count_max`.
_PAGE_OF_CARDS = SQL("""
    SELECT counted.total, card.* FROM counted LEFT JOIN ({card}) card ON true ORDER BY card.place
""").format(card=_CARD)
# One walk over the index finds the page and counts some way ahead of it, whether the page is named by its number or by what
# the last one ended with. Only beyond the end there is nothing to count from.
_PAGE = SQL("""
    ahead AS MATERIALIZED (
        SELECT id, row_number() OVER (ORDER BY name, id) AS place FROM product
         WHERE {which} AND (%(in_stock)s::boolean IS NULL OR in_stock = %(in_stock)s)
           AND (name, id) > (%(after_name)s, %(after_id)s)
         ORDER BY name, id LIMIT %(limit)s::int + %(count_ahead)s::int OFFSET %(offset)s
    ), counted AS (
        SELECT CASE WHEN %(offset)s = 0 OR EXISTS (SELECT FROM ahead) THEN %(before)s + (SELECT count(*) FROM ahead)
                    ELSE (SELECT count(*) FROM (
                              SELECT FROM product
                               WHERE {which} AND (%(in_stock)s::boolean IS NULL OR in_stock = %(in_stock)s)
                               LIMIT %(offset)s) before)
               END AS total
    ), page AS (
        SELECT id, place FROM ahead ORDER BY place LIMIT %(limit)s
    )
""")
LIST_PRODUCTS = SQL("WITH") + _PAGE.format(which=SQL("is_active")) + _PAGE_OF_CARDS
LIST_PRODUCTS_IN_CATEGORY = (
    SQL("""
    WITH wanted AS MATERIALIZED (
        SELECT coalesce(%(category_id)s, (SELECT min(id) FROM category WHERE lower(name) = lower(%(category)s)), 0) AS id
    ),""")
    + _PAGE.format(which=SQL("is_active AND category_id = (SELECT id FROM wanted)"))
    + _PAGE_OF_CARDS
)
SEARCH_PRODUCTS = (
    SQL("""
    WITH hit AS MATERIALIZED (
        SELECT found.product_id AS id, max(found.rank) AS rank
          FROM search_products(%(words)s, %(codes)s, CASE
                   WHEN %(category_id)s::int IS NOT NULL THEN %(category_id)s
                   WHEN %(category)s::text IS NOT NULL
                       THEN coalesce((SELECT min(id) FROM category WHERE lower(name) = lower(%(category)s)), 0)
               END, %(hits_max)s) found
         GROUP BY found.product_id
    ), found AS MATERIALIZED (
        SELECT p.id, row_number() OVER (ORDER BY hit.rank DESC, p.name, p.id) AS place
          FROM hit JOIN product p ON p.id = hit.id
         WHERE %(in_stock)s::boolean IS NULL OR p.in_stock = %(in_stock)s
    ), counted AS (
        SELECT count(*) AS total FROM found
    ), page AS (
        SELECT id, place FROM found ORDER BY place LIMIT %(limit)s OFFSET %(offset)s
    )
""")
    + _PAGE_OF_CARDS
)
# A number is an id first and then a SKU, so that a SKU of digits stays reachable (collisions.md 1.3).
FIND_PRODUCT = (
    SQL("""
    WITH page AS (
        SELECT id, 1 AS place FROM product WHERE id = %(product_id)s::int
         UNION ALL
        SELECT product_id, 2 FROM variant WHERE sku_key = upper(%(sku)s)
    )
""")
    + _CARD
    + SQL(" ORDER BY page.place LIMIT 1")
)
LIST_CATEGORIES = "SELECT id, name, description FROM category ORDER BY name, id LIMIT %(limit)s"

CATEGORIES_MAX = 1000
HITS_MAX = 1000
"""How many products each way of searching may find."""
COUNT_AHEAD = 10_000
"""A list's total is exact up to so many products after the page; beyond, it says at least so many."""


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


@dataclass(frozen=True)
class Card:
    """A product with its default variant, as lists and look-ups show it."""

    id: int
    variant_id: int
    sku: str
    name: str
    description: str
    brand: str
    unit_size: str
    category_id: int | None
    category: str | None
    unit_price_minor: int
    bulk_price_minor: int | None
    bulk_quantity: int | None
    in_stock: bool
    image_url: str | None
    is_active: bool
    weight_g: int | None
    is_lot_tracked: bool
    created_at: datetime
    updated_at: datetime
    barcodes: list[str]
    available: int


@dataclass(frozen=True)
class Selection:
    """Which products, and which page of them: after `offset` ones, or after a place, which costs the same however far it is.

    `words` and `codes` come from the search text (rules.py).
    """

    limit: int
    offset: int
    after: Place | None = None
    category_id: int | None = None
    category: str | None = None
    in_stock: bool | None = None
    words: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Category:
    """A category."""

    id: int
    name: str
    description: str


@dataclass(frozen=True, kw_only=True)
class Change:
    """What is written of a product and of one of its variants: columns by name. What is not named stays."""

    product_id: int
    variant_id: int
    product: dict[str, Any] = field(default_factory=dict)
    variant: dict[str, Any] = field(default_factory=dict)


def create_category(uow: UnitOfWork, name: str, description: str) -> int | None:
    """The new category's id, or None when the name is taken, in any case."""
    made: int | None = uow.value(CREATE_CATEGORY, {"name": name, "description": description})
    return made


def has_category(uow: UnitOfWork, category_id: int) -> bool:
    """Whether this organization has it."""
    found: bool = uow.value(HAS_CATEGORY, {"category_id": category_id})
    return found


def ensure_categories(uow: UnitOfWork, names: Sequence[str]) -> dict[str, int]:
    """Name -> id, of categories that were there or were made now."""
    return {row["name"]: row["id"] for row in uow.rows(ENSURE_CATEGORIES, {"names": list(names)})}


def list_taken(uow: UnitOfWork, codes: Sequence[dict[str, Any]], but_for: int | None) -> list[Code]:
    """Those of the codes that an item other than `but_for` has, in the order of their lines."""
    return uow.fetch_all(Code, LIST_TAKEN, {"codes": Jsonb(codes), "but_for": but_for})


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


def list_cards(uow: UnitOfWork, wanted: Selection) -> tuple[list[Card], int]:
    """A page of active products and how many there are: by name, or best match first when there are words."""
    params: dict[str, Any] = {
        "limit": wanted.limit,
        "category_id": wanted.category_id,
        "category": wanted.category,
        "in_stock": wanted.in_stock,
    }
    after = wanted.after
    if wanted.words:
        search = {"words": list(wanted.words), "codes": list(wanted.codes), "hits_max": HITS_MAX}
        rows = uow.rows(
            SEARCH_PRODUCTS, {**params, **search, "offset": wanted.offset if after is None else after.position}
        )
    else:
        is_all = wanted.category_id is None and wanted.category is None
        if after is None:
            start = {"offset": wanted.offset, "before": wanted.offset, "after_name": "", "after_id": 0}
        else:
            start = {"offset": 0, "before": after.position, "after_name": after.name, "after_id": after.id}
        listed = LIST_PRODUCTS if is_all else LIST_PRODUCTS_IN_CATEGORY
        rows = uow.rows(listed, {**params, **start, "count_ahead": COUNT_AHEAD})
    return [_card(row) for row in rows if row["id"] is not None], rows[0]["total"]


def find_card(uow: UnitOfWork, *, product_id: int | None = None, sku: str | None = None) -> Card | None:
    """The product of an id, else of a SKU (of any of its variants); inactive ones too."""
    row = uow.row(FIND_PRODUCT, {"product_id": product_id, "sku": sku})
    return None if row is None else _card(row)


def _card(row: Row) -> Card:
    return Card(**{name: value for name, value in row.items() if name not in ("total", "place")})


def list_categories(uow: UnitOfWork) -> list[Category]:
    """All categories by name."""
    return uow.fetch_all(Category, LIST_CATEGORIES, {"limit": CATEGORIES_MAX})
