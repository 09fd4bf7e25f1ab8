"""Every filter of the list of items has an index in the order of SKUs (infra/decisions/0029)."""

import pytest
from psycopg.sql import SQL

from chalicelib.catalogue.items import store
from tests.tenant import Tenant


@pytest.mark.parametrize(
    ("category", "active", "index"),
    [
        (None, None, "variant_sku"),
        (None, True, "variant_listed"),
        (None, False, "variant_listed"),
        ("A", None, "variant_category"),
        ("A", True, "variant_category"),
        ("A", False, "variant_archived"),
    ],
)
def test_a_page_is_read_in_order(category: str | None, active: bool | None, index: str, tenant: Tenant) -> None:
    params = {"limit": 50, "offset": 0, "count_max": 100, "category": category, "active": active}
    with tenant.uow() as uow:
        for setting in ("enable_seqscan", "enable_bitmapscan", "enable_sort"):
            uow.execute(SQL("SET LOCAL {} = off").format(SQL(setting)))
        plan = "\n".join(row["QUERY PLAN"] for row in uow.rows(SQL("EXPLAIN ") + store.LIST_ITEMS, params))
    assert f"using {index} on variant" in plan, plan
