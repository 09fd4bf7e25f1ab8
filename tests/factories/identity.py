"""Members of staff and API keys, valid without arguments."""

from dataclasses import dataclass
from itertools import count
from typing import Any

from chalicelib import identity
from chalicelib.kernel.tokens import Audience
from tests.client import Client
from tests.tenant import Tenant

PASSWORD = "correct horse 7"  # a test's password
_numbers = count(1)


@dataclass(frozen=True)
class Staff:
    """A member of staff of a tenant."""

    tenant: Tenant
    id: int
    username: str
    email: str
    password: str

    def token(self, audience: Audience = "wms") -> str:
        """A token as signing in would give, without the password and its counters."""
        with self.tenant.uow() as uow:
            return identity.open_session(uow, "staff", self.id, audience, identity.SESSION_LASTS).token

    def client(self, audience: Audience = "wms") -> Client:
        """The API in this person's name."""
        return Client(self.tenant.host).as_bearer(self.token(audience))


def make_staff(tenant: Tenant, *, password: str = PASSWORD, **fields: Any) -> Staff:
    """A member of staff; without roles in `fields`, an administrator of everything."""
    number = next(_numbers)
    roles = {"commerce_role", "wms_role", "storage_role"}
    if not roles & fields.keys():
        fields |= {"commerce_role": "admin", "wms_role": "ADMIN", "storage_role": "Super Admin"}
    username, email = f"staff{number}", f"staff{number}@example.com"
    new = {"username": username, "email": email, "warehouse_ids": [tenant.warehouse_id], **fields}
    with tenant.uow() as uow:
        staff_id = identity.create_staff(uow, identity.NewStaff(password=password, **new))
    return Staff(tenant, staff_id, new["username"], new["email"], password)


def make_warehouse_user(tenant: Tenant, *functions: str, **fields: Any) -> Staff:
    """A scanner user of the tenant's warehouse who may do these functions."""
    default = {"wms_role": "USER", "functions": functions, "warehouse_id": tenant.warehouse_id}
    return make_staff(tenant, **{**default, **fields})


def make_api_key(tenant: Tenant, *scopes: Any, **fields: Any) -> str:
    """The value of an API key; without scopes it may read and write the inventory."""
    with tenant.uow() as uow:
        return identity.create_api_key(uow, "test", scopes or ("inventory:read", "inventory:write"), **fields)


def make_spare_key(tenant: Tenant) -> int:
    """The id of an API key that nobody uses."""
    make_api_key(tenant)
    key_id: int = tenant.value("SELECT max(id) FROM api_key")
    return key_id
