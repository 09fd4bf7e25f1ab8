"""A USER of another warehouse of the same organization, who may do everything there, calls with this warehouse's records.

Records are as if they were not there, 404; a warehouse that is named is refused, 403; what belongs to no warehouse is shown
without what lies here. Nothing changes. Administrators' endpoints are refused to every USER (test_matrix.py).
"""

from dataclasses import dataclass

import pytest

from chalicelib import places, routes
from chalicelib.kernel.access import WMS_ADMIN
from chalicelib.kernel.endpoint import DECLARED
from infra.local.postgres import Cluster
from infra.tools import load_declarations
from tests.client import Reply
from tests.factories.identity import Staff, make_staff
from tests.matrix.callers import FUNCTIONS
from tests.matrix.footprint import Footprint
from tests.matrix.records import make_records
from tests.matrix.samples import Values, sample
from tests.matrix.test_matrix import send
from tests.providers import Providers
from tests.tenant import Tenant, create_tenant

EXPECTED = {
    "POST /api/inventory/cycle-count/create": 403,
    "POST /api/inventory/cycle-count/submit": 404,
    "GET /api/inventory/cycle-count/{count_id}": 404,
    "GET /api/lookup/bin/search": 200,
    "GET /api/lookup/bin/{bin_barcode}": 404,
    "GET /api/lookup/item/search": 200,
    "GET /api/lookup/item/{item_barcode}": 200,
    "GET /api/lookup/so/{so_barcode}": 404,
    "POST /api/packing/complete": 404,
    "GET /api/packing/order/{barcode}": 404,
    "POST /api/packing/verify": 404,
    "GET /api/picking/active-batch": 200,
    "GET /api/picking/batch/{batch_id}": 404,
    "GET /api/picking/batch/{batch_id}/next": 404,
    "POST /api/picking/cancel-batch": 404,
    "POST /api/picking/complete-batch": 404,
    "POST /api/picking/confirm": 404,
    "POST /api/picking/create-batch": 403,
    "POST /api/picking/short": 404,
    "POST /api/picking/wave-create": 403,
    "POST /api/picking/wave-validate": 403,
    "POST /api/putaway/confirm": 404,
    "GET /api/putaway/pending/{warehouse_id}": 403,
    "GET /api/putaway/suggest/{item_id}": 403,
    "POST /api/putaway/update-preferred": 404,
    "POST /api/receiving/cancel": 200,
    "GET /api/receiving/po/{po_barcode}": 404,
    "POST /api/receiving/receive": 403,
    "POST /api/shipping/fulfill": 404,
    "GET /api/shipping/order/{barcode}": 404,
    "POST /api/transfers/move": 404,
    "GET /api/warehouses/list": 200,
}
"""Every endpoint of the floor."""


@dataclass(frozen=True)
class Elsewhere:
    """One warehouse with a record of every kind, and somebody who works in another."""

    tenant: Tenant
    records: Values
    member: Staff
    footprint: Footprint

    def call(self, name: str) -> Reply:
        """A call with the records of the warehouse that is not theirs."""
        method, path = name.split(" ")
        request = sample(DECLARED[method, path], self.records)
        return send(self.tenant, request, {"authorization": f"Bearer {self.member.token()}"})


@pytest.fixture(scope="module")
def elsewhere(database: Cluster, doubles: Providers) -> Elsewhere:
    load_declarations()
    tenant = create_tenant(database.owner_url(), "elsewhere")
    records = make_records(tenant)
    with tenant.uow() as uow:
        other = places.create_warehouse(uow, code="ELSEWHERE", name="Elsewhere")
    member = make_staff(tenant, wms_role="USER", functions=FUNCTIONS, warehouse_ids=[other.id], warehouse_id=other.id)
    return Elsewhere(tenant, records, member, Footprint(tenant))


def test_the_table_names_every_endpoint_of_the_floor(elsewhere: Elsewhere) -> None:
    floor = {
        f"{method} {path}"
        for method, path, *_ in routes.ROUTES
        if "wms" in DECLARED[method, path].allow.audiences
        and DECLARED[method, path].allow != WMS_ADMIN
        and not path.startswith("/api/auth/")
    }
    assert floor == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_another_warehouse_is_out_of_reach(name: str, elsewhere: Elsewhere) -> None:
    before = elsewhere.footprint.take()
    reply = elsewhere.call(name)
    after = elsewhere.footprint.take()
    assert reply.status == EXPECTED[name], reply.body
    assert {table for table in after if after[table] != before[table]} <= {"session"}


def test_what_belongs_to_no_warehouse_shows_nothing_of_this_one(elsewhere: Elsewhere) -> None:
    assert elsewhere.call("GET /api/lookup/item/{item_barcode}").json["locations"] == []
    assert elsewhere.call("POST /api/receiving/cancel").json["reversed"] == 0
    shown = elsewhere.call("GET /api/warehouses/list").json["warehouses"]
    assert [warehouse["code"] for warehouse in shown] == ["ELSEWHERE"]
