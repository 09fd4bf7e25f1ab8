"""The OpenAPI document: from declarations of this file's own, and for all of ours."""

import inspect
import json
import random
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chalicelib.kernel import errors
from chalicelib.kernel.access import CUSTOMER, KEY, PUBLIC, SHOPPER, SIGNED_BY, STAFF, STORAGE, WMS_USER, Access
from chalicelib.kernel.bodies import Upload
from chalicelib.kernel.dialects import DIALECTS, Dialect, dialect_of
from chalicelib.kernel.endpoint import Binary, Call, Endpoint, Redirect
from chalicelib.kernel.ids import PathId
from chalicelib.kernel.money import Amount, AmountIn
from chalicelib.kernel.openapi import document
from chalicelib.kernel.openapi.refusals import refusals_of
from chalicelib.kernel.shapes import Instant, NoBody, Shape
from chalicelib.kernel.throttle import Limit
from infra.tools import declarations

Json = dict[str, Any]


class Line(Shape):
    """A line."""

    sku: str
    price: AmountIn


class NewThing(Shape):
    """A thing to be made."""

    lines: list[Line]
    note: str = ""


class Thing(Shape):
    """A thing."""

    id: int
    total: Amount
    lines: list[Line]
    made_at: Instant


class ThingQuery(Shape):
    """Which things."""

    page: int = Field(1, ge=1, description="Page, from 1")
    kinds: list[str] = Field([])
    since: Instant | None = None
    search: str


