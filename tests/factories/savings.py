"""Forms of the "save me money" page."""

from chalicelib.messaging.savings import store
from chalicelib.messaging.savings.store import File
from tests.tenant import Tenant

FORM = {
    "name": "Ana Reyes",
    "restaurant_name": "Blue Door",
    "street_address": "12 Harbor Street",
    "city": "Chicago",
    "state": "IL",
    "phone": "+13125550142",
    "email": "ana@bluedoor.example",
    "rd_customer_number": None,
    "address": "203.0.113.7",
}


def make_savings_request(tenant: Tenant) -> int:
    """A form whose invoice is said to be stored; its id."""
    with tenant.uow() as uow:
        file = File(f"savings/of-{tenant.id}.pdf", "application/pdf", b"")
        request_id = store.insert(uow, FORM, file)
        store.set_stored(uow, request_id)
    return request_id
