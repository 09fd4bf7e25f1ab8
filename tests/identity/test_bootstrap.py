"""An empty platform: one organization, one administrator with every role, one warehouse."""

import psycopg
import pytest

from chalicelib import identity
from chalicelib.kernel import database
from tests.client import Client
from tests.tenant import Tenant


@pytest.fixture
def host(tenant: Tenant) -> str:
    """The host of an organization made by bootstrap."""
    host = f"made-by-bootstrap-{tenant.id}.test"
    with database.connect(tenant.owner_url) as connection, connection.transaction():
        made = identity.bootstrap_organization(
            connection,
            name="Harbor Wholesale",
            host=host,
            is_default=False,
            username="admin",
            password="admin",
            email="admin@harbor.example",
        )
    assert made.organization_id > tenant.id
    return host


def test_the_administrator_signs_in_everywhere_with_the_password_as_given(host: str, tenant: Tenant) -> None:
    api = Client(host)
    user = api.post("/api/auth/login", {"username": "admin", "password": "admin"}).json["user"]
    assert (user["role"], user["must_change_password"]) == ("ADMIN", False)
    assert user["warehouse_ids"] == [user["warehouse_id"]]
    staff = api.post("/api/staff/login", {"username": "admin", "password": "admin"}).json["staff"]
    assert staff["role"] == "admin"
    pair = api.post("/api/v2/auth/login", {"email": "admin@harbor.example", "password": "admin"}).json
    who = api.as_bearer(pair["access_token"]).get("/api/v2/auth/authenticate").json
    assert who["user"]["role"] == "Super Admin"


def test_a_second_one_with_the_same_host_is_refused_as_a_whole(host: str, tenant: Tenant) -> None:
    before = tenant.as_owner("SELECT count(*) AS n FROM organization")[0]["n"]
    refused = pytest.raises(psycopg.errors.UniqueViolation)
    with database.connect(tenant.owner_url) as connection, refused, connection.transaction():
        identity.bootstrap_organization(connection, name="Again", host=host, username="admin", password="admin")
    assert tenant.as_owner("SELECT count(*) AS n FROM organization")[0]["n"] == before


def test_the_application_cannot_make_organizations(tenant: Tenant) -> None:
    with tenant.uow() as uow, pytest.raises(psycopg.errors.InsufficientPrivilege):
        identity.bootstrap_organization(uow.connection, name="Mine", username="me", password="me")
