"""What an operator begins with, as the function `operate` is asked for it."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.kernel.operations import operate
from tests.client import Client
from tests.factories.identity import PASSWORD, make_staff
from tests.tenant import Tenant

NEW = "Walnut-Pallet-Harbor-43"


def ask(command: str, **arguments: Any) -> Any:
    """As the function answers: JSON."""
    return json.loads(json.dumps(operate({"command": command, **arguments})))


@pytest.fixture
def count(tenant: Tenant) -> Callable[[str], int]:
    """How many rows a table has, of all tenants."""
    return lambda table: int(tenant.as_owner(f"SELECT count(*) AS n FROM {table}")[0]["n"])


def organization(tenant: Tenant, **more: Any) -> dict[str, Any]:
    return {"name": "Harbor", "email": "a@harbor.example", "host": f"op-{tenant.id}.example", **more}


def test_an_organization_and_its_administrator_are_one_command(tenant: Tenant) -> None:
    asked = organization(tenant, currency="EUR", time_zone="Europe/Berlin", warehouse_code="HH")
    made = ask("create_organization", **asked)["result"]
    assert (sorted(made), made["username"]) == (["organization_id", "password", "username"], "admin")
    api = Client(asked["host"])
    signed_in = api.post("/api/auth/login", {"username": "admin", "password": made["password"]})
    user = signed_in.json["user"]
    assert (signed_in.status, user["role"], user["must_change_password"]) == (200, "ADMIN", True)
    caller = api.as_bearer(signed_in.json["token"])
    assert caller.post("/api/auth/refresh").json == {"error": "password_change_required"}
    change = {"current_password": made["password"], "new_password": NEW}
    assert caller.post("/api/auth/change-password", change).status == 200
    again = api.post("/api/auth/login", {"username": "admin", "password": NEW})
    assert (again.status, again.json["user"]["must_change_password"]) == (200, False)
    row = tenant.as_owner(
        "SELECT currency, time_zone, is_default FROM organization WHERE id = %(made)s", made=made["organization_id"]
    )
    assert row == [{"currency": "EUR", "time_zone": "Europe/Berlin", "is_default": False}]


def test_sent_twice_it_makes_one(tenant: Tenant, count: Callable[[str], int]) -> None:
    asked = organization(tenant)
    assert "result" in ask("create_organization", **asked)
    before = count("organization"), count("staff")
    again = ask("create_organization", **asked)
    assert again == {"error": "There is an organization with this host already"}
    assert (count("organization"), count("staff")) == before


def test_there_is_one_default(tenant: Tenant, count: Callable[[str], int]) -> None:
    tenant.as_owner("UPDATE organization SET is_default = true WHERE id = %(id)s", id=tenant.id)
    before = count("organization")
    try:
        refused = ask("create_organization", name="Second", email="b@harbor.example")
        assert refused == {"error": "There is a default organization already; another one needs a host"}
        assert count("organization") == before
    finally:
        tenant.as_owner("UPDATE organization SET is_default = false WHERE id = %(id)s", id=tenant.id)


@pytest.mark.parametrize(
    ("_case", "change", "sentence"),
    [
        ("no name", {"name": " "}, "name: String should have at least 1 character"),
        ("no address", {"email": "harbor"}, "email: Input should be an e-mail address"),
        ("a host in capitals", {"host": "Shop.Example"}, "host: String should match pattern"),
        ("a URL for a host", {"host": "https://shop.example"}, "host: String should match pattern"),
        ("no currency", {"currency": "euro"}, "currency: String should match pattern"),
        ("no zone", {"time_zone": "Berlin"}, "time_zone: Input should be a name of the time zone database"),
        ("a name of another type", {"name": 7}, "name: Input should be a valid string"),
        ("somebody else's address as user name", {"username": "b@c.example"}, "username: A user name with @ must be"),
    ],
)
def test_what_cannot_be_is_a_sentence_and_makes_nothing(
    _case: str, change: dict[str, Any], sentence: str, tenant: Tenant, count: Callable[[str], int]
) -> None:
    before = count("organization"), count("staff"), count("warehouse")
    assert ask("create_organization", **organization(tenant, **change))["error"].startswith(sentence)
    assert (count("organization"), count("staff"), count("warehouse")) == before


def test_who_is_locked_out_gets_a_password_to_change(tenant: Tenant, api: Client) -> None:
    staff = make_staff(tenant)
    before = api.as_bearer(staff.token("wms"))
    assert before.get("/api/auth/me").status == 200
    reset = ask("reset_password", organization_id=tenant.id, username=staff.username.upper())["result"]
    assert (reset["organization_id"], reset["username"]) == (tenant.id, staff.username)
    assert before.get("/api/auth/me").status == 401
    login = {"username": staff.username, "password": PASSWORD}
    assert api.post("/api/auth/login", login).status == 401
    signed_in = api.post("/api/auth/login", {**login, "password": reset["password"]})
    assert (signed_in.status, signed_in.json["user"]["must_change_password"]) == (200, True)
    noted = tenant.rows("SELECT request_id, after FROM audit_entry WHERE action = 'reset_password'")
    assert noted == [{"request_id": "operator", "after": None}]


@pytest.mark.parametrize("elsewhere", [True, False])
def test_nobody_gets_none(tenant: Tenant, other_tenant: Tenant, api: Client, elsewhere: bool) -> None:
    staff = make_staff(other_tenant if elsewhere else tenant)
    organization_id = tenant.id if elsewhere else 2**31 - 1
    answer = ask("reset_password", organization_id=organization_id, username=staff.username)
    assert answer == {"error": "There is nobody of this name"}
    login = {"username": staff.username, "password": PASSWORD}
    assert Client((other_tenant if elsewhere else tenant).host).post("/api/auth/login", login).status == 200