class Papers(BaseModel):
    """An upload."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    title: str
    file: Upload


class Blocked(Shape):
    """What is in the way."""

    blockers: list[Line]
    since: str | None = None


class ThingBlocked(errors.Conflict):
    """Something is in the way."""

    code = "thing_blocked"
    sentence = "Something is in the way"
    Extra: ClassVar[type[BaseModel] | None] = Blocked


def make_thing(call: Call[NewThing], thing_id: PathId) -> Thing:
    """Make a thing
    in one go.

    It takes a while.
    """
    raise NotImplementedError


def list_things(call: Call[NoBody], query: ThingQuery) -> list[Thing]:
    """List things."""
    raise NotImplementedError


def get_label(call: Call[NoBody]) -> Binary:
    """Print a label."""
    raise NotImplementedError


def forget_thing(call: Call[NoBody]) -> None:
    """Forget a thing."""
    raise NotImplementedError


def follow_link(call: Call[NoBody]) -> Redirect:
    """Follow a link."""
    raise NotImplementedError


def upload_papers(call: Call[Papers]) -> Thing | Binary:
    """Upload papers."""
    raise NotImplementedError


def fill_form(call: Call[Line]) -> None:
    """Fill in a form."""
    raise NotImplementedError


def declared(handler: Any, method: str = "GET", path: str = "/api/things", **fields: Any) -> Endpoint:
    defaults = {
        "allow": PUBLIC,
        "status": 200,
        "errors": (),
        "content": "json",
        "max_bytes": 1000,
        "limit": None,
        "media_types": ("application/json",),
        "keeps_replies": True,
    }
    return Endpoint(method=method, path=path, handler=handler, **{**defaults, **fields})


def one(handler: Any, method: str = "GET", path: str = "/api/things", **fields: Any) -> tuple[Json, Json]:
    """The operation of one endpoint, and the document around it."""
    made = document([declared(handler, method, path, **fields)])
    validate(made)
    return made["paths"][path][method.lower()], made


def test_what_a_declaration_says() -> None:
    operation, made = one(
        make_thing,
        "POST",
        "/api/v1/things/{thing_id}",
        status=201,
        limit=Limit("things", calls=5),
        errors=(ThingBlocked,),
    )
    assert (operation["operationId"], operation["summary"], operation["description"], operation["tags"]) == (
        "make_thing",
        "Make a thing in one go",
        "It takes a while.",
        ["kernel"],
    )
    assert (operation["x-access"], operation["x-rate-limit"]) == (
        "public",
        {"calls": 5, "seconds": 60, "shared": "things"},
    )
    assert operation["requestBody"] == {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/tests.kernel.NewThing"}}},
    }
    assert [p.get("name", p.get("$ref")) for p in operation["parameters"]] == [
        "thing_id",
        "#/components/parameters/Idempotency-Key",
    ]
    assert operation["parameters"][0] == {
        "name": "thing_id",
        "in": "path",
        "required": True,
        "schema": {"type": "integer", "minimum": 1, "maximum": 2**31 - 1},
    }
    assert list(operation["responses"]) == ["201", "400", "404", "409", "413", "415", "422", "429", "503", "default"]
    schemas = made["components"]["schemas"]
    assert schemas["tests.kernel.NewThing"]["additionalProperties"] is False
    assert "additionalProperties" not in schemas["tests.kernel.Thing"]
    assert schemas["tests.kernel.Thing"]["properties"]["total"]["type"] == "number"
    assert schemas["tests.kernel.Thing"]["properties"]["made_at"]["format"] == "date-time"
    assert "tests.kernel.ThingQuery" not in schemas


def test_query_parameters() -> None:
    operation, _ = one(list_things)
    assert operation["parameters"] == [
        {
            "name": "page",
            "in": "query",
            "required": False,
            "description": "Page, from 1",
            "schema": {"type": "integer", "minimum": 1, "default": 1},
        },
        {
            "name": "kinds",
            "in": "query",
            "required": False,
            "style": "form",
            "explode": True,
            "schema": {"type": "array", "items": {"type": "string"}, "default": []},
        },
        {
            "name": "since",
            "in": "query",
            "required": False,
            "schema": {"type": "string", "format": "date-time", "examples": ["2026-03-01T09:30:00.000Z"]},
        },
        {"name": "search", "in": "query", "required": True, "schema": {"type": "string"}},
    ]
    assert operation["responses"]["200"]["content"]["application/json"]["schema"] == {
        "type": "array",
        "items": {"$ref": "#/components/schemas/tests.kernel.Thing"},
    }


@pytest.mark.parametrize(
    ("_case", "handler", "fields", "successes"),
    [
        ("binary", get_label, {"media_types": ("application/pdf",)}, {"200": ["application/pdf"], "304": []}),
        ("nothing", forget_thing, {}, {"204": []}),
        ("redirect", follow_link, {}, {"302": []}),
        (
            "json or binary",
            upload_papers,
            {"media_types": ("text/csv",)},
            {"200": ["application/json", "text/csv"], "304": []},
        ),
    ],
)
def test_replies(_case: str, handler: Any, fields: Json, successes: dict[str, list[str]]) -> None:
    operation, _ = one(handler, **fields)
    found = {s: list(r.get("content", [])) for s, r in operation["responses"].items() if s < "4"}
    assert found == successes
    assert all("X-Request-Id" in operation["responses"][status]["headers"] for status in found)


@pytest.mark.parametrize(
    ("content", "media_type"),
    [("multipart", "multipart/form-data"), ("form", "application/x-www-form-urlencoded")],
)
def test_bodies_that_are_no_json(content: str, media_type: str) -> None:
    handler = upload_papers if content == "multipart" else fill_form
    operation, made = one(handler, "POST", content=content)
    assert list(operation["requestBody"]["content"]) == [media_type]
    if content == "multipart":
        papers = made["components"]["schemas"]["tests.kernel.Papers"]
        assert papers["properties"]["file"] == {"type": "string", "format": "binary"}


@pytest.mark.parametrize(
    ("allow", "security"),
    [
        (PUBLIC, []),
        (SHOPPER, [{"customerSession": []}, {}]),
        (CUSTOMER, [{"customerSession": []}]),
        (STAFF("admin"), [{"commerceBearer": []}, {"staffSession": []}]),
        (WMS_USER, [{"wmsBearer": []}]),
        (KEY("voice"), [{"apiKey": []}, {"apiKeyBearer": []}]),
        (STORAGE(), [{"storageBearer": []}, {"apiKey": []}, {"apiKeyBearer": []}]),
        (SIGNED_BY("stripe"), [{"stripeSignature": []}]),
    ],
)
def test_who_may_call(allow: Access, security: list[Json]) -> None:
    operation, made = one(forget_thing, "DELETE", allow=allow)
    assert (operation["security"], operation["x-access"]) == (security, allow.label)
    assert set(made["components"]["securitySchemes"]) == {name for option in security for name in option}


@pytest.mark.parametrize("keeps", [True, False])
def test_the_idempotency_key_stands_where_it_counts(keeps: bool) -> None:
    operation, _ = one(forget_thing, "POST", keeps_replies=keeps)
    assert ("parameters" in operation, "409" in operation["responses"]) == (keeps, keeps)


@pytest.mark.parametrize("path", ["/api/things/{thing_id}", "/api/v1/things/{thing_id}", "/api/v2/things/{thing_id}"])
def test_refusals_look_as_the_document_says(path: str) -> None:
    """Every refusal an endpoint can give, drawn by the surface's dialect, fits the schema of its status."""
    dialect = dialect_of(path)
    endpoint = declared(make_thing, "POST", path, allow=KEY("voice"), limit=Limit("x", 1), errors=(ThingBlocked,))
    made = document([endpoint])
    responses = made["paths"][path]["post"]["responses"]
    said = refusals_of(endpoint, dialect)
    assert ThingBlocked in said
    for refusal in said:
        response = responses[str(refusal.status_in(dialect.name))]
        if "$ref" in response:
            response = made["components"]["responses"][response["$ref"].rpartition("/")[2]]
        body = json.loads(json.dumps(dialect.error_body(example(refusal))))
        validator(response["content"]["application/json"]["schema"], made).validate(body)


