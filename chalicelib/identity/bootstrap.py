"""The first organization of an empty platform: one administrator with every role, one warehouse.

Only the schema's owner may insert organizations, so this runs on the owner's connection, which row-level security does
not bind: on the local stage and by an operator, never in a request.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.identity import service, store
from chalicelib.kernel import clock, database
from chalicelib.kernel.principals import Actor, Organization
from chalicelib.kernel.uow import UnitOfWork

BOOTSTRAP = Actor(kind="machine", id=0, name="bootstrap")
NOWHERE = Organization(id=0, name="", currency="", time_zone="", modules=frozenset())


@dataclass(frozen=True)
class Bootstrapped:
    """Ids of what was made; 1 each in an empty database."""

    organization_id: int
    administrator_id: int
    warehouse_id: int


def bootstrap_organization(
    connection: database.Connection,
    *,
    name: str,
    username: str,
    password: str,
    email: str | None = None,
    host: str | None = None,
    is_default: bool = True,
    currency: str = "USD",
    time_zone: str = "UTC",
    modules: Sequence[str] = ("manufacturing", "traceability"),
    settings: Mapping[str, Any] | None = None,
    warehouse_code: str = "WH1",
    warehouse_name: str = "Main warehouse",
    must_change_password: bool = False,
) -> Bootstrapped:
    """Makes an organization in the caller's transaction: ``with connection.transaction(): ...``.

    The password is taken as given. Raises psycopg.errors.UniqueViolation when there is a default
    organization, or one with this host name, already.
    """
    from chalicelib import places

    uow = UnitOfWork(connection, BOOTSTRAP, NOWHERE, clock.now(), request_id="bootstrap")
    fields: dict[str, Any] = {"name": name, "host": host, "is_default": is_default, "currency": currency}
    fields |= {"time_zone": time_zone, "modules": list(modules), "settings": dict(settings or {})}
    uow.organization = store.create_organization(uow, fields)
    warehouse = places.create_warehouse(uow, code=warehouse_code, name=warehouse_name)
    administrator = service.NewStaff(
        username=username,
        password=password,
        email=email,
        first_name="Admin",
        last_name="User",
        commerce_role="admin",
        wms_role="ADMIN",
        storage_role="Super Admin",
        warehouse_ids=[warehouse.id],
        warehouse_id=warehouse.id,
        must_change_password=must_change_password,
    )
    administrator_id = service.create_staff(uow, administrator)
    uow.flush()
    return Bootstrapped(uow.organization.id, administrator_id, warehouse.id)
