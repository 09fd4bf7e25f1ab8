"""POST /api/voice/check_order_status: by number or telephone, without a name or an address."""

from typing import Any

import pytest

from tests.client import Client
from tests.factories.identity import make_api_key
from tests.factories.orders import make_order
from tests.factories.stock import make_shelf
from tests.tenant import Tenant

PATH = "/api/voice/check_order_status"
PHONE = "+13125550177"


@pytest.fixture
def agent(tenant: Tenant) -> Client:
    return Client(tenant.host).as_key(make_api_key(tenant, "voice"))


def place(tenant: Tenant, **more: Any) -> dict[str, Any]:
    shelf = make_shelf(tenant, free=10, price_minor=1250)
    return make_order(tenant, (shelf.product_id, 2), **{"delivery_phone": PHONE, "special_notes": "Ring twice", **more})


def test_an_order_by_its_number(agent: Client, tenant: Tenant) -> None:
    placed = place(tenant)
    reply = agent.post(PATH, {"order_number": placed["order_number"]})
    assert reply.status == 200, reply.json
    order = reply.json["order"]
    items, created_at = order.pop("items"), order.pop("created_at")
    assert (reply.json["success"], created_at.endswith("Z")) == (True, True)
    assert order == {
        "order_number": placed["order_number"],
        "status": "pending",
        "total": 25.0,
        "subtotal": 25.0,
        "delivery_fee": 0.0,
        "payment_method": "credit_card",
        "payment_status": "unpaid",
        "item_count": 1,
        "special_notes": "Ring twice",
    }
    [item] = items
    assert (item["quantity"], item["unit_price"], item["line_total"]) == (2, 12.5, 25.0)
    assert sorted(item) == ["line_total", "name", "quantity", "sku", "unit_price"]
    assert reply.statements == 4


@pytest.mark.parametrize("field", ["phone_number", "phone"])
@pytest.mark.parametrize("said", [PHONE, "(312) 555-0177", "1-312-555-0177"])
def test_the_latest_order_of_a_telephone(field: str, said: str, agent: Client, tenant: Tenant) -> None:
    place(tenant)
    latest = place(tenant)
    reply = agent.post(PATH, {field: said})
    assert (reply.status, reply.json["order"]["order_number"]) == (200, latest["order_number"])
    assert reply.json["order"]["special_notes"] is None
    assert reply.statements == 4


def test_a_number_heard_in_small_letters(agent: Client, tenant: Tenant) -> None:
    placed = place(tenant)
    assert agent.post(PATH, {"order_number": placed["order_number"].lower()}).status == 200


@pytest.mark.parametrize(
    ("_case", "body", "status"),
    [
        ("an unknown number", {"order_number": "QM-22222-22222"}, 404),
        ("an unknown telephone", {"phone": "+13125559999"}, 404),
        ("no telephone at all", {"phone": "hello"}, 404),
        ("nothing", {}, 400),
        ("empty texts", {"order_number": "", "phone": ""}, 400),
        ("an unknown field", {"order": "QM-22222-22222"}, 400),
    ],
)
def test_refusals(_case: str, body: dict[str, Any], status: int, agent: Client, tenant: Tenant) -> None:
    place(tenant)
    reply = agent.post(PATH, body)
    assert reply.status == status
    if status == 404:
        assert reply.json == {"error": "Order not found", "success": False}


def test_who_may_ask(api: Client, tenant: Tenant, other_tenant: Tenant) -> None:
    placed = place(tenant)
    body = {"order_number": placed["order_number"]}
    other = Client(other_tenant.host).as_key(make_api_key(other_tenant, "voice"))
    assert api.post(PATH, body).status == 401
    assert api.as_key(make_api_key(tenant, "inventory:read")).post(PATH, body).status == 403
    assert other.post(PATH, body).status == 404
