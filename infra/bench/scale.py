"""Lists and searches over many rows: a large tenant against a small one in the same tables, as ratios of one run."""

import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from infra.local.postgres import Cluster, start_postgres

if TYPE_CHECKING:
    from tests.client import Client
    from tests.tenant import Tenant

SMALL = 1_000
MOVES_PER_VARIANT = 10
REPEATS = 15
ENVIRONMENT = {
    "QM_STAGE": "test",
    "QM_LIMITS": "off",
    "QM_LOG_LEVEL": "ERROR",
    "QM_HASH_KEY": "bench",
    "QM_JWT_KEYS": "k1:0123456789abcdef0123456789abcdef",
    "AWS_DEFAULT_REGION": "us-east-1",
}

# A tenant of `size` variants with names that look like names, one bin each, and ten moves a variant. Set-based, so that
# a million takes minutes. The catalogue is made with its triggers, which teach the search its words; the stock, which
# refers to what was just made, without checking forty million references.
CATALOGUE = (
    """
    INSERT INTO product (organization_id, name, brand, unit_size, unit_price_minor, created_at, updated_at)
    SELECT %(tenant)s,
           (ARRAY['Olive oil','Paper towel','Glass cleaner','Basmati rice','Tomato paste','Nitrile glove'])[1 + n %% 6]
           || ' ' || (ARRAY['extra','classic','organic','heavy duty','professional'])[1 + n %% 5] || ' ' || n,
           'Brand ' || n %% 97, 'Case of 12', 100 + n %% 9000, now(), now()
      FROM generate_series(1, %(size)s) n
    """,
    """
    INSERT INTO variant (organization_id, product_id, sku, created_at)
    SELECT organization_id, id, 'B' || organization_id || '-' || id, now() FROM product WHERE organization_id = %(tenant)s
    """,
    """
    WITH made AS (
        INSERT INTO account (organization_id, kind, warehouse_id, is_available)
        SELECT %(tenant)s, 'bin', %(warehouse)s, true FROM generate_series(1, 1000) RETURNING id
    )
    INSERT INTO bin (organization_id, account_id, warehouse_id, code, barcode, pick_sequence)
    SELECT %(tenant)s, id, %(warehouse)s, 'B-' || id, 'B-' || %(tenant)s || '-' || id, id FROM made
    """,
)
UNCHECKED = "SET session_replication_role = replica"
STOCK = (
    """
    INSERT INTO stock_move (organization_id, variant_id, from_account_id, to_account_id, quantity, reason, document, actor,
                            request_id, occurred_at)
    SELECT %(tenant)s, v.id, (SELECT id FROM account WHERE organization_id = %(tenant)s AND kind = 'supplier'),
           bins.first + v.id %% 1000, 10, 'purchase_received', 'bench', 'machine:0', 'bench', now() - n * interval '1 hour'
      FROM variant v, generate_series(1, %(moves)s) n,
           (SELECT min(account_id) AS first FROM bin WHERE organization_id = %(tenant)s AND kind = 'Pickable') bins
     WHERE v.organization_id = %(tenant)s
    """,
    """
    INSERT INTO stock_level (organization_id, variant_id, account_id, on_hand, updated_at)
    SELECT %(tenant)s, v.id, bins.first + v.id %% 1000, 10 * %(moves)s, now()
      FROM variant v, (SELECT min(account_id) AS first FROM bin WHERE organization_id = %(tenant)s AND kind = 'Pickable') bins
     WHERE v.organization_id = %(tenant)s
    """,
    """
    INSERT INTO availability (organization_id, variant_id, warehouse_id, on_hand, updated_at)
    SELECT %(tenant)s, id, %(warehouse)s, 10 * %(moves)s, now() FROM variant WHERE organization_id = %(tenant)s
    """,
)
MIDDLE_SKU = """
    SELECT sku FROM variant WHERE organization_id = %(tenant)s ORDER BY id OFFSET %(half)s LIMIT 1
"""


