"""Endpoints and generated files: who may call is said, golden files are fresh, paths are consistent."""

import ast
import inspect
import json
import subprocess
import sys
from collections import defaultdict
from functools import cache
from importlib import import_module
from typing import get_args, get_origin

import pytest
from pydantic import BaseModel, RootModel

from chalicelib import routes
from chalicelib.feed.rules import EventType
from chalicelib.kernel.access import Access
from chalicelib.kernel.endpoint import DECLARED, Endpoint, Fetched
from chalicelib.kernel.facts import Fact
from chalicelib.kernel.outbox import Event
from chalicelib.kernel.shapes import NoBody, Shape
from infra.tools import declarations
from tests.house.source import PRODUCT, ROOT, sources

PUBLIC_ENDPOINTS = {
    "GET /",
    "GET /api/auth/verify-email/{token}",
    "GET /api/categories",
    "GET /api/images/{image_file}",
    "GET /api/openapi.json",
    "GET /api/products",
    "GET /api/products/sku/{sku}",
    "GET /api/products/{product_id}",
    "GET /api/products/{product_id}/thumbnail",
    "GET /api/sms-optin",
    "GET /api/v1/health",
    "GET /api/v2/auth/password_policy",
    "GET /api/v2/health",
    "GET /docs",
    "GET /docs/{asset}",
    "GET /reset-password",
    "POST /api/auth/forgot-password",
    "POST /api/auth/forgot-username",
    "POST /api/auth/login",
    "POST /api/auth/phone/lookup-username",
    "POST /api/auth/phone/reset-password",
    "POST /api/auth/phone/send-code",
    "POST /api/auth/phone/verify-code",
    "POST /api/auth/reset-password",
    "POST /api/customer/forgot-password",
    "POST /api/customer/forgot-username",
    "POST /api/login",
    "POST /api/orders/create-account",
    "POST /api/payments/confirm",
    "POST /api/payments/create-intent",
    "POST /api/register",
    "POST /api/save-me-money",
    "POST /api/sms-optin",
    "POST /api/staff/login",
    "POST /api/v2/auth/login",
    "POST /api/v2/auth/refresh_token",
}
"""Endpoints that serve nobody in particular and know no session. Whoever adds one says so here."""


@cache
def endpoints() -> list[Endpoint]:
    """Every declared endpoint of the product."""
    return declarations()


def test_every_endpoint_says_in_full_who_may_call_what() -> None:
    """`allow` by name, method and path as plain text, so that a search finds them."""
    wrong = []
    for source in sources(PRODUCT):
        for node in ast.walk(source.tree):
            if not isinstance(node, ast.FunctionDef):
                continue
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "endpoint":
                    texts = [
                        a.value for a in decorator.args if isinstance(a, ast.Constant) and isinstance(a.value, str)
                    ]
                    says_who = any(k.arg == "allow" for k in decorator.keywords)
                    is_documented = bool(ast.get_docstring(node))
                    if len(texts) != 2 or not says_who or not is_documented or source.path.name != "routes.py":
                        wrong.append(f"{source.name}:{node.lineno} {node.name}")
    assert wrong == []
    assert all(isinstance(e.allow, Access) and e.allow.label for e in endpoints())


def test_what_is_public_stands_on_a_list() -> None:
    """Of endpoints that anybody may call without even being recognised."""
    public = {f"{e.method} {e.path}" for e in endpoints() if e.allow.label == "public"}
    assert public ^ PUBLIC_ENDPOINTS == set()


def test_an_open_door_has_a_limit() -> None:
    """A POST that nobody need sign in for counts its callers; webhooks are signed instead."""
    wrong = [
        f"{e.method} {e.path}"
        for e in endpoints()
        if e.method == "POST" and e.allow.is_public and e.limit is None and "logout" not in e.path
    ]
    assert wrong == []


def test_only_reads_end_with_what_is_fetched() -> None:
    """A reply under an idempotency key is kept in the last transaction; after a fetch there is none."""
    wrong = [
        f"{e.method} {e.path}"
        for e in endpoints()
        if e.method != "GET" and any((get_origin(each) or each) is Fetched for each in get_args(e._hints["return"]))
    ]
    assert wrong == []


def test_handlers_have_names_of_their_own() -> None:
    names = defaultdict(list)
    for endpoint in endpoints():
        names[endpoint.handler.__name__].append(f"{endpoint.method} {endpoint.path}")
    assert {name: where for name, where in names.items() if len({w.split("{")[0] for w in where}) > 1} == {}


def test_a_position_in_a_path_takes_one_variable_name() -> None:
    """API Gateway refuses two names for one position, and a reader should not have to wonder either."""
    names: dict[str, set[str]] = defaultdict(set)
    for endpoint in endpoints():
        segments = endpoint.path.strip("/").split("/")
        for place, segment in enumerate(segments):
            if segment.startswith("{"):
                before = "/".join("{}" if s.startswith("{") else s for s in segments[:place])
                names[before].add(segment)
    assert {before: sorted(found) for before, found in names.items() if len(found) > 1} == {}


def test_paths_have_the_form_that_the_resolver_knows() -> None:
    wrong = [
        e.path
        for e in endpoints()
        if not e.path.startswith("/") or (e.path != "/" and e.path.endswith("/")) or "//" in e.path or "+" in e.path
    ]
    assert wrong == []


def test_requests_are_shapes_that_refuse_unknown_fields() -> None:
    wrong = [
        f"{endpoint.method} {endpoint.path}: {model.__name__}"
        for endpoint in endpoints()
        for root in (endpoint.body_model, endpoint.query_model)
        for model in _alternatives(root)
        if not (issubclass(model, Shape) or model.model_config.get("extra") == "forbid")
    ]
    assert wrong == []


