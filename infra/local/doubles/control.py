"""What a test or a person tells the doubles, and what it may look at.

GET /health                             who is there
GET /inbox                              SMS and mail, newest last; kind=, to=, since=, after=, limit=
POST /reset                             forget everything, behave from now on
GET, POST, DELETE /control/faults       a `faults.FaultRule`, or a list of them
POST /control/webhooks                  a `deliveries.WebhookMode`
POST /control/webhooks/release          let held ones go: a `Release`
POST /control/webhooks/{id}/redeliver   once more: a `Redeliver`
GET /control/webhooks/log               deliveries and their attempts; filters `source`, `type`
GET /control/state                      everything that is known; filter `kind`
POST /control/stripe/pay                what Stripe.js does in the customer's browser: a `Pay`
POST /control/stripe/settle             end a bank debit or an authentication: a `Settle`
POST /control/stripe/visit              somebody opens the page of a link: a `Visit`
POST /control/stripe/checkout           somebody pays there: a `Checkout`
POST /control/stripe/save               what Stripe.js does to save a card or bank account: a `Save`
POST /control/stripe/refund             what becomes of a refund: an `EndRefund`
POST /control/stripe/dispute            the customer's bank takes the money back, or asks: a `Dispute`
POST /control/stripe/dispute/close      the bank decides: a `CloseDispute`
POST /control/twilio/outcomes           what becomes of the next messages: a `twilio.Outcome`
POST /control/twilio/replies            somebody texts us: a `twilio.Reply`
POST /control/easypost/track            a carrier scans a parcel: a `Track`
POST /control/elevenlabs/call-complete  a call has ended: an `elevenlabs.CallComplete`
POST /control/llm/script                the next answers: a list of `llm.Reply`
POST /control/shop/fill                 products and orders of the shop: a `shop.Fill`
POST /control/receiver                  what an integrator's server verifies webhooks with: a `receiver.Receiver`
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from infra.local.doubles import elevenlabs
from infra.local.doubles.deliveries import WebhookMode
from infra.local.doubles.elevenlabs import CallComplete
from infra.local.doubles.faults import FaultRule
from infra.local.doubles.llm import Reply
from infra.local.doubles.receiver import Receiver
from infra.local.doubles.shop import Fill
from infra.local.doubles.signing import Variant
from infra.local.doubles.store import Doc
from infra.local.doubles.stripe import methods
from infra.local.doubles.stripe.errors import StripeRefusal
from infra.local.doubles.stripe.intents import Answer
from infra.local.doubles.stripe.ledger import public
from infra.local.doubles.twilio import Outcome
from infra.local.doubles.twilio import Reply as Incoming

if TYPE_CHECKING:
    from infra.local.doubles.server import Doubles

_FAULT_RULES: TypeAdapter[list[FaultRule] | FaultRule] = TypeAdapter(list[FaultRule] | FaultRule)
_REPLIES: TypeAdapter[list[Reply]] = TypeAdapter(list[Reply])


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Card = Literal[
    "success",
    "declined",
    "insufficient_funds",
    "authentication",
    "pending_refund",
    "refund_fails",
    "bank",
    "bank_bounces",
]


class Pay(_Strict):
    """A customer pays in the browser."""

    payment_intent: str
    client_secret: str | None = None
    card: Card = "success"


class Settle(_Strict):
    """A bank debit or an authentication ends."""

    payment_intent: str
    is_good: bool = True


class Visit(_Strict):
    """Somebody opens the page of a link."""

    payment_link: str


class Checkout(_Strict):
    """Somebody pays on the page of a link."""

    session: str
    card: Card = "success"


class Save(_Strict):
    """A customer saves a card or bank account in the browser."""

    setup_intent: str
    card: Card = "success"


class EndRefund(_Strict):
    """A refund arrives, or comes back."""

    refund: str
    status: Literal["succeeded", "failed", "canceled"] = "succeeded"
    failure_reason: str | None = None


class Dispute(_Strict):
    """A customer's bank takes the money back, or only asks. A debit comes back with ``insufficient_funds`` and the like."""

    payment_intent: str
    reason: str = "fraudulent"
    is_inquiry: bool = False


class CloseDispute(_Strict):
    """The bank decides, or makes a dispute of its inquiry."""

    dispute: str
    status: Literal["won", "lost", "warning_closed", "needs_response"] = "won"


class Release(_Strict):
    """Let held webhooks go."""

    order: Literal["fifo", "reversed", "shuffled"] = "fifo"
    seed: int | None = None


class Redeliver(_Strict):
    """Send a webhook once more."""

    variant: Variant = "good"


class Track(_Strict):
    """A carrier scans a parcel."""

    tracking_code: str
    status: str


