"""The admin panel's side: registry, credentials that are sealed and never shown, the test of a connection."""

import json
from typing import Any

import pytest

from tests.client import Client
from tests.factories.connectors import MAPPING, TOKEN, Connection, make_shop
from tests.factories.identity import make_staff
from tests.providers import Providers
from tests.tenant import Tenant

ALL = ["orders", "items", "inventory", "fulfillment"]


@pytest.fixture
def admin(tenant: Tenant) -> Client:
    return make_staff(tenant).client()


@pytest.fixture
def rest(tenant: Tenant) -> Connection:
    return Connection(tenant, make_staff(tenant), "rest")


def test_the_registry_is_enough_to_draw_a_form(admin: Client) -> None:
    reply = admin.get("/api/admin/connectors")
    assert (reply.status, reply.statements) == (200, 3)
    connectors = {each["name"]: each for each in reply.json["connectors"]}
    assert set(connectors) == {"rest", "quartermaster"}
    fields = {field["name"]: field for field in connectors["rest"]["config_schema"]}
    assert fields["base_url"]["required"] is True
    assert {name for name, field in fields.items() if field["secret"]} == {"api_key"}
    assert (fields["mapping"]["type"], fields["requests_per_minute"]["type"]) == ("json", "integer")
    assert fields["auth_header"]["default"] == "Authorization"
    assert [can["sync_type"] for can in connectors["rest"]["capabilities"]] == ALL
    one = admin.get("/api/admin/connectors/rest/config-schema").json
    assert one == {name: connectors["rest"][name] for name in ("name", "config_schema", "capabilities")}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "config-schema", None),
        ("POST", "credentials", {"credentials": {"base_url": "https://shop.example.test"}}),
        ("GET", "credentials?warehouse_id=1", None),
        ("DELETE", "credentials", {}),
        ("POST", "test", {}),
        ("GET", "sync-status?warehouse_id=1", None),
        ("POST", "sync/orders", {}),
    ],
)
def test_a_connector_that_is_not_there(
    method: str, path: str, body: dict[str, Any] | None, tenant: Tenant, admin: Client
) -> None:
    sent = None if body is None else {"warehouse_id": tenant.warehouse_id, **body}
    reply = admin.call(method, f"/api/admin/connectors/nobody/{path}", sent, {})
    assert (reply.status, reply.json) == (404, {"error": "Connector not found"})


def test_credentials_are_sealed_masked_and_audited_by_key(rest: Connection) -> None:
    reply = rest.store(base_url="https://shop.example.test", api_key=TOKEN)
    assert (reply.status, reply.statements) == (200, 9)
    assert reply.json["credentials"] == {"api_key": "****", "base_url": "****"}
    assert reply.json["missing"] == ["mapping"]
    listed = rest.client.get(f"{rest.url}/credentials?warehouse_id={rest.tenant.warehouse_id}")
    assert (listed.status, listed.statements) == (200, 4)
    assert listed.json["credentials"] == {"api_key": "****", "base_url": "****"}
    rows = rest.tenant.rows("SELECT * FROM connector_credential")
    assert [row["key"] for row in rows] == ["api_key", "base_url"]
    everything = str(rows) + str(rest.tenant.rows("SELECT * FROM audit_entry"))
    everything += str(rest.tenant.rows("SELECT * FROM idempotency_key")) + str(reply.body) + str(listed.body)
    assert TOKEN not in everything
    assert "shop.example.test" not in everything
    (entry,) = rest.tenant.rows("SELECT * FROM audit_entry WHERE action = 'connector.credentials_stored'")
    assert entry["entity_id"] == f"rest:{rest.tenant.warehouse_id}"
    assert (entry["before"]["keys"], entry["after"]["keys"]) == ([], ["api_key", "base_url"])


def test_storing_replaces_what_is_named_and_keeps_the_rest(rest: Connection) -> None:
    rest.store(base_url="https://shop.example.test", api_key=TOKEN)
    before = dict(rest.tenant.rows("SELECT key, sealed FROM connector_credential")[1].items())
    again = rest.store(api_key="shop-another")
    assert again.json["credentials"] == {"api_key": "****", "base_url": "****"}
    assert rest.tenant.rows("SELECT key, sealed FROM connector_credential")[1] == before


