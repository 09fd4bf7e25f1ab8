"""Scores of many customers: ``python -m infra.bench.scores [CUSTOMERS] [ORDERS]``, by default 100,000 and a million.

A PostgreSQL of its own, the worker in a process of its own, both of them on one core of this machine. The customers are drawn
from the model itself, with rates and chances to leave that differ, so the fit has something to find.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from infra.bench.scale import ENVIRONMENT
from infra.local.postgres import Cluster, start_postgres

if TYPE_CHECKING:
    from tests.tenant import Tenant

CUSTOMERS, ORDERS = 100_000, 1_000_000
SECONDS_MAX, MEGABYTES_MAX = 10.0, 512
TOPIC = "insights.scores_due"
RATE, LEAVING = (1.2, 1 / 18), (1.0, 11.0)
"""Gamma of orders a day and beta of the chance to leave after one: about ten orders a customer within two years."""
DAYS = 730
LOOKS = (
    "",
    "?ordering=p_alive",
    "?tier=at_risk&page=20",
    "?min_p_alive=0.9&page=200",
    "?search=corner 4711",
    "?search=zzz",
)

CUSTOMER_ROWS = """
    INSERT INTO customer (organization_id, username, email, company_name, password_hash, password_changed_at, created_at,
                          updated_at)
    SELECT %(tenant)s, 'buyer' || n, 'buyer' || n || '@example.com', 'Corner ' || n, '', now(), now(), now()
      FROM generate_series(1, %(customers)s) AS n
    RETURNING id
"""
MOMENTS = "CREATE TEMP TABLE moment (customer_id int, placed_at timestamptz)"
COPY_MOMENTS = "COPY moment FROM STDIN"
ORDER_ROWS = """
    INSERT INTO sales_order (organization_id, number, channel, state, payment_state, payment_method, customer_id, placed_by,
                             warehouse_id, currency, subtotal_minor, total_minor, delivery_name, delivery_address, placed_at,
                             updated_at)
    SELECT %(tenant)s, 'B-' || row_number() OVER (), 'shop', 'delivered', 'paid', 'net30', customer_id, 'bench',
           %(warehouse)s, 'USD', 5000, 5000, 'Corner Shop', '12 Harbor Street, Chicago', placed_at, placed_at
      FROM moment
