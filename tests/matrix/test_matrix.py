"""The authorization matrix: every endpoint of the route table, called by every kind of caller, through the front door.

What a caller is to be answered is read from the endpoint's declaration (kernel/access.py), which is data; how that data is
meant stands in tests/kernel/test_access.py by hand. A new endpoint is in here without anybody's doing.
"""

from dataclasses import dataclass, field

import pytest

from chalicelib import routes
from chalicelib.kernel.access import SAFE_METHODS, Access, CrossSite, PasswordChangeRequired
from chalicelib.kernel.dialects import dialect_of
from chalicelib.kernel.endpoint import DECLARED, Endpoint
from chalicelib.kernel.errors import Forbidden, Refusal, Unauthenticated
from infra.local.postgres import Cluster
from infra.tools import load_declarations
from tests.client import Client, Reply
from tests.matrix.callers import Caller, Headers, callers
from tests.matrix.footprint import Footprint
from tests.matrix.records import make_records
from tests.matrix.samples import Sample, Values, sample
from tests.providers import Providers
from tests.tenant import Tenant, create_tenant

CLOSES_THE_CALLER = ("DELETE", "/api/users/{user_id}")


def needed_until(each: tuple[str, str]) -> tuple[bool, bool]:
    """Sorts those to the end that take a record away, which the others still need, or even the caller."""
    return each[0] == "DELETE", each == CLOSES_THE_CALLER


ENDPOINTS = sorted(((method, path) for method, path, *_ in routes.ROUTES), key=needed_until)
"""In the order of the table as far as that goes."""
NAMES = [" ".join(each) for each in ENDPOINTS]
CALLED: set[tuple[str, str]] = set()
DONE: set[tuple[str, str]] = set()
"""Writes that somebody was allowed and that were carried out: a matrix of refusals alone would prove little."""


@dataclass(frozen=True)
class Stage:
    """Two organizations, what the first one has, and everybody who calls."""

    tenant: Tenant
    records: Values
    callers: list[Caller]
    footprint: Footprint


@pytest.fixture(scope="module")
def stage(database: Cluster, doubles: Providers) -> Stage:
    load_declarations()
    tenant, other = (create_tenant(database.owner_url(), f"matrix{n}") for n in (1, 2))
    return Stage(tenant, make_records(tenant), callers(tenant, other), Footprint(tenant))


def is_read(access: Access, caller: Caller) -> bool:
    """Whether the endpoint looks at what the caller shows."""
    bearers = {f"bearer {audience}" for audience in access.audiences}
    cookies = {f"cookie {name} {audience}" for name, audience in access.cookies}
    return caller.credential in bearers | cookies | ({"key"} if access.api_key else set())


def refusal_for(access: Access, method: str, caller: Caller) -> type[Refusal] | None:
    """How the declaration says that this caller is refused; None: not at all."""
    has_cookie = caller.credential.startswith("cookie") and is_read(access, caller)
    if caller.is_elsewhere and method not in SAFE_METHODS and (has_cookie or access.is_for_our_pages):
        return CrossSite
    if access.signed_by:
        return None if caller.signs == access.signed_by else Unauthenticated
    if not is_read(access, caller):
        return None if access.is_public else Unauthenticated
    if access.known and not access.known & caller.permits:
        return Unauthenticated
    if caller.owes_password and not access.is_for_new_passwords:
        return PasswordChangeRequired
    return Forbidden if access.permits and not access.permits & caller.permits else None


def send(tenant: Tenant, request: Sample, headers: Headers) -> Reply:
    content = {"content-type": request.media_type} if request.media_type else {}
    return Client(tenant.host).call(request.method, request.target, request.body, {**content, **headers})


def check_refused(endpoint: Endpoint, refusal: type[Refusal], reply: Reply) -> str | None:
    """What is wrong with a refusal; None when it is as the dialect writes it."""
    dialect = dialect_of(endpoint.path)
    if reply.status != refusal.status_in(dialect.name):
        return f"{reply.status} instead of {refusal.__name__}"
    if refusal is Unauthenticated:
        shape = set(dialect.error_body(refusal()))
        return None if set(reply.json) == shape else f"not in the dialect: {reply.body!r}"
    expected = Forbidden(endpoint.allow.lacking) if refusal is Forbidden else refusal()
    return None if reply.json == dialect.error_body(expected) else f"says {reply.body!r}"


