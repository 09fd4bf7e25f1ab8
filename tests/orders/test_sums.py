"""What an order comes to: fees and discounts of the organization, never of the caller."""

from typing import Any

import pytest

from chalicelib.kernel.operations import operate
from chalicelib.orders import rules
from tests.client import Client
from tests.factories.customers import make_customer
from tests.factories.orders import make_order, order_body
from tests.factories.stock import check_books, make_shelf
from tests.tenant import Tenant, create_tenant

FOR_ALL = {"per_10000": 250, "from_minor": 10_000}
ON_TERMS = {"per_10000": 400, "terms": "net30"}


@pytest.mark.parametrize(
    ("_case", "discounts", "subtotal", "terms", "discount"),
    [
        ("none", None, 100_000, None, 0),
        ("below its subtotal", [FOR_ALL], 9_999, None, 0),
        ("from its subtotal on", [FOR_ALL], 10_000, None, 250),
        ("half a cent is rounded up", [{"per_10000": 50}], 100, None, 1),
        ("less than half a cent is not", [{"per_10000": 49}], 100, None, 0),
        ("of several the best one", [FOR_ALL, ON_TERMS, {"per_10000": 100}], 10_000, "net30", 400),
        ("a guest has no terms", [FOR_ALL, ON_TERMS], 10_000, None, 250),
        ("other terms", [ON_TERMS], 10_000, "prepaid", 0),
        ("all of it", [{"per_10000": 10_000}], 12_345, None, 12_345),
        ("more than all of it is no discount", [{"per_10000": 10_001}], 12_345, None, 0),
        ("nor is a surcharge", [{"per_10000": -1}], 12_345, None, 0),
        ("nor a word", [{"per_10000": "250"}, "all", None, {"from_minor": 1}], 12_345, None, 0),
        ("nor true", [{"per_10000": True}], 12_345, None, 0),
        ("a subtotal that is no number", [{"per_10000": 250, "from_minor": "1"}], 12_345, None, 0),
        ("no list", {"per_10000": 250}, 12_345, None, 0),
    ],
)
def test_discounts(_case: str, discounts: Any, subtotal: int, terms: str | None, discount: int) -> None:
    assert rules.discount_minor({"discounts": discounts}, subtotal, terms=terms) == discount


def test_the_fee_looks_at_the_subtotal_before_the_discount() -> None:
    settings = {
        "delivery_fee_minor": 1500,
        "free_delivery_from_minor": 10_000,
        "discounts": [{"per_10000": 1000, "from_minor": 5_000}],
    }
    assert rules.sums(settings, 10_000, terms=None) == rules.Sums(10_000, 1_000, 0)
    assert rules.sums(settings, 9_999, terms=None).total_minor == 9_999 - 1_000 + 1_500


@pytest.fixture
def generous(database: Any, aws: None, request: pytest.FixtureRequest) -> Tenant:
    """An organization with a fee and two discounts."""
    name = f"generous-{request.node.name.replace('_', '-')[:40]}"
    return create_tenant(database.owner_url(), name, delivery_fee_minor=1500, discounts=[FOR_ALL, ON_TERMS])


def test_discounts_and_fees_reach_the_order(generous: Tenant) -> None:
    shelf = make_shelf(generous, price_minor=2500)
    order = make_order(generous, (shelf.product_id, 4))
    assert [order[name] for name in ("subtotal", "discount_amount", "delivery_fee", "total_amount")] == [
        100.0,
        2.5,
        15.0,
        112.5,
    ]
    check_books(generous)


@pytest.mark.parametrize(
    ("_case", "terms", "method", "status", "discount", "statements"),
    [
        ("on terms, within the limit only because of the discount", "net30", "net30", "confirmed", 4.0, 10),
        ("on terms, but by card", "net30", "credit_card", "pending", 4.0, 9),
        ("without terms", "prepaid", "net30", "pending", 2.5, 10),
    ],
)
def test_a_customers_terms_count(
    _case: str, terms: Any, method: str, status: str, discount: float, statements: int, generous: Tenant
) -> None:
    shelf = make_shelf(generous, price_minor=2500)
    shopper = make_customer(generous, payment_terms=terms, credit_limit_minor=11_100)
    reply = shopper.client().post("/api/orders", order_body((shelf.product_id, 4), payment_method=method))
    order = reply.json["order"]
    assert (reply.status, order["status"], order["discount_amount"]) == (201, status, discount)
    assert reply.statements == statements