def _alternatives(model: type[BaseModel]) -> list[type[BaseModel]]:
    """The model, or those that a root model chooses from."""
    if not issubclass(model, RootModel):
        return [model]
    found, waiting = [], [model.model_fields["root"].annotation]
    while waiting:
        option = waiting.pop()
        if inspect.isclass(option) and issubclass(option, BaseModel):
            found.append(option)
        waiting += get_args(option)
    return found


def test_reads_have_no_body() -> None:
    assert [f"{e.method} {e.path}" for e in endpoints() if e.method == "GET" and e.body_model is not NoBody] == []


def test_every_handler_can_be_called_with_what_its_declaration_promises() -> None:
    """Types, variables and reply are read from the signature; a slip shows here and not at the first call."""
    for endpoint in endpoints():
        parameters = list(inspect.signature(endpoint.handler).parameters)[1:]
        expected = set(endpoint.variables) | ({"query"} if endpoint.takes_query else set())
        assert set(parameters) == expected, f"{endpoint.method} {endpoint.path}"
        assert endpoint.reply is not None or endpoint.reply_types, f"{endpoint.method} {endpoint.path}"


def test_every_row_of_the_light_table_leads_to_its_handler() -> None:
    endpoints()
    for method, path, module, handler, label in routes.ROUTES:
        found = DECLARED[(method, path)]
        assert (found.handler.__module__, found.handler.__name__, found.allow.label) == (module, handler, label)


@pytest.mark.parametrize("name", ["routes", "openapi"])
def test_the_generated_files_are_fresh(name: str) -> None:
    """Made anew in a process of its own, where no test has declared anything."""
    command = [sys.executable, "-m", "infra.tools", name, "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_the_api_document_is_valid_and_says_the_same_as_the_route_table() -> None:
    from openapi_spec_validator import OpenAPIV31SpecValidator

    document = json.loads((ROOT / "openapi.json").read_text(encoding="utf-8"))
    assert document["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
    documented = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert documented == {(method, path) for method, path, *_ in routes.ROUTES}


def events() -> list[type[Event]]:
    """Every event of the product."""
    for source in sources(PRODUCT):
        if source.path.name in ("events.py", "jobs.py"):
            import_module(".".join(source.path.relative_to(ROOT).with_suffix("").parts))
    found: list[type[Event]] = []
    waiting = [Event]
    while waiting:
        event = waiting.pop()
        waiting += event.__subclasses__()
        if event.topic and event.__module__.startswith("chalicelib."):
            found.append(event)
    return found


def test_every_event_has_a_consumer() -> None:
    """A topic that nobody consumes would wait in the outbox for ever."""
    assert {event.topic for event in events()} == set(routes.CONSUMERS)


def facts() -> list[type[Fact]]:
    """Every fact of the product."""
    for source in sources(PRODUCT):
        if source.path.name == "facts.py":
            import_module(".".join(source.path.relative_to(ROOT).with_suffix("").parts))
    found: list[type[Fact]] = []
    waiting = [Fact]
    while waiting:
        fact = waiting.pop()
        waiting += fact.__subclasses__()
        if fact.__module__.startswith("chalicelib.") and fact is not Fact:
            found.append(fact)
    return found


def test_what_is_told_is_nobodys() -> None:
    """Who reads the feed learns ids, states and quantities; a new field is added here by somebody who thought."""
    of_order = {"order_id", "warehouse_id"}
    told = {fact.type: set(fact.model_fields) for fact in facts()}
    of_purchase, of_receipt = {"purchase_order_id", "warehouse_id"}, {"receipt_id", "variant_id", "quantity"}
    assert told == {
        "adjustment.approved": {"adjustment_id", "variant_id", "warehouse_id", "quantity"},
        "item.created": {"variant_id"},
        "item.deleted": {"variant_id"},
        "item.updated": {"variant_id", "is_active"},
        "order.cancelled": {"order_id", "reason"},
        "order.changed": of_order,
        "order.confirmed": of_order,
        "order.delivered": of_order,
        "order.packed": of_order,
        "order.paid": {"order_id"},
        "order.payment_returned": {"order_id"},
        "order.picked": of_order,
        "order.picking_started": of_order,
        "order.picking_stopped": of_order,
        "order.placed": {*of_order, "channel", "status"},
        "order.reserved": of_order,
        "order.revived": of_order,
        "order.shipped": of_order,
        "order.short": {"order_id"},
        "purchase_order.created": of_purchase,
        "purchase_order.status_changed": {*of_purchase, "status"},
        "receipt.cancelled": of_purchase | of_receipt,
        "receipt.recorded": of_purchase | of_receipt,
        "shipment.created": {*of_order, "shipment_id", "units"},
        "stock.adjusted": {"variant_id", "location_id", "quantity", "reason", "on_hand", "available"},
        "stock.transferred": {"variant_id", "from_location_id", "to_location_id", "quantity"},
        "webhook_endpoint.disabled": {"webhook_endpoint_id", "reason"},
        "webhook_endpoint.tested": {"webhook_endpoint_id"},
    }


def test_integrators_can_ask_for_every_type_of_fact() -> None:
    """The list in the API document is the one that is told."""
    assert sorted(get_args(EventType)) == sorted(fact.type for fact in facts())
    assert len({fact.type for fact in facts()}) == len(facts())
    assert [fact for fact in facts() if fact.of not in fact.model_fields] == []