@dataclass(frozen=True)
class Side:
    """One of the two tenants."""

    tenant: "Tenant"
    api: "Client"
    erp: "Client"
    sku: str


def measure(variants: int) -> list[tuple[str, str, str]]:
    """Rows for the table of budgets: each list's time for the large tenant over that for the small one."""
    os.environ.update(ENVIRONMENT)
    sys.stdout.flush()
    with tempfile.TemporaryDirectory(prefix="quartermaster-scale-") as folder:
        cluster = start_postgres(Path(folder), durable=False)
        try:
            return _measure(cluster, variants)
        finally:
            from chalicelib.kernel.database import discard

            discard()
            cluster.stop()


def _measure(cluster: Cluster, variants: int) -> list[tuple[str, str, str]]:
    from chalicelib.kernel.migrations import migrate
    from chalicelib.kernel.settings import settings

    migrate(cluster.owner_url())
    os.environ["QM_DATABASE_URL"] = cluster.app_url()
    settings.cache_clear()
    small = _side(cluster, "small", SMALL)
    started = time.monotonic()
    large = _side(cluster, "large", variants)
    with psycopg.connect(cluster.owner_url(), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
    moves = variants * MOVES_PER_VARIANT
    print(f"loaded {variants:,} variants and {moves:,} moves in {time.monotonic() - started:.0f} s", flush=True)
    rows = []
    for name, path in _paths():
        ours, theirs = _time(small, path), _time(large, path)
        told = f"{theirs / ours:.2f} x ({ours:.1f} -> {theirs:.1f} ms)"
        rows.append((f"{name}, {variants:,} variants over {SMALL:,}", "bounded", told))
    return rows


def _side(cluster: Cluster, name: str, size: int) -> Side:
    from chalicelib import identity
    from tests.client import Client
    from tests.tenant import create_tenant

    tenant = create_tenant(cluster.owner_url(), name)
    params = {"tenant": tenant.id, "warehouse": tenant.warehouse_id, "size": size, "moves": MOVES_PER_VARIANT}
    with psycopg.connect(cluster.superuser_url("quartermaster"), autocommit=True) as connection:
        for statement in CATALOGUE:
            connection.execute(statement.encode(), params)
        connection.execute(UNCHECKED)
        for statement in STOCK:
            connection.execute(statement.encode(), params)
        row = connection.execute(MIDDLE_SKU.encode(), {"tenant": tenant.id, "half": size // 2}).fetchone()
    assert row is not None
    with tenant.uow() as uow:
        key = identity.create_api_key(uow, name="bench", scopes=["inventory:read"])
    api = Client(tenant.host)
    return Side(tenant, api, api.as_key(key), row[0])


def _paths() -> list[tuple[str, str]]:
    return [
        ("GET /api/products", "/api/products?per_page=50"),
        ("GET /api/products, page 100", "/api/products?per_page=10&page=100"),
        ("GET /api/products?search=olive oil", "/api/products?search=olive+oil&per_page=50"),
        ("GET /api/products?search=tomatoe past", "/api/products?search=tomatoe+past&per_page=50"),
        ("GET /api/products/sku/{sku}", "/api/products/sku/{sku}"),
        ("GET /api/v1/inventory_levels", "/api/v1/inventory_levels?per_page=50"),
        ("GET /api/v1/inventory_levels?sku=", "/api/v1/inventory_levels?sku={sku}"),
        ("GET /api/v1/inventory_levels?as_of=", "/api/v1/inventory_levels?sku={sku}&as_of=2020-01-01T00:00:00Z"),
        ("GET /api/v1/inventory_ledger", "/api/v1/inventory_ledger?per_page=50"),
    ]


def _time(side: Side, path: str) -> float:
    """Median milliseconds of a call."""
    caller = side.erp if "/api/v1/" in path else side.api
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        reply = caller.get(path.replace("{sku}", side.sku))
        times.append((time.perf_counter() - started) * 1000)
        assert reply.status == 200, reply.json
    return statistics.median(times)