def test_an_amount_of_the_callers_is_refused(tenant: Tenant, api: Client) -> None:
    shelf = make_shelf(tenant)
    for name in ("discount_amount", "delivery_fee", "subtotal", "total_amount", "payment_status", "user_id"):
        reply = api.post("/api/orders", {**order_body((shelf.product_id, 1)), name: 1})
        assert (reply.status, reply.json["details"][0]["loc"]) == (400, [name])
    assert shelf.free() == 10


def test_an_order_that_no_amount_can_hold_is_refused(tenant: Tenant, api: Client) -> None:
    shelf = make_shelf(tenant, free=10, price_minor=2 * 10**11)
    reply = api.post("/api/orders", order_body((shelf.product_id, 3), (shelf.product_id, 3)))
    assert (reply.status, reply.json["details"][0]["type"], shelf.free()) == (400, "amount_range", 10)


def test_an_operator_sets_fees_and_discounts(tenant: Tenant) -> None:
    shelf = make_shelf(tenant, price_minor=2500)
    asked = {"delivery_fee_minor": 700, "free_delivery_from_minor": 5000, "discounts": [ON_TERMS, {"per_10000": 100}]}
    assert operate({"command": "set_fees_and_discounts", "organization_id": tenant.id, **asked}) == {
        "result": {**asked, "discounts": [{**ON_TERMS, "from_minor": 0}, {"per_10000": 100, "from_minor": 0}]}
    }
    small, large = (make_order(tenant, (shelf.product_id, units)) for units in (1, 2))
    assert [(o["discount_amount"], o["delivery_fee"]) for o in (small, large)] == [(0.25, 7.0), (0.5, 0.0)]
    assert "result" in operate({"command": "set_fees_and_discounts", "organization_id": tenant.id})
    plain = make_order(tenant, (shelf.product_id, 1))
    assert (plain["discount_amount"], plain["delivery_fee"]) == (0.0, 0.0)
    assert tenant.value("SELECT count(*) FROM audit_entry WHERE entity_id = 'fees_and_discounts'") == 2


def test_setting_fees_leaves_other_settings_alone(database: Any, aws: None) -> None:
    other = create_tenant(database.owner_url(), "other-settings", require_packing="false")
    operate({"command": "set_fees_and_discounts", "organization_id": other.id, "delivery_fee_minor": 5})
    settings = other.value("SELECT settings FROM organization WHERE id = %(id)s", id=other.id)
    assert (settings["require_packing"], settings["delivery_fee_minor"]) == ("false", 5)


@pytest.mark.parametrize(
    ("_case", "asked"),
    [
        ("a negative fee", {"delivery_fee_minor": -1}),
        ("a fee in words", {"delivery_fee_minor": "15"}),
        ("all of it", {"discounts": [{"per_10000": 10_000}]}),
        ("a surcharge", {"discounts": [{"per_10000": -100}]}),
        ("a percentage", {"discounts": [{"percent": 2.5}]}),
        ("unknown terms", {"discounts": [{"per_10000": 100, "terms": "net60"}]}),
        ("true", {"discounts": [{"per_10000": True}]}),
        ("no list", {"discounts": {"per_10000": 100}}),
        ("something else", {"free_delivery": True}),
    ],
)
def test_odd_fees_and_discounts_are_refused(_case: str, asked: dict[str, Any], tenant: Tenant) -> None:
    answer = operate({"command": "set_fees_and_discounts", "organization_id": tenant.id, **asked})
    assert sorted(answer) == ["error"]
    assert tenant.value("SELECT settings FROM organization WHERE id = %(id)s", id=tenant.id) == {}
