"""Every filter of the list of items has an index in the order of SKUs; parts of codes have theirs (infra/decisions/0029)."""

import psycopg
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


@pytest.mark.parametrize(
    ("table", "code", "index"),
    [("variant", "sku_key", "variant_sku_pieces"), ("barcode", "upper(code)", "barcode_pieces")],
)
def test_parts_of_codes_are_found_by_an_index(table: str, code: str, index: str, tenant: Tenant) -> None:
    condition = f"code_pieces(organization_id, {code}) @> pieces_of({tenant.id}, 'TEXT-1', 5, 3)"
    with psycopg.connect(tenant.owner_url) as connection:
        body = connection.execute("SELECT prosrc FROM pg_proc WHERE proname = 'search_items'").fetchone()
        connection.execute("SET LOCAL enable_seqscan = off")
        plan = connection.execute(f"EXPLAIN SELECT id FROM {table} WHERE {condition}".encode()).fetchall()
    assert body is not None
    assert body[0].replace("b.", "").count(condition.split(" @> ")[0]) == 1
    assert f"on {index}" in "\n".join(line for (line,) in plan), plan
