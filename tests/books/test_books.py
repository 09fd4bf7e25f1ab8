"""GET /api/books: whole when nothing is wrong, loud when something is."""

from chalicelib.kernel import audit
from tests.factories.identity import make_staff
from tests.factories.orders import make_order
from tests.factories.stock import make_shelf
from tests.tenant import Tenant


def test_the_books_of_a_busy_tenant_are_whole(tenant: Tenant) -> None:
    admin = make_staff(tenant, wms_role="ADMIN").client()
    shelf = make_shelf(tenant, free=10)
    make_order(tenant, (shelf.product_id, 4))
    tenant.work_off()
    with tenant.uow() as uow:
        audit.seal(uow)
    books = admin.get("/api/books").json
    assert books["is_whole"] is True
    assert books["holds"] == {"open_units": 4, "held_units": 4, "wrong_lines": 0}
    assert (books["stock"]["moves"], books["stock"]["units_moved"], books["outbox"]["open"]) == (1, 10, 0)
    assert books["audit"]["sealed"] > 0


def test_a_level_that_was_edited_behind_our_back_shows(tenant: Tenant) -> None:
    admin = make_staff(tenant, wms_role="ADMIN").client()
    shelf = make_shelf(tenant, free=10)
    tenant.as_owner("UPDATE stock_level SET on_hand = 11 WHERE account_id = %(a)s", a=shelf.account_id)
    books = admin.get("/api/books").json
    assert (books["is_whole"], books["stock"]["wrong_levels"], books["stock"]["wrong_availability"]) == (False, 1, 1)
