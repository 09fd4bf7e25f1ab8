"""The tally of items and bins is what counting them would say, whoever makes, archives, closes, moves or removes them."""

from chalicelib import catalogue, places
from tests.factories.catalogue import make_products, new_product
from tests.factories.places import make_bins, make_warehouse
from tests.tenant import Tenant
from tests.threads import together

SAYS = "SELECT kind, warehouse_id, sum(number)::int AS number FROM tally GROUP BY kind, warehouse_id HAVING sum(number) <> 0"
COUNTS = """
    SELECT 'item' AS kind, 0 AS warehouse_id, count(*)::int AS number FROM variant WHERE is_listed HAVING count(*) > 0
    UNION ALL
    SELECT 'bin', warehouse_id, count(*)::int FROM bin WHERE is_active AND kind <> 'Default' GROUP BY warehouse_id
"""


def check(tenant: Tenant) -> dict[tuple[str, int], int]:
    """What the tally says; it is what counting says."""
    says, counts = (
        {(row["kind"], row["warehouse_id"]): row["number"] for row in tenant.rows(sql)} for sql in (SAYS, COUNTS)
    )
    assert says == counts
    return says


def change(tenant: Tenant, sql: str, **params: object) -> None:
    with tenant.uow() as uow:
        uow.execute(sql, params)


def test_the_tally_follows_every_change(tenant: Tenant) -> None:
    first, second = tenant.warehouse_id, make_warehouse(tenant).id
    assert check(tenant) == {}
    made = make_products(tenant, *(new_product() for _ in range(5)), new_product(is_active=False))
    bins = make_bins(
        tenant, *(places.NewBin(warehouse_id=w, code=f"B{w}-{n}") for n in range(3) for w in (first, second))
    )
    assert check(tenant) == {("item", 0): 5, ("bin", first): 3, ("bin", second): 3}
    change(tenant, "UPDATE product SET is_active = false WHERE id = ANY(%(ids)s)", ids=[p.product_id for p in made[:2]])
    change(
        tenant, "UPDATE variant SET is_active = false WHERE id = ANY(%(ids)s)", ids=[p.variant_id for p in made[1:3]]
    )
    change(tenant, "UPDATE bin SET is_active = false WHERE id = %(id)s", id=bins[0].id)
    change(tenant, "UPDATE bin SET warehouse_id = %(w)s WHERE id = %(id)s", w=second, id=bins[2].id)
    assert check(tenant) == {("item", 0): 2, ("bin", first): 1, ("bin", second): 4}
    change(tenant, "UPDATE product SET is_active = true")
    change(tenant, "UPDATE variant SET is_active = true")
    change(tenant, "DELETE FROM variant WHERE id = %(id)s", id=made[4].variant_id)
    change(tenant, "DELETE FROM bin WHERE id = %(id)s", id=bins[1].id)
    assert check(tenant) == {("item", 0): 5, ("bin", first): 1, ("bin", second): 3}


def test_many_writers_at_once_are_all_tallied(tenant: Tenant) -> None:
    def work(n: int) -> None:
        with tenant.uow() as uow:
            if n % 2:
                catalogue.create_products(uow, [new_product(sku=f"T-{n}-{k}") for k in range(3)])
            places.create_bin(uow, places.NewBin(warehouse_id=tenant.warehouse_id, code=f"T{n}"))

    together(30, work)
    assert check(tenant) == {("item", 0): 45, ("bin", tenant.warehouse_id): 30}