def test_deleting_removes_all_of_them(rest: Connection) -> None:
    rest.store(base_url="https://shop.example.test", api_key=TOKEN)
    body = {"warehouse_id": rest.tenant.warehouse_id}
    replies = [rest.client.delete(f"{rest.url}/credentials", body) for _ in range(2)]
    assert [(reply.status, reply.json["deleted"]) for reply in replies] == [(200, 2), (200, 0)]
    assert rest.tenant.rows("SELECT key FROM connector_credential") == []


@pytest.mark.parametrize(
    ("_case", "credentials", "loc"),
    [
        ("a key that is none", {"passwort": "x"}, ["credentials", "passwort"]),
        ("an address without a scheme", {"base_url": "shop.example.test"}, ["credentials", "base_url"]),
        ("an address with a user", {"base_url": "https://a:b@shop.example.test"}, ["credentials", "base_url"]),
        ("an address with a query", {"base_url": "https://shop.example.test/?a=b"}, ["credentials", "base_url"]),
        ("a number that is none", {"requests_per_minute": "many"}, ["credentials", "requests_per_minute"]),
        ("a number out of range", {"sync_minutes": "1"}, ["credentials", "sync_minutes"]),
        ("a header within a header", {"api_key": "a\r\nX: b"}, ["credentials", "api_key"]),
        ("no document", {"mapping": "{"}, ["credentials", "mapping"]),
        ("a misspelt section", {"mapping": '{"itmes": {}}'}, ["credentials", "mapping", "itmes"]),
        (
            "a name that cannot be filled in",
            {"mapping": json.dumps({"inventory": {"path": "/levels", "body": {"a": "{price}"}}})},
            ["credentials", "mapping", "inventory"],
        ),
        (
            "a cursor that leads nowhere",
            {"mapping": json.dumps({"items": {**MAPPING["items"], "paging": {"style": "cursor"}}})},
            ["credentials", "mapping", "items", "paging"],
        ),
    ],
)
def test_values_that_cannot_be_right_are_named_and_not_quoted(
    _case: str, credentials: dict[str, str], loc: list[str], rest: Connection
) -> None:
    reply = rest.store(**credentials)
    assert reply.status == 400
    assert [detail["loc"] for detail in reply.json["details"]] == [loc]
    assert "a:b" not in str(reply.json["details"][0]["msg"])
    assert rest.tenant.rows("SELECT key FROM connector_credential") == []


@pytest.mark.parametrize(
    "body",
    [
        {"credentials": {}},
        {"credentials": {"api_key": 7}},
        {"credentials": {"api_key": None}},
        {"credentials": ["api_key"]},
        {"credentials": {"api_key": "x"}, "more": 1},
        {},
    ],
)
def test_bodies_that_are_refused(body: dict[str, Any], rest: Connection) -> None:
    reply = rest.client.post(f"{rest.url}/credentials", {"warehouse_id": rest.tenant.warehouse_id, **body})
    assert (reply.status, reply.json["error"]) == (400, "validation_error")


def test_a_warehouse_that_is_not_there(rest: Connection, other_tenant: Tenant) -> None:
    for warehouse_id in (other_tenant.warehouse_id, 2**31 - 1):
        body = {"warehouse_id": warehouse_id, "credentials": {"api_key": "x"}}
        stored = rest.client.post(f"{rest.url}/credentials", body)
        assert (stored.status, stored.json) == (409, {"error": "integrity_constraint_violation"})
        assert rest.client.get(f"{rest.url}/credentials?warehouse_id={warehouse_id}").json["credentials"] == {}
        assert rest.client.get(f"{rest.url}/sync-status?warehouse_id={warehouse_id}").json["sync_states"] == []
        for path in ("test", "sync/orders"):
            assert rest.client.post(f"{rest.url}/{path}", {"warehouse_id": warehouse_id}).status == 404


