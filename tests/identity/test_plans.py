"""Looking an account up costs the same in a tenant of ten and of a million: an index serves it, row-level security or not."""

import pytest
from psycopg.sql import SQL

from chalicelib.customers.store import FIND_BY_NAME, FIND_TAKEN
from chalicelib.identity.store import FIND_STAFF
from tests.tenant import Tenant

FILL = (
    """
    INSERT INTO staff (username, email, password_hash, password_changed_at, created_at, updated_at)
    SELECT 's' || n, 's' || n || '@x.example', '!', %(now)s, %(now)s, %(now)s FROM generate_series(1, 2000) AS n
    """,
    """
    INSERT INTO customer (username, email, password_hash, password_changed_at, created_at, updated_at)
    SELECT 'c' || n, 'c' || n || '@x.example', '!', %(now)s, %(now)s, %(now)s FROM generate_series(1, 2000) AS n
    """,
)


@pytest.mark.parametrize(
    ("sql", "params", "columns"),
    [
        (FIND_STAFF, {"name": "ada"}, {"username_key", "email_key"}),
        (FIND_BY_NAME, {"name": "ada"}, {"username_key", "email_key"}),
        (
            FIND_TAKEN,
            {"username": "ada", "email": "a@b.example", "phone": "+12125550100", "but_id": 0},
            {"username_key", "email_key", "phone"},
        ),
    ],
    ids=["staff", "customer", "taken"],
)
def test_an_index_finds_accounts(sql: str, params: dict[str, str], columns: set[str], tenant: Tenant) -> None:
    with tenant.uow() as uow:
        for fill in FILL:
            uow.execute(fill, {"now": uow.now})
    tenant.as_owner("ANALYZE staff, customer")
    with tenant.uow() as uow:
        plan = [str(next(iter(row.values()))) for row in uow.rows(SQL("EXPLAIN ") + SQL(sql), params)]
    conditions = " ".join(line for line in plan if "Index Cond" in line)
    assert {column for column in columns if f"({column} = " in conditions} == columns, plan
