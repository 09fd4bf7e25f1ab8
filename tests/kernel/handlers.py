"""Endpoints, consumers and a webhook source that exist for the kernel's tests only, declared as contexts declare theirs.

Most tests run a function of their own inside a real handler or consumer: `script` gives it a name, the endpoint
``/scripts/{name}`` and the consumer of `ScriptDue` call it by that name.
"""

import hmac
from collections.abc import Callable
from itertools import count
from typing import Any, Literal

from pydantic import Field

from chalicelib.kernel import webhooks
from chalicelib.kernel.access import (
    CUSTOMER,
    FLOOR,
    KEY,
    OWN_PASSWORD,
    PUBLIC,
    SHOPPER,
    SIGNED_BY,
    STAFF,
    STAFF_ANY,
    STORAGE,
    WMS_ADMIN,
    WMS_ANY,
    WMS_USER,
    Access,
)
from chalicelib.kernel.bodies import Upload
from chalicelib.kernel.endpoint import Binary, Call, Outside, Redirect, endpoint
from chalicelib.kernel.ids import PathId
from chalicelib.kernel.jobs import Job, consumer
from chalicelib.kernel.money import AmountIn
from chalicelib.kernel.outbox import Event
from chalicelib.kernel.requests import HttpRequest
from chalicelib.kernel.shapes import NoBody, Note, OptionalText, Quantity, Shape, Sku, Text
from chalicelib.kernel.throttle import Limit

PREFIXES = ("/api/kernel", "/api/v1/kernel", "/api/v2/kernel")
"""One per dialect: plain, inventory, storage."""
NARROW = Limit("kernel-tests", calls=3, window_s=60)

_numbers = count(1)
SCRIPTS: dict[str, Callable[..., Any]] = {}


def script(function: Callable[..., Any]) -> str:
    """Keeps a function for `run_script` or `run_due_script`; its name."""
    name = f"script-{next(_numbers)}"
    SCRIPTS[name] = function
    return name


class Line(Shape):
    """One line of a parcel."""

    sku: Sku
    quantity: Quantity


class Parcel(Shape):
    """A body with a field of each kind."""

    name: Text
    weight_g: Quantity
    lines: tuple[Line, ...] = Field(default=(), max_length=50)
    note: Note | None = None
    price: AmountIn | None = None


class Filters(Shape):
    """A query."""

    page: int = Field(default=1, ge=1, le=10_000)
    tags: list[str] = Field(default_factory=list, max_length=20)
    word: OptionalText = ""


class ParcelView(Shape):
    """What was understood."""

    parcel_id: int
    parcel: Parcel
    query: Filters


class Slip(Shape):
    """A form."""

    name: Text
    quantity: int = Field(ge=1, le=99)


class Picture(Shape):
    """A multipart form with a file."""

    title: Text
    file: Upload


class Said(Shape):
    """Whatever a script answered."""

    said: Any = None


class Anything(Shape):
    """A body that only scripts read."""

    said: Any = None
    mode: Literal["", "outside"] = ""


def everywhere(method: Literal["GET", "POST", "PUT"], path: str, **options: Any) -> Callable[[Any], Any]:
    """Declares one handler under all three prefixes."""

    def declare(handler: Any) -> Any:
        for prefix in PREFIXES:
            endpoint(method, prefix + path, **options)(handler)
        return handler

    return declare


@everywhere("POST", "/parcels/{parcel_id}", allow=PUBLIC, status=201)
def echo_parcel(call: Call[Parcel], parcel_id: PathId, query: Filters) -> ParcelView:
    """Says what arrived."""
    return ParcelView(parcel_id=parcel_id, parcel=call.body, query=query)


@everywhere("GET", "/parcels/{name}", allow=PUBLIC)
def name_parcel(call: Call[NoBody], name: str) -> Said:
    """Says the variable as it was decoded."""
    return Said(said=name)


@everywhere("GET", "/parcels/special", allow=PUBLIC)
def special_parcel(call: Call[NoBody]) -> Said:
    """Static, beside a variable."""
    return Said(said="static")


@everywhere("POST", "/slips", allow=PUBLIC, content="form")
def take_slip(call: Call[Slip]) -> Said:
    """A form."""
    return Said(said=call.body.model_dump())


@everywhere("POST", "/pictures", allow=PUBLIC, content="multipart", max_bytes=5_000_000)
def take_picture(call: Call[Picture]) -> Said:
    """A multipart form."""
    file = call.body.file
    return Said(said=[call.body.title, file.name, file.media_type, len(file.content)])


@everywhere("POST", "/scripts/{name}", allow=SHOPPER)
def run_script(call: Call[Anything], name: str) -> Said | Redirect | Binary | Outside[Any, Any] | None:
    """Runs a test's function in the handler."""
    return _said(SCRIPTS[name](call))