class Control:
    """The handlers of the table above."""

    def __init__(self, doubles: "Doubles") -> None:
        self._doubles = doubles

    def routes(self) -> list[web.RouteDef]:
        """What aiohttp needs to know."""
        return [
            web.get("/health", self._health),
            web.get("/inbox", self._inbox),
            web.post("/reset", self._reset),
            web.get("/control/faults", self._list_faults),
            web.post("/control/faults", _checked(self._add_faults)),
            web.delete("/control/faults", self._clear_faults),
            web.post("/control/webhooks", _checked(self._set_mode)),
            web.post("/control/webhooks/release", _checked(self._release)),
            web.get("/control/webhooks/log", self._log),
            web.post("/control/webhooks/{id}/redeliver", _checked(self._redeliver)),
            web.get("/control/state", self._state),
            web.post("/control/stripe/pay", _checked(self._pay)),
            web.post("/control/stripe/settle", _checked(self._settle)),
            web.post("/control/stripe/visit", _checked(self._visit)),
            web.post("/control/stripe/checkout", _checked(self._checkout)),
            web.post("/control/stripe/save", _checked(self._save)),
            web.post("/control/stripe/refund", _checked(self._end_refund)),
            web.post("/control/stripe/dispute", _checked(self._dispute)),
            web.post("/control/stripe/dispute/close", _checked(self._close_dispute)),
            web.post("/control/twilio/outcomes", _checked(self._expect_outcome)),
            web.post("/control/twilio/replies", _checked(self._receive)),
            web.post("/control/easypost/track", _checked(self._track)),
            web.post("/control/elevenlabs/call-complete", _checked(self._call_complete)),
            web.post("/control/llm/script", _checked(self._script)),
            web.post("/control/shop/fill", _checked(self._fill)),
            web.post("/control/receiver", _checked(self._expect_secrets)),
        ]

    async def _health(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok", "smtp_port": self._doubles.smtp_port})

    async def _inbox(self, request: web.Request) -> web.Response:
        query = request.query
        try:
            since = datetime.fromisoformat(query["since"]) if "since" in query else None
            after, limit = int(query.get("after", 0)), int(query.get("limit", 1000))
        except ValueError:
            return _error(400, "since is an ISO 8601 time; after and limit are numbers")
        if since and since.tzinfo is None:
            return _error(400, "since needs an offset from UTC")
        found = [
            item
            for item in inbox(self._doubles)
            if item["seq"] > after
            and query.get("kind") in (None, item["kind"])
            and query.get("to", "").lower() in item["to"].lower()
            and (since is None or datetime.fromisoformat(item["at"]) >= since)
        ]
        return web.json_response({"items": found[-limit:] if limit > 0 else []})

    async def _reset(self, _: web.Request) -> web.Response:
        await self._doubles.reset()
        return web.json_response({"status": "ok"})

    async def _list_faults(self, _: web.Request) -> web.Response:
        return web.json_response({"items": self._doubles.faults.report()})

    async def _add_faults(self, request: web.Request) -> web.Response:
        given = _FAULT_RULES.validate_json(await request.read())
        for rule in given if isinstance(given, list) else [given]:
            self._doubles.faults.add(rule)
        return await self._list_faults(request)

    async def _clear_faults(self, request: web.Request) -> web.Response:
        self._doubles.faults.clear()
        return await self._list_faults(request)

    async def _set_mode(self, request: web.Request) -> web.Response:
        self._doubles.deliveries.set_mode(WebhookMode.model_validate_json(await request.read()))
        return web.json_response({"items": self._doubles.deliveries.report()})

    async def _release(self, request: web.Request) -> web.Response:
        asked = Release.model_validate_json(await request.read() or b"{}")
        released = self._doubles.deliveries.release(order=asked.order, seed=asked.seed)
        return web.json_response({"released": released})

    async def _log(self, request: web.Request) -> web.Response:
        source, type_ = request.query.get("source"), request.query.get("type")
        return web.json_response({"items": self._doubles.deliveries.log(source=source, type=type_)})

    async def _redeliver(self, request: web.Request) -> web.Response:
        asked = Redeliver.model_validate_json(await request.read() or b"{}")
        if not self._doubles.deliveries.redeliver(request.match_info["id"], asked.variant):
            return _error(404, "No such delivery")
        return web.json_response({"status": "ok"}, status=202)

    async def _state(self, request: web.Request) -> web.Response:
        store, kind = self._doubles.store, request.query.get("kind")
        records = {each: store.all(each) for each in store.kinds() if kind in (None, each)}
        modes, rules = self._doubles.deliveries.report(), self._doubles.faults.report()
        return web.json_response({"records": records, "webhooks": modes, "faults": rules})

    async def _pay(self, request: web.Request) -> web.Response:
        asked = Pay.model_validate_json(await request.read())
        params = {"payment_method": methods.FOR_CONTROL[asked.card], "client_secret": asked.client_secret}
        return self._stripe(lambda: self._doubles.stripe.intents.confirm(asked.payment_intent, params))

    async def _settle(self, request: web.Request) -> web.Response:
        asked = Settle.model_validate_json(await request.read())
        return self._stripe(lambda: self._doubles.stripe.intents.settle(asked.payment_intent, is_good=asked.is_good))

    async def _dispute(self, request: web.Request) -> web.Response:
        asked = Dispute.model_validate_json(await request.read())
        back = self._doubles.stripe.money_back
        return self._stripe(lambda: back.dispute(asked.payment_intent, asked.reason, is_inquiry=asked.is_inquiry))

    async def _close_dispute(self, request: web.Request) -> web.Response:
        asked = CloseDispute.model_validate_json(await request.read())
        back = self._doubles.stripe.money_back
        if asked.status == "needs_response":
            return self._stripe(lambda: back.escalate(asked.dispute))
        return self._stripe(lambda: back.close_dispute(asked.dispute, asked.status))

    async def _end_refund(self, request: web.Request) -> web.Response:
        asked = EndRefund.model_validate_json(await request.read())
        back = self._doubles.stripe.money_back
        return self._stripe(lambda: back.end_refund(asked.refund, asked.status, asked.failure_reason))

    async def _visit(self, request: web.Request) -> web.Response:
        asked = Visit.model_validate_json(await request.read())
        return self._stripe(lambda: self._doubles.stripe.links.visit(asked.payment_link))

    async def _checkout(self, request: web.Request) -> web.Response:
        asked = Checkout.model_validate_json(await request.read())
        return self._stripe(lambda: self._doubles.stripe.links.submit(asked.session, methods.FOR_CONTROL[asked.card]))

    async def _save(self, request: web.Request) -> web.Response:
        asked = Save.model_validate_json(await request.read())
        return self._stripe(
            lambda: self._doubles.stripe.setups.confirm(asked.setup_intent, methods.FOR_CONTROL[asked.card])
        )

    def _stripe(self, work: Callable[[], Answer]) -> web.Response:
        """One change at Stripe, answered like an API call."""
        try:
            with self._doubles.store.batch():
                status, doc = work()
        except StripeRefusal as refusal:
            return web.json_response(refusal.body, status=refusal.status)
        return web.json_response(doc if "error" in doc else public(doc), status=status)

    async def _expect_outcome(self, request: web.Request) -> web.Response:
        self._doubles.twilio.expect(Outcome.model_validate_json(await request.read()))
        return web.json_response({"status": "ok"})

    async def _receive(self, request: web.Request) -> web.Response:
        sid = self._doubles.twilio.receive(Incoming.model_validate_json(await request.read()))
        return web.json_response({"sid": sid})

    async def _track(self, request: web.Request) -> web.Response:
        asked = Track.model_validate_json(await request.read())
        tracker = self._doubles.easypost.track(asked.tracking_code, asked.status)
        return web.json_response(tracker) if tracker else _error(404, "No such parcel, or no such status")

    async def _call_complete(self, request: web.Request) -> web.Response:
        call = CallComplete.model_validate_json(await request.read())
        sent = elevenlabs.call_complete(self._doubles.deliveries, self._doubles.settings, call)
        return web.json_response({"delivery_id": sent}, status=202)

    async def _script(self, request: web.Request) -> web.Response:
        self._doubles.llm.script += _REPLIES.validate_json(await request.read())
        return web.json_response({"waiting": len(self._doubles.llm.script)})

    async def _fill(self, request: web.Request) -> web.Response:
        self._doubles.shop.fill(Fill.model_validate_json(await request.read()))
        return web.json_response({"status": "ok"})

    async def _expect_secrets(self, request: web.Request) -> web.Response:
        self._doubles.receiver.expect(Receiver.model_validate_json(await request.read()))
        return web.json_response({"status": "ok"})


def inbox(doubles: "Doubles") -> list[Doc]:
    """What reached customers, oldest first; `seq` grows with every message."""
    texts = [
        {
            "seq": sms["_seq"],
            "kind": "sms",
            "at": sms["_at"],
            "to": sms["to"],
            "from": sms["from"],
            "body": sms["body"],
            "status": sms["status"],
            "sid": sms["sid"],
        }
        for sms in doubles.store.all("sms")
    ]
    mails = [{"kind": "mail", **mail} for mail in doubles.store.all("mail")]
    return sorted([*texts, *mails], key=lambda item: item["seq"])


_Handler = Callable[[web.Request], Awaitable[web.Response]]


def _checked(handler: _Handler) -> _Handler:
    """422 with pydantic's list of what is wrong in a body."""

    async def handle(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except ValidationError as error:
            problems = error.errors(include_url=False, include_context=False, include_input=False)
            return web.json_response({"error": "validation_error", "details": problems}, status=422)

    return handle


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"error": message}, status=status)
