"""What a request left behind: a sum over every row of an organization, in every table, and over what may expire."""

import hashlib
import json
from typing import Any

from chalicelib.kernel import key_uses
from tests import expiring
from tests.tenant import Tenant

TENANT_TABLES = """
    SELECT c.relname AS name
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organization_id' AND NOT a.attisdropped
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' ORDER BY 1
"""


class Footprint:
    """Compares what an organization has at two moments."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        tables = [row["name"] for row in tenant.as_owner(TENANT_TABLES)]
        each = [
            f"SELECT '{table}' AS name, count(*) || ' ' || coalesce(sum(hashtextextended(t::text, 0)), 0) AS sum"
            f" FROM {table} t WHERE organization_id = {tenant.id}"
            for table in tables
        ]
        self._statement = " UNION ALL ".join(each)

    def take(self) -> dict[str, Any]:
        """Table -> sum; ``dynamo`` -> sum."""
        sums = {row["name"]: row["sum"] for row in self._tenant.as_owner(self._statement)}
        return {**sums, "dynamo": _expiring()}


def _expiring() -> str:
    """Counts of how keys were used are written whenever the process finds the time, whoever calls."""
    items = [item for item in expiring.items() if item["pk"]["S"] != key_uses.PARTITION]
    return hashlib.sha256(json.dumps(items, sort_keys=True, default=str).encode()).hexdigest()