def _said(result: Any) -> Said | Redirect | Binary | Outside[Any, Any] | None:
    """What a script answered, in the shape of a reply; of an `Outside`, its end."""
    if isinstance(result, Outside):
        return Outside(result.do, lambda uow, found: _said(result.then(uow, found)))
    return result if isinstance(result, Redirect | Binary) or result is None else Said(said=result)


@everywhere("POST", "/secrets/{name}", allow=SHOPPER)
def run_for_customer(call: Call[Anything], name: str) -> Said:
    """As `run_script`, at another path."""
    return Said(said=SCRIPTS[name](call))


@everywhere("POST", "/keyed/{name}", allow=KEY("inventory:write"))
def run_keyed_script(call: Call[Anything], name: str) -> Said:
    """Runs a test's function for an API key."""
    return Said(said=SCRIPTS[name](call))


@everywhere("POST", "/closed/{parcel_id}", allow=KEY("inventory:write"))
def close_parcel(call: Call[Parcel], parcel_id: PathId) -> Said:
    """A body and a variable that only keys may send."""
    return Said(said=parcel_id)


@everywhere("GET", "/limited", allow=PUBLIC, limit=NARROW)
def limited(call: Call[NoBody]) -> Said:
    """Three calls a minute."""
    return Said(said="here")


def _whoami(call: Call[NoBody]) -> Said:
    """Says who is calling."""
    return Said(said=call.actor.label)


GUARDED: dict[str, Access] = {
    "public": PUBLIC,
    "shopper": SHOPPER,
    "customer": CUSTOMER,
    "staff": STAFF(),
    "new_staff": STAFF_ANY,
    "manager": STAFF("manager"),
    "pick": FLOOR("pick"),
    "floor": WMS_USER,
    "new_floor": WMS_ANY,
    "floor_admin": WMS_ADMIN,
    "password": OWN_PASSWORD,
    "read": KEY("inventory:read"),
    "storage": STORAGE(),
    "storage_admin": STORAGE("Admin"),
}
for _name, _access in GUARDED.items():
    endpoint("GET", f"/api/kernel/guarded/{_name}", allow=_access)(_whoami)
    endpoint("POST", f"/api/kernel/guarded/{_name}", allow=_access)(_whoami)


class ScriptDue(Event, topic="kernel.script", queue="work"):
    """A script to be run by a worker."""

    name: str


@consumer(ScriptDue)
def run_due_script(job: Job[ScriptDue]) -> Outside[Any, None] | None:
    """Runs a test's function as a consumer."""
    found: Outside[Any, None] | None = SCRIPTS[job.event.name](job)
    return found


class HookArrived(webhooks.WebhookArrived, topic="kernel.hook"):
    """A delivery of the test source."""


class HookBody(Shape):
    """What the test source sends."""

    id: str = Field(min_length=1, max_length=100)
    type: str
    balance: int = 0


HOOK_SECRET = b"hook secret"


def verify_hook(request: HttpRequest) -> None:
    """The test source's signature: HMAC-SHA256 over the raw body."""
    expected = hmac.digest(HOOK_SECRET, request.raw_body, "sha256").hex()
    if not hmac.compare_digest(expected.encode(), request.headers.get("x-hook-signature", "").encode()):
        raise webhooks.BadSignature


def verify_unconfigured(_request: HttpRequest) -> None:
    """A source without a secret."""
    raise webhooks.NotConfigured


@endpoint("POST", "/api/kernel/hooks", allow=SIGNED_BY("kernel"))
def take_hook(call: Call[HookBody]) -> Said:
    """Keeps a delivery of the test source."""
    body = call.body
    is_new = webhooks.receive(
        call.uow,
        HookArrived,
        source="kernel",
        external_id=body.id,
        event_type=body.type,
        payload={"balance": body.balance},
    )
    return Said(said=is_new)


@endpoint("POST", "/api/kernel/unconfigured-hooks", allow=SIGNED_BY("kernel-unconfigured"))
def take_unconfigured_hook(call: Call[HookBody]) -> Said:
    """An endpoint that does not exist as long as there is no secret."""
    return Said(said="reached")


@consumer(HookArrived)
def apply_hook(job: Job[HookArrived]) -> None:
    """Keeps the highest balance that a delivery told of, so that any order ends alike."""
    delivery = webhooks.delivery(job.uow, job.event.delivery_id)
    sql = (
        "INSERT INTO kernel_note (name, number) VALUES ('hook', %(n)s)"
        " ON CONFLICT (organization_id, name) DO UPDATE SET number = greatest(kernel_note.number, %(n)s),"
        " times = kernel_note.times + 1"
    )
    job.uow.execute(sql, {"n": delivery["payload"]["balance"]})


webhooks.VERIFIERS["kernel"] = f"{__name__}:verify_hook"
webhooks.VERIFIERS["kernel-unconfigured"] = f"{__name__}:verify_unconfigured"
CONSUMERS = {ScriptDue.topic: ("work", __name__), HookArrived.topic: ("webhooks", __name__)}