"""
DUE = "SELECT max(id) FROM outbox WHERE topic = 'insights.scores_due'"


def main(customers: int, orders: int) -> int:
    """Prints the figures; 1 when one of them is over its limit: of time, what the core has worked, whatever else it did."""
    os.environ.update(ENVIRONMENT)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory(prefix="quartermaster-scores-") as folder:
        cluster = start_postgres(Path(folder), durable=True)
        try:
            return _measure(cluster, customers, orders)
        finally:
            from chalicelib.kernel.database import discard

            discard()
            cluster.stop()


def _measure(cluster: Cluster, customers: int, orders: int) -> int:
    from moto import mock_aws

    from chalicelib.kernel.migrations import migrate
    from chalicelib.kernel.settings import settings
    from tests.factories.identity import make_staff
    from tests.tenant import create_tenant

    migrate(cluster.owner_url())
    os.environ["QM_DATABASE_URL"] = cluster.app_url()
    settings.cache_clear()
    tenant = create_tenant(cluster.owner_url(), "bench")
    made = _load(cluster, tenant, customers, orders)
    print(f"{customers:,} customers with {made:,} orders; everything on one core")
    admin = make_staff(tenant).client("commerce")
    worst_s, worst_mb = 0.0, 0.0
    with mock_aws():
        for what in ("first scores", "all of them anew"):
            assert admin.post("/api/scores/recompute").status == 200
            before, due = _server_cpu_s(cluster), tenant.value(DUE)
            took = _work(tenant.id, due)
            server_s = _server_cpu_s(cluster) - before
            print(
                f"{what:<20}{took['seconds']:>7.1f} s, of which the core worked {took['cpu_s']:.1f} s for the worker and"
                f" {server_s:.1f} s for PostgreSQL; worker {took['peak_mb']:.0f} MB at most"
            )
            worst_s, worst_mb = max(worst_s, took["cpu_s"] + server_s), max(worst_mb, took["peak_mb"])
        for look in LOOKS:
            began = time.perf_counter()
            reply = admin.get(f"/api/customers/scores{look.replace(' ', '%20')}")
            found = f"{len(reply.json['results'])} of {reply.json['total']}"
            print(f"GET .../scores{look:<26}{(time.perf_counter() - began) * 1000:>7.1f} ms, {found}")
    for model in reply.json["run"]["models"]:
        print(
            f"{model['kind']:<8} r {model['r']:.3f}  alpha {model['alpha']:.2f}  a {model['a']:.3f}  b {model['b']:.2f}"
        )
    print(
        f"drawn from r {RATE[0]}  alpha {1 / RATE[1]:.2f}  a {LEAVING[0]}  b {LEAVING[1]}; {reply.json['tier_counts']}"
    )
    return int(worst_s > SECONDS_MAX or worst_mb > MEGABYTES_MAX)


def _load(cluster: Cluster, tenant: "Tenant", customers: int, orders: int) -> int:
    url = cluster.superuser_url("quartermaster")
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute(CUSTOMER_ROWS, {"tenant": tenant.id, "customers": customers}).fetchall()
        connection.execute(MOMENTS)
        made = 0
        with connection.cursor().copy(COPY_MOMENTS) as copy:
            for moment in _moments([row[0] for row in found], orders):
                copy.write_row(moment)
                made += 1
        connection.execute(ORDER_ROWS, {"tenant": tenant.id, "warehouse": tenant.warehouse_id})
        connection.execute("VACUUM ANALYZE")
    return made


def _moments(customer_ids: list[int], orders: int) -> Iterator[tuple[int, Any]]:
    """(customer, time): as many orders as are wanted, or a little fewer."""
    import numpy as np

    from chalicelib.kernel import clock

    random, today, made = np.random.default_rng(1997), np.datetime64(clock.now().date(), "s"), 0
    for customer_id in customer_ids:
        rate, leaving = random.gamma(*RATE), random.beta(*LEAVING)
        day = random.uniform(0, DAYS)
        while day < DAYS and made < orders:
            yield customer_id, f"{today - np.timedelta64(int((DAYS - day) * 86400), 's')}+00"
            made += 1
            if random.random() < leaving:
                break
            day += random.exponential(1 / max(rate, 1e-6))


def _server_cpu_s(cluster: Cluster) -> float:
    """Seconds that a core has worked for the server since its start, for its processes that have ended too (proc(5), stat)."""
    with psycopg.connect(cluster.superuser_url("quartermaster")) as connection:
        (folder,) = connection.execute("SHOW data_directory").fetchone() or ("",)
    server, ticks = Path(folder, "postmaster.pid").read_text(encoding="utf-8").split()[0], 0
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        if file.parent.name == server:
            ticks += sum(map(int, fields[11:15]))
        elif fields[1] == server:
            ticks += sum(map(int, fields[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _work(organization_id: int, outbox_id: int) -> dict[str, float]:
    """What the worker says of itself."""
    command = [sys.executable, "-m", "infra.bench.scores", "--work", str(organization_id), str(outbox_id)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return said


def work(organization_id: int, outbox_id: int) -> None:
    """The worker: what `work_queue` of app.py does with the message, measured from within."""
    from chalicelib import routes
    from chalicelib.kernel import jobs

    began = time.perf_counter()
    jobs.run(organization_id, outbox_id, TOPIC, routes.CONSUMERS)
    used = resource.getrusage(resource.RUSAGE_SELF)
    took = {"seconds": time.perf_counter() - began, "cpu_s": used.ru_utime + used.ru_stime}
    print(json.dumps({**took, "peak_mb": used.ru_maxrss * 1024 / 1e6}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(int(sys.argv[2]), int(sys.argv[3]))
    else:
        given = [int(each.replace(",", "")) for each in sys.argv[1:3]]
        sys.exit(main(*(given + [CUSTOMERS, ORDERS][len(given) :])))