def example(refusal: type[errors.Refusal]) -> errors.Refusal:
    if issubclass(refusal, errors.Invalid):
        return errors.Invalid.field("lines", 0, "sku", message="Wrong")
    if refusal is ThingBlocked:
        return ThingBlocked(blockers=[{"sku": "A", "price": Decimal("1.5")}])
    return refusal()


def validator(schema: Json, made: Json) -> OAS31Validator:
    """Checks against a schema of the document, whose components stand beside it."""
    return OAS31Validator({"components": made["components"], **schema})


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda d: d.name)
def test_further_fields_are_required_and_missing_ones_are_noticed(dialect: Dialect) -> None:
    prefix = {"plain": "/api", "inventory": "/api/v1", "storage": "/api/v2"}[dialect.name]
    made = document([declared(forget_thing, "DELETE", f"{prefix}/things", errors=(ThingBlocked,))])
    schema = made["components"]["schemas"][f"errors.{dialect.name}.tests.kernel.ThingBlocked"]
    assert "blockers" in schema["required"]
    assert not validator(schema, made).is_valid(dialect.error_body(errors.Conflict()))


def test_a_refusal_cannot_say_less_or_more_than_its_document() -> None:
    assert ThingBlocked(blockers=[]).extra == {"blockers": [], "since": None}
    for wrong in ({}, {"blockers": [], "colour": "red"}, {"blockers": None}):
        with pytest.raises(ValidationError):
            ThingBlocked(**wrong)


def test_two_handlers_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match=r"forget_thing answers DELETE /api/a and DELETE /api/b"):
        document([declared(forget_thing, "DELETE", "/api/a"), declared(forget_thing, "DELETE", "/api/b")])


@pytest.fixture(scope="module")
def ours() -> Json:
    return document(declarations())


def test_ours_is_valid_openapi(ours: Json) -> None:
    validate(ours)


def test_ours_does_not_depend_on_the_order_of_imports(ours: Json) -> None:
    endpoints = declarations()
    random.Random(7).shuffle(endpoints)
    assert json.dumps(document(endpoints)) == json.dumps(ours)


def test_our_components_have_plain_names(ours: Json) -> None:
    """A name with underscores or a mode in it means that two classes of one context share a name, or that one class is
    both request and reply and looks different in each."""
    odd = [n for n in ours["components"]["schemas"] if n.startswith("chalicelib") or n.endswith(("-Input", "-Output"))]
    assert odd == []


def test_every_handler_of_ours_says_what_it_does(ours: Json) -> None:
    silent = [e.handler.__name__ for e in declarations() if not inspect.getdoc(e.handler)]
    assert silent == []
    assert all(tag["description"] for tag in ours["tags"])


def test_our_examples_of_refusals_fit_their_schemas(ours: Json) -> None:
    contents = [
        content
        for response in [
            *ours["components"]["responses"].values(),
            *(r for path in ours["paths"].values() for o in path.values() for r in o["responses"].values()),
        ]
        for content in response.get("content", {}).values()
        if "examples" in content
    ]
    assert len(contents) > len(DIALECTS)
    for content in contents:
        for shown in content["examples"].values():
            validator(content["schema"], ours).validate(shown["value"])


def test_replies_promise_the_fields_that_have_defaults(ours: Json) -> None:
    assert ours["components"]["schemas"]["platform.Health"]["required"] == ["status", "service", "version"]
