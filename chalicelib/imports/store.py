"""SQL of imports: what names stand for, and the pieces that were imported."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from chalicelib.kernel.uow import Row, UnitOfWork

# One import of a kind at a time: two files with the same new codes would refuse each other whole.
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('import ' || current_organization() || %(entity_type)s, 0))"

RESOLVE = """
    SELECT 'warehouse' AS kind, code AS name, NULL::int AS inside, id FROM warehouse WHERE code = ANY(%(warehouses)s)
    UNION ALL
    SELECT 'zone', code, warehouse_id, id FROM zone WHERE code = ANY(%(zones)s)
    UNION ALL
    SELECT 'sku', sku_key, NULL, id FROM variant
     WHERE sku_key = ANY(ARRAY(SELECT upper(sku) FROM unnest(%(skus)s::text[]) AS sku))
"""

FIND_PIECE = """
    SELECT total, imported, skipped, errors FROM import_piece
     WHERE import_id = %(import_id)s AND entity_type = %(entity_type)s AND piece = %(piece)s
"""
# The progress counts the piece that is being written, which the table does not show yet to its own statement.
ADD_PIECE = """
    WITH added AS (
        INSERT INTO import_piece (import_id, entity_type, piece, pieces, total, imported, skipped, errors, imported_by,
                                  imported_at)
        VALUES (%(import_id)s, %(entity_type)s, %(piece)s, %(pieces)s, %(total)s, %(imported)s, %(skipped)s, %(errors)s,
                %(imported_by)s, %(now)s)
        RETURNING *
    )
    SELECT max(pieces) AS pieces, count(*) AS pieces_done, sum(total)::bigint AS total, sum(imported)::bigint AS imported,
           sum(skipped)::bigint AS skipped, max(imported_at) AS updated_at
      FROM (SELECT pieces, total, imported, skipped, imported_at FROM added
             UNION ALL
            SELECT pieces, total, imported, skipped, imported_at FROM import_piece
             WHERE import_id = %(import_id)s AND entity_type = %(entity_type)s) piece
"""
PROGRESS = """
    SELECT entity_type, max(pieces) AS pieces, count(*) AS pieces_done, sum(total)::bigint AS total,
           sum(imported)::bigint AS imported, sum(skipped)::bigint AS skipped, max(imported_at) AS updated_at
      FROM import_piece WHERE import_id = %(import_id)s
     GROUP BY entity_type ORDER BY entity_type
"""


@dataclass(frozen=True)
class Names:
    """Ids by what records call them: warehouses by code, zones by (warehouse, code), items by SKU in capitals."""

    warehouses: dict[str, int]
    zones: dict[tuple[int, str], int]
    skus: dict[str, int]


@dataclass(frozen=True)
class Progress:
    """What was imported of one kind under one name."""

    pieces: int
    pieces_done: int
    total: int
    imported: int
    skipped: int
    updated_at: datetime


def lock(uow: UnitOfWork, entity_type: str) -> None:
    """Waits for another import of the same kind in this organization."""
    uow.execute(LOCK, {"entity_type": entity_type})


def resolve(
    uow: UnitOfWork, *, warehouses: Collection[str] = (), zones: Collection[str] = (), skus: Collection[str] = ()
) -> Names:
    """What these names stand for, in one statement; none that is not there, and no statement for no names."""
    found = Names({}, {}, {})
    if not (warehouses or zones or skus):
        return found
    params = {"warehouses": sorted(warehouses), "zones": sorted(zones), "skus": sorted(skus)}
    for row in uow.rows(RESOLVE, params):
        if row["kind"] == "warehouse":
            found.warehouses[row["name"]] = row["id"]
        elif row["kind"] == "zone":
            found.zones[row["inside"], row["name"]] = row["id"]
        else:
            found.skus[row["name"]] = row["id"]
    return found


def find_piece(uow: UnitOfWork, import_id: str, entity_type: str, piece: int) -> Row | None:
    """What a piece came to when it was imported, or None."""
    return uow.row(FIND_PIECE, {"import_id": import_id, "entity_type": entity_type, "piece": piece})


def add_piece(uow: UnitOfWork, fields: dict[str, Any], errors: list[dict[str, Any]]) -> Progress:
    """Notes what a piece came to; the import's progress with it."""
    params = {**fields, "errors": Jsonb(errors), "imported_by": uow.actor.label, "now": uow.now}
    progress = uow.fetch(Progress, ADD_PIECE, params)
    assert progress is not None  # an aggregate without GROUP BY
    return progress


def list_progress(uow: UnitOfWork, import_id: str) -> list[tuple[str, Progress]]:
    """(kind, progress) of an import; none that nobody began."""
    return [(row.pop("entity_type"), Progress(**row)) for row in uow.rows(PROGRESS, {"import_id": import_id})]
