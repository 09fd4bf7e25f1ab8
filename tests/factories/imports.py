"""Imports in pieces."""

from itertools import count

from tests.factories.identity import make_staff
from tests.tenant import Tenant

_numbers = count(1)


def make_import(tenant: Tenant) -> str:
    """The first of two pieces of an import of items; its name."""
    number = next(_numbers)
    body = {
        "records": [{"sku": f"IMPORTED-{number}", "item_name": "Imported"}],
        "import_id": f"import-{tenant.id}-{number}",
        "pieces": 2,
    }
    reply = make_staff(tenant, wms_role="ADMIN").client().post("/api/admin/import/items", body)
    assert reply.status == 200, reply.json
    return str(body["import_id"])
