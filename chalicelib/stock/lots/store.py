"""SQL of lots."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from psycopg.types.json import Jsonb

from chalicelib.kernel.uow import UnitOfWork

LotStatus = Literal["active", "quarantine", "exhausted", "recalled"]

# The row is written whether it is new or not, so that it comes back and stays locked: whether its stock is available cannot
# change between here and the posting. In key order; a lot that was used up is in use again.
ENSURE_LOTS = """
    INSERT INTO lot (variant_id, number, received_at)
    SELECT variant_id, number, %(now)s
      FROM jsonb_to_recordset(%(lots)s) AS l (variant_id int, number text)
     ORDER BY variant_id, number
        ON CONFLICT (organization_id, variant_id, number) DO UPDATE
       SET status = CASE WHEN lot.status = 'exhausted' THEN 'active' ELSE lot.status END
    RETURNING id, variant_id, number, status, is_available
"""


@dataclass(frozen=True)
class Lot:
    """A lot; whether its stock counts as available."""

    id: int
    variant_id: int
    number: str
    status: LotStatus
    is_available: bool


def ensure_lots(uow: UnitOfWork, keys: Iterable[tuple[int, str]]) -> list[Lot]:
    """Lots by (variant, number), made where they are missing, locked in key order."""
    lots = [{"variant_id": variant_id, "number": number} for variant_id, number in sorted(set(keys))]
    return uow.fetch_all(Lot, ENSURE_LOTS, {"lots": Jsonb(lots), "now": uow.now})
