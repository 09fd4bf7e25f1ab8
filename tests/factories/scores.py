"""Customers with orders on given days, written past the application: nobody can order in the past through it."""

from datetime import datetime, timedelta
from typing import Any

from chalicelib.kernel import clock
from tests.factories.customers import Shopper, make_customer
from tests.tenant import Tenant

INSERT = """
    INSERT INTO sales_order (number, channel, state, payment_state, payment_method, customer_id, placed_by, warehouse_id,
                             currency, subtotal_minor, total_minor, placed_at, updated_at)
    SELECT 'H-' || gen_random_uuid(), 'shop', %(state)s, %(payment_state)s, 'net30', %(customer_id)s, 'test',
           %(warehouse_id)s, 'USD', 100, 100, placed_at, placed_at
      FROM unnest(%(placed_at)s::timestamptz[]) AS placed_at
    RETURNING id
"""


def put_orders(tenant: Tenant, customer_id: int | None, *placed_at: datetime, **fields: Any) -> None:
    """Orders at these times; `state` and `payment_state` where they matter."""
    row = {"state": "delivered", "payment_state": "paid", "warehouse_id": tenant.warehouse_id, **fields}
    tenant.rows(INSERT, customer_id=customer_id, placed_at=list(placed_at), **row)


def make_regular(tenant: Tenant, *days_ago: float, **fields: Any) -> Shopper:
    """A customer who ordered so many days ago."""
    customer = make_customer(tenant, **fields)
    put_orders(tenant, customer.id, *(clock.now() - timedelta(days=days) for days in days_ago))
    return customer
