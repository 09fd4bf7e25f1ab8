"""The watch over log lines (tests/planted.py) recognises what factories put in; else it would watch for nothing."""

import os

import pytest

from tests.conftest import ENVIRONMENT
from tests.factories import customers, identity, orders
from tests.factories.stock import make_shelf
from tests.planted import leak
from tests.tenant import Tenant

SECRET_SETTINGS = [name for name in ENVIRONMENT if name.endswith(("_KEY", "_KEYS", "_SECRET", "_TOKEN"))]
NO_SECRETS = ("AWS_SECRET_ACCESS_KEY",)
"""moto's, which signs nothing that anybody checks."""


@pytest.mark.parametrize("name", [name for name in SECRET_SETTINGS if name not in NO_SECRETS])
def test_secrets_of_the_tests_are_recognised(name: str) -> None:
    assert leak(os.environ[name]) is not None


def test_people_of_the_tests_are_recognised(tenant: Tenant) -> None:
    staff, shopper = identity.make_staff(tenant), customers.make_customer(tenant)
    said = [staff.username, staff.email, staff.password, staff.token(), identity.make_api_key(tenant)]
    said += [shopper.username, str(shopper.email), str(shopper.phone), shopper.password, shopper.cookie()]
    said += [orders.DELIVERY["delivery_name"], orders.DELIVERY["delivery_address"]]
    said += [orders.make_guests_order(tenant, (make_shelf(tenant).product_id, 1))[1]]
    assert [value for value in said if leak(value) is None] == []
