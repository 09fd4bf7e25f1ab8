"""SQL of product images."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from chalicelib.kernel.uow import UnitOfWork

RESERVE = """
    INSERT INTO image (name, reserved_until, created_at)
    SELECT name, %(until)s, %(now)s FROM unnest(%(names)s::text[]) WITH ORDINALITY AS wanted (name, place) ORDER BY place
    RETURNING id, name
"""
FIND_UPLOAD = """
    SELECT id, name, reserved_until IS NULL AS is_stored FROM image
     WHERE id = %(image_id)s AND (reserved_until IS NULL OR reserved_until > %(now)s)
"""
LIST_STORED = "SELECT id, name FROM image WHERE name = ANY(%(names)s) AND reserved_until IS NULL"
FIND_ADDRESS = "SELECT image_url FROM product WHERE id = %(product_id)s AND is_active"
LOCK_PRODUCTS = "SELECT id FROM product WHERE id = ANY(%(product_ids)s) ORDER BY id FOR NO KEY UPDATE"
LOCK_IMAGES = "SELECT id FROM image WHERE id = ANY(%(image_ids)s) ORDER BY id FOR KEY SHARE"

# Products show another picture from now on, or none. What was theirs and is nobody's any more is removed. A new picture that
# is the very one that is shown already changes nothing: its reservation runs out. The products are locked, so that what
# they show now is what this statement sees.
ATTACH = """
    WITH wanted AS MATERIALIZED (
        SELECT w.*, p.image_url AS old_path, now.image_id AS old_id
          FROM jsonb_to_recordset(%(wanted)s) AS w (product_id int, image_id int, path text, sha256 text, width int,
                                                    height int, size_bytes int)
          JOIN product p ON p.id = w.product_id
          LEFT JOIN product_image now ON now.product_id = w.product_id AND now.position = 0
          LEFT JOIN image old ON old.id = now.image_id
         WHERE p.image_url IS DISTINCT FROM w.path AND (old.sha256 = w.sha256) IS NOT TRUE
    ), kept AS (
        UPDATE image i
           SET sha256 = w.sha256, width = w.width, height = w.height, size_bytes = w.size_bytes, reserved_until = NULL
          FROM wanted w
         WHERE i.id = w.image_id AND i.reserved_until IS NOT NULL
    ), attached AS (
        INSERT INTO product_image (product_id, position, image_id)
        SELECT product_id, 0, image_id FROM wanted WHERE image_id IS NOT NULL ORDER BY product_id
            ON CONFLICT (organization_id, product_id, position) DO UPDATE SET image_id = excluded.image_id
    ), cleared AS (
        DELETE FROM product_image USING wanted w
         WHERE w.image_id IS NULL AND product_image.product_id = w.product_id AND product_image.position = 0
    ), shown AS (
        UPDATE product SET image_url = w.path, updated_at = %(now)s FROM wanted w WHERE product.id = w.product_id
    ), removed AS (
        DELETE FROM image
         WHERE id IN (SELECT old_id FROM wanted)
           AND id NOT IN (SELECT image_id FROM wanted WHERE image_id IS NOT NULL)
           AND NOT EXISTS (SELECT FROM product_image other
                            WHERE other.image_id = image.id
                              AND (other.position > 0 OR other.product_id NOT IN (SELECT product_id FROM wanted)))
        RETURNING name
    )
    SELECT product_id, old_path AS before, path AS after, NULL AS removed FROM wanted
     UNION ALL
    SELECT NULL, NULL, NULL, name FROM removed
"""

# Before the last item of a product goes, and the product with it.
DROP_OF_ITEM = """
    WITH gone AS (
        DELETE FROM product_image
         USING variant v
         WHERE v.id = %(item_id)s AND product_image.product_id = v.product_id
           AND NOT EXISTS (SELECT FROM variant other WHERE other.product_id = v.product_id AND other.id <> v.id)
        RETURNING product_image.product_id, product_image.image_id
    ), removed AS (
        DELETE FROM image
         WHERE id IN (SELECT image_id FROM gone)
           AND NOT EXISTS (SELECT FROM product_image other
                            WHERE other.image_id = image.id AND other.product_id NOT IN (SELECT product_id FROM gone))
        RETURNING name
    )
    SELECT name FROM removed
"""
DROP_UNFINISHED = """
    DELETE FROM image
     WHERE id IN (SELECT id FROM image WHERE reserved_until <= %(now)s ORDER BY reserved_until LIMIT %(limit)s
                     FOR UPDATE SKIP LOCKED)
    RETURNING name
"""


@dataclass(frozen=True)
class Named:
    """An image by its id and its name."""

    id: int
    name: str


@dataclass(frozen=True)
class Upload(Named):
    """An image for which a file may have been uploaded; `is_stored` when that was looked at already."""

    is_stored: bool


@dataclass(frozen=True)
class Change:
    """A product shows another image: where it is shown, before and after."""

    product_id: int
    before: str | None
    after: str | None


def reserve(uow: UnitOfWork, names: Sequence[str], until: datetime) -> list[Named]:
    """Names under which something may be written, in the order given."""
    made = uow.fetch_all(Named, RESERVE, {"names": list(names), "until": until, "now": uow.now})
    by_name = {image.name: image for image in made}
    return [by_name[name] for name in names]


def find_upload(uow: UnitOfWork, image_id: int) -> Upload | None:
    """An image that is there, or a reservation that is not over."""
    return uow.fetch(Upload, FIND_UPLOAD, {"image_id": image_id, "now": uow.now})


def list_stored(uow: UnitOfWork, names: Sequence[str]) -> dict[str, Named]:
    """Name -> image, of those that are there."""
    return {image.name: image for image in uow.fetch_all(Named, LIST_STORED, {"names": list(names)})}


def find_address(uow: UnitOfWork, product_id: int) -> str | None:
    """Where the image of a product that is sold is shown; None without one."""
    address: str | None = uow.value(FIND_ADDRESS, {"product_id": product_id})
    return address


def lock_products(uow: UnitOfWork, product_ids: Sequence[int]) -> None:
    """Locks products in key order."""
    uow.execute(LOCK_PRODUCTS, {"product_ids": list(product_ids)})


def lock_images(uow: UnitOfWork, image_ids: Sequence[int]) -> set[int]:
    """Those of the images that are there, and stay until the end of the transaction."""
    return {row["id"] for row in uow.rows(LOCK_IMAGES, {"image_ids": list(image_ids)})}


def attach(uow: UnitOfWork, wanted: Sequence[dict[str, Any]]) -> tuple[list[Change], list[str]]:
    """What these products show from now on: those that showed something else, and names of images that are nobody's now."""
    rows = uow.rows(ATTACH, {"wanted": Jsonb(wanted), "now": uow.now})
    changes = [Change(row["product_id"], row["before"], row["after"]) for row in rows if row["removed"] is None]
    return changes, [row["removed"] for row in rows if row["removed"] is not None]


def drop_of_item(uow: UnitOfWork, item_id: int) -> list[str]:
    """Takes the images of the product away if this is its only item; names of those that are nobody's any more."""
    return [row["name"] for row in uow.rows(DROP_OF_ITEM, {"item_id": item_id})]


def drop_unfinished(uow: UnitOfWork, limit: int) -> list[str]:
    """Removes reservations that are over; their names."""
    return [row["name"] for row in uow.rows(DROP_UNFINISHED, {"now": uow.now, "limit": limit})]
