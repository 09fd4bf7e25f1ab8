"""Who may call: credentials, their combinations, roles, and requests that other sites send."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from chalicelib.kernel.settings import settings
from chalicelib.kernel.tokens import Audience
from tests.client import Client
from tests.factories.customers import make_customer
from tests.factories.identity import make_api_key, make_staff, make_warehouse_user
from tests.kernel.apps import GUARDED, KernelClient
from tests.tenant import Tenant

Configured = Callable[..., AbstractContextManager[None]]
OURS = "https://shop.example.test"


def callers(kernel: KernelClient, tenant: Tenant) -> dict[str, Client]:
    clerk = make_staff(tenant, commerce_role="staff")

    def staff(audience: Audience, **roles: Any) -> Client:
        return kernel.as_bearer(make_staff(tenant, **roles).token(audience))

    def picker(*functions: str, **fields: Any) -> Client:
        return kernel.as_bearer(make_warehouse_user(tenant, *functions, **fields).token("wms"))

    return {
        "nobody": kernel,
        "customer": kernel.with_cookie(make_customer(tenant).cookie()),
        "manager": staff("commerce", commerce_role="manager"),
        "clerk": kernel.as_bearer(clerk.token("commerce")),
        "clerk by cookie": kernel.with_cookie(f"__Host-qm_staff={clerk.token('commerce')}"),
        "new clerk": staff("commerce", commerce_role="staff", must_change_password=True),
        "no clerk": staff("commerce", wms_role="ADMIN"),
        "picker": picker("pick"),
        "packer": picker("pack"),
        "wms admin": staff("wms", wms_role="ADMIN"),
        "no picker": staff("wms", commerce_role="admin", functions=("pick",)),
        "new picker": picker("pick", must_change_password=True),
        "key": kernel.as_key(make_api_key(tenant)),
        "key as bearer": kernel.as_bearer(make_api_key(tenant)),
        "voice key": kernel.as_key(make_api_key(tenant, "voice")),
        "unknown key": kernel.as_key("qmk_unknown"),
        "operator": staff("storage", storage_role="User"),
        "supervisor": staff("storage", storage_role="Admin"),
        "no operator": staff("storage", commerce_role="admin"),
        "new supervisor": staff("storage", storage_role="Admin", must_change_password=True),
        "storage key": kernel.as_key(make_api_key(tenant, "storage")),
        "admin storage key": kernel.as_bearer(make_api_key(tenant, "storage", storage_role="Super Admin")),
        "key with a role and no scope": kernel.as_key(make_api_key(tenant, "voice", storage_role="Super Admin")),
    }


KEYS = ("key", "key as bearer", "voice key", "key with a role and no scope", "storage key", "admin storage key")
CLERKS = {"manager": 200, "clerk": 200, "clerk by cookie": 200}
FLOOR_STAFF = {"picker": 200, "packer": 200, "wms admin": 200}
MATRIX: dict[str, dict[str, int]] = {
    "public": {},
    "shopper": {},
    "customer": {"customer": 200},
    "staff": {**CLERKS, "new clerk": 403},
    "new_staff": {**CLERKS, "new clerk": 200},
    "manager": {"manager": 200, "clerk": 403, "clerk by cookie": 403, "new clerk": 403},
    "pick": {"picker": 200, "packer": 403, "wms admin": 200, "new picker": 403},
    "floor": {**FLOOR_STAFF, "new picker": 403},
    "new_floor": {**FLOOR_STAFF, "new picker": 200},
    "floor_admin": {"picker": 403, "packer": 403, "wms admin": 200, "new picker": 403},
    "password": {
        **{who: 200 for who in (*CLERKS, *FLOOR_STAFF, "customer", "new clerk", "no clerk", "no picker", "new picker")},
        "clerk by cookie": 401,
    },
    "read": {**dict.fromkeys(KEYS, 403), "key": 200, "key as bearer": 200},
    "storage": {
        **dict.fromkeys(KEYS, 403),
        **dict.fromkeys(("operator", "supervisor", "storage key", "admin storage key"), 200),
        **dict.fromkeys(("no operator", "new supervisor"), 403),
    },
    "storage_admin": {
        **dict.fromkeys(KEYS, 403),
        **dict.fromkeys(("supervisor", "admin storage key"), 200),
        **dict.fromkeys(("operator", "no operator", "new supervisor"), 403),
    },
}
"""Endpoint -> caller -> status; who is not named gets 401, at the first two 200. Written by hand: what the product's own
matrix (tests/matrix) derives from declarations is derived by these rules."""


def test_the_matrix_of_callers_and_endpoints(kernel: KernelClient, tenant: Tenant) -> None:
    assert set(MATRIX) == set(GUARDED)
    found, expected = {}, {}
    for caller, client in callers(kernel, tenant).items():
        for endpoint in GUARDED:
            found[endpoint, caller] = client.get(f"/api/kernel/guarded/{endpoint}").status
            open_to_all = endpoint in ("public", "shopper")
            expected[endpoint, caller] = MATRIX[endpoint].get(caller, 200 if open_to_all else 401)
    assert {key: status for key, status in found.items() if status != expected[key]} == {}


@pytest.mark.parametrize("prefix", ["/api/kernel", "/api/v1/kernel", "/api/v2/kernel"])
def test_only_who_may_call_learns_what_is_wrong_with_a_request(
    kernel: KernelClient, tenant: Tenant, prefix: str
) -> None:
    path, wrong = f"{prefix}/closed/not-a-number", {"nonsense": 1}
    assert kernel.as_key(make_api_key(tenant, "voice")).post(path, wrong).status == 403
    assert kernel.post(path, wrong).status == 401
    expected = {"/api/kernel": 404, "/api/v1/kernel": 404, "/api/v2/kernel": 422}[prefix]
    assert kernel.as_key(make_api_key(tenant)).post(path, wrong).status == expected


def test_where_everybody_may_call_a_customer_is_recognised_and_a_bad_cookie_is_nobody(
    kernel: KernelClient, tenant: Tenant
) -> None:
    customer = make_customer(tenant)
    path = "/api/kernel/guarded/shopper"
    assert kernel.get(path).json == {"said": "anonymous:0"}
    assert kernel.with_cookie(customer.cookie()).get(path).json == {"said": f"customer:{customer.id}"}
    for cookie in (
        "__Host-qm_session=x",
        "__Host-qm_session=",
        "__Host-qm_session=a.b.c; other=1",
        f"other={customer.cookie()}",
    ):
        assert kernel.with_cookie(cookie).get(path).json == {"said": "anonymous:0"}
    with tenant.uow() as uow:
        uow.execute("UPDATE session SET revoked_at = %(now)s", {"now": uow.now})
    assert kernel.with_cookie(customer.cookie()).get(path).json == {"said": f"customer:{customer.id}"}


def test_an_ended_session_is_nobody_where_everybody_may_call(kernel: KernelClient, tenant: Tenant) -> None:
    cookie = make_customer(tenant).cookie()
    with tenant.uow() as uow:
        uow.execute("UPDATE session SET revoked_at = %(now)s", {"now": uow.now})
    assert kernel.with_cookie(cookie).get("/api/kernel/guarded/shopper").json == {"said": "anonymous:0"}
    assert kernel.with_cookie(cookie).get("/api/kernel/guarded/customer").status == 401


@pytest.mark.parametrize(
    "credential", ["Basic dXNlcjpwYXNz", "Bearer", "Bearer ", "bearer  ", "Digest x", "", "Bearer a b"]
)
def test_other_credentials_count_as_none(kernel: KernelClient, credential: str) -> None:
    caller = kernel.with_headers(authorization=credential)
    assert caller.get("/api/kernel/guarded/public").status == 200
    assert caller.get("/api/kernel/guarded/staff").status == 401


@pytest.mark.parametrize("header", ["x-api-key", "authorization"])
@pytest.mark.parametrize("value", ["qmk_ü", "qmk_\ud800", "qmk_\0", "qmk_" + "x" * 9000, "qmk_'; --"])
def test_a_hostile_key_is_an_unknown_key(kernel: KernelClient, header: str, value: str) -> None:
    sent = value if header == "x-api-key" else f"Bearer {value}"
    assert kernel.with_headers(**{header: sent}).get("/api/kernel/guarded/read").status == 401


def test_a_key_works_in_its_own_organization_whatever_the_host(
    kernel: KernelClient, tenant: Tenant, other_tenant: Tenant
) -> None:
    key = make_api_key(other_tenant)
    reply = kernel.as_key(key).get("/api/kernel/guarded/read")
    with other_tenant.uow() as uow:
        key_id = uow.value("SELECT id FROM api_key")
    assert reply.json == {"said": f"api_key:{key_id}"}


def test_an_unknown_host_is_not_found(kernel: KernelClient) -> None:
    for host in ("nobody.example", "", "\0", "xn--nxasmq6b", f"{kernel.host}.evil.example"):
        assert KernelClient(host).get("/api/kernel/guarded/public").status == 404
    assert KernelClient(f"{kernel.host.upper()}:8080").get("/api/kernel/guarded/public").status == 200


# Other sites.


@pytest.mark.parametrize(
    ("_case", "headers", "status"),
    [
        ("our page", {"origin": OURS}, 200),
        ("our page, in capitals", {"origin": OURS.upper()}, 200),
        ("another site", {"origin": "https://evil.example"}, 403),
        ("a sandboxed frame", {"origin": "null"}, 403),
        ("a name that begins like ours", {"origin": OURS + ".evil.example"}, 403),
        ("without encryption", {"origin": OURS.replace("https", "http")}, 403),
        ("another port", {"origin": OURS + ":8443"}, 403),
        ("an empty origin", {"origin": ""}, 403),
        ("two origins", {"origin": f"{OURS}, https://evil.example"}, 403),
        ("no browser", {}, 200),
        ("an old browser, another site", {"sec-fetch-site": "cross-site"}, 403),
        ("a neighbour's subdomain", {"sec-fetch-site": "same-site"}, 403),
        ("our page without origin", {"sec-fetch-site": "same-origin"}, 200),
        ("typed by hand", {"sec-fetch-site": "none"}, 200),
    ],
)
@pytest.mark.parametrize("who", ["customer", "staff", "shopper"])
def test_a_write_with_a_cookie_comes_from_our_own_pages(
    kernel: KernelClient, tenant: Tenant, who: str, _case: str, headers: dict[str, str], status: int
) -> None:
    staff = f"__Host-qm_staff={make_staff(tenant).token('commerce')}"
    cookie = staff if who == "staff" else make_customer(tenant).cookie()
    caller = kernel.with_cookie(cookie).with_headers(**headers)
    path = f"/api/kernel/guarded/{who}"
    assert (caller.post(path, {}).status, caller.get(path).status) == (status, 200)


def test_a_bearer_token_needs_no_origin(kernel: KernelClient, tenant: Tenant) -> None:
    """No browser sends it by itself."""
    caller = kernel.as_bearer(make_staff(tenant).token("commerce")).with_headers(origin="https://evil.example")
    assert caller.post("/api/kernel/guarded/staff", {}).status == 200


def test_more_origins_may_be_configured(kernel: KernelClient, tenant: Tenant, configured: Configured) -> None:
    caller = kernel.with_cookie(make_customer(tenant).cookie()).with_headers(origin="https://portal.example")
    path = "/api/kernel/guarded/customer"
    assert caller.post(path, {}).status == 403
    with configured(QM_ALLOWED_ORIGINS="https://portal.example https://reps.example"):
        reply = caller.post(path, {})
        assert (reply.status, reply.headers["Access-Control-Allow-Origin"]) == (200, "https://portal.example")
    assert settings().allowed_origins == ""
