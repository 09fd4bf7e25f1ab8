"""Webhook endpoints: made, shown without their secrets, changed, rotated, removed; each organization its own."""

import base64
from typing import Any

import pytest
from standardwebhooks import Webhook

from chalicelib.feed import service
from tests.client import Client
from tests.factories.feed import PATH, Endpoint, Noted, make_endpoint, reader, tell
from tests.factories.identity import make_api_key
from tests.providers import Providers
from tests.tenant import Tenant

CALLS = [
    ("GET", ""),
    ("PATCH", ""),
    ("DELETE", ""),
    ("POST", "/rotate_secret"),
    ("GET", "/deliveries"),
    ("POST", "/replay"),
    ("POST", "/test"),
]
BODY: dict[str, dict[str, Any] | None] = {"GET": None, "PATCH": {}, "DELETE": {}, "POST": {}}


@pytest.fixture
def url(providers: Providers) -> str:
    """An address that may be asked."""
    return f"{providers.url}/receiver/shop"


@pytest.fixture
def manager(tenant: Tenant, api: Client) -> Client:
    """An integrator who may manage webhook endpoints."""
    return api.as_key(make_api_key(tenant, "webhooks:write"))


@pytest.fixture
def endpoint(tenant: Tenant, providers: Providers) -> Endpoint:
    """An endpoint for everything."""
    return make_endpoint(tenant, providers)


def stored(tenant: Tenant, endpoint_id: int) -> dict[str, Any]:
    return tenant.rows("SELECT * FROM webhook_endpoint WHERE id = %(id)s", id=endpoint_id)[0]


def audited(tenant: Tenant) -> list[dict[str, Any]]:
    return tenant.rows("SELECT * FROM audit_entry WHERE entity = 'webhook_endpoint' ORDER BY id")


def test_the_secret_is_shown_once_and_is_one_that_the_standard_knows(tenant: Tenant, manager: Client, url: str) -> None:
    made = manager.post(PATH, {"url": url, "description": "Shop", "event_types": ["order.shipped"]})
    assert (made.status, made.json["secret"][:6]) == (201, "whsec_")
    assert len(base64.b64decode(made.json["secret"][6:])) == 32
    assert Webhook(made.json["secret"])
    rest = {k: v for k, v in made.json.items() if k != "secret"}
    assert {k: rest[k] for k in ("url", "description", "event_types", "is_enabled", "disabled_because")} == {
        "url": url,
        "description": "Shop",
        "event_types": ["order.shipped"],
        "is_enabled": True,
        "disabled_because": None,
    }
    shown = manager.get(f"{PATH}/{rest['id']}")
    listed = manager.get(PATH)
    assert (shown.json, listed.json) == (rest, {"webhook_endpoints": [rest]})
    assert (shown.statements, listed.statements) == (4, 4)
    secret = made.json["secret"].removeprefix("whsec_")
    assert secret not in str(stored(tenant, rest["id"])) + str(audited(tenant))


def test_the_same_key_twice_makes_one_endpoint_per_answer(manager: Client, url: str) -> None:
    """A reply that holds a secret is not kept, so the second call makes another."""
    replies = [manager.post(PATH, {"url": url}, idempotency_key="k") for _ in range(2)]
    assert [reply.status for reply in replies] == [201, 201]
    assert replies[0].json["secret"] != replies[1].json["secret"]


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("http://hooks.example.com/x", 400),
        ("https://hooks.example.com:8443/x", 400),
        ("https://user:pass@hooks.example.com/", 400),
        ("https://127.0.0.1/", 400),
        ("https://0x7f000001/", 400),
        ("https://[::1]/", 400),
        ("https://169.254.169.254/latest/meta-data/", 400),
        ("ftp://hooks.example.com/", 400),
        ("hooks.example.com", 400),
        ("", 422),
        (None, 422),
    ],
)
def test_only_public_https_addresses_are_taken(url: str | None, status: int, tenant: Tenant, manager: Client) -> None:
    reply = manager.post(PATH, {"url": url})
    assert reply.status == status
    if status == 400:
        assert reply.json["code"] == "blocked_destination"
    assert tenant.value("SELECT count(*) FROM webhook_endpoint") == 0


