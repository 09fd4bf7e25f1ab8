"""Stripe over HTTP: routes, keys, parameters, and the way from a request to an answer."""

import base64
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from infra.local.doubles import faults
from infra.local.doubles.faults import Faults
from infra.local.doubles.store import Doc
from infra.local.doubles.stripe import balance, errors, forms, links, methods, setups
from infra.local.doubles.stripe.errors import StripeRefusal
from infra.local.doubles.stripe.forms import Params, Reader
from infra.local.doubles.stripe.idempotency import Keys
from infra.local.doubles.stripe.intents import Answer, Intents, call_later, merged
from infra.local.doubles.stripe.ledger import API_VERSION, Ledger, new_id, public
from infra.local.doubles.stripe.links import Links
from infra.local.doubles.stripe.money_back import MoneyBack
from infra.local.doubles.stripe.setups import Setups

_COMMON: Mapping[str, Reader] = {"expand": forms.strings}
_PAGE: Mapping[str, Reader] = {
    **_COMMON,
    "limit": forms.integer,
    "starting_after": forms.text,
    "ending_before": forms.text,
    "created": forms.bounds,
}
_INTENT: Mapping[str, Reader] = {
    **_COMMON,
    "amount": forms.integer,
    "currency": forms.text,
    "customer": forms.text,
    "description": forms.text,
    "metadata": forms.mapping,
    "payment_method": forms.text,
    "payment_method_types": forms.strings,
    "receipt_email": forms.text,
    "setup_future_usage": forms.choice("on_session", "off_session"),
    "shipping": forms.mapping,
    "statement_descriptor_suffix": forms.text,
}
_CONFIRM: Mapping[str, Reader] = {
    **_COMMON,
    "payment_method": forms.text,
    "client_secret": forms.text,
    "off_session": forms.boolean,
    "receipt_email": forms.text,
    "return_url": forms.text,
}
_CREATE: Mapping[str, Reader] = {
    **_INTENT,
    "automatic_payment_methods": forms.mapping,
    "capture_method": forms.choice("automatic", "automatic_async", "manual"),
    "confirm": forms.boolean,
    "off_session": forms.boolean,
    "return_url": forms.text,
}
_CUSTOMER: Mapping[str, Reader] = {
    **_COMMON,
    "address": forms.mapping,
    "description": forms.text,
    "email": forms.text,
    "metadata": forms.mapping,
    "name": forms.text,
    "phone": forms.text,
}
_REFUND: Mapping[str, Reader] = {
    **_COMMON,
    "amount": forms.integer,
    "charge": forms.text,
    "metadata": forms.mapping,
    "payment_intent": forms.text,
    "reason": forms.choice("duplicate", "fraudulent", "requested_by_customer"),
}
_METHOD: Mapping[str, Reader] = {
    **_COMMON,
    "type": forms.choice("card", "us_bank_account"),
    "card": forms.mapping,
    "us_bank_account": forms.mapping,
    "billing_details": forms.mapping,
    "metadata": forms.mapping,
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One endpoint: its name for faults, its parameters, what it does with them and the id in the path."""

    name: str
    verb: str
    path: str
    known: Mapping[str, Reader]
    run: Callable[[Params, str], Answer]
    required: tuple[str, ...] = ()


class StripeApi:
    """The double's Stripe, under the prefix ``/stripe``."""

    def __init__(self, ledger: Ledger, rules: Faults) -> None:
        self.ledger = ledger
        self.intents = Intents(ledger, call_later)
        self.links = Links(ledger, self.intents)
        self.setups = Setups(ledger, self.intents)
        self.money_back = MoneyBack(ledger, call_later)
        self.keys = Keys(ledger.store)
        self._faults = rules

    def routes(self) -> list[web.RouteDef]:
        """Everything aiohttp needs to know, and an answer for unknown URLs."""
        made = [
            web.route(operation.verb, f"/stripe{operation.path}", self._handler(operation))
            for operation in (*self._intent_operations(), *self._page_operations(), *self._other_operations())
        ]
        return [*made, web.route("*", "/stripe/{rest:.*}", self._unknown)]

    def _intent_operations(self) -> tuple[Operation, ...]:
        intents, base = self.intents, "/v1/payment_intents"
        one = base + "/{id}"
        return (
            Operation(
                "payment_intents.create",
                "POST",
                base,
                _CREATE,
                lambda asked, _: intents.create(asked),
                ("amount", "currency"),
            ),
            self._lister("payment_intents", "payment_intent", "customer"),
            self._getter("payment_intents", "payment_intent", {"client_secret": forms.text}),
            Operation("payment_intents.update", "POST", one, _INTENT, lambda asked, key: intents.update(key, asked)),
            Operation(
                "payment_intents.confirm",
                "POST",
                one + "/confirm",
                _CONFIRM,
                lambda asked, key: intents.confirm(key, asked),
            ),
            Operation(
                "payment_intents.cancel",
                "POST",
                one + "/cancel",
                {**_COMMON, "cancellation_reason": forms.text},
                lambda asked, key: intents.cancel(key, asked),
            ),
            Operation(
                "payment_intents.capture",
                "POST",
                one + "/capture",
                {**_COMMON, "amount_to_capture": forms.integer},
                lambda asked, key: intents.capture(key, asked),
            ),
        )

    def _other_operations(self) -> tuple[Operation, ...]:
        return (
            Operation(
                "refunds.create",
                "POST",
                "/v1/refunds",
                _REFUND,
                lambda asked, _: self.money_back.refund(asked),
            ),
            self._lister("refunds", "refund", "payment_intent", "charge"),
            self._getter("refunds", "refund"),
            self._lister("charges", "charge", "payment_intent", "customer"),
            self._getter("charges", "charge"),
            self._lister("disputes", "dispute", "payment_intent", "charge"),
            self._getter("disputes", "dispute"),
            Operation(
                "disputes.update",
                "POST",
                "/v1/disputes/{id}",
                {**_COMMON, "evidence": forms.mapping, "submit": forms.boolean, "metadata": forms.mapping},
                lambda asked, key: self.money_back.answer_dispute(key, asked),
            ),
            Operation(
                "balance_transactions.list",
                "GET",
                "/v1/balance_transactions",
                _PAGE,
                lambda asked, _: balance.page(self.ledger, asked),
            ),
            self._lister("events", "event", "type"),
            self._getter("events", "event"),
            Operation("customers.create", "POST", "/v1/customers", _CUSTOMER, self._new_customer),
            self._lister("customers", "customer", "email"),
            self._getter("customers", "customer"),
            Operation("customers.update", "POST", "/v1/customers/{id}", _CUSTOMER, self._change_customer),
            Operation("payment_methods.create", "POST", "/v1/payment_methods", _METHOD, self._new_method, ("type",)),
            self._getter("payment_methods", "payment_method"),
            Operation(
                "payment_methods.detach",
                "POST",
                "/v1/payment_methods/{id}/detach",
                _COMMON,
                lambda _, key: self.setups.detach(key),
            ),
        )

    def _page_operations(self) -> tuple[Operation, ...]:
        """Links, visits to their pages, and the saving of cards."""
        link, session = "/v1/payment_links", "/v1/checkout/sessions"
        return (
            Operation(
                "payment_links.create", "POST", link, links.CREATE, lambda a, _: self.links.create(a), ("line_items",)
            ),
            self._lister("payment_links", "payment_link", "active"),
            self._getter("payment_links", "payment_link"),
            Operation(
                "payment_links.update", "POST", link + "/{id}", links.UPDATE, lambda a, key: self.links.update(key, a)
            ),
            self._lister("checkout/sessions", "checkout.session", "payment_link", "payment_intent"),
            self._getter("checkout/sessions", "checkout.session"),
            Operation(
                "checkout/sessions.expire",
                "POST",
                session + "/{id}/expire",
                _COMMON,
                lambda _, key: self.links.expire(key),
            ),
            Operation(
                "setup_intents.create", "POST", "/v1/setup_intents", setups.CREATE, lambda a, _: self.setups.create(a)
            ),
            self._getter("setup_intents", "setup_intent"),
        )

    def _getter(self, plural: str, kind: str, known: Mapping[str, Reader] | None = None) -> Operation:
        return Operation(
            f"{plural}.retrieve",
            "GET",
            f"/v1/{plural}/{{id}}",
            {**_COMMON, **(known or {})},
            lambda _, key: (200, self.ledger.get(kind, key)),
        )

    def _lister(self, plural: str, kind: str, *filters: str) -> Operation:
        path = f"/v1/{plural}"
        known = {**_PAGE, **dict.fromkeys(filters, forms.text)}

        def run(asked: Params, _: str) -> Answer:
            return 200, self.ledger.page(kind, asked, path, **{name: asked.get(name) for name in filters})

        return Operation(f"{plural}.list", "GET", path, known, run)

    def _new_customer(self, asked: Params, _: str) -> Answer:
        made = {"id": new_id("cus"), "object": "customer", "created": self.ledger.now(), "livemode": False}
        blank = dict.fromkeys(("address", "description", "email", "name", "phone"))
        given = {name: value for name, value in asked.items() if name != "expand"}
        return 200, self.ledger.put(made | blank | {"metadata": {}} | given)

    def _change_customer(self, asked: Params, key: str) -> Answer:
        known = self.ledger.get("customer", key)
        given = {name: value for name, value in asked.items() if name != "expand"}
        given["metadata"] = merged(known["metadata"], asked.get("metadata", {}))
        return 200, self.ledger.put({**known, **given})

    def _new_method(self, asked: Params, _: str) -> Answer:
        card, bank = asked.get("card", {}), asked.get("us_bank_account", {})
        magic = (
            methods.CARD_TOKENS.get(card.get("token", ""))
            or methods.CARD_NUMBERS.get(card.get("number", ""))
            or methods.BANK_ACCOUNTS.get(bank.get("account_number", ""))
        )
        if magic is None:
            message = "Your card number is incorrect. The double takes Stripe's test numbers only."
            raise StripeRefusal(402, message, type="card_error", code="incorrect_number", param="number")
        given = {name: asked[name] for name in ("billing_details", "metadata") if name in asked}
        return 200, self.intents.new_method(magic, **given)

    def _handler(self, operation: Operation) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.StreamResponse:
            call = _Call(request, f"req_{secrets.token_hex(8)}")
            try:
                self._check_key(request)
                params = forms.parse(await _pairs(request))
                return await self._once(operation, call, params)
            except StripeRefusal as refusal:
                return call.answer(refusal.status, refusal.body)

        return handle

    def _check_key(self, request: web.Request) -> None:
        given = _api_key(request.headers.get("Authorization", ""))
        wanted = self.ledger.settings.stripe_api_key.get_secret_value()
        if not given:
            raise StripeRefusal(401, "You did not provide an API key.")
        if not (secrets.compare_digest(given, wanted) if wanted else given.startswith("sk_test_")):
            raise StripeRefusal(401, f"Invalid API Key provided: {given[:8]}****")

    async def _once(self, operation: Operation, call: "_Call", params: Params) -> web.StreamResponse:
        """Under the request's idempotency key: one at a time, and to a repeat the first answer."""
        key = call.request.headers.get("Idempotency-Key") if operation.verb == "POST" else None
        path = call.request.path.removeprefix("/stripe")
        kept = self.keys.find(key, path, params) if key else None
        if kept:
            headers = {"Idempotent-Replayed": "true", "Original-Request": kept["request_id"]}
            return call.answer(kept["status"], kept["body"], headers)
        if key:
            self.keys.in_use.add(key)
        try:
            return await self._under_faults(operation, call, params, key)
        finally:
            self.keys.in_use.discard(key or "")

    async def _under_faults(
        self, operation: Operation, call: "_Call", params: Params, key: str | None
    ) -> web.StreamResponse:
        async def work() -> web.StreamResponse:
            return call.answer(*self._run(operation, call, params, key))

        fault = self._faults.take("stripe", operation.name)
        return await faults.answer(call.request, fault, work, lambda status: call.answer(*_failure(status)))

    def _run(self, operation: Operation, call: "_Call", params: Params, key: str | None) -> Answer:
        """The work and its idempotency key, in one batch."""
        asked = forms.read(params, operation.known, operation.required)
        path = call.request.path.removeprefix("/stripe")
        try:
            with self.ledger.store.batch():
                status, doc = operation.run(asked, call.request.match_info.get("id", ""))
                body = doc if "error" in doc or doc["object"] == "list" else public(doc)
                body = body if "error" in doc else self.ledger.expand(body, _own(asked, body))
                if key:
                    self.keys.keep(key, path, params, status, body, call.id)
                return status, body
        except StripeRefusal as refusal:
            if key and refusal.is_kept:
                self.keys.keep(key, path, params, refusal.status, refusal.body, call.id)
            raise

    async def _unknown(self, request: web.Request) -> web.StreamResponse:
        message = f"Unrecognized request URL ({request.method}: {request.path.removeprefix('/stripe')})."
        return _Call(request, f"req_{secrets.token_hex(8)}").answer(
            404, errors.body(message, type="invalid_request_error")
        )


@dataclass(frozen=True, slots=True)
class _Call:
    request: web.Request
    id: str

    def answer(self, status: int, body: Doc, headers: Mapping[str, str] | None = None) -> web.Response:
        """JSON with the headers that Stripe's answers carry."""
        sent = {"Request-Id": self.id, "Stripe-Version": API_VERSION, **(headers or {})}
        if key := self.request.headers.get("Idempotency-Key"):
            sent["Idempotency-Key"] = key
        return web.json_response(body, status=status, headers=sent)


async def _pairs(request: web.Request) -> list[tuple[str, str]]:
    body = (await request.read()).decode()
    return [*request.query.items(), *parse_qsl(body, keep_blank_values=True)]


def _api_key(authorization: str) -> str:
    """The key of ``Bearer <key>`` or of the user name of ``Basic``."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value).decode().partition(":")[0]
    except ValueError:
        return ""


def _own(asked: Params, body: Doc) -> list[str]:
    """Lists expand their records themselves."""
    return [] if body["object"] == "list" else asked.get("expand", [])


def _failure(status: int) -> Answer:
    """The body of a fault that was asked for."""
    if status == 429:
        message, kind = "Request rate limit exceeded.", "invalid_request_error"
        return 429, errors.body(message, type=kind, code="rate_limit")
    kind = "api_error" if status >= 500 else "card_error" if status == 402 else "invalid_request_error"
    return status, errors.body("An unknown error occurred", type=kind)
