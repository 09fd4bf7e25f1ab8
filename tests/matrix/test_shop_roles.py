"""Who may call the shop's side of the commerce contract: the table as people read it, held against the declarations.

The matrix (test_matrix.py) plays what is declared; this says what has to be declared. Roles that the contract tells in prose
only, and sessions where it means staff, stand here as we read them (HOLES.md).
"""

import json
from pathlib import Path

import pytest

from chalicelib.kernel.endpoint import DECLARED, Endpoint
from infra.local.postgres import Cluster
from infra.tools import load_declarations
from tests.contract.replay import documented
from tests.matrix.callers import Caller, callers
from tests.matrix.test_matrix import refusal_for
from tests.providers import Providers
from tests.tenant import create_tenant

OFFICE = {"staff", "sales_rep", "manager", "admin"}
EVERYBODY = {"anonymous", "customer", *OFFICE, "key inventory:read", "key catalogue:write", "key voice"}
WHO: dict[str, set[str]] = {
    "anybody": EVERYBODY,
    "customer": {"customer"},
    "own password": {"customer", *OFFICE},
    "office": OFFICE,
    "keeper": {"manager", "admin"},
    "admin": {"admin"},
    "link": {"customer", "key voice", *OFFICE},
    "reader": {"key inventory:read"},
    "writer": {"key catalogue:write"},
    "twilio": set(),
}
"""A word of the table below -> who of these is let in."""
TABLE = json.loads(Path(__file__).with_name("shop_roles.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def people(database: Cluster, doubles: Providers) -> dict[str, Caller]:
    load_declarations()
    tenant, other = (create_tenant(database.owner_url(), f"roles{n}") for n in (1, 2))
    found = {caller.name: caller for caller in callers(tenant, other)}
    by_role = {role: found[f"{role} by bearer"] for role in OFFICE}
    return {**{name: found[name] for name in EVERYBODY - OFFICE}, **by_role}


def test_the_table_has_every_call() -> None:
    assert set(TABLE) == set(documented("commerce"))
    assert set(TABLE.values()) <= set(WHO)


@pytest.mark.parametrize("call", sorted(TABLE))
def test_who_may_call(call: str, people: dict[str, Caller]) -> None:
    endpoint = declared(call)
    admitted = {name for name, caller in people.items() if refusal_for(endpoint.allow, endpoint.method, caller) is None}
    assert admitted == WHO[TABLE[call]]


def declared(call: str) -> Endpoint:
    """The declaration of a call, whatever its variables are called."""
    method, path = call.split(" ")
    shape = [segment.startswith("{") or segment for segment in path.split("/")]
    return next(
        endpoint
        for (verb, own), endpoint in DECLARED.items()
        if verb == method and [segment.startswith("{") or segment for segment in own.split("/")] == shape
    )
