"""What an operator begins with: an organization with its first administrator, and a way back for who is locked out.

Commands of `kernel/operations.py`. Passwords are made up here and shown once, in the answer; they are no good for anything
but choosing one's own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, TypedDict
from zoneinfo import available_timezones

import psycopg
from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError

from chalicelib.identity import rules, sessions, store
from chalicelib.identity.bootstrap import bootstrap_organization
from chalicelib.identity.passwords import hash_password
from chalicelib.kernel import credentials, database, ids
from chalicelib.kernel.emails import Email
from chalicelib.kernel.errors import Conflict, NotFound
from chalicelib.kernel.uow import as_machine, unit_of_work


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise PydanticCustomError(
            "time_zone", "Input should be a name of the time zone database, such as Europe/Berlin"
        )
    return name


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Code = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20)]
Host = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", max_length=253)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Zone = Annotated[str, AfterValidator(_known_zone)]


class FirstAccess(TypedDict):
    """Who may sign in now, and with what; the password is shown this once."""

    organization_id: int
    username: str
    password: str


def create_organization(
    name: Name,
    email: Email,
    username: Name = "admin",
    host: Host | None = None,
    currency: Currency = "USD",
    time_zone: Zone = "UTC",
    warehouse_code: Code = "WH1",
    warehouse_name: Name = "Main warehouse",
) -> FirstAccess:
    """Makes an organization with a warehouse and an administrator of everything, who must choose a password of his own.

    Without `host` it is the default one, which requests for unknown host names belong to; there is one at most. Raises
    Conflict when that, or one with this host, is there already: a command that is sent twice makes one.
    """
    password = ids.first_password()
    owner = database.connect(credentials.of("owner"), timeout_s=database.WAKING_TIMEOUT_S)
    with owner as connection, _only_once(), connection.transaction():
        made = bootstrap_organization(
            connection,
            name=name,
            username=username,
            password=password,
            email=email,
            host=host,
            is_default=host is None,
            currency=currency,
            time_zone=time_zone,
            warehouse_code=warehouse_code,
            warehouse_name=warehouse_name,
            must_change_password=True,
        )
    return {"organization_id": made.organization_id, "username": rules.canonical_name(username), "password": password}


@contextmanager
def _only_once() -> Iterator[None]:
    try:
        yield
    except psycopg.errors.UniqueViolation as error:
        if error.diag.constraint_name == "organization_default":
            raise Conflict("There is a default organization already; another one needs a host") from error
        raise Conflict("There is an organization with this host already") from error


def reset_password(organization_id: int, username: Name) -> FirstAccess:
    """Gives a member of staff a password to choose a new one with, and ends all sessions. Raises NotFound."""
    password = ids.first_password()
    password_hash = hash_password(password)
    with unit_of_work(as_machine(organization_id, "operator"), request_id="operator") as uow:
        account = store.find_staff(uow, rules.canonical_name(username))
        if account is None:
            raise NotFound("There is nobody of this name")
        store.reset_staff_password(uow, account.id, new_hash=password_hash)
        sessions.end_other_sessions(uow, "staff", account.id, kept_id=None)
        uow.audit("reset_password", "staff", account.id)
    return {"organization_id": organization_id, "username": account.username, "password": password}
