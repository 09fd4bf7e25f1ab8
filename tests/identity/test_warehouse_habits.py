"""What every client of the warehouse relies on before an endpoint has its say: who it is, what it sent, where it went."""

from typing import Any

import pytest

from chalicelib import routes
from chalicelib.kernel.access import FLOOR
from chalicelib.kernel.endpoint import DECLARED, Endpoint
from infra.tools import load_declarations
from tests.client import Client
from tests.factories.identity import PASSWORD, make_staff, make_warehouse_user
from tests.matrix.samples import Sample, sample
from tests.tenant import Clock, Tenant

OWN = {("GET", "/api/auth/me"), ("POST", "/api/auth/change-password")}
"""What somebody may call who must choose a password first."""


@pytest.fixture(scope="module")
def surface() -> list[Endpoint]:
    """Every endpoint that takes a warehouse token."""
    load_declarations()
    ours = {(method, path) for method, path, *_ in routes.ROUTES}
    found = [each for key, each in DECLARED.items() if key in ours and "wms" in each.allow.audiences]
    assert len(found) > 30
    return found


def send(client: Client, request: Sample) -> tuple[int, Any]:
    headers = {"content-type": request.media_type} if request.media_type else {}
    reply = client.call(request.method, request.target, request.body, headers)
    return reply.status, reply.json


def test_without_a_token(surface: list[Endpoint], api: Client) -> None:
    wrong = [e.path for e in surface if send(api, sample(e, {})) != (401, {"error": "Unauthorized"})]
    assert wrong == []


def test_with_a_bad_or_an_old_token(surface: list[Endpoint], api: Client, tenant: Tenant, clock: Clock) -> None:
    old = api.as_bearer(make_staff(tenant).token())
    clock.advance(seconds=8 * 3600 + 1)
    for client in (old, api.as_bearer("invalid.token.here")):
        wrong = [e.path for e in surface if send(client, sample(e, {})) != (401, {"error": "Token expired"})]
        assert wrong == []


def test_with_a_token_from_before_the_last_password(surface: list[Endpoint], tenant: Tenant) -> None:
    user = make_staff(tenant)
    client = user.client()
    body = {"current_password": PASSWORD, "new_password": "another lantern 8"}
    assert user.client().post("/api/auth/change-password", body).status == 200
    said = {"error": "Token invalidated by password change"}
    assert [e.path for e in surface if send(client, sample(e, {})) != (401, said)] == []


def test_before_the_forced_change_of_password(surface: list[Endpoint], tenant: Tenant) -> None:
    client = make_staff(tenant, must_change_password=True).client()
    said = {"error": "password_change_required"}
    others = [e for e in surface if (e.method, e.path) not in OWN]
    assert len(others) == len(surface) - len(OWN)
    assert [e.path for e in others if send(client, sample(e, {})) != (403, said)] == []
    assert client.get("/api/auth/me").status == 200
    body = {"current_password": PASSWORD, "new_password": "another lantern 8"}
    assert client.post("/api/auth/change-password", body).status == 200


@pytest.mark.parametrize("function", ["receive", "putaway", "pick", "pack", "ship", "count", "transfer"])
def test_functions_are_enforced(function: str, surface: list[Endpoint], tenant: Tenant) -> None:
    """Every other function is not enough."""
    others = [f for f in ("receive", "putaway", "pick", "pack", "ship", "count", "transfer") if f != function]
    client = make_warehouse_user(tenant, *others).client()
    guarded = [e for e in surface if e.allow == FLOOR(function)]
    said = {"error": f"Function not allowed: {function}"}
    assert [e.path for e in guarded if send(client, sample(e, {})) != (403, said)] == []


def test_administration_takes_the_role(surface: list[Endpoint], tenant: Tenant) -> None:
    client = make_warehouse_user(tenant, "receive", "putaway", "pick", "pack", "ship", "count", "transfer").client()
    admins = [e for e in surface if e.path.startswith("/api/admin/")]
    said = {"error": "Admin access required"}
    assert [e.path for e in admins if send(client, sample(e, {})) != (403, said)] == []


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml"])
def test_a_body_that_is_no_json(media_type: str, surface: list[Endpoint], tenant: Tenant) -> None:
    client = make_staff(tenant).client()
    readers = [e for e in surface if e.reads_body]
    said = {"error": "unsupported_media_type"}
    wrong = []
    for endpoint in readers:
        request = sample(endpoint, dict.fromkeys(endpoint.variables, 1))
        reply = client.call(request.method, request.target, b"a=1", {"content-type": media_type})
        if (reply.status, reply.json) != (415, said):
            wrong.append(endpoint.path)
    assert wrong == []


def test_an_unknown_field(surface: list[Endpoint], tenant: Tenant) -> None:
    client = make_staff(tenant).client()
    wrong = []
    for endpoint in (e for e in surface if e.reads_body):
        request = sample(endpoint, dict.fromkeys(endpoint.variables, 1))
        reply = client.call(
            request.method, request.target, b'{"no_such_field": 1}', {"content-type": "application/json"}
        )
        found = [d["loc"] for d in reply.json.get("details", []) if d["type"] == "extra_forbidden"]
        if reply.status != 400 or reply.json["error"] != "validation_error" or ["no_such_field"] not in found:
            wrong.append((endpoint.path, reply.json))
    assert wrong == []


@pytest.mark.parametrize(
    ("method", "path", "status", "sentence"),
    [
        ("GET", "/api/admin/no-such-thing", 404, "Not found"),
        ("GET", "/api/lookup", 404, "Not found"),
        ("DELETE", "/api/admin/items", 405, "Method not allowed"),
        ("PUT", "/api/lookup/item/search", 405, "Method not allowed"),
        ("PATCH", "/api/auth/login", 405, "Method not allowed"),
    ],
)
def test_wrong_ways_are_answered_in_json(method: str, path: str, status: int, sentence: str, api: Client) -> None:
    reply = api.call(method, path, None, {})
    assert (reply.status, reply.json) == (status, {"error": sentence})
    assert reply.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("body", [{}, {"username": "a"}, {"password": "b"}, {"username": "", "password": "b"}])
def test_signing_in_with_a_field_missing(body: dict[str, str], api: Client) -> None:
    reply = api.post("/api/auth/login", body)
    assert (reply.status, reply.json["error"]) == (400, "validation_error")
