"""GET /api/v1/locations and GET /api/warehouses/list."""

from typing import Literal

import pytest

from chalicelib import identity
from tests.client import Client
from tests.factories.catalogue import integrator
from tests.factories.places import make_warehouse
from tests.tenant import Tenant

PASSWORD = "Walnut-Pallet-7"
WmsRole = Literal["ADMIN", "USER"]


def user(tenant: Tenant, role: WmsRole, warehouse_ids: list[int]) -> Client:
    with tenant.uow() as uow:
        new = identity.NewStaff(username="picker", password=PASSWORD, wms_role=role, warehouse_ids=warehouse_ids)
        staff_id = identity.create_staff(uow, new)
        session = identity.open_session(uow, "staff", staff_id, "wms", identity.SESSION_LASTS)
    return Client(tenant.host).as_bearer(session.token)


def test_locations(tenant: Tenant, other_tenant: Tenant) -> None:
    closed = make_warehouse(tenant, code="OLD", name="Old store", address="1 Harbor St")
    tenant.rows("UPDATE warehouse SET is_active = false WHERE id = %(id)s RETURNING id", id=closed.id)
    reply = integrator(tenant).get("/api/v1/locations")
    assert (reply.status, reply.statements) == (200, 4)
    assert reply.json == {
        "locations": [
            {"id": tenant.warehouse_id, "code": "W1", "name": "Main warehouse", "address": "", "is_active": True},
            {"id": closed.id, "code": "OLD", "name": "Old store", "address": "1 Harbor St", "is_active": False},
        ]
    }


@pytest.mark.parametrize(("role", "sees"), [("USER", ["W1"]), ("ADMIN", ["W1", "W2"])])
def test_a_user_chooses_among_their_warehouses(tenant: Tenant, role: WmsRole, sees: list[str]) -> None:
    make_warehouse(tenant, code="W2")
    closed = make_warehouse(tenant, code="W3")
    tenant.rows("UPDATE warehouse SET is_active = false WHERE id = %(id)s RETURNING id", id=closed.id)
    reply = user(tenant, role, [tenant.warehouse_id, closed.id]).get("/api/warehouses/list")
    assert (reply.status, reply.statements) == (200, 4)
    assert [w["code"] for w in reply.json["warehouses"]] == sees
    assert set(reply.json["warehouses"][0]) == {"id", "name", "code"}


def test_nobody_sees_warehouses(api: Client) -> None:
    assert api.get("/api/warehouses/list").status == 401
