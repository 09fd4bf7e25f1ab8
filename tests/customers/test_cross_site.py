"""Cross-site request forgery: no page of another site can write with a customer's cookie, whatever it writes to."""

import pytest

from chalicelib import routes
from chalicelib.kernel.access import SAFE_METHODS
from chalicelib.kernel.cookies import SESSION_COOKIE
from infra.tools import declarations
from tests.client import Client
from tests.factories.customers import PASSWORD, make_customer
from tests.tenant import Tenant

WRITES = sorted(
    (endpoint.method, endpoint.path)
    for endpoint in declarations()
    if endpoint.method not in SAFE_METHODS and SESSION_COOKIE in dict(endpoint.allow.cookies)
)
"""Every write that reads the shop's session."""
ELSEWHERE = [
    {"origin": "https://evil.example.test"},
    {"origin": "null"},
    {"origin": "https://shop.example.test.evil.test"},
    {"origin": "https://evilshop.example.test"},
    {"origin": "https://sub.shop.example.test"},
    {"origin": "http://shop.example.test"},
    {"origin": "https://shop.example.test:8443"},
    {"origin": "https://shop.example.test/"},
    {"origin": ""},
    {"origin": "https://evil.example.test", "referer": "https://shop.example.test/"},
    {"sec_fetch_site": "cross-site"},
    {"sec_fetch_site": "same-site"},
]


def test_there_is_something_to_check() -> None:
    assert len(WRITES) >= 6
    assert ("PUT", "/api/users/{user_id}") in WRITES
    assert len(routes.ROUTES) > len(WRITES)


@pytest.mark.parametrize(("method", "path"), WRITES, ids=[" ".join(each) for each in WRITES])
def test_other_sites_cannot_write(method: str, path: str, api: Client, tenant: Tenant) -> None:
    shopper = make_customer(tenant)
    target = path.replace("{user_id}", str(shopper.id)).replace("{order_number}", "QM-22222-22222")
    body = {"current_password": PASSWORD, "new_password": "another velvet lamp", "company_name": "Stolen"}
    rider = api.with_cookie(shopper.cookie())
    for headers in ELSEWHERE:
        reply = rider.call(method, target, body if method != "DELETE" else None, dict(headers))
        assert (reply.status, reply.json) == (403, {"error": "Cross-site request refused"}), headers
    user = shopper.client().get("/api/me").json["user"]
    assert user["company_name"] == f"Corner Shop {shopper.username.removeprefix('shopper')}"
    assert tenant.value("SELECT count(*) FROM outbox") == 0


@pytest.mark.parametrize(
    "media", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_what_a_form_can_send_is_not_read(media: str, api: Client, tenant: Tenant) -> None:
    """A form of another site can send these kinds of body without asking first (Fetch standard, "CORS protocol")."""
    shopper = make_customer(tenant)
    reply = api.with_cookie(shopper.cookie()).put(
        f"/api/users/{shopper.id}", b'{"company_name": "Stolen"}', content_type=media
    )
    assert reply.status == 415


def test_the_own_pages_and_programs_may_write(api: Client, tenant: Tenant) -> None:
    shopper = make_customer(tenant)
    client = api.with_cookie(shopper.cookie())
    for headers in ({}, {"origin": "https://shop.example.test"}, {"sec_fetch_site": "same-origin"}):
        reply = client.call("PUT", f"/api/users/{shopper.id}", {"company_name": "Mine"}, dict(headers))
        assert reply.status == 200