def test_another_organization_sees_nothing_of_it(rest: Connection, other_tenant: Tenant) -> None:
    rest.store(base_url="https://shop.example.test", api_key=TOKEN)
    stranger = make_staff(other_tenant).client()
    seen = stranger.get(f"{rest.url}/credentials?warehouse_id={rest.tenant.warehouse_id}")
    assert (seen.status, seen.json["credentials"]) == (200, {})
    gone = stranger.delete(f"{rest.url}/credentials", {"warehouse_id": rest.tenant.warehouse_id})
    assert gone.json["deleted"] == 0
    assert len(rest.tenant.rows("SELECT key FROM connector_credential")) == 2


def test_a_row_that_was_copied_to_another_organization_opens_nothing(
    tenant: Tenant, other_tenant: Tenant, providers: Providers
) -> None:
    make_shop(tenant, providers)
    stranger = Connection(other_tenant, make_staff(other_tenant), "rest")
    other_tenant.as_owner(
        "INSERT INTO connector_credential (organization_id, connector, warehouse_id, key, sealed, stored_by, stored_at)"
        " SELECT %(to)s, connector, %(warehouse)s, key, sealed, stored_by, stored_at FROM connector_credential"
        "  WHERE organization_id = %(of)s",
        to=other_tenant.id,
        warehouse=other_tenant.warehouse_id,
        of=tenant.id,
    )
    assert stranger.test().json == {
        "connected": False,
        "message": "The stored credentials cannot be used: store them again",
    }


# Testing a connection.


def test_a_connection_that_works(tenant: Tenant, providers: Providers) -> None:
    shop = make_shop(tenant, providers)
    shop.fill(products=7)
    reply = shop.test()
    assert (reply.status, reply.json["connected"]) == (200, True)
    assert reply.json["message"] == "Connected: 5 records on the first page of /products"
    assert reply.statements <= 10


@pytest.mark.parametrize(
    ("_case", "rule", "says"),
    [
        ("down", {"status": 503}, "does not answer"),
        ("cut off", {"drop": "before"}, "does not answer"),
        ("another answer", {"status": 418}, "It answers 418"),
        ("our token is wrong", {"status": 401}, "does not accept the credentials"),
    ],
)
def test_a_connection_that_does_not_work(
    _case: str, rule: dict[str, Any], says: str, tenant: Tenant, providers: Providers
) -> None:
    shop = make_shop(tenant, providers)
    providers.fail("shop", "*", times=None, **rule)
    reply = shop.test()
    assert (reply.status, reply.json["connected"]) == (200, False)
    assert says in reply.json["message"]
    assert TOKEN not in reply.json["message"]


def test_the_message_is_short_and_can_be_printed(tenant: Tenant, providers: Providers) -> None:
    shop = make_shop(tenant, providers, mapping={"items": {**MAPPING["items"], "path": "/" + "x" * 290}})
    message = shop.test().json["message"]
    assert len(message) <= 500
    assert message.isprintable()


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1",
        "https://169.254.169.254",
        "http://169.254.169.254",
        "https://2130706433",
        "https://[::1]",
        "https://[fd00:ec2::254]",
        "https://[::ffff:10.0.0.1]",
        "https://localhost",
        "http://127.0.0.1:9",
        "https://shop.example.test:8443",
    ],
)
def test_an_address_that_leads_inside_is_refused(url: str, tenant: Tenant, providers: Providers) -> None:
    shop = make_shop(tenant, providers)
    assert shop.store(base_url=url).status == 200
    reply = shop.test()
    assert (reply.status, reply.json) == (400, {"error": "blocked_destination"})


def test_a_redirect_that_leads_inside_is_refused(tenant: Tenant, providers: Providers) -> None:
    path = "/moved?to=http://169.254.169.254/latest/meta-data/"
    shop = make_shop(tenant, providers, mapping={"items": {**MAPPING["items"], "path": path}})
    assert (shop.test().status, shop.test().json) == (400, {"error": "blocked_destination"})


def test_what_is_missing_is_said_before_anybody_is_called(rest: Connection) -> None:
    nothing = rest.test()
    assert (nothing.status, nothing.json) == (
        404,
        {"error": "No credentials are stored for this connector and warehouse"},
    )
    rest.store(api_key=TOKEN)
    for reply in (rest.test(), rest.request("orders")):
        assert (reply.status, reply.json) == (400, {"error": "Missing credentials: base_url, mapping"})
