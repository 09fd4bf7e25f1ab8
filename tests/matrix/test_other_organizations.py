"""Records of another organization are answered exactly like ones that do not exist, wherever a request can name one."""

import json
import re
from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.kernel.endpoint import DECLARED, Endpoint
from infra.local.postgres import Cluster
from infra.tools import load_declarations
from tests.client import Reply
from tests.factories.orders import order_body
from tests.matrix.callers import Caller, callers
from tests.matrix.footprint import Footprint
from tests.matrix.meant import MEANT
from tests.matrix.records import NO_RECORD, make_records, unknown
from tests.matrix.samples import Sample, Values, sample
from tests.matrix.test_matrix import ENDPOINTS, needed_until, refusal_for, send
from tests.providers import Providers
from tests.tenant import Tenant, create_tenant

NAMES = [" ".join(each) for each in ENDPOINTS]
WITH_VARIABLES = sorted(
    (each for each in ENDPOINTS if "{" in each[1] and not any(f"{{{n}}}" in each[1] for n in NO_RECORD)),
    key=needed_until,
)
OF_THE_CALLER = {"/api/users/{user_id}": "user_id"}
"""Paths whose variable can only name the customer who calls."""
ORDERS_OF_THE_CALLER = {"/api/orders/{order_number}/reorder", "/api/orders/{order_number}/pay-with-credit"}
"""Paths that name an order which the customer who calls has placed."""
VARYING = {"x-request-id", "date"}
NEW_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
RAISE_IDS = """
    SELECT setval(s.seqrelid, 700001 + 10000 * row_number() OVER (ORDER BY s.seqrelid))
      FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid
     WHERE c.relnamespace = 'public'::regnamespace
"""
"""Ids that occur nowhere else in an answer, so that they can be told from quantities and from one another's."""


@dataclass(frozen=True)
class Neighbours:
    """Two organizations with a record of every kind, and the callers of the first."""

    tenant: Tenant
    other: Tenant
    own: Values
    foreign: Values
    callers: list[Caller]


@pytest.fixture(scope="module")
def neighbours(database: Cluster, doubles: Providers) -> Neighbours:
    load_declarations()
    tenant, other = (create_tenant(database.owner_url(), f"neighbour{n}") for n in (1, 2))
    tenant.as_owner(RAISE_IDS)
    foreign, own = make_records(other), make_records(tenant)
    return Neighbours(tenant, other, own, foreign, callers(tenant, other))


def welcome(endpoint: Endpoint, people: list[Caller]) -> Caller:
    """Somebody of this organization who may, with a credential where one is read."""
    may = [c for c in people if not c.is_foreign and refusal_for(endpoint.allow, endpoint.method, c) is None]
    return max(may, key=lambda caller: (len(caller.permits), caller.name))


def answer(neighbours: Neighbours, caller: Caller, request: Sample) -> Reply:
    return send(neighbours.tenant, request, caller.wear(request))


def without(values: Values, reply: Reply) -> tuple[int, str, dict[str, str]]:
    """What an answer says, apart from the names that the request itself contained and ids made for this answer."""
    names = {str(each) for value in values.values() for each in (value if isinstance(value, list) else [value])}
    text = reply.body.decode(errors="replace")
    for name in sorted(names, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "<name>", text)
    text = NEW_ID.sub("<new>", text)
    headers = {name: value for name, value in reply.headers.items() if name.lower() not in VARYING}
    return reply.status, text, headers


def callers_own(neighbours: Neighbours, path: str, caller: Caller) -> Values:
    """What can only be the calling customer's."""
    if path in ORDERS_OF_THE_CALLER:
        body = json.dumps(order_body((neighbours.own["product_id"], 1))).encode()
        placed = answer(neighbours, caller, Sample("POST", "/api/orders", body, "application/json"))
        return {"order_number": placed.json["order"]["order_number"]}
    return {OF_THE_CALLER[path]: caller.customer_id} if path in OF_THE_CALLER else {}


def test_every_variable_of_a_path_has_a_record(neighbours: Neighbours) -> None:
    """A new variable needs a line in `make_records`, or a reason in NO_RECORD."""
    used = {segment[1:-1] for _, path in ENDPOINTS for segment in path.split("/") if segment.startswith("{")}
    assert used - set(NO_RECORD) - set(neighbours.own) == set()


@pytest.mark.parametrize(("method", "path"), ENDPOINTS, ids=NAMES)
def test_a_foreign_record_is_answered_like_an_unknown_one(method: str, path: str, neighbours: Neighbours) -> None:
    """In the path, the query and the body at once; the number of SQL statements is the same, too."""
    endpoint = DECLARED[method, path]
    caller, nothing = welcome(endpoint, neighbours.callers), unknown(neighbours.foreign)
    requests = [sample(endpoint, values) for values in (neighbours.foreign, nothing)]
    if requests[0] == requests[1]:
        return
    before = Footprint(neighbours.other).take()
    foreign, missing = (answer(neighbours, caller, request) for request in requests)
    assert without(neighbours.foreign, foreign) == without(nothing, missing)
    assert Footprint(neighbours.other).take() | {"dynamo": ""} == before | {"dynamo": ""}


@pytest.mark.parametrize(("method", "path"), WITH_VARIABLES, ids=[" ".join(each) for each in WITH_VARIABLES])
def test_an_own_record_is_answered_otherwise(method: str, path: str, neighbours: Neighbours) -> None:
    """Else the test above would compare two wrong requests."""
    endpoint = DECLARED[method, path]
    caller, nothing = welcome(endpoint, neighbours.callers), unknown(neighbours.own)
    meant = MEANT.get(path, {})
    variables: dict[str, Any] = {name: nothing[meant.get(name, name)] for name in endpoint.variables}
    variables |= {name: nothing[name] for name in meant.values()}
    missing = answer(neighbours, caller, sample(endpoint, {**neighbours.own, **variables}))
    own = answer(neighbours, caller, sample(endpoint, {**neighbours.own, **callers_own(neighbours, path, caller)}))
    assert without(neighbours.own, own)[:2] != without(nothing, missing)[:2]
    assert (own.status in (404, 422), own.status < 500) == (False, True), own.body