def check_admitted(endpoint: Endpoint, reply: Reply) -> str | None:
    """What is wrong with the answer to somebody who may: a 401 or 403 that the endpoint does not declare, or a 5xx."""
    if reply.status >= 500:
        return f"{reply.status}"
    if reply.status not in (401, 403):
        return None
    dialect = dialect_of(endpoint.path)
    kernels = (Unauthenticated(), PasswordChangeRequired(), Forbidden(endpoint.allow.lacking))
    ours = [dialect.error_body(refusal) for refusal in kernels if type(refusal) not in endpoint.errors]
    declared = {e.status_in(dialect.name) for e in endpoint.errors}
    is_declared = reply.status in declared and reply.json not in ours
    return None if is_declared else f"refused: {reply.status} {reply.body!r}"


@dataclass
class Round:
    """One endpoint, called by everybody with the same request."""

    stage: Stage
    endpoint: Endpoint
    request: Sample
    wrong: dict[str, str] = field(default_factory=dict)
    """Caller -> what is wrong with its answer."""

    def __post_init__(self) -> None:
        everybody = [(caller, caller.wear(self.request)) for caller in self.stage.callers]
        answers = [(c, h, refusal_for(self.endpoint.allow, self.endpoint.method, c)) for c, h in everybody]
        self._refused = [(caller, headers, refusal) for caller, headers, refusal in answers if refusal is not None]
        welcome = [(caller, headers) for caller, headers, refusal in answers if refusal is None]
        is_foreign = [caller.is_foreign and is_read(self.endpoint.allow, caller) for caller, _ in welcome]
        self._foreign = [each for each, is_so in zip(welcome, is_foreign, strict=True) if is_so]
        self._own = [each for each, is_so in zip(welcome, is_foreign, strict=True) if not is_so]

    def refused(self) -> None:
        """Calls of those who may not."""
        for caller, headers, refusal in self._refused:
            self._note(caller, check_refused(self.endpoint, refusal, send(self.stage.tenant, self.request, headers)))

    def foreign(self) -> None:
        """Calls of those who may in another organization."""
        for caller, headers in self._foreign:
            self._note(caller, check_admitted(self.endpoint, send(self.stage.tenant, self.request, headers)))

    def own(self) -> set[int]:
        """Calls of those who may; the statuses of the answers."""
        replies = [(caller, send(self.stage.tenant, self.request, headers)) for caller, headers in self._own]
        for caller, reply in replies:
            self._note(caller, check_admitted(self.endpoint, reply))
        return {reply.status for _, reply in replies}

    def _note(self, caller: Caller, wrong: str | None) -> None:
        if wrong is not None:
            self.wrong[caller.name] = wrong


@pytest.mark.parametrize(("method", "path"), ENDPOINTS, ids=NAMES)
def test_everybody_calls(method: str, path: str, stage: Stage) -> None:
    CALLED.add((method, path))
    endpoint = DECLARED[method, path]
    calls = Round(stage, endpoint, sample(endpoint, stage.records))
    before = stage.footprint.take()
    calls.refused()
    assert stage.footprint.take() == before, "a refused call left something behind"
    calls.foreign()
    assert stage.footprint.take() | {"dynamo": ""} == before | {"dynamo": ""}, "another organization reached in here"
    statuses = calls.own()
    assert calls.wrong == {}
    if method not in SAFE_METHODS and min(statuses) < 300:
        DONE.add((method, path))


def test_callers_have_names_of_their_own(stage: Stage) -> None:
    assert len({caller.name for caller in stage.callers}) == len(stage.callers) > 70


def test_every_signature_that_an_endpoint_wants_can_be_made(stage: Stage) -> None:
    wanted = {DECLARED[each].allow.signed_by for each in ENDPOINTS} - {None}
    assert wanted - {caller.signs for caller in stage.callers} == set()


def test_most_writes_were_carried_out_for_somebody() -> None:
    """After the others: requests made from declarations are good enough to do something."""
    if len(CALLED) < len(ENDPOINTS):
        pytest.skip("says something only after all endpoints were called")
    writes = {(method, path) for method, path in ENDPOINTS if method not in SAFE_METHODS}
    assert len(DONE) * 3 > len(writes), sorted(" ".join(each) for each in writes - DONE)