@pytest.mark.parametrize(
    "body",
    [
        {"event_types": ["no.such"]},
        {"event_types": ["order.placed", "order.placed"]},
        {"event_types": "order.placed"},
        {"description": "x" * 256},
        {"secret": "whsec_mine"},
    ],
)
def test_what_cannot_be_is_refused(body: dict[str, Any], tenant: Tenant, manager: Client, url: str) -> None:
    assert manager.post(PATH, {"url": url, **body}).status == 422
    assert tenant.value("SELECT count(*) FROM webhook_endpoint") == 0


def test_an_organization_has_so_many_at_most(manager: Client, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "ENDPOINTS_MAX", 2)
    replies = [manager.post(PATH, {"url": url}) for _ in range(3)]
    assert [reply.status for reply in replies] == [201, 201, 409]
    assert manager.delete(f"{PATH}/{replies[0].json['id']}").status == 204
    assert manager.post(PATH, {"url": url}).status == 201


def test_an_endpoint_is_changed_field_by_field(tenant: Tenant, endpoint: Endpoint, url: str) -> None:
    reply = endpoint.client.patch(endpoint.path, {"description": "New", "event_types": ["order.paid"]})
    assert (reply.status, reply.json["description"], reply.json["event_types"]) == (200, "New", ["order.paid"])
    assert reply.statements <= 10
    assert endpoint.client.patch(endpoint.path, {"url": "https://127.0.0.1/"}).status == 400
    assert endpoint.client.patch(endpoint.path, {"url": url}).json["url"] == url
    disabled = endpoint.client.patch(endpoint.path, {"is_enabled": False}).json
    assert (disabled["is_enabled"], disabled["disabled_because"]) == (False, "owner")
    enabled = endpoint.client.patch(endpoint.path, {"is_enabled": True}).json
    assert (enabled["is_enabled"], enabled["disabled_because"]) == (True, None)
    entry = audited(tenant)[1]
    assert (entry["before"]["description"], entry["after"]["description"]) == ("", "New")


def test_a_removed_endpoint_is_gone_with_its_secrets(tenant: Tenant, endpoint: Endpoint) -> None:
    assert endpoint.client.delete(endpoint.path).status == 204
    row = stored(tenant, endpoint.id)
    assert (row["secret"], row["previous_secret"]) == (None, None)
    assert endpoint.client.get(PATH).json == {"webhook_endpoints": []}
    for method, path in CALLS:
        assert endpoint.client.call(method, endpoint.path + path, BODY[method], {}).status == 404


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_another_organizations_endpoint_is_not_there(
    method: str, path: str, tenant: Tenant, other_tenant: Tenant, endpoint: Endpoint
) -> None:
    before = stored(tenant, endpoint.id)
    stranger = Client(other_tenant.host).as_key(make_api_key(other_tenant, "webhooks:write"))
    reply = stranger.call(method, endpoint.path + path, BODY[method], {})
    nobodys = stranger.call(method, f"{PATH}/2000000000{path}", BODY[method], {})
    assert (reply.status, reply.json) == (nobodys.status, nobodys.json) == (404, nobodys.json)
    assert stored(tenant, endpoint.id) == before


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_managing_needs_the_scope(method: str, path: str, endpoint: Endpoint, api: Client) -> None:
    assert api.call(method, endpoint.path + path, BODY[method], {}).status == 401
    assert reader(endpoint.tenant).call(method, endpoint.path + path, BODY[method], {}).status == 403


def test_a_disabled_endpoint_is_neither_tested_nor_replayed(tenant: Tenant, endpoint: Endpoint) -> None:
    endpoint.client.patch(endpoint.path, {"is_enabled": False})
    tell(tenant, Noted(note_id=1))
    for reply in (endpoint.replay(after="0"), endpoint.client.post(f"{endpoint.path}/test")):
        assert (reply.status, reply.json["code"]) == (409, "endpoint_disabled")
    assert endpoint.deliveries() == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"since": "2026-03-01T08:00:00Z", "after": "1"}, 422),
        ({"since": "yesterday"}, 422),
        ({"after": "x"}, 422),
        ({"after": "99"}, 410),
    ],
)
def test_a_replay_begins_at_one_place(body: dict[str, Any], status: int, endpoint: Endpoint) -> None:
    assert endpoint.replay(**body).status == status
