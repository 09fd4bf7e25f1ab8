"""Lists, searches and look-ups over many rows: a large tenant against a small one, as ratios of one run.

Two ratios: the time of whole requests with both tenants in the same tables, and the time that PostgreSQL spends on the
statements of the large one over that of the small one while it was alone, for a large tenant slows a small one as well.
"""

import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from infra.bench import large
from infra.local.postgres import Cluster, start_postgres

if TYPE_CHECKING:
    from infra.bench.explain import Plan
    from tests.client import Client
    from tests.tenant import Tenant

SMALL = 10_000
MOVES_PER_ITEM = 5
REPEATS = 15
ROUNDS = 4
STATEMENTS_MAX_RATIO = 2.0
MARKED_FROM_MS = 1.0
STEPS_SHOWN = 3
ENVIRONMENT = {
    "QM_STAGE": "test",
    "QM_LIMITS": "off",
    "QM_LOG_LEVEL": "ERROR",
    "QM_HASH_KEY": "bench",
    "QM_JWT_KEYS": "k1:0123456789abcdef0123456789abcdef",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@dataclass(frozen=True)
class Side:
    """One of the two tenants."""

    tenant: "Tenant"
    shop: "Client"
    erp: "Client"
    admin: "Client"
    words: dict[str, str]
    """What stands for the names in braces of a path."""

    def call(self, path: str) -> tuple["Client", str]:
        """Who calls a path, and the path."""
        callers = {"/api/v1/": self.erp, "/api/products": self.shop}
        caller = next((who for start, who in callers.items() if path.startswith(start)), self.admin)
        return caller, path.format(**self.words)


Row = tuple[str, str, str]


def measure(items: int) -> list[Row]:
    """Rows for the table of budgets: each call's time for the large tenant over that for the small one."""
    os.environ.update(ENVIRONMENT)
    sys.stdout.flush()
    with tempfile.TemporaryDirectory(prefix="quartermaster-scale-") as folder:
        cluster = start_postgres(Path(folder), durable=False)
        try:
            return _measure(cluster, items)
        finally:
            from chalicelib.kernel.database import discard

            discard()
            cluster.stop()


def _measure(cluster: Cluster, items: int) -> list[Row]:
    from chalicelib.kernel.migrations import migrate
    from chalicelib.kernel.settings import settings

    migrate(cluster.owner_url())
    os.environ["QM_DATABASE_URL"] = cluster.app_url()
    settings.cache_clear()
    small = _side(cluster, "small", SMALL)
    alone = _plans(small)
    whole = _side(cluster, "large", items)
    rows = [_compared(name, path, small, whole, items) for name, path in SHOP]
    _print_statements(alone, whole)
    return rows


def _plans(side: Side) -> dict[str, "Plan"]:
    """The quickest of several rounds, for a machine that does something else does it for a while."""
    from infra.bench.explain import explain

    rounds = [{path: explain(side.tenant, *side.call(path)) for path in FLOOR} for _ in range(ROUNDS)]
    return {path: min((plans[path] for plans in rounds), key=lambda plan: plan.ms) for path in FLOOR}


def _side(cluster: Cluster, name: str, items: int) -> Side:
    from chalicelib import identity
    from tests.client import Client
    from tests.factories.identity import make_staff
    from tests.tenant import create_tenant

    tenant = create_tenant(cluster.owner_url(), name)
    size, started = large.Size(items, MOVES_PER_ITEM), time.monotonic()
    with psycopg.connect(cluster.superuser_url("quartermaster"), autocommit=True) as connection:
        large.load(connection, tenant.id, tenant.warehouse_id, size)
        connection.execute("VACUUM ANALYZE")
    print(f"loaded {size} in {time.monotonic() - started:.0f} s", flush=True)
    with tenant.uow() as uow:
        key = identity.create_api_key(uow, name="bench", scopes=["inventory:read"])
    middle = items // 2
    shop = Client(tenant.host)
    words = {
        "sku": large.sku_of(tenant.id, middle),
        "barcode": large.barcode_of(tenant.id, middle),
        "number": str(middle),
        "last_page": str(items // 50),
        "item_id": str(tenant.value("SELECT id FROM variant WHERE sku = %(sku)s", sku=large.sku_of(tenant.id, middle))),
        "bin": large.bin_code(size.bins // 2),
        "bin_id": str(tenant.value("SELECT id FROM bin WHERE code = %(code)s", code=large.bin_code(size.bins // 2))),
        "order": f"SO-{tenant.id}-{size.orders // 2}",
        "purchase_order": f"PO-{tenant.id}-{size.purchase_orders - 1}",
        "warehouse": str(tenant.warehouse_id),
    }
    return Side(tenant, shop, shop.as_key(key), make_staff(tenant, wms_role="ADMIN").client(), words)


SHOP = [
    ("GET /api/products", "/api/products?per_page=50"),
    ("GET /api/products, page 100", "/api/products?per_page=10&page=100"),
    ("GET /api/products, the last page", "/api/products?per_page=50&page={last_page}"),
    ("GET /api/products?search=olive oil", "/api/products?search=olive+oil&per_page=50"),
    ("GET /api/products?search=tomatoe past", "/api/products?search=tomatoe+past&per_page=50"),
    ("GET /api/products/sku/{sku}", "/api/products/sku/{sku}"),
    ("GET /api/v1/inventory_levels", "/api/v1/inventory_levels?per_page=50"),
    ("GET /api/v1/inventory_levels?sku=", "/api/v1/inventory_levels?sku={sku}"),
    ("GET /api/v1/inventory_levels?as_of=", "/api/v1/inventory_levels?sku={sku}&as_of=2020-01-01T00:00:00Z"),
    ("GET /api/v1/inventory_ledger", "/api/v1/inventory_ledger?per_page=50"),
]
FLOOR = [
    "/api/lookup/item/{sku}",
    "/api/lookup/item/{barcode}",
    "/api/lookup/item/search?q={number}",
    "/api/lookup/item/search?q=olive+oil",
    "/api/lookup/item/search?q={sku}",
    "/api/lookup/item/search?q={barcode}",
    "/api/lookup/item/search?q=500",
    "/api/lookup/item/search?q=5",
    "/api/lookup/bin/{bin}",
    "/api/lookup/bin/search?q={bin}",
    "/api/lookup/bin/search?q=-0001",
    "/api/lookup/bin/search?q=7",
    "/api/lookup/so/{order}",
    "/api/receiving/po/{purchase_order}",
    "/api/putaway/suggest/{item_id}",
    "/api/putaway/pending/{warehouse}",
    "/api/admin/warehouses",
    "/api/admin/zones",
    "/api/admin/bins",
    "/api/admin/bins?page=15",
    "/api/admin/bins?q={bin}",
    "/api/admin/bins/{bin_id}",
    "/api/admin/items",
    "/api/admin/items?page=15",
    "/api/admin/items?q=tomato+paste",
    "/api/admin/items?q={number}",
    "/api/admin/items?q=b",
    "/api/admin/items/{item_id}",
    "/api/admin/inventory",
    "/api/admin/inventory?item_id={item_id}",
    "/api/admin/inventory?warehouse_id={warehouse}",
    "/api/admin/preferred-bins",
    "/api/admin/preferred-bins?item_id={item_id}",
    "/api/admin/purchase-orders",
    "/api/admin/purchase-orders?status=OPEN",
    "/api/admin/purchase-orders?q={number}",
    "/api/admin/sales-orders",
    "/api/admin/sales-orders?status=OPEN",
    "/api/admin/sales-orders?status=SHIPPED",
    "/api/admin/users",
    "/api/admin/adjustments/pending",
    "/api/admin/adjustments/list",
    "/api/admin/cycle-counts",
    "/api/admin/inter-warehouse-transfers",
    "/api/admin/short-picks",
    "/api/admin/audit-log",
    "/api/admin/audit-log?action_type=create",
    "/api/admin/dashboard",
    "/api/admin/dashboard?warehouse_id={warehouse}",
]
"""The warehouse surface's reads."""


def _compared(name: str, path: str, small: Side, whole: Side, items: int) -> Row:
    ours, theirs = _time(small, path), _time(whole, path)
    told = f"{theirs / ours:.2f} x ({ours:.1f} -> {theirs:.1f} ms)"
    return f"{name}, {items:,} items over {SMALL:,}", "bounded", told


def _time(side: Side, path: str) -> float:
    """Median milliseconds of a call."""
    caller, target = side.call(path)
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        reply = caller.get(target)
        times.append((time.perf_counter() - started) * 1000)
        assert reply.status == 200, reply.json
    return statistics.median(times)


def _print_statements(alone: dict[str, "Plan"], whole: Side) -> None:
    heads = f"{'small ms':>10}{'large ms':>10}{'ratio':>8}{'blocks':>10}  most rows"
    print(
        "\nThe large organization's statements over those of the small one while it was alone. Searches compare at most 100"
    )
    print(
        "(lists: 1,000) hits of each way, and totals stop 1,000 rows after the page: where the small one has fewer, the"
    )
    print(
        f"ratio says so. Over {STATEMENTS_MAX_RATIO:.0f}: - in less than {MARKED_FROM_MS:.0f} ms, ! where it takes longer."
    )
    print(f"{'time of the statements, EXPLAIN (ANALYZE)':<52}{heads}")
    for path, theirs in _plans(whole).items():
        ours = alone[path]
        ratio = theirs.ms / ours.ms
        late = " !" if theirs.ms >= MARKED_FROM_MS else " -"
        mark = late if ratio > STATEMENTS_MAX_RATIO else "  "
        steps = "; ".join(theirs.steps[:STEPS_SHOWN])
        line = f"{path:<52}{ours.ms:>10.3f}{theirs.ms:>10.3f}{ratio:>7.2f}{mark}{theirs.buffers:>8}  {steps}"
        print(line, flush=True)
